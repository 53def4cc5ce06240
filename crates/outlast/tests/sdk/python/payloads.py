"""Values of 3 MiB wherever the published Python SDK has values.

    payloads.py everywhere HOST:PORT     moves them through everything once
    payloads.py kills HOST:PORT ORDERS   orders of large values, whatever happens to the server

A value is text made from a seed; what arrives is compared by its digest. Not here: what is refused
(scenarios.py, entities.py).
"""

import hashlib
import json
import random
import sys
from contextlib import contextmanager

from durabletask import task
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient
from durabletask.entities import EntityContext, EntityInstanceId
from durabletask.grpc_options import GrpcChannelOptions
from durabletask.worker import TaskHubGrpcWorker

from entities import eventually, state_of, until_answered
from scenarios import DEADLINE

BYTES = 3 << 20
LARGE = GrpcChannelOptions(max_receive_message_length=256 << 20)


def value(seed):
    """A text of 3 MiB, another for each seed."""
    return random.Random(seed).randbytes(BYTES // 2).hex()


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def same(found, seed, what):
    assert digest(found) == digest(value(seed)), f"{what} is not what was sent: {len(found)} characters"


def answer_activity(_, text: str) -> str:
    """Another large value, which depends on every byte of the given one."""
    return value("answer " + digest(text))


def keeper(ctx: EntityContext, text):
    """Keeps what it is given, and gives back what it had."""
    before = ctx.get_state(str, "")
    if ctx.operation == "put":
        ctx.set_state(text)
    if ctx.operation == "drop":
        ctx.set_state(None)
    return before


class Server:
    def __init__(self, address):
        self.address = address
        self.client = TaskHubGrpcClient(host_address=address, channel_options=LARGE)

    @contextmanager
    def working(self, *orchestrators):
        worker = TaskHubGrpcWorker(host_address=self.address, channel_options=LARGE)
        for orchestrator in orchestrators:
            worker.add_orchestrator(orchestrator)
        worker.add_activity(answer_activity)
        worker.add_entity(keeper)
        worker.start()
        try:
            yield
        finally:
            worker.stop()

    def output(self, instance):
        state = None
        while state is None or not state.runtime_status.name in ("COMPLETED", "FAILED", "TERMINATED"):
            state = until_answered(lambda: self.client.wait_for_orchestration_completion(
                instance, timeout=DEADLINE, fetch_payloads=True))
        assert state.runtime_status == OrchestrationStatus.COMPLETED, state.failure_details
        return json.loads(state.serialized_output)


def child(ctx: task.OrchestrationContext, text):
    answered = yield ctx.call_activity(answer_activity, input=text)
    return answered


def order(ctx: task.OrchestrationContext, text):
    """An event, an activity, a child and an entity, each with large values; the last of them is left."""
    event = yield ctx.wait_for_external_event("goods")
    answered = yield ctx.call_activity(answer_activity, input=text + event)
    deeper = yield ctx.call_sub_orchestrator(child, input=answered)
    yield ctx.call_entity(EntityInstanceId("keeper", ctx.instance_id), "put", deeper)
    kept = yield ctx.call_entity(EntityInstanceId("keeper", ctx.instance_id), "get")
    return kept


def expected(seed):
    first = answer_activity(None, value(f"{seed}") + value(f"{seed} goods"))
    return answer_activity(None, first)


def again(ctx: task.OrchestrationContext, text):
    if len(text) == BYTES:
        ctx.continue_as_new("last " + text, save_events=True)
        return None
    return text
    yield


def everywhere(server):
    with server.working(order, child, again):
        instance = server.client.schedule_new_orchestration(order, input=value("a"))
        server.client.raise_orchestration_event(instance, "goods", data=value("a goods"))
        assert digest(server.output(instance)) == digest(expected("a"))
        state = server.client.get_orchestration_state(instance, fetch_payloads=True)
        same(json.loads(state.serialized_input), "a", "the input")
        history = server.client.get_orchestration_history(instance)
        assert len(history) > 10, history
        assert server.client.restart_orchestration(instance) == instance
        server.client.raise_orchestration_event(instance, "goods", data=value("a goods"))
        assert digest(server.output(instance)) == digest(expected("a"))

        renewed = server.client.schedule_new_orchestration(again, input=value("b"))
        same(server.output(renewed).removeprefix("last "), "b", "what was continued as new")

        entity = EntityInstanceId("keeper", "large")
        server.client.signal_entity(entity, "put", input=value("c"))
        eventually("the entity's state", lambda: digest(state_of(server, entity) or ""), digest(value("c")))
        for done in (instance, renewed):
            assert server.client.purge_orchestration(done).deleted_instance_count == 1
        assert server.client.get_orchestration_state(instance) is None
    print("ok everywhere", flush=True)


def kills(server, orders):
    wrong = []
    with server.working(order, child):
        for n in range(orders):
            id = f"order-{n}"
            until_answered(lambda: server.client.schedule_new_orchestration(
                order, input=value(f"{n}"), instance_id=id))
            until_answered(lambda: server.client.raise_orchestration_event(id, "goods", data=value(f"{n} goods")))
            print(f"acknowledged {n}", flush=True)
        for n in range(orders):
            if digest(server.output(f"order-{n}")) != digest(expected(n)):
                wrong.append(n)
            print(f"finished {n}", flush=True)
    print(json.dumps({"finished": orders, "wrong": wrong}), flush=True)


def main(what, address, orders="0"):
    server = Server(address)
    if what == "everywhere":
        everywhere(server)
    else:
        kills(server, int(orders))


if __name__ == "__main__":
    main(*sys.argv[1:])
