"""A client of a server whose disk is full.

    disk_full.py HOST:PORT until-refused FILE     starts instances until one is refused; FILE lists the others
    disk_full.py HOST:PORT until-accepted FILE    starts instances until one is accepted; all in FILE must be there

A refusal must be a clear one: RESOURCE_EXHAUSTED or UNAVAILABLE with a message that says what is full.
Not here: filling the disk.
"""

import sys
import uuid

import grpc
from durabletask.client import TaskHubGrpcClient

REFUSALS = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
ATTEMPTS_MAX = 100_000


def start(client, instance):
    """Whether it was accepted."""
    try:
        client.schedule_new_orchestration("nobody runs this", instance_id=instance, input="x" * 100_000)
        return True
    except grpc.RpcError as error:
        assert error.code() in REFUSALS, f"{error.code()}: {error.details()}"
        assert "disk" in error.details() or "space" in error.details(), error.details()
        return False


def main(address, until, file):
    client = TaskHubGrpcClient(host_address=address)
    accepted = []
    for _ in range(ATTEMPTS_MAX):
        instance = uuid.uuid4().hex
        if start(client, instance):
            accepted.append(instance)
            if until == "until-accepted":
                break
        elif until == "until-refused":
            print("refused")
            break
    else:
        raise AssertionError(f"never {until}")
    with open(file, "a") as lines:
        lines.writelines(f"{instance}\n" for instance in accepted)
    if until == "until-accepted":
        with open(file) as lines:
            for instance in lines.read().split():
                assert client.get_orchestration_state(instance) is not None, f"{instance} is lost"


if __name__ == "__main__":
    main(*sys.argv[1:4])
