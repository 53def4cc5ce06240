//! The wire contract of Outlast: what SDKs and servers say to each other, generated from `proto/`.
//!
//! [`durable_task`] is the Durable Task SDKs' own protocol, whose numbers are not ours to change;
//! [`worker`] carries the same messages in lists.
//! Not here: any meaning. What a message does is decided in the server; a field we do not know is
//! ignored by the decoder.

/// The version of this release; the crates that are published share it, and so does what a server says.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `TaskHubSidecarService`, its client, its server and its messages (Microsoft's dialect).
pub mod durable_task {
    #![allow(missing_docs, deprecated)]
    #![allow(clippy::all, clippy::pedantic)]
    tonic::include_proto!("_");

    /// Packages of ours, inside because they refer to the messages here.
    pub mod outlast {
        pub mod v1 {
            tonic::include_proto!("outlast.v1");
        }
    }

    /// The encoded `FileDescriptorSet` of all services and all they import, for gRPC reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/services.bin"));
}

/// `outlast.v1.WorkerStream`, its client, its server and its messages.
pub use durable_task::outlast::v1 as worker;

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::durable_task::{FILE_DESCRIPTOR_SET, HistoryEvent, OrchestrationStatus, WorkItem};

    #[test]
    fn the_descriptor_set_names_every_call_of_the_service() {
        let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("a descriptor set");
        let file = set.file.iter().find(|f| f.name() == "orchestrator_service.proto").expect("our file");
        assert_eq!(file.package(), "");
        assert_eq!(file.service[0].name(), "TaskHubSidecarService");
        assert_eq!(file.service[0].method.len(), 29);
    }

    #[test]
    fn a_newer_workers_field_is_ignored() {
        let item = [0x52, 1, b't', 0xfa, 0x07, 2, b'h', b'i'];
        let item = WorkItem::decode(item.as_slice()).expect("unknown fields are skipped");
        assert_eq!(item.completion_token, "t");
    }

    #[test]
    fn statuses_have_the_wires_numbers() {
        assert_eq!(OrchestrationStatus::Running as i32, 0);
        assert_eq!(OrchestrationStatus::Suspended as i32, 7);
    }

    #[test]
    fn an_absent_value_is_not_an_empty_one() {
        let event = |input: Option<String>| {
            use super::durable_task::{EventRaisedEvent, history_event::EventType};
            let event_type = Some(EventType::EventRaised(EventRaisedEvent { name: "n".into(), input }));
            let bytes = HistoryEvent { event_id: -1, timestamp: None, event_type }.encode_to_vec();
            HistoryEvent::decode(bytes.as_slice()).expect("what was encoded")
        };
        assert_ne!(event(None), event(Some(String::new())));
    }
}
