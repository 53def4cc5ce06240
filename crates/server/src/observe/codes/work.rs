//! `OL-3xxx`: work items and the workers that take them.
//!
//! Not here: failures of user code. They belong to the instance and have no code.

super::codes! { WORK_CODES
    Error STALE_WORK_ITEM "OL-3001" "the work item is not this worker's any more" {
        "A worker answered a work item that was meanwhile given to another worker, finished, or belongs to an instance that was terminated, purged or replaced."
        "The answer was ignored; whoever holds the work item now decides. For activities this means that the code may have run twice: see AT-LEAST-ONCE."
        "Nothing, if it is rare. If it is frequent, workers are cut off while they work: look at their logs, the network and `grpc.keepalive`."
    }
    Error TOKEN_INVALID "OL-3002" "the completion token is not one of this task hub's" {
        "A worker answered with a token that is missing, malformed or was not signed by this task hub."
        "The answer was ignored and nothing was changed."
        "Answer with the token exactly as it came with the work item, to the task hub that it came from."
    }
    Warning WORK_ITEM_TOO_LARGE "OL-3003" "an instance is stuck: its work item is too large" {
        "The history and inbox of an instance, or the values of an activity or an entity, make a work item of more than `work.item_bytes_max`, which workers do not accept. The published ones take 4 MiB unless they are told otherwise."
        "The instance is held and makes no progress; nothing of it is lost. Others are not affected."
        "Let the workers accept more (`max_receive_message_length` of their gRPC channel) and raise `work.item_bytes_max`; or let the orchestration use continue-as-new and pass references instead of data. A worker that asks for history in chunks can take it as it is; then `outlast instance resume ID`."
    }
    Warning REDELIVERED_TOO_OFTEN "OL-3004" "a work item failed with too many workers" {
        "Each worker that took the work item went away before it answered, `work.redeliveries_max` times."
        "An instance is held as stuck; an activity is failed with this reason. Others are not affected."
        "Look at the workers' logs for what stops them (memory, a crash in this orchestration's code), then `outlast instance resume ID`."
    }
    Warning NO_WORKER "OL-3005" "work waits for a worker" {
        "No connected worker takes orchestrations or activities of this name and version."
        "Their instances make no progress; nothing is lost, and they go on when such a worker connects."
        "Start a worker that has the name registered. Compare spelling and version with `outlast instance show ID`."
    }
    Warning TERMINATION_FORCED "OL-3006" "an instance was ended without its worker" {
        "A terminated instance waited longer than `work.termination_wait` for its worker to confirm."
        "The instance has ended as terminated. Activities that were running may still finish; their results are ignored."
        "Nothing. Start a worker for this name if terminations shall be confirmed."
    }
    Error TURN_TOO_LARGE "OL-3007" "a turn's answer is too large" {
        "A worker answered one turn with more than 16 MiB or more than 20,000 actions."
        "The turn was not accepted and is handed out again; the instance makes no progress until the answer is smaller."
        "Let the orchestration schedule less in one step, and pass references instead of data."
    }
    Error TURN_INVALID "OL-3008" "a worker's answer cannot be used" {
        "A worker's answer lacks a field, has an action that this version does not know, or names things in a form that is not allowed. The message says which."
        "The answer was not accepted and the work item is handed out again."
        "Compare the SDK's version with the supported ones in the documentation; if it is one of them, this is a defect to report."
    }
    Warning INSTANCE_STUCK "OL-3009" "an instance is stuck" {
        "A turn of the instance could not be given to any worker. The instance carries the reason."
        "The instance is held and makes no progress; nothing of it is lost. Others are not affected."
        "Remove the reason (OL-3003 and OL-3004 are the usual ones), then `outlast instance resume ID`."
    }
    Warning GIVEN_BACK "OL-3010" "workers give work back" {
        "Workers took orchestrations or activities of this name and gave them back undone, several times: most often they reject the version, or their code stops before it begins."
        "Each is handed out again, after a wait that doubles to 30 seconds; nothing is lost, and others are not affected."
        "Look at the workers' logs. Where it is the version, start workers of that version, or let workers state names and versions in their filters."
    }
    Error TOO_MANY_WORKERS "OL-3011" "too many workers are connected" {
        "A worker asked for work, and 10,000 streams of this task hub are open already."
        "The worker was refused and tries again; those that are connected are not affected."
        "Look for a worker that opens streams without end (`outlast_workers_connected`)."
    }
    Warning EVENTS_WAIT "OL-3020" "lifecycle events are not configured yet" {
        "A partition did not answer when its feed of lifecycle events was to be set up as the settings say."
        "Nothing was changed; it is tried again every second. Events of this partition are not kept until then, unless they were before."
        "Look at why the partition does not answer (`outlast status`)."
    }
    Warning EVENT_REFUSED "OL-3021" "a receiver refuses lifecycle events" {
        "A receiver answered 400, 410, 413 or 422 to an event: it will not take it, however often it is sent."
        "The event is kept as a letter, and the next one is sent."
        "Look at the receiver, then send it again: `outlast events dead`, `outlast events resend`."
    }
}
