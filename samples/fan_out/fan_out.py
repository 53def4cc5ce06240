"""Fan-out: ten activities side by side, and a sum when the last one is done."""

import sys

from durabletask import task
from durabletask.client import TaskHubGrpcClient
from durabletask.worker import TaskHubGrpcWorker


def square(_, number: int) -> int:
    return number * number


def sum_of_squares(ctx, up_to: int):
    squares = [ctx.call_activity(square, input=number) for number in range(1, up_to + 1)]
    return sum((yield task.when_all(squares)))


def main(address):
    with TaskHubGrpcWorker(host_address=address) as worker:
        worker.add_orchestrator(sum_of_squares)
        worker.add_activity(square)
        worker.start()
        client = TaskHubGrpcClient(host_address=address)
        instance = client.schedule_new_orchestration(sum_of_squares, input=10)
        state = client.wait_for_orchestration_completion(instance, timeout=60)
        print(f"the squares of 1 to 10 add up to {state.serialized_output}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:4001")
