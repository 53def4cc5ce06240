"""Order fulfilment: reserve, charge with retries, wait for the packers, ship parcel by parcel, write.

Kill the server at any moment: the order goes on where it was, and the card is charged once, because the
bank is given the same key at every attempt.
"""

import json
import sys
import threading
from datetime import timedelta

from durabletask import task
from durabletask.client import TaskHubGrpcClient
from durabletask.worker import TaskHubGrpcWorker

attempts = {}
lock = threading.Lock()


def reserve(_, order: dict) -> str:
    return f"reserved on shelf-{order['number']}"


def charge(ctx, order: dict) -> str:
    with lock:
        attempts[ctx.orchestration_id] = attempt = attempts.get(ctx.orchestration_id, 0) + 1
    if attempt < 3:
        raise RuntimeError("the bank is busy")
    return f"charged {order['cents']} at attempt {attempt}"


def send(_, parcel: list) -> str:
    return f"sent parcel {parcel[1]} of order {parcel[0]}"


def write(_, order: dict) -> str:
    return f"order {order['number']} is on its way"


def ship(ctx, order: dict):
    parcels = [ctx.call_activity(send, input=[order["number"], n + 1]) for n in range(order["parcels"])]
    return (yield task.when_all(parcels))


def fulfil(ctx, order: dict):
    story = [(yield ctx.call_activity(reserve, input=order))]
    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=100), max_number_of_attempts=5)
    story.append((yield ctx.call_activity(charge, input=order, retry_policy=policy)))
    packed = ctx.wait_for_external_event("packed")
    winner = yield task.when_any([packed, ctx.create_timer(timedelta(days=1))])
    story.append(f"packed by {packed.get_result()}" if winner == packed else "nobody packed in time")
    story += yield ctx.call_sub_orchestrator(ship, input=order)
    story.append((yield ctx.call_activity(write, input=order)))
    return story


def main(address):
    with TaskHubGrpcWorker(host_address=address) as worker:
        for orchestrator in (fulfil, ship):
            worker.add_orchestrator(orchestrator)
        for activity in (reserve, charge, send, write):
            worker.add_activity(activity)
        worker.start()
        client = TaskHubGrpcClient(host_address=address)
        instance = client.schedule_new_orchestration(fulfil, input={"number": 7, "cents": 1299, "parcels": 2})
        client.raise_orchestration_event(instance, "packed", data="ann")
        state = client.wait_for_orchestration_completion(instance, timeout=60)
        print("\n".join(json.loads(state.serialized_output)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:4001")
