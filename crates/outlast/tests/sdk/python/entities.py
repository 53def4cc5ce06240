"""What a user of the published Python SDK may expect of entities, one scenario at a time.

    entities.py HOST:PORT NAME                runs one against a server that is there
    entities.py --list                        names them
    entities.py bank HOST:PORT TRANSFERS      moves money and counts, whatever happens to the server

A scenario waits for states with deadlines. Not here: orchestrations without entities (scenarios.py).
"""

import json
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import grpc
from durabletask import task
from durabletask.client import EntityQuery, OrchestrationStatus
from durabletask.entities import EntityContext, EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.worker import TaskHubGrpcWorker

from scenarios import DEADLINE, Server, refused

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def counter(ctx: EntityContext, amount):
    state = ctx.get_state(int, 0)
    if ctx.operation == "add":
        ctx.set_state(state + (1 if amount is None else amount))
        return state + (1 if amount is None else amount)
    if ctx.operation == "get":
        return state
    if ctx.operation == "spoil":
        ctx.set_state(-1)
        raise ValueError("spoiled")
    if ctx.operation == "delete":
        ctx.set_state(None)
        return None
    raise ValueError(f"no operation {ctx.operation}")


def journal(ctx: EntityContext, line):
    ctx.set_state([*ctx.get_state(list, []), line])


def entity(name, key="a"):
    return EntityInstanceId(name, key)


@contextmanager
def working(server, *functions, entities=(counter, journal)):
    worker = TaskHubGrpcWorker(host_address=server.address)
    for function in functions:
        worker.add_orchestrator(function)
    for function in entities:
        worker.add_entity(function)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def eventually(what, read, wanted):
    """Reads until it gives what is wanted."""
    deadline = time.monotonic() + DEADLINE
    pause = threading.Event()
    while True:
        found = read()
        if found == wanted:
            return
        assert time.monotonic() < deadline, f"not in {DEADLINE} s: {what}: {found!r} instead of {wanted!r}"
        pause.wait(0.02)


def state_of(server, id):
    found = server.client.get_entity(id)
    if found is None:
        return None
    return json.loads(found._state) if found._state else None


@scenario
def signals_are_done_once_and_in_order(server):
    lines = [f"line {n}" for n in range(150)]
    for line in lines:
        server.client.signal_entity(entity("journal"), "write", input=line)
    assert server.client.get_entity(entity("journal")).backlog_queue_size == len(lines)
    with working(server):
        eventually("all lines", lambda: state_of(server, entity("journal")), lines)


@scenario
def a_signal_sent_again_with_its_request_id_is_the_same_signal(server):
    request = pb.SignalEntityRequest(instanceId="@counter@a", name="add", requestId=str(uuid.uuid4()))
    for _ in range(3):
        server.client._stub.SignalEntity(request)
    assert server.client.get_entity(entity("counter")).backlog_queue_size == 1
    with working(server):
        eventually("one", lambda: state_of(server, entity("counter")), 1)


@scenario
def calls_answer_and_failures_are_told_and_taken_back(server):
    def asks(ctx: task.OrchestrationContext, _):
        first = yield ctx.call_entity(entity("counter"), "add", 5)
        try:
            yield ctx.call_entity(entity("counter"), "spoil")
            failure = None
        except Exception as error:
            failure = str(error)
        return [first, failure, (yield ctx.call_entity(entity("counter"), "get"))]

    with working(server, asks):
        first, failure, last = server.output(server.start(asks))
        assert (first, last) == (5, 5), "a failed operation changes nothing"
        assert "spoiled" in failure, failure
        assert state_of(server, entity("counter")) == 5


@scenario
def orchestrations_signal_entities(server):
    def fan_out(ctx: task.OrchestrationContext, _):
        for n in range(20):
            ctx.signal_entity(entity("counter", str(n % 4)), "add", 1)
        return (yield ctx.call_entity(entity("counter", "0"), "get"))

    with working(server, fan_out):
        assert server.output(server.start(fan_out)) == 5, "a call comes after the signals before it"
        for key in "0123":
            eventually(key, lambda: state_of(server, entity("counter", key)), 5)


@scenario
def entities_signal_others_and_start_orchestrations(server):
    def chain(ctx: EntityContext, left):
        ctx.set_state(left)
        if left > 0:
            ctx.signal_entity(entity("chain", str(left - 1)), "go", left - 1)
        else:
            ctx.schedule_new_orchestration("last", input=7, instance_id="the-last")

    def last(ctx: task.OrchestrationContext, number):
        return number

    with working(server, last, entities=[chain]):
        server.client.signal_entity(entity("chain", "5"), "go", input=5)
        eventually("the end", lambda: state_of(server, entity("chain", "0")), 0)
        eventually("a start", lambda: server.client.get_orchestration_state("the-last") is not None, True)
        assert server.output("the-last") == 7


@scenario
def a_scheduled_signal_is_nowhere_before_its_time(server):
    at = datetime.now(timezone.utc) + timedelta(seconds=1.5)
    server.client.signal_entity(entity("counter"), "add", input=1, signal_time=at)
    with working(server):
        assert server.client.get_entity(entity("counter")) is None
        eventually("the signal", lambda: state_of(server, entity("counter")), 1)
        assert datetime.now(timezone.utc) >= at


@scenario
def an_entity_without_a_state_does_not_exist(server):
    with working(server):
        server.client.signal_entity(entity("counter"), "add")
        eventually("one", lambda: state_of(server, entity("counter")), 1)
        server.client.signal_entity(entity("counter"), "delete")
        eventually("nothing", lambda: server.client.get_entity(entity("counter")), None)
        server.client.signal_entity(entity("counter"), "add")
        eventually("one again", lambda: state_of(server, entity("counter")), 1)
    cleaned = server.client.clean_entity_storage()
    assert (cleaned.empty_entities_removed, cleaned.orphaned_locks_released) == (0, 0), cleaned
    purged = server.client._stub.PurgeInstances(pb.PurgeInstancesRequest(instanceId="@counter@a"))
    assert purged.deletedInstanceCount == 1
    assert server.client.get_entity(entity("counter")) is None


def transfer(ctx: task.OrchestrationContext, job):
    ids = [entity("counter", key) for key in job["accounts"]]
    with (yield ctx.lock_entities(ids)):
        before = yield task.when_all([ctx.call_entity(id, "get") for id in ids])
        yield ctx.call_entity(ids[0], "add", -1)
        yield ctx.call_entity(ids[1], "add", 1)
        after = yield task.when_all([ctx.call_entity(id, "get") for id in ids])
    return [before, after]


@scenario
def a_critical_section_is_alone(server):
    with working(server, transfer):
        jobs = [{"accounts": list(pair)} for pair in ("ab", "ba", "bc", "ca", "ac", "cb") * 4]
        instances = [server.start(transfer, input=job) for job in jobs]
        for instance in instances:
            before, after = server.output(instance)
            assert after == [before[0] - 1, before[1] + 1], "somebody else was in between"
        for key in "abc":
            eventually(key, lambda: server.client.get_entity(entity("counter", key))._locked_by or "", "")
            assert state_of(server, entity("counter", key)) == 0


@scenario
def locks_end_with_their_holder(server):
    def holds(ctx: task.OrchestrationContext, _):
        with (yield ctx.lock_entities([entity("counter", "a"), entity("counter", "b")])):
            yield ctx.wait_for_external_event("never")

    def waits(ctx: task.OrchestrationContext, _):
        with (yield ctx.lock_entities([entity("counter", "b")])):
            return (yield ctx.call_entity(entity("counter", "b"), "add", 1))

    def locked_by(key):
        found = server.client.get_entity(entity("counter", key))
        return found and found._locked_by

    with working(server, holds, waits):
        holder = server.start(holds)
        eventually("a lock", lambda: locked_by("b"), holder)
        waiter = server.start(waits)
        server.client.signal_entity(entity("counter", "a"), "add", input=3)
        eventually("the signal waits", lambda: server.client.get_entity(entity("counter", "a")).backlog_queue_size, 1)
        assert server.status(waiter) in (OrchestrationStatus.PENDING, OrchestrationStatus.RUNNING)
        server.client.terminate_orchestration(holder)
        assert server.output(waiter) == 1
        eventually("the signal", lambda: state_of(server, entity("counter", "a")), 3)
        eventually("no lock", lambda: locked_by("b") or "", "")


@scenario
def an_answer_to_an_earlier_execution_is_dropped(server):
    def again(ctx: task.OrchestrationContext, round):
        if round < 5:
            ctx.call_entity(entity("counter"), "add", 1)
            ctx.continue_as_new(round + 1)
            return None
        return (yield ctx.call_entity(entity("counter"), "get"))

    with working(server, again):
        assert server.output(server.start(again, input=0)) == 5


@scenario
def entities_are_found(server):
    with working(server):
        began = datetime.now(timezone.utc) - timedelta(seconds=5)
        for key in range(25):
            server.client.signal_entity(entity("counter", f"k{key}"), "add", input=key)
        server.client.signal_entity(entity("journal"), "write", input="x")

        def found(**query):
            return {e.id.key: json.loads(e._state) for e in server.client.get_all_entities(EntityQuery(**query))}

        wanted = {f"k{key}": key for key in range(25)}
        eventually("all", lambda: found(instance_id_starts_with="@counter@", page_size=4), wanted)
        assert len(found(last_modified_from=began)) == 26
        assert found(last_modified_to=began) == {}
        assert found(instance_id_starts_with="@counter@k24") == {"k24": 24}
    server.client.signal_entity(entity("waiting"), "op")
    ids = lambda transient: [str(e.id) for e in server.client.get_all_entities(
        EntityQuery(instance_id_starts_with="@waiting", include_state=False, include_transient=transient))]
    assert (ids(False), ids(True)) == ([], ["@waiting@a"])


@scenario
def what_cannot_be_is_refused(server):
    signal = lambda id, name="op": server.client._stub.SignalEntity(pb.SignalEntityRequest(instanceId=id, name=name))
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: signal("nobody"))
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: signal("@a@" + "x" * 98))
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: signal("@a@b", ""))
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: server.client.signal_entity(
        entity("counter"), "add", input="x" * (10 << 20)))
    assert server.client.get_entity(entity("counter")) is None


@scenario
def another_worker_takes_over_when_one_goes(server):
    started, hold = threading.Event(), threading.Event()

    def slow(ctx: EntityContext, amount):
        started.set()
        if not hold.is_set():
            hold.wait(DEADLINE)
        ctx.set_state(ctx.get_state(int, 0) + amount)

    server.client.signal_entity(entity("slow"), "add", input=1)
    with working(server, entities=[slow]):
        assert started.wait(DEADLINE)
        server.client.signal_entity(entity("slow"), "add", input=1)
        hold.set()
    with working(server, entities=[slow]):
        server.client.signal_entity(entity("slow"), "add", input=1)
        eventually("three", lambda: state_of(server, entity("slow")), 3)


# The bank: a program that goes on whatever happens to the server.


def until_answered(call):
    """Makes a call again whose answer was lost."""
    pause = threading.Event()
    deadline = time.monotonic() + 4 * DEADLINE
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.ALREADY_EXISTS:
                return None
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED,
                                    grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN), error
            assert time.monotonic() < deadline, error
            pause.wait(0.05)


def bank(address, transfers):
    server = Server(address)
    with working(server, transfer):
        for n in range(transfers):
            request = pb.SignalEntityRequest(instanceId="@counter@signals", name="add", requestId=str(uuid.uuid4()))
            until_answered(lambda: server.client._stub.SignalEntity(request, timeout=5))
            job = {"accounts": ["abc"[n % 3], "abc"[(n + 1) % 3]]}
            until_answered(lambda: server.start(transfer, input=job, instance_id=f"transfer-{n}"))
            print(f"acknowledged {n}", flush=True)
        for n in range(transfers):
            state = None
            while state is None or state.runtime_status not in (OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED):
                state = until_answered(lambda: server.client.wait_for_orchestration_completion(f"transfer-{n}", timeout=DEADLINE))
            assert state.runtime_status == OrchestrationStatus.COMPLETED, state.failure_details
            before, after = json.loads(state.serialized_output)
            assert after == [before[0] - 1, before[1] + 1], f"transfer {n} was not alone: {before} {after}"
            print(f"finished {n}", flush=True)
        total = sum(until_answered(lambda: state_of(server, entity("counter", key))) or 0 for key in "abc")
        counted = until_answered(lambda: state_of(server, entity("counter", "signals")))
        locked = [str(e.id) for e in server.client.get_all_entities() if e._locked_by]
        print(json.dumps({"signals": counted, "total": total, "locked": locked}), flush=True)


def main(address, name="", count="0"):
    if address == "--list":
        print("\n".join(SCENARIOS))
    elif address == "bank":
        bank(name, int(count))
    else:
        SCENARIOS[name](Server(address))
        print(f"ok {name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
