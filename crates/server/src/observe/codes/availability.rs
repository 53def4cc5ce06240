//! `OL-4xxx`: the node could not do it now, or cannot say whether it did.
//!
//! The difference between 4001 and 4002 is the one that matters to callers: after the first,
//! nothing happened; after the second, something may have.

super::codes! { AVAILABILITY_CODES
    Error UNAVAILABLE "OL-4001" "not available now, nothing happened" {
        "The partition that the request needs is not ready: it is starting, stopping, or has no leader."
        "Nothing was changed; the request may be sent again at once."
        "Retry with a growing pause. If it lasts, look at `outlast status`."
    }
    Error OUTCOME_UNKNOWN "OL-4002" "the outcome is not known" {
        "The request was on its way into the log when the partition stopped, changed its leader or ran out of time."
        "It may or may not take effect. A retry with the same id (an instance's id, an `Idempotency-Key`) is never carried out twice."
        "Retry with the same id, or look at the instance before sending something that must not happen twice."
    }
    Error STOPPING "OL-4003" "the node is stopping" {
        "The node was told to stop and takes no new requests."
        "Nothing was changed."
        "Send the request again when the node is back, or to another node."
    }
    Error NOT_READY "OL-4004" "the node is not ready yet" {
        "The node is still opening its data, or replaying what came after the last checkpoint."
        "Nothing was changed; nothing is lost."
        "Wait for /readyz. The log says how far it is."
    }
    Error PARTITION_HALTED "OL-4005" "a partition has stopped for safety" {
        "A partition met a state that must not be: an entry of its log that cannot be applied, or data that contradicts itself. The log line has the partition and the position."
        "This partition stops on this node, with its state as it was; the others go on. Nothing acknowledged is discarded."
        "Keep the data directory as it is, run `outlast doctor`, and report the defect with the log lines around this one."
    }
    Error OVERLOADED "OL-4006" "the node has too much to do" {
        "More requests wait than the node may hold."
        "This request was refused before anything happened."
        "Retry with a growing pause; look at `outlast status` and the fsync times in /metrics."
    }
    Error INTERNAL "OL-4007" "a defect in the server" {
        "The server met a case that its authors believed impossible while it worked on this request."
        "This request failed; its outcome is not known. Other requests are not affected."
        "Report the defect with the log lines around it."
    }
}
