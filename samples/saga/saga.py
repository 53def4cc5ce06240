"""Saga: book step by step; when a step fails for good, undo what was done, last first."""

import json
import sys

from durabletask import task
from durabletask.client import TaskHubGrpcClient
from durabletask.worker import TaskHubGrpcWorker


def book(_, what: str) -> str:
    if what == "car":
        raise RuntimeError("no car is left")
    return f"booked {what}"


def cancel(_, what: str) -> str:
    return f"cancelled {what}"


def trip(ctx, parts: list):
    story, booked = [], []
    for part in parts:
        try:
            story.append((yield ctx.call_activity(book, input=part)))
            booked.append(part)
        except task.TaskFailedError as failed:
            story.append(failed.details.message)
            for done in reversed(booked):
                story.append((yield ctx.call_activity(cancel, input=done)))
            break
    return story


def main(address):
    with TaskHubGrpcWorker(host_address=address) as worker:
        worker.add_orchestrator(trip)
        worker.add_activity(book)
        worker.add_activity(cancel)
        worker.start()
        client = TaskHubGrpcClient(host_address=address)
        instance = client.schedule_new_orchestration(trip, input=["flight", "hotel", "car"])
        state = client.wait_for_orchestration_completion(instance, timeout=60)
        print("\n".join(json.loads(state.serialized_output)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:4001")
