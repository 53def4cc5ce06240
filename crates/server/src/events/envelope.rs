//! What a receiver is sent: CloudEvents 1.0, or the Event Grid schema of Durable Functions.
//!
//! Ids are for ever: the same event has the same id however often it is sent, and no other has it.

use engine::partition::feed::{Lifecycle, LifecycleEvent};
use serde_json::{Value, json};

use crate::observe::rfc3339;

/// How events look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CloudEvents 1.0, one JSON object; with several in a post a JSON array.
    CloudEvents,
    /// The array that Event Grid delivers, with the fields of Durable Functions.
    EventGrid,
}

/// Where an event comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The task hub.
    pub hub: String,
    /// Its number in the catalog, because names may be used again.
    pub hub_id: u32,
    /// The partition.
    pub partition: u32,
    /// Its history of the world.
    pub lineage: u64,
}

impl Origin {
    /// The id of an event.
    pub fn id(&self, event: &LifecycleEvent) -> String {
        format!("{}.{}.{}.{}", self.hub_id, self.partition, self.lineage, event.number)
    }
}

/// The word for what became of an instance.
pub fn word(what: Lifecycle) -> &'static str {
    match what {
        Lifecycle::Started => "started",
        Lifecycle::Suspended => "suspended",
        Lifecycle::Resumed => "resumed",
        Lifecycle::Stuck => "stuck",
        Lifecycle::Completed => "completed",
        Lifecycle::Failed => "failed",
        Lifecycle::Terminated => "terminated",
        Lifecycle::Purged => "purged",
        Lifecycle::Rewound => "rewound",
    }
}

/// Reads the word.
pub fn parse(text: &str) -> Option<Lifecycle> {
    Lifecycle::ALL.into_iter().find(|what| word(*what) == text)
}

/// A body and its type.
pub fn body(format: Format, origin: &Origin, events: &[LifecycleEvent]) -> (&'static str, String) {
    match (format, events) {
        (Format::CloudEvents, [event]) => {
            ("application/cloudevents+json; charset=utf-8", cloud_event(origin, event).to_string())
        }
        (Format::CloudEvents, events) => {
            let all: Vec<Value> = events.iter().map(|event| cloud_event(origin, event)).collect();
            ("application/cloudevents-batch+json; charset=utf-8", Value::from(all).to_string())
        }
        (Format::EventGrid, events) => {
            let all: Vec<Value> = events.iter().map(|event| grid_event(origin, event)).collect();
            ("application/json; charset=utf-8", Value::from(all).to_string())
        }
    }
}

fn time(event: &LifecycleEvent) -> String {
    rfc3339::format(event.at.seconds(), event.at.nanos())
}

/// The event as CloudEvents has it; the feed in the API shows the same.
pub fn cloud_event(origin: &Origin, event: &LifecycleEvent) -> Value {
    json!({
        "specversion": "1.0",
        "id": origin.id(event),
        "source": format!("/hubs/{}", origin.hub),
        "type": format!("outlast.instance.{}", word(event.what)),
        "subject": event.instance,
        "time": time(event),
        "datacontenttype": "application/json",
        // Orders the events of a partition, and so those of each instance.
        "sequence": format!("{:020}", event.number),
        "partitionkey": origin.partition.to_string(),
        "data": {
            "hub": origin.hub,
            "instance": event.instance,
            "execution": event.execution,
            "name": event.name,
            "version": event.version,
            "reason": event.reason,
        },
    })
}

/// Statuses as Durable Functions calls them; it has no events for the later ones.
fn grid_status(what: Lifecycle) -> &'static str {
    match what {
        Lifecycle::Started => "Running",
        Lifecycle::Completed => "Completed",
        Lifecycle::Failed => "Failed",
        Lifecycle::Terminated => "Terminated",
        Lifecycle::Suspended => "Suspended",
        Lifecycle::Resumed => "Resumed",
        Lifecycle::Stuck => "Stuck",
        Lifecycle::Purged => "Purged",
        Lifecycle::Rewound => "Rewound",
    }
}

fn grid_event(origin: &Origin, event: &LifecycleEvent) -> Value {
    let status = grid_status(event.what);
    json!({
        "id": origin.id(event),
        "topic": format!("/hubs/{}", origin.hub),
        "subject": format!("durable/orchestrator/{status}"),
        "eventType": "orchestratorEvent",
        "eventTime": time(event),
        "metadataVersion": "1",
        "dataVersion": "1.0",
        "data": {
            "hubName": origin.hub,
            "functionName": event.name,
            "instanceId": event.instance,
            "reason": event.reason,
            "runtimeStatus": status,
        },
    })
}
