"""What a user of the published Python SDK may expect of a server, one scenario at a time.

    scenarios.py HOST:PORT NAME     runs one against a server that is there
    scenarios.py --memory NAME      runs one against the SDK's own in-memory backend
    scenarios.py --list             names them

A scenario waits for states with deadlines and never for time to pass. It fails by an exception, and
so by its exit code. Not here: crashes of the server (orders.py) and wrong tokens (tokens.py).
"""

import json
import socket
import sys
import threading
import uuid
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import grpc
from durabletask import client as dt
from durabletask import history, task
from durabletask.client import OrchestrationQuery, OrchestrationStatus, TaskHubGrpcClient
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.worker import TaskHubGrpcWorker

DEADLINE = 30
SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


class Server:
    """A client of the server under test, and workers for it."""

    def __init__(self, address):
        self.address = address
        self.client = TaskHubGrpcClient(host_address=address)

    @contextmanager
    def worker(self, *functions):
        """Runs a worker; functions whose name ends in `_activity` are activities."""
        worker = TaskHubGrpcWorker(host_address=self.address)
        for function in functions:
            if function.__name__.endswith("_activity"):
                worker.add_activity(function)
            else:
                worker.add_orchestrator(function)
        worker.start()
        try:
            yield worker
        finally:
            worker.stop()

    def start(self, orchestrator, **arguments):
        return self.client.schedule_new_orchestration(orchestrator, **arguments)

    def finished(self, instance):
        state = self.client.wait_for_orchestration_completion(instance, timeout=DEADLINE)
        assert state is not None, f"{instance} does not exist"
        return state

    def output(self, instance):
        state = self.finished(instance)
        assert state.runtime_status == OrchestrationStatus.COMPLETED, f"{state.runtime_status}: {state.failure_details}"
        return json.loads(state.serialized_output)

    def state(self, instance):
        state = self.client.get_orchestration_state(instance)
        assert state is not None, f"{instance} does not exist"
        return state

    def status(self, instance):
        return self.state(instance).runtime_status


def raw_state(server, instance):
    """The state as the wire has it: the SDK leaves out tags and version."""
    stub = server.client._stub
    return stub.GetInstance(pb.GetInstanceRequest(instanceId=instance, getInputsAndOutputs=True)).orchestrationState


def refused(code, call):
    """The gRPC code a call is refused with must be this one."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} instead of {code}: {error.details()}"
        return
    raise AssertionError(f"not refused, {code} expected")


def reached(latch, what):
    assert latch.wait(DEADLINE), f"not in {DEADLINE} s: {what}"


@scenario
def sequence(server):
    def plus_one_activity(_, number: int) -> int:
        return number + 1

    def chain(ctx: task.OrchestrationContext, start: int):
        numbers = [start]
        for _ in range(5):
            numbers.append((yield ctx.call_activity(plus_one_activity, input=numbers[-1])))
        return numbers

    with server.worker(chain, plus_one_activity):
        instances = [server.start(chain, input=n) for n in range(10)]
        for n, instance in enumerate(instances):
            assert server.output(instance) == list(range(n, n + 6))


@scenario
def no_input_is_not_an_empty_one(server):
    def echo(ctx: task.OrchestrationContext, given):
        return [given]
        yield

    with server.worker(echo):
        nothing, empty = server.start(echo), server.start(echo, input="")
        assert (server.output(nothing), server.output(empty)) == ([None], [""])
        assert server.state(nothing).serialized_input is None
        assert server.state(empty).serialized_input == '""'


@scenario
def fan_out_and_in(server):
    def square_activity(_, number: int) -> int:
        return number * number

    def sum_of_squares(ctx: task.OrchestrationContext, count: int):
        squares = yield task.when_all([ctx.call_activity(square_activity, input=n) for n in range(count)])
        return sum(squares)

    with server.worker(sum_of_squares, square_activity):
        instance = server.start(sum_of_squares, input=100)
        assert server.output(instance) == sum(n * n for n in range(100))


@scenario
def timers_fire_in_order_and_never_early(server):
    def alarm(ctx: task.OrchestrationContext, _):
        begun = ctx.current_utc_datetime
        late = ctx.create_timer(timedelta(milliseconds=700))
        soon = ctx.create_timer(timedelta(milliseconds=200))
        first = yield task.when_any([late, soon])
        first_is_soon, soon_at = first is soon, ctx.current_utc_datetime
        yield late
        return [first_is_soon, (soon_at - begun).total_seconds(), (ctx.current_utc_datetime - begun).total_seconds()]

    with server.worker(alarm):
        instance = server.start(alarm)
        first_is_soon, soon, late = server.output(instance)
        assert first_is_soon and soon >= 0.2 and late >= 0.7, (first_is_soon, soon, late)
        for event in server.client.get_orchestration_history(instance):
            if isinstance(event, history.TimerFiredEvent):
                assert event.timestamp >= event.fire_at, event


@scenario
def a_timer_in_the_past_fires_at_once(server):
    def overdue(ctx: task.OrchestrationContext, _):
        yield ctx.create_timer(ctx.current_utc_datetime - timedelta(days=1))
        return "fired"

    with server.worker(overdue):
        assert server.output(server.start(overdue)) == "fired"


@scenario
def events_wait_for_the_orchestration_and_keep_their_order(server):
    def gather(ctx: task.OrchestrationContext, count: int):
        got = []
        for _ in range(count):
            got.append((yield ctx.wait_for_external_event("item")))
        return got

    # Raised before any worker has seen the instance.
    early = server.start(gather, input=20)
    for n in range(20):
        server.client.raise_orchestration_event(early, "ITEM", data=n)
    with server.worker(gather):
        assert server.output(early) == list(range(20))
        later = server.start(gather, input=20)
        server.client.wait_for_orchestration_start(later, timeout=DEADLINE)
        for n in range(20):
            server.client.raise_orchestration_event(later, "item", data={"n": n})
        assert server.output(later) == [{"n": n} for n in range(20)]


@scenario
def an_event_or_a_timer_whichever_comes_first(server):
    def approval(ctx: task.OrchestrationContext, seconds: float):
        approved = ctx.wait_for_external_event("approved")
        timeout = ctx.create_timer(timedelta(seconds=seconds))
        winner = yield task.when_any([approved, timeout])
        return "approved" if winner is approved else "timeout"

    with server.worker(approval):
        patient, hasty = server.start(approval, input=3600), server.start(approval, input=0.1)
        server.client.raise_orchestration_event(patient, "approved")
        assert (server.output(patient), server.output(hasty)) == ("approved", "timeout")


@scenario
def sub_orchestrations(server):
    def child(ctx: task.OrchestrationContext, number: int):
        doubled = yield ctx.call_activity(double_activity, input=number)
        return [doubled, ctx.parent_instance_id]

    def double_activity(_, number: int) -> int:
        return 2 * number

    def parent(ctx: task.OrchestrationContext, count: int):
        return (yield task.when_all([ctx.call_sub_orchestrator(child, input=n) for n in range(count)]))

    with server.worker(parent, child, double_activity):
        instance = server.start(parent, input=12)
        found = server.output(instance)
        assert found == [[2 * n, instance] for n in range(12)], found


@scenario
def an_activity_is_retried_until_it_succeeds(server):
    attempts = Counter()

    def flaky_activity(ctx: task.ActivityContext, succeeds_at: int) -> int:
        attempts[ctx.orchestration_id] += 1
        if attempts[ctx.orchestration_id] < succeeds_at:
            raise ValueError(f"attempt {attempts[ctx.orchestration_id]}")
        return attempts[ctx.orchestration_id]

    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=50), max_number_of_attempts=3)

    def stubborn(ctx: task.OrchestrationContext, succeeds_at: int):
        return (yield ctx.call_activity(flaky_activity, input=succeeds_at, retry_policy=policy))

    with server.worker(stubborn, flaky_activity):
        lucky, unlucky = server.start(stubborn, input=3), server.start(stubborn, input=4)
        assert server.output(lucky) == 3
        state = server.finished(unlucky)
        assert state.runtime_status == OrchestrationStatus.FAILED
        assert "attempt 3" in state.failure_details.message, state.failure_details
        assert attempts[unlucky] == 3


@scenario
def a_child_is_retried_under_the_same_id(server):
    runs = []

    def child(ctx: task.OrchestrationContext, _):
        if not ctx.is_replaying:
            runs.append(ctx.instance_id)
        if len(runs) < 3:
            raise RuntimeError(f"run {len(runs)}")
        return len(runs)
        yield

    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=50), max_number_of_attempts=3)

    def parent(ctx: task.OrchestrationContext, _):
        return (yield ctx.call_sub_orchestrator(child, retry_policy=policy))

    with server.worker(parent, child):
        assert server.output(server.start(parent)) == 3
        assert len(runs) == 3 and len(set(runs)) == 1, runs


@scenario
def a_failure_keeps_its_type_and_message_through_a_child(server):
    def broken_activity(_, __):
        raise KeyError("no such order")

    def child(ctx: task.OrchestrationContext, _):
        yield ctx.call_activity(broken_activity)

    def parent(ctx: task.OrchestrationContext, _):
        try:
            yield ctx.call_sub_orchestrator(child)
        except task.TaskFailedError as error:
            return [error.details.error_type, error.details.message]
        return "not failed"

    with server.worker(parent, child, broken_activity):
        kind, message = server.output(server.start(parent))
        assert kind and "no such order" in message, (kind, message)


@scenario
def an_unknown_name_fails_the_orchestration(server):
    def calls_nothing(ctx: task.OrchestrationContext, _):
        yield ctx.call_activity("nowhere_registered")

    with server.worker(calls_nothing):
        unknown, calls = server.start("also_nowhere_registered"), server.start(calls_nothing)
        for instance in (unknown, calls):
            state = server.finished(instance)
            assert state.runtime_status == OrchestrationStatus.FAILED
            assert "registered" in state.failure_details.message, state.failure_details


@scenario
def continue_as_new_keeps_events_in_flight(server):
    def generations(ctx: task.OrchestrationContext, so_far):
        so_far = so_far or []
        so_far.append((yield ctx.wait_for_external_event("item")))
        if len(so_far) == 100:
            return so_far
        ctx.continue_as_new(so_far, save_events=True)

    with server.worker(generations):
        instance = server.start(generations)
        for n in range(100):
            server.client.raise_orchestration_event(instance, "item", data=n)
        assert server.output(instance) == list(range(100))


@scenario
def a_late_result_of_an_earlier_execution_is_dropped(server):
    release = threading.Event()

    def slow_activity(_, __) -> str:
        reached(release, "the second generation")
        return "late"

    def quick_activity(_, __) -> str:
        release.set()
        return "quick"

    def two_generations(ctx: task.OrchestrationContext, generation):
        if generation is None:
            slow = ctx.call_activity(slow_activity)
            yield task.when_any([slow, ctx.create_timer(timedelta(milliseconds=100))])
            ctx.continue_as_new(2)
            return
        first = yield ctx.call_activity(quick_activity)
        yield ctx.create_timer(timedelta(milliseconds=300))
        return first

    with server.worker(two_generations, slow_activity, quick_activity):
        assert server.output(server.start(two_generations)) == "quick"


@scenario
def custom_status_is_seen_while_it_runs(server):
    def reporting(ctx: task.OrchestrationContext, _):
        ctx.set_custom_status({"step": 1})
        yield ctx.call_activity(seen_activity)
        yield ctx.wait_for_external_event("go on")
        ctx.set_custom_status({"step": 2})
        return "done"

    seen = threading.Event()

    def seen_activity(_, __):
        seen.set()

    with server.worker(reporting, seen_activity):
        instance = server.start(reporting)
        # The activity is handed out only after the turn that set the status is committed.
        reached(seen, "the activity ran")
        assert json.loads(server.state(instance).serialized_custom_status) == {"step": 1}
        server.client.raise_orchestration_event(instance, "go on")
        assert json.loads(server.finished(instance).serialized_custom_status) == {"step": 2}


@scenario
def events_are_held_while_suspended(server):
    def gather(ctx: task.OrchestrationContext, count: int):
        got = []
        for _ in range(count):
            got.append((yield ctx.wait_for_external_event("item")))
        return got

    with server.worker(gather):
        instance = server.start(gather, input=3)
        server.client.wait_for_orchestration_start(instance, timeout=DEADLINE)
        server.client.raise_orchestration_event(instance, "item", data=1)
        for _ in range(2):
            server.client.suspend_orchestration(instance, reason="audit")
        assert server.status(instance) == OrchestrationStatus.SUSPENDED
        server.client.raise_orchestration_event(instance, "item", data=2)
        server.client.raise_orchestration_event(instance, "item", data=3)
        assert server.status(instance) == OrchestrationStatus.SUSPENDED
        for _ in range(2):
            server.client.resume_orchestration(instance)
        assert server.output(instance) == [1, 2, 3]


@scenario
def suspending_in_the_middle_runs_no_activity_twice(server):
    runs = Counter()

    def count_activity(_, key: str):
        runs[key] += 1

    def busy(ctx: task.OrchestrationContext, _):
        for n in range(10):
            yield ctx.call_activity(count_activity, input=f"{ctx.instance_id}/{n}")
        return "done"

    with server.worker(busy, count_activity):
        instances = [server.start(busy) for _ in range(20)]
        for instance in instances:
            server.client.suspend_orchestration(instance)
            server.client.resume_orchestration(instance)
        assert [server.output(instance) for instance in instances] == ["done"] * 20
        assert len(runs) == 200 and set(runs.values()) == {1}, runs.most_common(3)


@scenario
def terminating_ends_the_children_too(server):
    born = threading.Barrier(4)

    def here_activity(_, __):
        born.wait(DEADLINE)

    def grandchild(ctx: task.OrchestrationContext, _):
        yield ctx.call_activity(here_activity)
        yield ctx.wait_for_external_event("never")

    def child(ctx: task.OrchestrationContext, number: int):
        yield ctx.call_sub_orchestrator(grandchild, instance_id=f"{ctx.instance_id}-grandchild")

    def parent(ctx: task.OrchestrationContext, _):
        children = [ctx.call_sub_orchestrator(child, input=n, instance_id=f"{ctx.instance_id}-{n}") for n in range(3)]
        yield task.when_all(children)

    with server.worker(parent, child, grandchild, here_activity):
        instance = server.start(parent)
        born.wait(DEADLINE)
        server.client.terminate_orchestration(instance, output={"why": "enough"}, recursive=True)
        state = server.finished(instance)
        assert state.runtime_status == OrchestrationStatus.TERMINATED
        assert json.loads(state.serialized_output) == {"why": "enough"}
        for n in range(3):
            for descendant in (f"{instance}-{n}", f"{instance}-{n}-grandchild"):
                assert server.finished(descendant).runtime_status == OrchestrationStatus.TERMINATED


@scenario
def terminating_alone_leaves_the_children(server):
    born = threading.Event()

    def here_activity(_, __):
        born.set()

    def child(ctx: task.OrchestrationContext, _):
        yield ctx.call_activity(here_activity)
        return (yield ctx.wait_for_external_event("go on"))

    def parent(ctx: task.OrchestrationContext, _):
        yield ctx.call_sub_orchestrator(child, instance_id=f"{ctx.instance_id}-child")

    with server.worker(parent, child, here_activity):
        instance = server.start(parent)
        reached(born, "the child runs")
        server.client.terminate_orchestration(instance, recursive=False)
        assert server.finished(instance).runtime_status == OrchestrationStatus.TERMINATED
        server.client.raise_orchestration_event(f"{instance}-child", "go on", data="alive")
        assert server.output(f"{instance}-child") == "alive"


@scenario
def nobody_needs_to_be_there_to_terminate(server):
    instance = server.start("no worker is connected")
    assert server.status(instance) == OrchestrationStatus.PENDING
    server.client.terminate_orchestration(instance, output="over")
    state = server.finished(instance)
    assert state.runtime_status == OrchestrationStatus.TERMINATED and state.serialized_output == '"over"'


@scenario
def purging_removes_what_is_finished_and_the_id_is_free_again(server):
    def quick(ctx: task.OrchestrationContext, given):
        return given
        yield

    with server.worker(quick):
        name = uuid.uuid4().hex
        for generation in range(3):
            server.start(quick, instance_id=name, input=generation)
            assert server.output(name) == generation
            assert server.client.purge_orchestration(name).deleted_instance_count == 1
            assert server.client.get_orchestration_state(name) is None
        assert server.client.purge_orchestration(name).deleted_instance_count == 0
    running = server.start("nobody runs this")
    assert server.client.purge_orchestration(running).deleted_instance_count == 0
    assert server.status(running) == OrchestrationStatus.PENDING


@scenario
def purging_by_filter(server):
    def quick(ctx: task.OrchestrationContext, fails: bool):
        if fails:
            raise RuntimeError("as told")
        return "done"
        yield

    with server.worker(quick):
        good, bad = ([server.start(quick, input=fails) for _ in range(5)] for fails in (False, True))
        for instance in good + bad:
            server.finished(instance)
        since = datetime.now(timezone.utc) - timedelta(hours=1)
        purged = server.client.purge_orchestrations_by(created_time_from=since, runtime_status=[OrchestrationStatus.FAILED])
        assert purged.deleted_instance_count == 5
        assert [server.client.get_orchestration_state(instance) for instance in bad] == [None] * 5
        assert all(server.status(instance) == OrchestrationStatus.COMPLETED for instance in good)


@scenario
def a_query_finds_every_instance_once(server):
    def quick(ctx: task.OrchestrationContext, given):
        return given
        yield

    prefix = uuid.uuid4().hex
    with server.worker(quick):
        done = {server.start(quick, instance_id=f"{prefix}-done-{n}", input="x" * 20_000) for n in range(120)}
        for instance in done:
            server.finished(instance)
    pending = {server.start("nobody runs this", instance_id=f"{prefix}-pending-{n}") for n in range(5)}
    everything = OrchestrationQuery(instance_id_prefix=prefix, fetch_inputs_and_outputs=True)
    found = server.client.get_all_orchestration_states(everything)
    assert sorted(state.instance_id for state in found) == sorted(done | pending)
    assert all(len(state.serialized_output) == 20_002 for state in found if state.instance_id in done)
    only_pending = OrchestrationQuery(instance_id_prefix=prefix, runtime_status=[OrchestrationStatus.PENDING])
    assert {state.instance_id for state in server.client.get_all_orchestration_states(only_pending)} == pending


@scenario
def an_id_in_use_is_refused(server):
    instance = server.start("nobody runs this")
    refused(grpc.StatusCode.ALREADY_EXISTS, lambda: server.start("nobody runs this", instance_id=instance))
    server.client.terminate_orchestration(instance)
    server.finished(instance)
    refused(grpc.StatusCode.ALREADY_EXISTS, lambda: server.start("nobody runs this", instance_id=instance))


@scenario
def an_id_is_used_again_where_the_policy_says_so(server):
    def policy(*statuses):
        return pb.OrchestrationIdReusePolicy(replaceableStatus=statuses)

    instance = server.start("nobody runs this")
    never = policy()
    again = lambda chosen: server.start("nobody runs this", instance_id=instance, reuse_id_policy=chosen)
    refused(grpc.StatusCode.ALREADY_EXISTS, lambda: again(never))
    refused(grpc.StatusCode.ALREADY_EXISTS, lambda: again(policy(pb.ORCHESTRATION_STATUS_TERMINATED)))
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: again(policy(pb.ORCHESTRATION_STATUS_PENDING)))
    before = server.state(instance).created_at
    again(policy(pb.ORCHESTRATION_STATUS_PENDING, pb.ORCHESTRATION_STATUS_TERMINATED))
    assert server.status(instance) == OrchestrationStatus.PENDING
    assert server.state(instance).created_at >= before
    server.client.terminate_orchestration(instance)
    server.finished(instance)
    again(policy(pb.ORCHESTRATION_STATUS_TERMINATED))
    assert server.status(instance) == OrchestrationStatus.PENDING


@scenario
def ids_that_cannot_be_are_refused(server):
    longest = "ü" * 100
    assert server.start("nobody runs this", instance_id=longest) == longest
    for bad in ("x" * 101, "line\nbreak", "nul\0byte", "@entity@key"):
        refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: server.start("nobody runs this", instance_id=bad))


@scenario
def what_is_not_there_is_said_to_be_not_there(server):
    nobody = uuid.uuid4().hex
    client = server.client
    assert client.get_orchestration_state(nobody) is None
    refused(grpc.StatusCode.NOT_FOUND, lambda: client.raise_orchestration_event(nobody, "x"))
    refused(grpc.StatusCode.NOT_FOUND, lambda: client.suspend_orchestration(nobody))
    refused(grpc.StatusCode.NOT_FOUND, lambda: client.resume_orchestration(nobody))
    refused(grpc.StatusCode.NOT_FOUND, lambda: client.get_orchestration_history(nobody))
    assert client.purge_orchestration(nobody).deleted_instance_count == 0
    client.terminate_orchestration(nobody)
    begun = datetime.now(timezone.utc)
    try:
        assert client.wait_for_orchestration_completion(nobody, timeout=0.2) is None
    except TimeoutError:
        pass
    waited = datetime.now(timezone.utc) - begun
    assert waited >= timedelta(milliseconds=150), f"a wait for an unknown id lasts until its deadline, not {waited}"


@scenario
def a_value_over_the_limit_is_refused_and_hurts_nobody_else(server):
    def echo(ctx: task.OrchestrationContext, given):
        return len(given)
        yield

    def huge_activity(_, __) -> str:
        return "x" * (11 << 20)

    def asks_for_too_much(ctx: task.OrchestrationContext, _):
        yield ctx.call_activity(huge_activity)

    with server.worker(echo, asks_for_too_much, huge_activity):
        refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: server.start(echo, input="x" * (11 << 20)))
        failed = server.finished(server.start(asks_for_too_much))
        assert failed.runtime_status == OrchestrationStatus.FAILED, failed
        assert server.output(server.start(echo, input="x" * 500_000)) == 500_000


@scenario
def a_start_may_be_scheduled(server):
    def when(ctx: task.OrchestrationContext, _):
        return ctx.current_utc_datetime.isoformat()
        yield

    with server.worker(when):
        at = datetime.now(timezone.utc) + timedelta(seconds=1)
        instance = server.start(when, start_at=at)
        assert server.status(instance) == OrchestrationStatus.PENDING
        begun = datetime.fromisoformat(server.output(instance))
        assert begun >= at.replace(tzinfo=begun.tzinfo), (begun, at)
        never = server.start(when, start_at=datetime.now(timezone.utc) + timedelta(days=365))
        server.client.terminate_orchestration(never)
        assert server.finished(never).runtime_status == OrchestrationStatus.TERMINATED


@scenario
def orchestrations_send_events_to_each_other_and_themselves(server):
    def listener(ctx: task.OrchestrationContext, count: int):
        got = []
        for _ in range(count):
            got.append((yield ctx.wait_for_external_event("note")))
        return got

    def speaker(ctx: task.OrchestrationContext, to: str):
        ctx.send_event("nobody is called so", "note", data="lost")
        for n in range(3):
            ctx.send_event(to, "note", data=n)
        ctx.send_event(ctx.instance_id, "note", data="to myself")
        return (yield ctx.wait_for_external_event("note"))

    with server.worker(listener, speaker):
        hears = server.start(listener, input=3)
        assert server.output(server.start(speaker, input=hears)) == "to myself"
        assert server.output(hears) == [0, 1, 2]


@scenario
def ids_and_times_made_inside_are_the_same_in_every_replay(server):
    def makes_ids(ctx: task.OrchestrationContext, _):
        made = [ctx.new_uuid()]
        for _ in range(3):
            yield ctx.call_activity(nothing_activity)
            made += [ctx.new_uuid(), ctx.current_utc_datetime.isoformat()]
        return made

    def nothing_activity(_, __):
        pass

    with server.worker(makes_ids, nothing_activity):
        made = server.output(server.start(makes_ids))
        assert len(set(made)) == 7
        moments = [moment for moment in made[2::2]]
        assert moments == sorted(moments)


@scenario
def another_worker_takes_over_when_one_goes(server):
    def waits(ctx: task.OrchestrationContext, _):
        first = yield ctx.wait_for_external_event("item")
        return [first, (yield ctx.wait_for_external_event("item"))]

    with server.worker(waits):
        instances = [server.start(waits) for _ in range(10)]
        for instance in instances:
            server.client.wait_for_orchestration_start(instance, timeout=DEADLINE)
    for instance in instances:
        server.client.raise_orchestration_event(instance, "item", data=1)
        server.client.raise_orchestration_event(instance, "item", data=2)
    with server.worker(waits):
        assert [server.output(instance) for instance in instances] == [[1, 2]] * 10


@scenario
def history_tells_the_whole_story(server):
    def one_activity(_, __) -> str:
        return "one"

    def story(ctx: task.OrchestrationContext, _):
        yield ctx.call_activity(one_activity)
        yield ctx.wait_for_external_event("note")
        return "end"

    with server.worker(story, one_activity):
        instance = server.start(story)
        server.client.raise_orchestration_event(instance, "note", data=1)
        server.output(instance)
        kinds = [type(event).__name__ for event in server.client.get_orchestration_history(instance)]
        assert kinds[:2] == ["OrchestratorStartedEvent", "ExecutionStartedEvent"], kinds
        assert kinds[-1] == "ExecutionCompletedEvent", kinds
        for kind in ("TaskScheduledEvent", "TaskCompletedEvent", "EventRaisedEvent"):
            assert kinds.count(kind) == 1, kinds


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main(address, name):
    if address == "--list":
        print("\n".join(SCENARIOS))
        return
    if address == "--memory":
        from durabletask.testing import create_test_backend

        port = free_port()
        create_test_backend(port=port)
        address = f"127.0.0.1:{port}"
    SCENARIOS[name](Server(address))
    print(f"ok {name}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
