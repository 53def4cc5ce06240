"""Another life for an instance that has ended: restart and rewind, by the published Python SDK.

    lives.py HOST:PORT NAME     runs one against a server that is there
    lives.py --memory NAME      runs one against the SDK's own in-memory backend
    lives.py --list             names them

Not here: replacing an instance by a start of the same id (scenarios.py).
"""

import sys
import threading
import uuid
from collections import Counter
from datetime import timedelta

import grpc
import scenarios
from durabletask import task
from durabletask.client import OrchestrationStatus
from scenarios import DEADLINE, refused

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


class Flaky:
    """Activities that fail until they are mended, and a count of their runs."""

    def __init__(self):
        self.broken = set()
        self.runs = Counter()

    def activity(self):
        def flaky_activity(_, name: str):
            self.runs[name] += 1
            if name in self.broken:
                raise RuntimeError(f"{name} is broken")
            return name

        return flaky_activity


def failed(server, instance):
    state = server.finished(instance)
    assert state.runtime_status == OrchestrationStatus.FAILED, state
    return state


@scenario
def restarted_under_its_own_id(server):
    def echo(ctx: task.OrchestrationContext, given):
        return [ctx.instance_id, given]
        yield

    with server.worker(echo):
        instance = server.start(echo, input={"n": 1}, tags={"team": "pay"}, version="1.5")
        assert server.output(instance) == [instance, {"n": 1}]
        before = server.state(instance)
        assert server.client.restart_orchestration(instance) == instance
        assert server.output(instance) == [instance, {"n": 1}]
        assert server.state(instance).created_at > before.created_at
        raw = scenarios.raw_state(server, instance)
        assert (dict(raw.tags), raw.version.value) == ({"team": "pay"}, "1.5"), raw


@scenario
def restarted_under_a_new_id_even_while_it_runs(server):
    def waits(ctx: task.OrchestrationContext, given):
        yield ctx.wait_for_external_event("go on")
        return given

    with server.worker(waits):
        instance = server.start(waits, input=7)
        server.client.wait_for_orchestration_start(instance, timeout=DEADLINE)
        refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: server.client.restart_orchestration(instance))
        other = server.client.restart_orchestration(instance, restart_with_new_instance_id=True)
        assert other != instance
        for each in (instance, other):
            server.client.raise_orchestration_event(each, "go on")
            assert server.output(each) == 7


@scenario
def what_cannot_begin_again_is_refused(server):
    nobody = uuid.uuid4().hex
    for again in (server.client.restart_orchestration, server.client.rewind_orchestration):
        refused(grpc.StatusCode.NOT_FOUND, lambda: again(nobody))
    waiting = server.start("nobody runs this")
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: server.client.rewind_orchestration(waiting))
    server.client.terminate_orchestration(waiting)
    server.finished(waiting)
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: server.client.rewind_orchestration(waiting))


@scenario
def a_rewind_runs_only_what_had_failed(server):
    flaky = Flaky()
    activity = flaky.activity()

    def order(ctx: task.OrchestrationContext, _):
        done = []
        for step in ("reserve", "pay", "ship"):
            done.append((yield ctx.call_activity(activity, input=step)))
        return done

    with server.worker(order, activity):
        flaky.broken = {"pay"}
        instance = server.start(order)
        failed(server, instance)
        server.client.rewind_orchestration(instance, reason="still broken")
        failed(server, instance)
        flaky.broken = {"ship"}
        server.client.rewind_orchestration(instance)
        assert "ship is broken" in failed(server, instance).failure_details.message
        flaky.broken = set()
        server.client.rewind_orchestration(instance)
        assert server.output(instance) == ["reserve", "pay", "ship"]
        assert flaky.runs == {"reserve": 1, "pay": 3, "ship": 2}, flaky.runs
        refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: server.client.rewind_orchestration(instance))


@scenario
def a_rewind_of_a_fan_out_keeps_what_succeeded(server):
    flaky = Flaky()
    activity = flaky.activity()

    def fan(ctx: task.OrchestrationContext, count: int):
        tasks = [ctx.call_activity(activity, input=f"step {n}") for n in range(count)]
        return (yield task.when_all(tasks))

    with server.worker(fan, activity):
        flaky.broken = {"step 3", "step 7"}
        instance = server.start(fan, input=10)
        failed(server, instance)
        flaky.broken = set()
        server.client.rewind_orchestration(instance)
        assert server.output(instance) == [f"step {n}" for n in range(10)]
        # What had not been told when the orchestration failed may run again.
        assert all(flaky.runs[f"step {n}"] in (1, 2) for n in range(10)), flaky.runs


@scenario
def a_rewind_after_retries_runs_the_last_one_again(server):
    flaky = Flaky()
    activity = flaky.activity()
    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=20), max_number_of_attempts=3)

    def order(ctx: task.OrchestrationContext, _):
        yield ctx.call_activity(activity, input="pay", retry_policy=policy)
        return (yield ctx.call_activity(activity, input="ship"))

    with server.worker(order, activity):
        flaky.broken = {"pay"}
        instance = server.start(order)
        failed(server, instance)
        flaky.broken = set()
        server.client.rewind_orchestration(instance)
        assert server.output(instance) == "ship"
        assert flaky.runs == {"pay": 4, "ship": 1}, flaky.runs


@scenario
def a_rewind_reaches_the_children(server):
    flaky = Flaky()
    activity = flaky.activity()

    def grandchild(ctx: task.OrchestrationContext, name: str):
        return (yield ctx.call_activity(activity, input=name))

    def child(ctx: task.OrchestrationContext, name: str):
        yield ctx.call_activity(activity, input=f"{name} begins")
        return (yield ctx.call_sub_orchestrator(grandchild, input=name, instance_id=f"{ctx.instance_id}-grand"))

    def parent(ctx: task.OrchestrationContext, _):
        done = []
        for name in ("left", "right"):
            done.append((yield ctx.call_sub_orchestrator(child, input=name, instance_id=f"{ctx.instance_id}-{name}")))
        return done

    with server.worker(parent, child, grandchild, activity):
        flaky.broken = {"right"}
        instance = server.start(parent)
        failed(server, instance)
        flaky.broken = set()
        server.client.rewind_orchestration(instance)
        assert server.output(instance) == ["left", "right"]
        assert server.output(f"{instance}-right-grand") == "right"
        assert flaky.runs == {"left begins": 1, "left": 1, "right begins": 1, "right": 2}, flaky.runs


@scenario
def a_rewind_creates_a_purged_child_again(server):
    flaky = Flaky()
    activity = flaky.activity()

    def child(ctx: task.OrchestrationContext, name: str):
        return (yield ctx.call_activity(activity, input=name))

    def parent(ctx: task.OrchestrationContext, _):
        return (yield ctx.call_sub_orchestrator(child, input="work", instance_id=f"{ctx.instance_id}-child"))

    with server.worker(parent, child, activity):
        flaky.broken = {"work"}
        instance = server.start(parent)
        failed(server, instance)
        assert server.client.purge_orchestration(f"{instance}-child").deleted_instance_count == 1
        flaky.broken = set()
        server.client.rewind_orchestration(instance)
        assert server.output(instance) == "work"
        assert server.client.purge_orchestration(instance, recursive=True).deleted_instance_count == 1


@scenario
def a_rewound_orchestration_hears_events_again(server):
    mended = threading.Event()

    def listens(ctx: task.OrchestrationContext, _):
        first = yield ctx.wait_for_external_event("item")
        if not mended.is_set():
            raise ValueError("not yet")
        return [first, (yield ctx.wait_for_external_event("item"))]

    with server.worker(listens):
        instance = server.start(listens)
        server.client.raise_orchestration_event(instance, "item", data=1)
        failed(server, instance)
        mended.set()
        server.client.rewind_orchestration(instance)
        server.client.raise_orchestration_event(instance, "item", data=2)
        assert server.output(instance) == [1, 2]


if __name__ == "__main__":
    scenarios.SCENARIOS = SCENARIOS
    scenarios.main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
