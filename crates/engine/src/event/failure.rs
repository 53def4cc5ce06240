//! Failures and trace contexts: carried whole, whatever they hold.
//!
//! Not here: deciding on retries, which is the SDKs' business.

use std::collections::BTreeMap;

use crate::limits;
use crate::partition::command::Moment;

/// Why something failed, whole: SDKs decide on retries by type and properties.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FailureDetails {
    /// The error's type, as the worker names it.
    #[prost(string, tag = "1")]
    pub error_type: String,
    /// The error's text.
    #[prost(string, tag = "2")]
    pub error_message: String,
    /// Where it happened.
    #[prost(message, optional, tag = "3")]
    pub stack_trace: Option<String>,
    /// What caused it.
    #[prost(message, optional, boxed, tag = "4")]
    pub inner_failure: Option<Box<FailureDetails>>,
    /// The worker asks for no retry.
    #[prost(bool, tag = "5")]
    pub is_non_retriable: bool,
    /// The error's own fields.
    #[prost(btree_map = "string, message", tag = "6")]
    pub properties: BTreeMap<String, Value>,
}

/// W3C trace context, passed through.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceContext {
    /// The `traceparent` header.
    #[prost(string, tag = "1")]
    pub trace_parent: String,
    /// The span, in the old form.
    #[prost(string, tag = "2")]
    pub span_id: String,
    /// The `tracestate` header.
    #[prost(message, optional, tag = "3")]
    pub trace_state: Option<String>,
}

/// The span that all turns of an orchestration share.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OrchestrationTraceContext {
    /// The span, in the old form.
    #[prost(message, optional, tag = "1")]
    pub span_id: Option<String>,
    /// When the span began.
    #[prost(message, optional, tag = "2")]
    pub span_start_time: Option<Moment>,
}

impl FailureDetails {
    /// A failure of our own making.
    pub fn new(error_type: &str, error_message: String) -> Self {
        Self { error_type: error_type.to_owned(), error_message, ..Self::default() }
    }

    /// Cuts off causes nested deeper than [`limits::FAILURE_DEPTH_MAX`].
    pub fn truncate(&mut self) {
        let mut failure = self;
        for _ in 1..limits::FAILURE_DEPTH_MAX {
            match failure.inner_failure.as_deref_mut() {
                Some(inner) => failure = inner,
                None => return,
            }
        }
        failure.inner_failure = None;
    }
}

/// A `google.protobuf.Value`: JSON as protobuf.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Value {
    /// What it is; absent is as good as null.
    #[prost(oneof = "ValueKind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<ValueKind>,
}

/// The kinds of [`Value`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ValueKind {
    /// Null; the number is 0.
    #[prost(int32, tag = "1")]
    Null(i32),
    /// A number.
    #[prost(double, tag = "2")]
    Number(f64),
    /// A text.
    #[prost(string, tag = "3")]
    Text(String),
    /// True or false.
    #[prost(bool, tag = "4")]
    Bool(bool),
    /// An object.
    #[prost(message, tag = "5")]
    Object(Object),
    /// An array.
    #[prost(message, tag = "6")]
    Array(Array),
}

/// A `google.protobuf.Struct`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Object {
    /// Its members.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// A `google.protobuf.ListValue`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Array {
    /// Its elements.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}
