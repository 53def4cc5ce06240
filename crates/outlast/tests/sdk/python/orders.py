"""Orders that must finish, whatever happens to the server in between.

    orders.py worker HOST:PORT EFFECTS          runs them until its stdin ends
    orders.py client HOST:PORT EFFECTS COUNT    starts them, pays them, waits for them, then judges

Each run of an activity appends a line to the file EFFECTS, so side effects can be counted, and returns
an id of that run, so the one result that counts can be told from the others. The client prints
`acknowledged ID` and `finished ID` as they come and one line of JSON at the end; a call whose answer was
lost is made again, as a careful user would. Not here: killing anything.
"""

import json
import os
import sys
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
from durabletask import history, task
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient
from durabletask.worker import ConcurrencyOptions, TaskHubGrpcWorker

DEADLINE = 120
PARCELS = 3


def order(ctx: task.OrchestrationContext, number: int):
    runs = [(yield ctx.call_activity("effect", input=f"{ctx.instance_id}/reserve"))]
    runs += yield task.when_all([ctx.call_activity("effect", input=f"{ctx.instance_id}/pack/{n}") for n in range(PARCELS)])
    paid = yield ctx.wait_for_external_event("paid")
    yield ctx.create_timer(timedelta(milliseconds=100))
    runs.append((yield ctx.call_sub_orchestrator("ship", input=ctx.instance_id)))
    return {"number": number, "paid": paid, "runs": runs}


def ship(ctx: task.OrchestrationContext, order_id: str):
    return (yield ctx.call_activity("effect", input=f"{order_id}/ship"))


def worker(address, effects):
    file = os.open(effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def effect(_, key: str) -> str:
        run = uuid.uuid4().hex
        # One write of one line: lines of two workers do not mix.
        os.write(file, f"{key} {run}\n".encode())
        return run

    runs = TaskHubGrpcWorker(
        host_address=address,
        concurrency_options=ConcurrencyOptions(maximum_thread_pool_workers=8),
    )
    for function in (order, ship):
        runs.add_orchestrator(function)
    runs.add_activity(effect)
    runs.start()
    print("started", flush=True)
    sys.stdin.read()
    runs.stop()


class Client:
    """Makes each call until it is answered."""

    def __init__(self, address):
        self.address = address
        self.local = threading.local()

    def call(self, make):
        """Gives back the answer and how often the call was made."""
        for attempt in range(1, 1000):
            try:
                if not hasattr(self.local, "client"):
                    self.local.client = TaskHubGrpcClient(host_address=self.address)
                return make(self.local.client), attempt
            except (grpc.RpcError, ValueError) as error:
                if isinstance(error, grpc.RpcError):
                    if error.code() == grpc.StatusCode.ALREADY_EXISTS and attempt > 1:
                        return None, attempt
                    if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED):
                        raise
                self.reconnect()
        raise AssertionError("the server never came back")

    def reconnect(self):
        for _ in range(DEADLINE):
            # A channel that finds a connection just being reset goes idle and does not try again by itself.
            with grpc.insecure_channel(self.address) as channel:
                try:
                    grpc.channel_ready_future(channel).result(timeout=1)
                    break
                except grpc.FutureTimeoutError:
                    continue
        self.local.client = TaskHubGrpcClient(host_address=self.address)


def say(*words):
    # One write, so that lines of two threads do not mix.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def client(address, effects, count):
    calls = Client(address)
    paid = {}

    def start(number):
        instance = f"order-{number}"
        calls.call(lambda client: client.schedule_new_orchestration("order", input=number, instance_id=instance))
        say("acknowledged", instance)
        _, paid[instance] = calls.call(lambda client: client.raise_orchestration_event(instance, "paid", data=number))
        return instance

    def finish(instance):
        state, _ = calls.call(lambda client: client.wait_for_orchestration_completion(instance, timeout=DEADLINE))
        say("finished", instance)
        return state

    with ThreadPoolExecutor(16) as pool:
        instances = list(pool.map(start, range(count)))
        states = list(pool.map(finish, instances))
    with open(effects) as lines:
        ran = [line.split() for line in lines]
    stories = {instance: calls.call(lambda client: client.get_orchestration_history(instance))[0] for instance in instances}
    wrong = []
    for number, state in enumerate(states):
        for complaint in judge(number, state, stories[state.instance_id], paid[state.instance_id], {run for _, run in ran}):
            wrong.append(f"{state.instance_id}: {complaint}")
    times = Counter(key for key, _ in ran)
    say(json.dumps({
        "orders": len(states),
        "wrong": wrong,
        "activities": len(times),
        "activities_run_again": sum(times.values()) - len(times),
    }))


def judge(number, state, story, payments, ran):
    """What is wrong with one finished order."""
    if state.runtime_status != OrchestrationStatus.COMPLETED:
        yield f"{state.runtime_status}: {state.failure_details}"
        return
    output = json.loads(state.serialized_output)
    if (output["number"], output["paid"], len(output["runs"])) != (number, number, 2 + PARCELS):
        yield f"wrong output {output}"
    if not set(output["runs"]) <= ran or len(set(output["runs"])) != 2 + PARCELS:
        yield f"results that no run gave: {output['runs']}"
    kinds = Counter(type(event) for event in story)
    if kinds[history.ExecutionCompletedEvent] != 1 or kinds[history.ExecutionStartedEvent] != 1:
        yield f"begun or ended more than once: {kinds}"
    if not 1 <= kinds[history.EventRaisedEvent] <= payments:
        yield f"paid {payments} times, {kinds[history.EventRaisedEvent]} events"
    for begins, ends, key in (
        (history.TaskScheduledEvent, history.TaskCompletedEvent, "task_scheduled_id"),
        (history.TimerCreatedEvent, history.TimerFiredEvent, "timer_id"),
        (history.SubOrchestrationInstanceCreatedEvent, history.SubOrchestrationInstanceCompletedEvent, "task_scheduled_id"),
    ):
        begun = Counter(event.event_id for event in story if isinstance(event, begins))
        ended = Counter(getattr(event, key) for event in story if isinstance(event, ends))
        if begun != ended or set(begun.values()) != {1}:
            yield f"{begins.__name__} {dict(begun)} against {ends.__name__} {dict(ended)}"
    for event in story:
        if isinstance(event, history.TimerFiredEvent) and event.timestamp < event.fire_at:
            yield f"a timer fired early: {event}"


if __name__ == "__main__":
    role, address, effects = sys.argv[1:4]
    if role == "worker":
        worker(address, effects)
    else:
        client(address, effects, int(sys.argv[4]))
