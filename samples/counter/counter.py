"""Entity counter with lock: two counters, and moves between them that nobody sees half done."""

import json
import os
import sys

from durabletask.client import TaskHubGrpcClient
from durabletask.entities import DurableEntity, EntityInstanceId
from durabletask.worker import TaskHubGrpcWorker


class Counter(DurableEntity):
    def add(self, amount: int) -> int:
        value = self.get_state(int, 0) + amount
        self.set_state(value)
        return value


def move(ctx, order: dict):
    source, target = (EntityInstanceId("counter", order[key]) for key in ("from", "to"))
    amount = order["amount"]
    with (yield ctx.lock_entities([source, target])):
        there = yield ctx.call_entity(source, "add", 0)
        if there < amount:
            return f"not moved {amount}: only {there}"
        left = yield ctx.call_entity(source, "add", -amount)
        arrived = yield ctx.call_entity(target, "add", amount)
    return f"moved {amount}: {left} and {arrived}"


def main(address):
    with TaskHubGrpcWorker(host_address=address) as worker:
        worker.add_orchestrator(move)
        worker.add_entity(Counter)
        worker.start()
        client = TaskHubGrpcClient(host_address=address)
        full, empty = f"full-{os.getpid()}", f"empty-{os.getpid()}"
        client.signal_entity(EntityInstanceId("counter", full), "add", 100)
        for amount in (30, 90):
            order = {"from": full, "to": empty, "amount": amount}
            instance = client.schedule_new_orchestration(move, input=order)
            state = client.wait_for_orchestration_completion(instance, timeout=60)
            print(json.loads(state.serialized_output))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:4001")
