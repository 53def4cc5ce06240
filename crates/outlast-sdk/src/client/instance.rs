//! What the server tells about one instance.
//!
//! Values are kept as the JSON text they are; `input`, `output` and `custom_status` read them as a type.

use std::collections::BTreeMap;
use std::time::SystemTime;

use outlast_proto::durable_task as pb;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::{time, value};

/// Where an instance is in its life.
///
/// ```
/// # use outlast_sdk::Status;
/// assert!(Status::Failed.is_final() && !Status::Suspended.is_final());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Accepted; its code has not begun.
    Pending,
    /// Its code has begun and not ended.
    Running,
    /// Held until somebody resumes it.
    Suspended,
    /// Ended with an output.
    Completed,
    /// Ended with a failure.
    Failed,
    /// Ended from outside.
    Terminated,
}

impl Status {
    /// Whether nothing will change any more.
    ///
    /// ```
    /// assert!(outlast_sdk::Status::Completed.is_final());
    /// ```
    pub fn is_final(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Terminated => true,
            Self::Pending | Self::Running | Self::Suspended => false,
        }
    }

    pub(super) fn to_wire(self) -> pb::OrchestrationStatus {
        use pb::OrchestrationStatus as Wire;
        match self {
            Self::Pending => Wire::Pending,
            Self::Running => Wire::Running,
            Self::Suspended => Wire::Suspended,
            Self::Completed => Wire::Completed,
            Self::Failed => Wire::Failed,
            Self::Terminated => Wire::Terminated,
        }
    }

    fn from_wire(status: pb::OrchestrationStatus) -> Self {
        use pb::OrchestrationStatus as Wire;
        match status {
            Wire::Pending => Self::Pending,
            // Continuing as new is running on, as far as anybody outside can tell.
            Wire::Running | Wire::ContinuedAsNew => Self::Running,
            Wire::Suspended => Self::Suspended,
            Wire::Completed => Self::Completed,
            Wire::Failed => Self::Failed,
            Wire::Canceled | Wire::Terminated => Self::Terminated,
        }
    }
}

/// One instance as the server described it.
///
/// ```
/// # use outlast_sdk::{Instance, Status};
/// fn line(instance: &Instance) -> String {
///     format!("{} {:?} {}", instance.id, instance.status, instance.name)
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// The id of its current execution.
    pub execution_id: Option<String>,
    /// The name of its orchestration.
    pub name: String,
    /// The version of its orchestration.
    pub version: Option<String>,
    /// Where it is in its life.
    pub status: Status,
    /// When it was accepted.
    pub created_at: SystemTime,
    /// When it last changed.
    pub updated_at: SystemTime,
    /// When it ended.
    pub completed_at: Option<SystemTime>,
    /// The instance that called it.
    pub parent_id: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// Its input as JSON text.
    pub input_json: Option<String>,
    /// Its output as JSON text.
    pub output_json: Option<String>,
    /// Its custom status as JSON text.
    pub custom_status_json: Option<String>,
}

impl Instance {
    pub(crate) fn from_wire(state: pb::OrchestrationState) -> Self {
        let at = |time: Option<&prost_types::Timestamp>| time.map(time::to_system);
        Self {
            status: Status::from_wire(state.orchestration_status()),
            created_at: at(state.created_timestamp.as_ref()).unwrap_or(SystemTime::UNIX_EPOCH),
            updated_at: at(state.last_updated_timestamp.as_ref()).unwrap_or(SystemTime::UNIX_EPOCH),
            completed_at: at(state.completed_timestamp.as_ref()),
            id: state.instance_id,
            execution_id: state.execution_id,
            name: state.name,
            version: state.version,
            parent_id: state.parent_instance_id,
            tags: state.tags.into_iter().collect(),
            failure: state.failure_details.map(|details| Failure::from_wire(Some(details))),
            input_json: state.input,
            output_json: state.output,
            custom_status_json: state.custom_status,
        }
    }

    /// Its input.
    ///
    /// ```
    /// # fn example(instance: outlast_sdk::Instance) -> Result<(), serde_json::Error> {
    /// let value: Vec<String> = instance.input()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The input is not of that type.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        value::read(self.input_json.as_deref())
    }

    /// Its output.
    ///
    /// ```
    /// # fn example(instance: outlast_sdk::Instance) -> Result<(), serde_json::Error> {
    /// let value: u64 = instance.output()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The output is not of that type, or there is none.
    pub fn output<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        value::read(self.output_json.as_deref())
    }

    /// What its code says of itself.
    ///
    /// ```
    /// # fn example(instance: outlast_sdk::Instance) -> Result<(), serde_json::Error> {
    /// let value: String = instance.custom_status()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The status is not of that type, or there is none.
    pub fn custom_status<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        value::read(self.custom_status_json.as_deref())
    }
}
