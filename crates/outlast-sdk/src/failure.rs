//! How an activity or orchestration says that it did not work, in a form that survives the wire.
//!
//! A [`Failure`] keeps its kind, message, cause and properties from the worker that raised it to the
//! client that reads it, through any number of parents. Errors of the connection are not here: see
//! [`Error`](crate::Error).

use std::collections::BTreeMap;
use std::fmt;

use outlast_proto::durable_task as pb;

/// The kind of a failure that the SDK raises when user code panics.
pub const PANIC: &str = "Panic";
/// The kind of a failure that the SDK raises when code and history disagree.
pub const NON_DETERMINISM: &str = "NonDeterminism";
/// The kind of a failure that the SDK raises when an orchestration waits for something of the outside.
pub const FOREIGN_AWAIT: &str = "ForeignAwait";
/// The kind of a failure made of an instance that was ended from outside.
pub const TERMINATED: &str = "Terminated";
/// The kind of a failure made of [`Elapsed`](crate::Elapsed).
pub const ELAPSED: &str = "Elapsed";
/// The kind of a failure that the SDK raises when a lock of entities is used in a way that could block.
pub const LOCK_RULES: &str = "LockRules";
/// The kind of a failure that the SDK raises when a value cannot be read or written as JSON.
pub const SERIALIZATION: &str = "Serialization";

/// Causes deeper than this are cut off: a peer may send any depth, our stack is finite.
const DEPTH_MAX: usize = 32;

/// Why an activity or orchestration failed.
///
/// Every error type that crosses the wire is a `Failure` there; `Failure` itself is the one to use where
/// nobody decides on the kind. An enum that callers match on gets [`derive(Failure)`](derive@crate::Failure).
///
/// ```
/// # use outlast_sdk::{activity, ActivityContext, Failure};
/// #[activity]
/// async fn charge(_: ActivityContext, cents: u64) -> Result<String, Failure> {
///     if cents > 100_000 {
///         return Err(Failure::new("CardDeclined", "over the limit").property("cents", cents).non_retriable());
///     }
///     let receipt = std::fs::read_to_string("receipt.txt")?;
///     Ok(receipt)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Failure {
    /// What kind of failure it is: a stable name to decide on, such as `CardDeclined`.
    pub kind: String,
    /// What happened, for people.
    pub message: String,
    /// Where it happened, when the language of the worker knows.
    pub stack_trace: Option<String>,
    /// The failure that caused this one.
    pub cause: Option<Box<Failure>>,
    /// Whether trying again is pointless; retry policies stop at it.
    pub non_retriable: bool,
    /// Further facts, by name.
    pub properties: BTreeMap<String, serde_json::Value>,
}

impl Failure {
    /// A failure of the kind with a message.
    ///
    /// ```
    /// let failure = outlast_sdk::Failure::new("CardDeclined", "no funds");
    /// assert_eq!(failure.to_string(), "CardDeclined: no funds");
    /// ```
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), ..Self::default() }
    }

    /// A failure made of any error and its sources; the kind is the name of the error's type.
    ///
    /// ```
    /// # use outlast_sdk::Failure;
    /// let failure = "seven".parse::<u32>().map_err(Failure::from_error).unwrap_err();
    /// assert_eq!(failure.message, "invalid digit found in string");
    /// ```
    pub fn from_error<E: std::error::Error>(error: E) -> Self {
        let mut failure = Self::new(std::any::type_name::<E>(), error.to_string());
        failure.cause = from_source(error.source(), DEPTH_MAX);
        failure
    }

    /// The same failure, marked as one that another attempt cannot cure.
    ///
    /// ```
    /// # use outlast_sdk::Failure;
    /// assert!(Failure::new("CardDeclined", "no funds").non_retriable().non_retriable);
    /// ```
    #[must_use]
    pub fn non_retriable(mut self) -> Self {
        self.non_retriable = true;
        self
    }

    /// The same failure with one more fact.
    ///
    /// ```
    /// # use outlast_sdk::Failure;
    /// let failure = Failure::new("CardDeclined", "no funds").property("cents", 1250);
    /// ```
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.properties.insert(name.into(), value.into());
        self
    }

    /// The same failure with what caused it.
    ///
    /// ```
    /// # use outlast_sdk::Failure;
    /// let failure = Failure::new("NotPaid", "order 7").caused_by(Failure::new("CardDeclined", "no funds"));
    /// assert_eq!(failure.cause.unwrap().kind, "CardDeclined");
    /// ```
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Failure>) -> Self {
        self.cause = Some(Box::new(cause.into()));
        self
    }

    /// The same failure with one more fact of any type that can be written as JSON.
    ///
    /// ```
    /// # use outlast_sdk::Failure;
    /// let failure = Failure::new("OutOfStock", "nothing left").with_field("missing", &vec!["pen", "ink"]);
    /// assert_eq!(failure.field::<Vec<String>>("missing").unwrap(), ["pen", "ink"]);
    /// ```
    #[must_use]
    pub fn with_field<T: serde::Serialize>(mut self, name: &str, value: &T) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => drop(self.properties.insert(name.to_owned(), value)),
            Err(error) => tracing::warn!(name, %error, "a field of an error cannot be written as JSON"),
        }
        self
    }

    /// A fact by its name, if it is there and of that type.
    ///
    /// ```
    /// # use outlast_sdk::Failure;
    /// let failure = Failure::new("CardDeclined", "no funds").property("cents", 1250);
    /// assert_eq!(failure.field::<u64>("cents"), Some(1250));
    /// assert_eq!(failure.field::<String>("cents"), None);
    /// ```
    pub fn field<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        // A fact that is null and one that is not there are the same on some wires.
        let value = self.properties.get(name).cloned().unwrap_or_default();
        let text = match &value {
            serde_json::Value::String(text) => Some(text.clone()),
            _ => None,
        };
        // A number too great for the wire's doubles travels as its text.
        serde_json::from_value(value).ok().or_else(|| serde_json::from_str(&text?).ok())
    }

    pub(crate) fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panicked without a message".to_owned());
        Self::new(PANIC, message)
    }

    pub(crate) fn from_wire(details: Option<pb::TaskFailureDetails>) -> Self {
        details.map_or_else(
            || Self::new("Unknown", "the server gave no details"),
            |details| from_wire_depth(details, DEPTH_MAX),
        )
    }

    pub(crate) fn into_wire(self) -> pb::TaskFailureDetails {
        pb::TaskFailureDetails {
            error_type: self.kind,
            error_message: self.message,
            stack_trace: self.stack_trace,
            inner_failure: self.cause.map(|cause| Box::new(cause.into_wire())),
            is_non_retriable: self.non_retriable,
            properties: self
                .properties
                .into_iter()
                .map(|(name, value)| (name, value_into_wire(value)))
                .collect(),
        }
    }
}

fn from_source(source: Option<&(dyn std::error::Error + 'static)>, depth: usize) -> Option<Box<Failure>> {
    let source = source.filter(|_| depth > 0)?;
    let mut failure = Failure::new("Error", source.to_string());
    failure.cause = from_source(source.source(), depth - 1);
    Some(Box::new(failure))
}

fn from_wire_depth(details: pb::TaskFailureDetails, depth: usize) -> Failure {
    let cause = details.inner_failure.filter(|_| depth > 0);
    Failure {
        kind: details.error_type,
        message: details.error_message,
        stack_trace: details.stack_trace,
        cause: cause.map(|cause| Box::new(from_wire_depth(*cause, depth - 1))),
        non_retriable: details.is_non_retriable,
        properties: details
            .properties
            .into_iter()
            .map(|(name, value)| (name, value_from_wire(value, DEPTH_MAX)))
            .collect(),
    }
}

fn value_into_wire(value: serde_json::Value) -> prost_types::Value {
    use prost_types::value::Kind;
    use serde_json::Value;
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        // The wire has doubles only; a number that is none is sent as its text rather than changed.
        Value::Number(value) => {
            exact(&value).map_or_else(|| Kind::StringValue(value.to_string()), Kind::NumberValue)
        }
        Value::String(value) => Kind::StringValue(value),
        Value::Array(values) => Kind::ListValue(prost_types::ListValue {
            values: values.into_iter().map(value_into_wire).collect(),
        }),
        Value::Object(fields) => Kind::StructValue(prost_types::Struct {
            fields: fields.into_iter().map(|(name, value)| (name, value_into_wire(value))).collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}

/// The greatest whole number up to which doubles have every one.
const WHOLE_MAX: u64 = 1 << f64::MANTISSA_DIGITS;

/// The number as a double, unless it would be another one.
fn exact(number: &serde_json::Number) -> Option<f64> {
    let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    number.as_f64().filter(|_| number.is_f64() || size.is_some_and(|size| size <= WHOLE_MAX))
}

/// A double that is a whole number, as one, so that integer fields can read it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "checked on the line itself"
)]
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= WHOLE_MAX as f64).then_some(value as i64)
}

fn value_from_wire(value: prost_types::Value, depth: usize) -> serde_json::Value {
    use prost_types::value::Kind;
    use serde_json::Value;
    if depth == 0 {
        return Value::Null;
    }
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(value)) => whole(value).map_or_else(|| Value::from(value), Value::from),
        Some(Kind::StringValue(value)) => Value::String(value),
        Some(Kind::ListValue(list)) => {
            list.values.into_iter().map(|value| value_from_wire(value, depth - 1)).collect()
        }
        Some(Kind::StructValue(fields)) => {
            fields.fields.into_iter().map(|(name, value)| (name, value_from_wire(value, depth - 1))).collect()
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::new("Error", message)
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::new("Error", message)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(SERIALIZATION, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::from_error(error)
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for Failure {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        let mut failure = Self::new("Error", error.to_string());
        failure.cause = from_source(error.source(), DEPTH_MAX);
        failure
    }
}

impl From<std::convert::Infallible> for Failure {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_survives_the_wire_with_cause_and_properties() {
        let mut failure = Failure::new("CardDeclined", "no funds").property("amount", 12.5).non_retriable();
        failure.cause = Some(Box::new(Failure::new("Bank", "said no")));
        assert_eq!(Failure::from_wire(Some(failure.clone().into_wire())), failure);
    }

    #[test]
    fn panic_message_is_kept() {
        let payload = std::panic::catch_unwind(|| panic!("boom {}", 7)).unwrap_err();
        assert_eq!(Failure::from_panic(payload.as_ref()), Failure::new(PANIC, "boom 7"));
    }

    #[test]
    fn causes_beyond_the_limit_are_cut_off() {
        let mut details = pb::TaskFailureDetails::default();
        for _ in 0..100 {
            details = pb::TaskFailureDetails { inner_failure: Some(Box::new(details)), ..Default::default() };
        }
        let mut depth = 0;
        let mut failure = &Failure::from_wire(Some(details));
        while let Some(cause) = &failure.cause {
            failure = cause;
            depth += 1;
        }
        assert_eq!(depth, DEPTH_MAX);
    }
}
