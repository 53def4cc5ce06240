"""Hello chain: three activities, one after the other. What is done stays done, whatever dies in between."""

import json
import sys

from durabletask.client import TaskHubGrpcClient
from durabletask.worker import TaskHubGrpcWorker


def hello(_, city: str) -> str:
    return f"Hello {city}!"


def greet(ctx, cities: list):
    greetings = []
    for city in cities:
        greetings.append((yield ctx.call_activity(hello, input=city)))
    return greetings


def main(address):
    with TaskHubGrpcWorker(host_address=address) as worker:
        worker.add_orchestrator(greet)
        worker.add_activity(hello)
        worker.start()
        client = TaskHubGrpcClient(host_address=address)
        instance = client.schedule_new_orchestration(greet, input=["Tokyo", "Seattle", "London"])
        state = client.wait_for_orchestration_completion(instance, timeout=60)
        print("\n".join(json.loads(state.serialized_output)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:4001")
