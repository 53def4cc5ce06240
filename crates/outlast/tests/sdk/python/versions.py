"""Which worker gets what: versions and filters as workers declare them, by the published Python SDK.

    versions.py HOST:PORT NAME     runs one against a server that is there
    versions.py --list             names them

Not here: what people are told about work that waits; that is the command line's (operator.rs).
"""

import sys
import threading
from collections import Counter
from contextlib import contextmanager

import scenarios
from durabletask import task
from durabletask.client import OrchestrationStatus
from durabletask.worker import (
    ActivityWorkItemFilter,
    OrchestrationWorkItemFilter,
    TaskHubGrpcWorker,
    VersionFailureStrategy,
    VersioningOptions,
    VersionMatchStrategy,
    WorkItemFilters,
)
from scenarios import reached

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


@contextmanager
def worker(server, orchestrators=(), activities=(), versioning=None, filters=None):
    made = TaskHubGrpcWorker(host_address=server.address)
    for orchestrator in orchestrators:
        made.add_orchestrator(orchestrator)
    for activity in activities:
        made.add_activity(activity)
    if versioning:
        made.use_versioning(versioning)
    if filters:
        made.use_work_item_filters(filters)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def which(ctx: task.OrchestrationContext, _):
    return ctx.version
    yield


def exactly(version, failure):
    return VersioningOptions(version=version, match_strategy=VersionMatchStrategy.STRICT, failure_strategy=failure)


@scenario
def a_version_that_does_not_match_fails_where_the_worker_says_so(server):
    with worker(server, [which], versioning=exactly("2.0", VersionFailureStrategy.FAIL)):
        assert server.output(server.start(which, version="2.0")) == "2.0"
        failed = server.finished(server.start(which, version="1.0"))
        assert failed.runtime_status == OrchestrationStatus.FAILED
        assert "Version" in failed.failure_details.error_type, failed.failure_details.error_type


@scenario
def a_version_that_is_rejected_waits_for_a_worker_of_that_version(server):
    with worker(server, [which], versioning=exactly("2.0", VersionFailureStrategy.REJECT)):
        waits = server.start(which, version="1.0")
        # Others flow past what is rejected again and again.
        assert [server.output(server.start(which, version="2.0")) for _ in range(20)] == ["2.0"] * 20
        assert server.status(waits) == OrchestrationStatus.PENDING
        with worker(server, [which], versioning=exactly("1.0", VersionFailureStrategy.REJECT)):
            assert server.output(waits) == "1.0"


@scenario
def an_older_version_runs_where_the_worker_takes_older_ones(server):
    older = VersioningOptions(version="2.0", match_strategy=VersionMatchStrategy.CURRENT_OR_OLDER,
                              failure_strategy=VersionFailureStrategy.FAIL)
    with worker(server, [which], versioning=older):
        assert server.output(server.start(which, version="1.0")) == "1.0"
        assert server.finished(server.start(which, version="3.0")).runtime_status == OrchestrationStatus.FAILED


@scenario
def filters_send_each_version_to_its_worker(server):
    def filtered(version):
        return WorkItemFilters(orchestrations=[OrchestrationWorkItemFilter(name="which", versions=[version])])

    with worker(server, [which], filters=filtered("1.0")):
        waits = server.start(which, version="2.0")
        assert server.output(server.start(which, version="1.0")) == "1.0"
        assert server.status(waits) == OrchestrationStatus.PENDING
        with worker(server, [which], filters=filtered("2.0")):
            assert server.output(waits) == "2.0"


@scenario
def an_activity_is_matched_by_its_orchestrations_version(server):
    ran = Counter()

    def step(_, name: str):
        ran[name] += 1
        return name

    def calls(ctx: task.OrchestrationContext, _):
        return (yield ctx.call_activity("step", input=ctx.version))

    orchestrations = WorkItemFilters(orchestrations=[OrchestrationWorkItemFilter(name="calls")])
    activities = WorkItemFilters(activities=[ActivityWorkItemFilter(name="step", versions=["3.0.0"])])
    with worker(server, [calls], filters=orchestrations), worker(server, [], [step], filters=activities):
        assert server.output(server.start(calls, version="3.0.0")) == "3.0.0"
        other = server.start(calls, version="4.0.0")
        server.client.wait_for_orchestration_start(other, timeout=scenarios.DEADLINE)
        assert server.output(server.start(calls, version="3.0.0")) == "3.0.0"
        assert ran == {"3.0.0": 2}, ran


@scenario
def what_nobody_takes_blocks_nobody(server):
    def quick(ctx: task.OrchestrationContext, given):
        return given
        yield

    only_quick = WorkItemFilters(orchestrations=[OrchestrationWorkItemFilter(name="quick")])
    waiting = [server.start("nobody runs this") for _ in range(200)]
    with worker(server, [quick], filters=only_quick):
        assert [server.output(server.start(quick, input=n)) for n in range(100)] == list(range(100))
    assert all(server.status(instance) == OrchestrationStatus.PENDING for instance in waiting[:5])


@scenario
def an_orchestration_that_kills_its_workers_does_not_stop_the_others(server):
    """Its turn is taken and never answered: the stream ends instead, as when a process dies."""
    hand = __import__("tokens").Hand(server.address)
    poison = server.start("poison")
    for _ in range(3):
        stream = hand.stream(maxConcurrentOrchestrationWorkItems=1)
        turn, _ = hand.next(stream, "orchestratorRequest")
        assert turn.instanceId == poison
        stream.cancel()
    done = threading.Event()

    def quick(ctx: task.OrchestrationContext, _):
        done.set()
        return "quick"
        yield

    with worker(server, [quick]):
        assert server.output(server.start(quick)) == "quick"
    reached(done, "another orchestration runs")


if __name__ == "__main__":
    scenarios.SCENARIOS = SCENARIOS
    scenarios.main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
