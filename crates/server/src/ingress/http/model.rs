//! What the HTTP API's JSON looks like. These shapes are frozen with `/api/v1`: fields are added,
//! never renamed or removed; lists say their `schema`.
//!
//! Times are RFC 3339 in UTC. Values of orchestrations (`input`, `output`, `custom_status`) are the
//! stored JSON, spliced in as it is; a value that is no JSON comes as a JSON string.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// The version of the shapes in this file.
pub const SCHEMA: u32 = 1;

/// The status of an instance, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Accepted, not yet started or scheduled for later.
    Pending,
    /// Started and not finished.
    Running,
    /// Held: takes no turns.
    Suspended,
    /// Finished with an output.
    Completed,
    /// Finished with a failure.
    Failed,
    /// Ended by somebody.
    Terminated,
}

impl Status {
    /// All, in the order of an instance's life.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Suspended, Self::Completed, Self::Failed, Self::Terminated];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Terminated => "terminated",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Whether nothing happens after it.
    pub fn is_final(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Terminated => true,
            Self::Pending | Self::Running | Self::Suspended => false,
        }
    }
}

/// Stored JSON text as it goes out; text that is no JSON becomes a JSON string.
pub fn stored_json(text: &str) -> Box<RawValue> {
    let as_string = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        RawValue::from_string(quoted).expect("a quoted string is JSON")
    };
    match serde_json::from_str::<&RawValue>(text) {
        Ok(value) => value.to_owned(),
        Err(_) => as_string(text),
    }
}

/// A node's state.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NodeStatus {
    /// Version of this shape.
    pub schema: u32,
    /// The program's version.
    pub version: String,
    /// When the node started.
    pub started_at: String,
    /// When this was true.
    pub as_of: String,
    /// Whether queries work.
    pub ready: bool,
    /// Its data directory.
    pub data_dir: String,
    /// Where workers and clients reach it.
    pub grpc: Vec<String>,
    /// Where HTTP reaches it.
    pub http: Vec<String>,
    /// What an operator should know now.
    pub warnings: Vec<Warning>,
    /// Its task hubs.
    pub hubs: Vec<Hub>,
}

/// Something an operator should know.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Warning {
    /// A code of the register.
    pub code: String,
    /// What it is about.
    pub detail: String,
    /// What to do.
    pub next: String,
}

/// A task hub.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Hub {
    /// Its name.
    pub name: String,
    /// `active` or `deleted`.
    pub state: HubState,
    /// Its partitions; fixed when it was created.
    pub partitions: u32,
    /// When its activities may run; fixed when it was created.
    pub mode: HubMode,
    /// The greatest loss that its partitions are to survive.
    pub survive: HubSurvive,
    /// How many replicas each partition should have.
    pub replicas: u32,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<String>,
    /// Until when it can surely be brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
    /// Instances by status; absent where the hub is not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<BTreeMap<Status, u64>>,
}

/// Whether a task hub is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HubState {
    /// In use.
    Active,
    /// Deleted, and kept for the time being.
    Deleted,
}

/// When a task hub's activities may run. Answers, messages and reads always wait until what they
/// depend on is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HubMode {
    /// Once the turn that asked for them is durable.
    Conservative,
    /// Before that: steps do not wait for the log, and after a failure an activity may have run that
    /// history does not know.
    Speculative,
}

/// All task hubs.
#[derive(Debug, Serialize, ToSchema)]
pub struct HubList {
    /// Version of this shape.
    pub schema: u32,
    /// By name; deleted ones too.
    pub hubs: Vec<Hub>,
}

/// Creates a task hub.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHub {
    /// 1 to 64 letters, digits, `-` or `_`, beginning with a letter.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z][A-Za-z0-9_-]*$")]
    pub name: String,
    /// The node's setting where absent.
    #[schema(minimum = 1, maximum = 1024)]
    #[serde(default, deserialize_with = "whole_number")]
    pub partitions: Option<u32>,
    /// The node's setting where absent.
    pub mode: Option<HubMode>,
    /// The greatest loss that its partitions are to survive; `host` where absent.
    pub survive: Option<HubSurvive>,
    /// How many replicas each partition should have; 3 where absent.
    #[schema(minimum = 1, maximum = 9)]
    #[serde(default, deserialize_with = "whole_number")]
    pub replicas: Option<u32>,
    /// Create it although all nodes are in one domain of the level to survive.
    #[serde(default)]
    pub one_domain_is_fine: bool,
}

/// The greatest loss that a hub's partitions are to survive, where the cluster has enough nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HubSurvive {
    /// Any one node.
    Host,
    /// Any one zone: the second level of the fault domains.
    Zone,
    /// Any one region: the first level of the fault domains.
    Region,
}

/// JSON does not tell 8 from 8.0.
fn whole_number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(from)? else { return Ok(None) };
    let text = number.to_string();
    let whole = text.strip_suffix(".0").unwrap_or(&text).parse();
    whole.map(Some).map_err(|_| serde::de::Error::custom(format!("{text} is not a whole number of 32 bits")))
}

/// Starts an instance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInstance {
    /// The orchestration's name: at most 1,024 bytes.
    #[schema(min_length = 1, max_length = 1024, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$")]
    pub name: String,
    /// 1 to 100 characters; minted where absent.
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$")]
    pub id: Option<String>,
    /// The orchestration's version: at most 1,024 bytes.
    #[schema(max_length = 1024, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$")]
    pub version: Option<String>,
    /// Any JSON.
    #[schema(value_type = Option<serde_json::Value>)]
    pub input: Option<Box<RawValue>>,
    /// Labels, returned as given.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Start then, not now: RFC 3339.
    #[schema(format = DateTime)]
    pub start_at: Option<String>,
    /// An existing instance of this id in one of these statuses is replaced.
    #[serde(default)]
    pub replace: Vec<Status>,
}

/// An instance was started, or had been by the same request before.
#[derive(Debug, Serialize, ToSchema)]
pub struct StartedInstance {
    /// Version of this shape.
    pub schema: u32,
    /// Its id.
    pub id: String,
    /// Whether it was created; a repeat with the same key gets the answer of the first.
    pub created: bool,
}

/// Why, for people.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Kept in the history.
    pub reason: Option<String>,
}

/// How to end an instance.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Termination {
    /// Becomes the instance's output: any JSON.
    #[schema(value_type = Option<serde_json::Value>)]
    pub output: Option<Box<RawValue>>,
    /// Sub-orchestrations too; they are where this is absent.
    pub recursive: Option<bool>,
}

/// An action on an instance is done, durably.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    /// Version of this shape.
    pub schema: u32,
    /// The instance.
    pub id: String,
    /// False where nothing had to change: already so, finished, or a repeat.
    pub changed: bool,
}

/// Instances removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Purged {
    /// Version of this shape.
    pub schema: u32,
    /// How many.
    pub purged: u32,
}

/// An instance.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// The orchestration's name.
    pub name: String,
    /// The orchestration's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its status.
    pub status: Status,
    /// Why it makes no progress, or what it waits for; absent where it is at work or finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
    /// Which execution: another one after continue-as-new or a replacement.
    pub execution: String,
    /// Its partition.
    pub partition: u32,
    /// When it was accepted.
    pub created_at: String,
    /// When something last happened to it.
    pub updated_at: String,
    /// When it finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// When it is to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<String>,
    /// What it was given: any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub input: Option<Box<RawValue>>,
    /// What it returned: any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub output: Option<Box<RawValue>>,
    /// What it says of itself: any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub custom_status: Option<Box<RawValue>>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The instance it is a sub-orchestration of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Events in its history.
    pub history_events: u64,
}

/// Why an instance makes no progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WaitingFor {
    /// Which kind of reason.
    pub kind: WaitingKind,
    /// One sentence.
    pub detail: String,
    /// A code of the register, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

/// Kinds of reasons why an instance makes no progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaitingKind {
    /// Its start time.
    Schedule,
    /// Somebody who resumes it.
    Resume,
    /// Somebody who removes what holds it, and resumes it.
    Stuck,
    /// A worker that takes its next turn.
    Worker,
    /// Activities, timers, events or sub-orchestrations that its code awaits.
    Tasks,
}

/// Why an instance or task failed.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Failure {
    /// The kind of error, as the worker names it.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it says.
    pub message: String,
    /// Where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_trace: Option<String>,
    /// What caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub cause: Option<Box<Failure>>,
    /// Another attempt cannot cure it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub non_retriable: bool,
    /// The error's own fields.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, serde_json::Value>,
}

/// A page of instances.
#[derive(Debug, Serialize, ToSchema)]
pub struct InstanceList {
    /// Version of this shape.
    pub schema: u32,
    /// In the order of their ids within each partition.
    pub instances: Vec<Instance>,
    /// Give it back as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A page of an instance's history.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    /// Version of this shape.
    pub schema: u32,
    /// The execution it belongs to.
    pub execution: String,
    /// In order.
    pub events: Vec<HistoryEvent>,
    /// Give it back as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One event of a history.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistoryEvent {
    /// Its place in the history, from 1.
    pub number: u64,
    /// When.
    pub at: String,
    /// What happened, such as `TaskCompleted`.
    pub kind: &'static str,
    /// The task's number within the orchestration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<i32>,
    /// The name of an activity, event, sub-orchestration or orchestration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An input, result or event data: any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub value: Option<Box<RawValue>>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// When a timer is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fire_at: Option<String>,
    /// The instance of a sub-orchestration, or the target of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}
