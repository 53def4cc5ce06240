"""What a worker that answers wrongly, late or twice gets: its messages are sent by hand.

    tokens.py HOST:PORT NAME      runs one scenario against a server that is there
    tokens.py --list              names them

Not here: well-behaved workers (scenarios.py). Only the published package's messages are used, so that
what is sent is what an SDK could send.
"""

import sys
import uuid

import grpc
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub
from google.protobuf import empty_pb2, wrappers_pb2

DEADLINE = 30
SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


class Hand:
    """A client and a worker in one, made of single calls."""

    def __init__(self, address, hub=None):
        metadata = [("taskhub", hub)] if hub else []
        self.channel = grpc.insecure_channel(address)
        self.stub = TaskHubSidecarServiceStub(self.channel)
        self.metadata = metadata

    def call(self, name, request):
        return getattr(self.stub, name)(request, timeout=DEADLINE, metadata=self.metadata)

    def refused(self, name, request, *codes):
        try:
            self.call(name, request)
        except grpc.RpcError as error:
            assert error.code() in codes, f"{name}: {error.code()} instead of {codes}: {error.details()}"
            return
        raise AssertionError(f"{name} not refused, {codes} expected")

    def start(self, name="by hand", instance=None):
        request = pb.CreateInstanceRequest(instanceId=instance or uuid.uuid4().hex, name=name)
        return self.call("StartInstance", request).instanceId

    def stream(self, **limits):
        """A stream of work items, closed when it is dropped."""
        request = pb.GetWorkItemsRequest(**limits)
        return self.stub.GetWorkItems(request, timeout=DEADLINE, metadata=self.metadata)

    def next(self, stream, kind):
        """The next item of a kind; pings in between do not count."""
        for item in stream:
            if item.WhichOneof("request") == "healthPing":
                continue
            assert item.WhichOneof("request") == kind, item
            return getattr(item, kind), item.completionToken
        raise AssertionError("the stream ended")

    def history(self, instance):
        request = pb.StreamInstanceHistoryRequest(instanceId=instance)
        chunks = self.stub.StreamInstanceHistory(request, timeout=DEADLINE, metadata=self.metadata)
        return [event.WhichOneof("eventType") for chunk in chunks for event in chunk.events]


def schedule(request, token, number=1):
    """An orchestrator's answer that schedules one activity."""
    action = pb.OrchestratorAction(id=number, scheduleTask=pb.ScheduleTaskAction(name="by hand"))
    return pb.OrchestratorResponse(instanceId=request.instanceId, actions=[action], completionToken=token)


def complete(request, token, result='"done"'):
    """An orchestrator's answer that ends it."""
    action = pb.CompleteOrchestrationAction(
        orchestrationStatus=pb.ORCHESTRATION_STATUS_COMPLETED,
        result=wrappers_pb2.StringValue(value=result),
    )
    actions = [pb.OrchestratorAction(id=9, completeOrchestration=action)]
    return pb.OrchestratorResponse(instanceId=request.instanceId, actions=actions, completionToken=token)


def answer(request, token, result="1"):
    """An activity's answer."""
    return pb.ActivityResponse(
        instanceId=request.orchestrationInstance.instanceId,
        taskId=request.taskId,
        result=wrappers_pb2.StringValue(value=result),
        completionToken=token,
    )


@scenario
def an_answer_given_twice_counts_once(hand):
    instance = hand.start()
    stream = hand.stream()
    turn, token = hand.next(stream, "orchestratorRequest")
    for _ in range(2):
        hand.call("CompleteOrchestratorTask", schedule(turn, token))
    task, token = hand.next(stream, "activityRequest")
    for result in ("1", "2"):
        hand.call("CompleteActivityTask", answer(task, token, result))
    turn, token = hand.next(stream, "orchestratorRequest")
    completed = [event.taskCompleted.result.value for event in turn.newEvents if event.WhichOneof("eventType") == "taskCompleted"]
    assert completed == ["1"], completed
    hand.call("CompleteOrchestratorTask", complete(turn, token))
    kinds = hand.history(instance)
    assert kinds.count("taskScheduled") == kinds.count("taskCompleted") == 1, kinds


@scenario
def an_answer_to_an_earlier_turn_is_refused(hand):
    hand.start()
    stream = hand.stream()
    turn, stale = hand.next(stream, "orchestratorRequest")
    hand.call("CompleteOrchestratorTask", schedule(turn, stale))
    task, token = hand.next(stream, "activityRequest")
    hand.call("CompleteActivityTask", answer(task, token))
    turn, token = hand.next(stream, "orchestratorRequest")
    hand.call("CompleteOrchestratorTask", complete(turn, token))
    # The first turn's own answer is a repeat; another answer under its token is not.
    hand.refused("CompleteOrchestratorTask", complete(turn, stale[:-1] + "A"), *BAD_TOKEN)
    again = hand.start()
    turn, token = hand.next(stream, "orchestratorRequest")
    assert turn.instanceId == again
    hand.call("CompleteOrchestratorTask", complete(turn, token))


BAD_TOKEN = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)


@scenario
def a_token_that_is_not_ours_is_refused(hand):
    hand.start()
    stream = hand.stream()
    turn, token = hand.next(stream, "orchestratorRequest")
    middle = len(token) // 2
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    for bad in ("nonsense", "ü", changed, token[:-4], token + "AAAA", "A" * 10_000):
        hand.refused("CompleteOrchestratorTask", complete(turn, bad), *BAD_TOKEN)
    hand.call("CompleteOrchestratorTask", schedule(turn, token))
    task, token = hand.next(stream, "activityRequest")
    hand.refused("CompleteActivityTask", answer(task, "nonsense"), *BAD_TOKEN)
    hand.call("CompleteActivityTask", answer(task, token))


@scenario
def a_token_of_one_instance_does_not_open_another(hand):
    hand.start(), hand.start()
    stream = hand.stream()
    first, first_token = hand.next(stream, "orchestratorRequest")
    second, second_token = hand.next(stream, "orchestratorRequest")
    assert first.instanceId != second.instanceId
    hand.refused("CompleteOrchestratorTask", complete(first, second_token), *BAD_TOKEN)
    hand.call("CompleteOrchestratorTask", complete(first, first_token))
    hand.call("CompleteOrchestratorTask", complete(second, second_token))


@scenario
def an_answer_after_a_purge_changes_nothing(hand):
    instance = hand.start()
    stream = hand.stream()
    turn, token = hand.next(stream, "orchestratorRequest")
    hand.call("CompleteOrchestratorTask", complete(turn, token))
    hand.call("PurgeInstances", pb.PurgeInstancesRequest(instanceId=instance))
    hand.start(instance=instance)
    again, new_token = hand.next(stream, "orchestratorRequest")
    assert again.instanceId == instance
    hand.refused("CompleteOrchestratorTask", complete(turn, token, '"late"'), grpc.StatusCode.NOT_FOUND)
    hand.call("CompleteOrchestratorTask", complete(again, new_token, '"new"'))
    state = hand.call("GetInstance", pb.GetInstanceRequest(instanceId=instance, getInputsAndOutputs=True))
    assert state.orchestrationState.output.value == '"new"', state


@scenario
def work_of_a_worker_that_left_is_handed_to_the_next(hand):
    hand.start()
    gone = hand.stream()
    turn, _ = hand.next(gone, "orchestratorRequest")
    gone.cancel()
    stream = hand.stream()
    again, token = hand.next(stream, "orchestratorRequest")
    assert again.instanceId == turn.instanceId
    assert [e.WhichOneof("eventType") for e in again.newEvents] == [e.WhichOneof("eventType") for e in turn.newEvents]
    hand.call("CompleteOrchestratorTask", complete(again, token))


@scenario
def a_worker_gets_no_more_at_once_than_it_asked_for(hand):
    instances = {hand.start() for _ in range(3)}
    stream = hand.stream(maxConcurrentOrchestrationWorkItems=1)
    seen = set()
    for _ in range(3):
        turn, token = hand.next(stream, "orchestratorRequest")
        seen.add(turn.instanceId)
        hand.call("CompleteOrchestratorTask", complete(turn, token))
    assert seen == instances


@scenario
def hubs_do_not_see_each_other(hand):
    other = Hand(hand.address, hub="other-hub")
    instance = hand.start()
    state = other.call("GetInstance", pb.GetInstanceRequest(instanceId=instance))
    assert not state.exists
    assert other.start(instance=instance) == instance


@scenario
def a_hub_name_that_cannot_be_is_refused(hand):
    for name in ("x" * 300, "a/b", "..", " "):
        Hand(hand.address, hub=name).refused("Hello", empty_pb2.Empty(), grpc.StatusCode.INVALID_ARGUMENT)


@scenario
def a_worker_that_sends_no_tokens_is_told_so_and_keeps_nothing(hand):
    instance = hand.start()
    go = hand.stream()
    turn, _ = hand.next(go, "orchestratorRequest")
    other = hand.stream()
    hand.refused("CompleteOrchestratorTask", complete(turn, ""), grpc.StatusCode.INVALID_ARGUMENT)
    again, token = hand.next(other, "orchestratorRequest")
    assert again.instanceId == instance
    hand.call("CompleteOrchestratorTask", complete(again, token))


@scenario
def a_compressed_message_is_refused_before_it_is_unpacked(hand):
    bomb = pb.CreateInstanceRequest(name="bomb", input=wrappers_pb2.StringValue(value="x" * (8 << 20)))
    try:
        hand.stub.StartInstance(bomb, timeout=DEADLINE, compression=grpc.Compression.Gzip)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
    else:
        raise AssertionError("a compressed message was taken")
    hand.start()


def main(address, name):
    if address == "--list":
        print("\n".join(SCENARIOS))
        return
    hand = Hand(address)
    hand.address = address
    SCENARIOS[name](hand)
    print(f"ok {name}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
