"""A client and a worker of a task hub that was never created.

    unknown_hub.py HOST:PORT HUB    prints what each of them is told

Both must be refused with NOT_FOUND and the hub's name, and must not wait: a typing error in a worker's settings
would otherwise look like a server without work.
"""

import sys

import grpc
from durabletask.client import TaskHubGrpcClient
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs


def told(who, call):
    try:
        call()
    except grpc.RpcError as error:
        print(f"{who}: {error.code().name}: {error.details()}")
    else:
        raise AssertionError(f"{who} was not refused")


def main(address, hub):
    metadata = [("taskhub", hub)]
    client = TaskHubGrpcClient(host_address=address, metadata=metadata)
    told("start", lambda: client.schedule_new_orchestration("greeting"))
    stub = stubs.TaskHubSidecarServiceStub(grpc.insecure_channel(address))
    told("worker", lambda: next(stub.GetWorkItems(pb.GetWorkItemsRequest(), metadata=metadata)))


if __name__ == "__main__":
    main(*sys.argv[1:3])
