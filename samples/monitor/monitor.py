"""Eternal monitor: look, wait, begin anew. Each look has an empty history, so it may go on for years."""

import json
import sys
from datetime import timedelta

from durabletask.client import TaskHubGrpcClient
from durabletask.worker import TaskHubGrpcWorker


def look(_, check: int) -> int:
    return check * 25


def monitor(ctx, seen: list):
    check = len(seen) + 1
    percent = yield ctx.call_activity(look, input=check)
    if percent >= 100:
        return seen + [f"check {check}: done"]
    yield ctx.create_timer(timedelta(milliseconds=100))
    ctx.continue_as_new(seen + [f"check {check}: {percent} % done"])


def main(address):
    with TaskHubGrpcWorker(host_address=address) as worker:
        worker.add_orchestrator(monitor)
        worker.add_activity(look)
        worker.start()
        client = TaskHubGrpcClient(host_address=address)
        instance = client.schedule_new_orchestration(monitor, input=[])
        state = client.wait_for_orchestration_completion(instance, timeout=60)
        print("\n".join(json.loads(state.serialized_output)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:4001")
