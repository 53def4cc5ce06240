"""Approval: a person answers, or time runs out. Neither costs anything while it is waited for."""

import json
import sys
from datetime import timedelta

from durabletask import task
from durabletask.client import TaskHubGrpcClient
from durabletask.worker import TaskHubGrpcWorker


def request(ctx, asked: dict):
    approved = ctx.wait_for_external_event("approved")
    timeout = ctx.create_timer(timedelta(seconds=asked["patience"]))
    winner = yield task.when_any([approved, timeout])
    answer = f"approved by {approved.get_result()}" if winner == approved else "nobody answered in time"
    return f"request for {asked['amount']}: {answer}"


def main(address):
    with TaskHubGrpcWorker(host_address=address) as worker:
        worker.add_orchestrator(request)
        worker.start()
        client = TaskHubGrpcClient(host_address=address)
        small = client.schedule_new_orchestration(request, input={"amount": 900, "patience": 86400})
        large = client.schedule_new_orchestration(request, input={"amount": 1900, "patience": 1})
        client.raise_orchestration_event(small, "approved", data="ann")
        for instance in (small, large):
            state = client.wait_for_orchestration_completion(instance, timeout=60)
            print(json.loads(state.serialized_output))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:4001")
