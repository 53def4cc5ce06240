//! `OL-2xxx`: a request was refused, and nothing changed.
//!
//! These are normal answers, the same on HTTP and gRPC; they are not logged as errors.

super::codes! { REQUEST_CODES
    Error HUB_NOT_FOUND "OL-2001" "there is no such task hub" {
        "The request names a task hub that does not exist, and `hubs.create_on_use` is not set."
        "Nothing was changed."
        "Check the name (`outlast hub list`), or create the hub: `outlast hub create NAME`. SDKs send it as metadata `taskhub`; without it the hub is `default`."
    }
    Error HUB_DELETED "OL-2002" "the task hub is deleted" {
        "The task hub was deleted. It can be brought back until it is removed for good, which nobody should do for 7 days."
        "Nothing was changed. Its state is kept but not used: no instance in it makes progress."
        "Bring it back with `outlast hub undelete NAME`, use another name, or remove it for good with `outlast hub delete NAME --final`."
    }
    Error HUB_NAME_INVALID "OL-2003" "this cannot be a task hub's name" {
        "A task hub's name has 1 to 64 letters, digits, `-` or `_`, and begins with a letter."
        "Nothing was changed."
        "Choose another name."
    }
    Error HUB_EXISTS "OL-2004" "a task hub of this name exists" {
        "A task hub was to be created under a name that is taken."
        "Nothing was changed."
        "Use the hub as it is, or choose another name. A deleted hub keeps its name until it is removed."
    }
    Error HUB_NOT_DELETED "OL-2005" "the task hub is not deleted" {
        "A final removal or an undelete was asked for a task hub that is in use."
        "Nothing was changed."
        "Delete it first (`outlast hub delete NAME`); that can be undone for 7 days."
    }
    Error CONFIRMATION_MISSING "OL-2006" "the name was not confirmed" {
        "A final removal needs the hub's name once more, in the parameter `confirm`, and it was missing or another one."
        "Nothing was changed."
        "Repeat the request with `confirm=NAME` if the state of this hub shall be gone for ever."
    }
    Error INSTANCE_NOT_FOUND "OL-2010" "there is no such instance" {
        "The task hub has no instance of this id. Ids are case-sensitive."
        "Nothing was changed."
        "Check id and hub (`outlast instance list`). Purged instances are gone."
    }
    Error INSTANCE_EXISTS "OL-2011" "an instance of this id exists" {
        "An instance was to be started under an id that is taken, and the call does not allow to replace it."
        "Nothing was changed; the existing instance goes on."
        "Choose another id, or name the statuses in which it may be replaced. If this was a retry of your own call, the first one has succeeded."
    }
    Error ID_INVALID "OL-2012" "this cannot be an instance's id" {
        "An id has 1 to 100 characters (at most 400 bytes) without control characters."
        "Nothing was changed."
        "Choose another id."
    }
    Error INSTANCE_RUNNING "OL-2013" "the instance has not finished" {
        "Only a finished instance can be purged, or restarted under its own id."
        "Nothing was changed; the instance goes on."
        "Terminate it first (`outlast instance terminate ID`), or wait until it has finished."
    }
    Error NAME_INVALID "OL-2014" "this cannot be a name" {
        "The name of an orchestration or an event, or a version, has 1 to 1,024 bytes without control characters."
        "Nothing was changed."
        "Choose another name."
    }
    Error TAGS_INVALID "OL-2015" "these tags cannot be kept" {
        "An instance has at most 64 tags; keys and values are at most 1,024 bytes each."
        "Nothing was changed."
        "Send fewer or shorter tags; large data belongs into the input."
    }
    Error TEXT_RESERVED "OL-2016" "a text has a form that is kept for the server" {
        "A name, a reason, a status or a failure holds the character U+10FFFF and behind it 72 digits: this is how the server names large values that it holds apart."
        "Nothing was changed."
        "Leave the character out. In inputs, results and event data it is allowed."
    }
    Error PAYLOAD_TOO_LARGE "OL-2020" "a value or message is too large" {
        "One value (an input, a result, an event's data, an entity's state) is at most 10 MiB, a custom status or a reason 1 MiB, one turn's answer at most 16 MiB, one HTTP body at most `http.body_bytes_max`."
        "Nothing was changed."
        "Send a reference to the data instead of the data."
    }
    Error BODY_INVALID "OL-2021" "the body cannot be read" {
        "The request's body is not JSON, has a field that does not exist, lacks one, or has one of the wrong type. The message says where."
        "Nothing was changed."
        "Compare the body with the description at /api/v1/openapi.json."
    }
    Error CONTENT_TYPE "OL-2022" "the body's type is not supported" {
        "A body must be sent as `Content-Type: application/json`."
        "Nothing was changed."
        "Set the header; with curl: `-H 'Content-Type: application/json'`."
    }
    Error PARAMETER_INVALID "OL-2023" "a parameter cannot be used" {
        "A query parameter or header is unknown, cannot be read, or is outside its range. The message names it."
        "Nothing was changed."
        "Correct it; parameters are described at /api/v1/openapi.json."
    }
    Error ROUTE_NOT_FOUND "OL-2024" "there is nothing at this path" {
        "The HTTP API has no resource at the requested path."
        "Nothing was changed."
        "Look at /api/v1/openapi.json for what there is. An id in a path must be percent-encoded: `/` is `%2F`."
    }
    Error METHOD_NOT_ALLOWED "OL-2025" "this method is not allowed here" {
        "The resource exists, but not with this HTTP method. The header `Allow` lists what it has."
        "Nothing was changed."
        "Use one of the methods in `Allow`."
    }
    Error HOST_NOT_ALLOWED "OL-2026" "the request was addressed to an unknown host" {
        "The `Host` header names neither a loopback address, an address the node listens on, nor one of `http.hosts_allowed`."
        "Nothing was changed. The check keeps web pages in a browser on this machine from talking to the node under a name of their own."
        "Use http://localhost:4002, or add the name to `http.hosts_allowed`."
    }
    Error DENIED "OL-2027" "this is not allowed" {
        "The caller may not do this to this resource."
        "Nothing was changed."
        "Ask whoever administers the task hub for the role that the message names."
    }
    Error INBOX_FULL "OL-2028" "the instance has too many waiting events" {
        "The instance has 100,000 events that it has not taken yet; more are refused so that it stays workable."
        "The event was not kept. Earlier ones are."
        "Look why the instance does not take its events: suspended, stuck, or without a worker (`outlast instance show ID`). Then send the event again."
    }
    Error CURSOR_INVALID "OL-2029" "the cursor cannot be used" {
        "A list was to be continued with a cursor that this node did not give for this list."
        "Nothing was changed."
        "Begin the list again without a cursor, and give cursors back unchanged, with the same filter."
    }
    Error UNSUPPORTED "OL-2030" "this is not supported yet" {
        "The call belongs to the protocol but this version has no implementation of it."
        "Nothing was changed."
        "Look at the release notes for the version that brings it."
    }
    Error IDEMPOTENCY_KEY_INVALID "OL-2031" "the idempotency key cannot be used" {
        "An `Idempotency-Key` has 1 to 128 printable ASCII characters and belongs to one request for one instance id."
        "Nothing was changed."
        "Send a fresh random key with each new request, and the same key with its retries. It is remembered for 10 minutes."
    }
    Error METADATA_INVALID "OL-2032" "metadata of the call cannot be used" {
        "A metadata entry or field of a gRPC call is missing, cannot be read or is outside its range. The message names it."
        "Nothing was changed."
        "Compare the call with the SDK's documentation; a published SDK that meets this is a defect to report."
    }
    Error ORIGIN_NOT_ALLOWED "OL-2033" "the request comes from another web page" {
        "The request carries an `Origin` that is not this node itself: a browser sent it on behalf of a web page."
        "Nothing was changed. The check keeps web pages from acting on a node that only this machine can reach."
        "Call the API from a program, or from a page that this node serves."
    }
    Error INSTANCE_FINISHED "OL-2040" "the instance has finished" {
        "The call acts on an instance that goes on, and this one has completed, failed or been terminated."
        "Nothing was changed."
        "Look at its end (`outlast instance show ID`). Start a new instance if there is more to do."
    }
    Error INSTANCE_NOT_FAILED "OL-2041" "the instance has not failed" {
        "Only a failed instance can be rewound."
        "Nothing was changed."
        "Look at its status (`outlast instance show ID`)."
    }
    Error REWIND_IMPOSSIBLE "OL-2042" "the instance cannot be rewound" {
        "The orchestration failed while it held locks on entities, which have been given to others, or its history has more than 16 MiB."
        "Nothing was changed; the instance stays failed."
        "Restart it (`outlast instance restart ID`): it begins again with its input, and every step runs again."
    }
    Error ENTITY_NOT_FOUND "OL-2043" "there is no such entity" {
        "The task hub has no entity of this id: an entity without a state, a lock or anything waiting does not exist. Names are kept in lower case, keys are case-sensitive."
        "Nothing was changed."
        "Check id and hub (`outlast entity list`). The id of an entity has the form `@name@key`."
    }
    Error MAILBOX_FULL "OL-2044" "the entity has too many waiting operations" {
        "The entity has 100,000 operations in its mailbox; more are refused so that it stays workable."
        "The operation was not kept. Earlier ones are."
        "Look why the entity does not take them: stuck, locked, or without a worker (`outlast entity show ID`). Then signal it again."
    }
    Error EVENTS_OFF "OL-2050" "the task hub keeps no lifecycle events" {
        "Lifecycle events were asked for, and the settings name no subscription to this task hub's events and do not ask to keep them."
        "Nothing was changed."
        "Name the hub in `events.hubs`, or add a subscription (`[events.NAME]`), and start the node again. Events are kept from then on."
    }
    Error EVENTS_GONE "OL-2051" "events after this place are gone" {
        "A feed was to be continued at a place behind which events have gone meanwhile, because more than `events.keep` came after them."
        "Nothing was changed. The events between this place and the oldest one kept cannot be read any more."
        "Begin again without `after`, and look at the instances themselves for what was missed. Read more often, or keep more."
    }
    Error SUBSCRIPTION_NOT_FOUND "OL-2052" "there is no such subscription" {
        "The settings have no subscription of this name to this task hub's lifecycle events."
        "Nothing was changed."
        "Look at `outlast events subscriptions` for those there are."
    }
    Error SCHEDULE_NOT_FOUND "OL-2053" "there is no such schedule" {
        "The task hub has no schedule of this name."
        "Nothing was changed."
        "Look at `outlast schedule list`."
    }
    Error SCHEDULE_EXISTS "OL-2054" "a schedule of this name exists" {
        "A schedule was to be created under a name that is taken."
        "Nothing was changed; the existing schedule goes on."
        "Choose another name, or change the one there is: `outlast schedule update NAME`."
    }
    Error SCHEDULE_INVALID "OL-2055" "this cannot be a schedule" {
        "A schedule has a name of 1 to 64 letters, digits, `-`, `_` or `.`, and either a cron expression of five fields (with an IANA time zone) or an interval of at least a second, and it has a tick to come. The message says what is wrong."
        "Nothing was changed."
        "Correct it; docs/howto/schedule-orchestrations.md has examples."
    }
    Error SCHEDULES_FULL "OL-2056" "there are too many schedules" {
        "A partition keeps at most 10,000 schedules; the name of a schedule picks its partition."
        "Nothing was changed."
        "Delete schedules that are over (`outlast schedule list`), or start what belongs together from one orchestration."
    }
    Error NODE_NOT_FOUND "OL-2060" "there is no such node" {
        "No node of the cluster has this number or name. One that was removed has neither."
        "Nothing was changed."
        "Look at the nodes: `outlast node list`."
    }
    Error NODE_IN_USE "OL-2061" "replicas are placed on the node" {
        "A node was to be removed on which replicas are placed. Without it, partitions would have fewer replicas than they should, or none."
        "Nothing was changed."
        "Drain it (`outlast node drain NODE`) and wait until `outlast node show NODE` counts no replicas."
    }
    Error NODE_CANNOT_DRAIN "OL-2062" "the node is needed" {
        "A node was to be drained, but for some of its replicas there is no other node, or none that lets them survive what they are to. The message names the first of them."
        "Nothing was changed; the node goes on as before."
        "Add a node, resume one that is draining, or let the hub have fewer replicas. With `--force` it is drained all the same; what has nowhere to go stays on it."
    }
    Error HUB_NOT_PLACEABLE "OL-2063" "the task hub cannot be placed" {
        "There are not the nodes that the task hub's replicas need. The message counts those that are left and says why others are not."
        "Nothing was changed; no such hub was created."
        "Add nodes, or ask for less: a smaller loss to survive (`--survive`), or fewer replicas (`--replicas`). If one domain is enough, say so with `--accept-one-domain`."
    }
    Error PARTITION_NOT_FOUND "OL-2064" "there is no such partition" {
        "The task hub has no partition of this number. They are counted from 0."
        "Nothing was changed."
        "Look at its partitions: `outlast partition list HUB`."
    }
}
