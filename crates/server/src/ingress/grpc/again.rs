//! Clients' calls that give an ended instance another life: restart and rewind.
//!
//! Not here: what they do to an instance (`engine`). A restart under a new id is a start like any
//! other, with what the instance was begun with.

use engine::id::InstanceId;
use engine::partition::command::{Command, Restart, Rewind, StartOrchestration};
use engine::partition::effect::{Refusal, Reply};
use outlast_proto::durable_task as proto;
use tonic::Status;

use super::call::Call;
use super::{check, status};

/// Begins an instance anew: under its own id once it has ended, under a new one at any time.
pub(super) async fn restart(
    call: Call,
    request: proto::RestartInstanceRequest,
) -> Result<proto::RestartInstanceResponse, Status> {
    let instance = call.instance(&request.instance_id)?;
    let (target, command) = if request.restart_with_new_instance_id {
        copy(&call, &instance).await?
    } else {
        let command = Command::Restart(Restart {
            instance: instance.as_str().to_owned(),
            request: call.request_id()?,
            execution: call.fresh_id(),
        });
        (instance, command)
    };
    match call.ask(&target, command).await? {
        Reply::Started { instance, .. } => {
            Ok(proto::RestartInstanceResponse { instance_id: instance.as_str().to_owned() })
        }
        Reply::Refused(refusal) => Err(status::refusal(refusal, target.as_str())),
        other @ (Reply::Done | Reply::Unchanged | Reply::Purged { .. }) => Err(status::unexpected(&other)),
    }
}

/// The start of another instance with the name, version, input and tags of this one.
async fn copy(call: &Call, instance: &InstanceId) -> Result<(InstanceId, Command), Status> {
    let hub = call.hub().await?;
    let found = hub.instance(instance, true).await.map_err(|error| status::unavailable(&error))?;
    let found = found.ok_or_else(|| status::refusal(Refusal::InstanceNotFound, instance.as_str()))?;
    let target = call.instance(&call.new_instance_id()?)?;
    let command = Command::StartOrchestration(StartOrchestration {
        instance: target.as_str().to_owned(),
        request: call.request_id()?,
        execution: call.fresh_id(),
        name: found.name,
        version: found.version,
        input: found.input,
        tags: found.tags,
        ..StartOrchestration::default()
    });
    Ok((target, command))
}

/// Lets a failed instance try its failed steps again.
pub(super) async fn rewind(
    call: Call,
    request: proto::RewindInstanceRequest,
) -> Result<proto::RewindInstanceResponse, Status> {
    let instance = call.instance(&request.instance_id)?;
    let command = Command::Rewind(Rewind {
        instance: instance.as_str().to_owned(),
        request: call.request_id()?,
        reason: check::note("the reason", request.reason)?,
    });
    match call.ask(&instance, command).await? {
        Reply::Done | Reply::Unchanged => Ok(proto::RewindInstanceResponse {}),
        Reply::Refused(refusal) => Err(status::refusal(refusal, instance.as_str())),
        other @ (Reply::Started { .. } | Reply::Purged { .. }) => Err(status::unexpected(&other)),
    }
}
