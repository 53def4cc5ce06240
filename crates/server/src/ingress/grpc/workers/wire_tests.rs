//! The engine's types have the wire's field numbers: whatever a worker encodes, the engine reads,
//! and what it writes, a worker reads, with nothing lost.
//!
//! The samples are made from the protobuf file's own description, so that a field that is added
//! there and forgotten here is found.

use std::collections::BTreeMap;

use engine::event::{Action, HistoryEvent};
use outlast_proto::durable_task as proto;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use super::*;

/// Nesting to which samples are filled in: `TaskFailureDetails` and `Value` contain themselves.
const DEPTH: usize = 6;

struct Samples(BTreeMap<String, DescriptorProto>);

impl Samples {
    fn new() -> Self {
        let set = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).expect("a descriptor set");
        let mut messages = BTreeMap::new();
        for file in set.file {
            let scope =
                if file.package().is_empty() { String::new() } else { format!(".{}", file.package()) };
            for message in file.message_type {
                for nested in &message.nested_type {
                    messages.insert(format!("{scope}.{}.{}", message.name(), nested.name()), nested.clone());
                }
                messages.insert(format!("{scope}.{}", message.name()), message);
            }
        }
        Self(messages)
    }

    fn fields(&self, message: &str) -> &[FieldDescriptorProto] {
        &self.0[message].field
    }

    /// The numbers of the variants of a message's oneof.
    fn variants(&self, message: &str) -> Vec<i32> {
        let fields = self.fields(message).iter();
        fields.filter(|field| field.oneof_index.is_some()).map(FieldDescriptorProto::number).collect()
    }

    /// A message with every field set; of a oneof, field `variant`, or else the first.
    fn message(&self, message: &str, variant: Option<i32>, depth: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut chosen = variant;
        for field in self.fields(message) {
            if field.oneof_index.is_some() && *chosen.get_or_insert(field.number()) != field.number() {
                continue;
            }
            let times = if field.label() == Label::Repeated { 2 } else { 1 };
            for _ in 0..times {
                self.field(field, depth, &mut out);
            }
        }
        out
    }

    fn field(&self, field: &FieldDescriptorProto, depth: usize, out: &mut Vec<u8>) {
        let number = u32::try_from(field.number()).expect("field numbers are positive");
        let mut varint = |value| {
            encode_key(number, WireType::Varint, out);
            encode_varint(value, out);
        };
        match field.r#type() {
            Type::Bool | Type::Enum => varint(1),
            Type::Int32 | Type::Int64 => varint(u64::from(number) + 100),
            Type::Double => {
                encode_key(number, WireType::SixtyFourBit, out);
                out.extend_from_slice(&2.5f64.to_le_bytes());
            }
            Type::String => bytes(number, field.name().as_bytes(), out),
            Type::Message if depth < DEPTH => {
                bytes(number, &self.message(field.type_name(), None, depth + 1), out);
            }
            Type::Message => {}
            other => panic!("the protobuf file has a new kind of field: {other:?}"),
        }
    }
}

fn bytes(number: u32, content: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(u64::try_from(content.len()).expect("short"), out);
    out.extend_from_slice(content);
}

/// Through `Ours` and back, a `Theirs` is what it was.
fn check<Ours: Message + Default, Theirs: Message + Default + PartialEq + std::fmt::Debug>(
    sample: &[u8],
    what: &str,
) {
    let theirs = Theirs::decode(sample).expect("the sample is in the wire's form");
    let ours = Ours::decode(sample).unwrap_or_else(|error| panic!("{what}: {error}"));
    let back = Theirs::decode(ours.encode_to_vec().as_slice());
    assert_eq!(back.expect("what the engine writes is in the wire's form"), theirs, "{what}");
}

#[test]
fn every_event_is_the_same_in_the_engine_and_on_the_wire() {
    let samples = Samples::new();
    let variants = samples.variants(".HistoryEvent");
    assert_eq!(variants.len(), 28);
    for variant in variants {
        let sample = samples.message(".HistoryEvent", Some(variant), 0);
        check::<HistoryEvent, proto::HistoryEvent>(&sample, &format!("event {variant}"));
    }
}

#[test]
fn every_action_is_the_same_in_the_engine_and_on_the_wire() {
    let samples = Samples::new();
    let variants = samples.variants(".OrchestratorAction");
    assert_eq!(variants.len(), 8);
    for variant in variants {
        let sample = samples.message(".OrchestratorAction", Some(variant), 0);
        check::<Action, proto::OrchestratorAction>(&sample, &format!("action {variant}"));
    }
}

#[test]
fn answers_are_read_as_workers_write_them() {
    let samples = Samples::new();
    let sample = samples.message(".OrchestratorResponse", None, 0);
    let theirs = proto::OrchestratorResponse::decode(sample.as_slice()).expect("a sample");
    let ours = TurnAnswer::decode(sample.as_slice()).expect("ours");
    assert_eq!(proto::OrchestratorResponse::decode(ours.encode_to_vec().as_slice()), Ok(theirs));

    let sample = samples.message(".ActivityResponse", None, 0);
    let mut theirs = proto::ActivityResponse::decode(sample.as_slice()).expect("a sample");
    let ours = ActivityAnswer::decode(sample.as_slice()).expect("ours");
    // The token says which task it is.
    theirs.task_id = 0;
    assert_eq!(proto::ActivityResponse::decode(ours.encode_to_vec().as_slice()), Ok(theirs));
}
