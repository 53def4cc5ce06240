//! Clients' calls about one instance: start, read, wait, signal, suspend, resume, end.
//!
//! Not here: what these do to an instance (`engine`). What comes in is checked here, once; what comes
//! back is a reply that every replica computes alike, told in the codes that SDKs act on.

use engine::id::InstanceId;
use engine::partition::StatusName;
use engine::partition::command::{
    Command, ForceTerminate, RaiseEvent, Resume, ResumeEntity, ReusePolicy, StartOrchestration, Suspend,
    Terminate,
};
use engine::partition::effect::{Refusal, Reply};
use engine::partition::view::InstanceView;
use outlast_proto::durable_task as proto;
use proto::OrchestrationStatus as Status;
use tonic::Status as Failure;

use super::call::Call;
use super::server::{Phase, Shared};
use super::{check, convert, status};
use crate::observe::codes;
use crate::partition::messages::Unavailable;
use crate::partition::watch::Until;

/// Instances in one batch.
pub(super) const BATCH_MAX: usize = 500;

/// Creates an instance.
pub(super) async fn start(
    call: Call,
    request: proto::CreateInstanceRequest,
) -> Result<proto::CreateInstanceResponse, Failure> {
    let instance = match request.instance_id.as_str() {
        "" => call.instance(&call.new_instance_id()?)?,
        given => call.instance(given)?,
    };
    let execution = match request.execution_id {
        Some(given) if !given.is_empty() => check::name("an execution id", given)?,
        Some(_) | None => call.fresh_id(),
    };
    let command = Command::StartOrchestration(StartOrchestration {
        instance: instance.as_str().to_owned(),
        request: call.request_id()?,
        execution,
        name: check::name("the name of an orchestration", request.name)?,
        version: check::version(request.version)?,
        input: check::value("the input", request.input)?,
        tags: check::tags(request.tags)?,
        scheduled_start: check::scheduled_start(request.scheduled_start_timestamp),
        reuse: request.orchestration_id_reuse_policy.map(reuse_policy).transpose()?,
        trace: request.parent_trace_context.map(convert::trace),
    });
    match call.ask(&instance, command).await? {
        Reply::Started { .. } | Reply::Done | Reply::Unchanged => {
            Ok(proto::CreateInstanceResponse { instance_id: instance.as_str().to_owned() })
        }
        Reply::Refused(refusal) => Err(status::refusal(refusal, instance.as_str())),
        other @ Reply::Purged { .. } => Err(status::unexpected(&other)),
    }
}

/// A policy that would replace a running instance must allow to end it first.
fn reuse_policy(policy: proto::OrchestrationIdReusePolicy) -> Result<ReusePolicy, Failure> {
    let mut running = Vec::new();
    for number in &policy.replaceable_status {
        match Status::try_from(*number) {
            Ok(Status::Completed | Status::Failed | Status::Terminated | Status::Canceled) => {}
            Ok(status @ (Status::Running | Status::Pending | Status::Suspended)) => running.push(status),
            Ok(Status::ContinuedAsNew) | Err(_) => {
                let told =
                    format!("Invalid reusable statuses: {number} is not a status an instance can be in");
                return Err(status::invalid(&codes::METADATA_INVALID, told));
            }
        }
    }
    if !running.is_empty() && !policy.replaceable_status.contains(&(Status::Terminated as i32)) {
        let told = format!(
            "Invalid reusable statuses: {running:?} can be replaced only where Terminated can be too, \
             because a running instance is terminated first"
        );
        return Err(status::invalid(&codes::METADATA_INVALID, told));
    }
    Ok(ReusePolicy { replaceable: policy.replaceable_status })
}

/// What is known about an instance.
pub(super) async fn get(
    call: Call,
    request: proto::GetInstanceRequest,
) -> Result<proto::GetInstanceResponse, Failure> {
    let instance = call.instance(&request.instance_id)?;
    let hub = call.hub().await?;
    let found = hub.instance(&instance, request.get_inputs_and_outputs).await;
    let found = found.map_err(|error| status::unavailable(&error))?;
    Ok(shown(found))
}

fn shown(found: Option<InstanceView>) -> proto::GetInstanceResponse {
    proto::GetInstanceResponse { exists: found.is_some(), orchestration_state: found.map(convert::state) }
}

/// Answers once the instance is no longer pending.
pub(super) async fn wait_for_start(
    call: Call,
    request: proto::GetInstanceRequest,
) -> Result<proto::GetInstanceResponse, Failure> {
    wait(call, request, Until::Changed, |status| status != StatusName::Pending).await
}

/// Answers once the instance has ended.
pub(super) async fn wait_for_completion(
    call: Call,
    request: proto::GetInstanceRequest,
) -> Result<proto::GetInstanceResponse, Failure> {
    wait(call, request, Until::Ended, StatusName::is_terminal).await
}

/// Waits, for as long as the caller does: also for an instance that does not exist yet, and across a
/// change of leader. Nothing is polled, and all is freed when the caller goes.
async fn wait(
    call: Call,
    request: proto::GetInstanceRequest,
    until: Until,
    is_reached: fn(StatusName) -> bool,
) -> Result<proto::GetInstanceResponse, Failure> {
    let instance = call.instance(&request.instance_id)?;
    let hub = call.hub().await?;
    let with_values = request.get_inputs_and_outputs;
    // Watched before it is read: a change in between is not lost.
    let watch = hub.watch(&instance, until);
    loop {
        match hub.instance(&instance, with_values).await {
            Ok(Some(view)) if is_reached(view.status) => return Ok(shown(Some(view))),
            Ok(_) | Err(Unavailable::NotLeading | Unavailable::Unknown) => {}
            Err(error) => return Err(status::unavailable(&error)),
        }
        tokio::select! {
            biased;
            () = watch.changed() => {}
            () = call.shared.reached(Phase::Stopped) => return Err(Shared::stopping()),
        }
    }
}

/// Delivers an event.
pub(super) async fn raise_event(
    call: Call,
    request: proto::RaiseEventRequest,
) -> Result<proto::RaiseEventResponse, Failure> {
    let instance = call.instance(&request.instance_id)?;
    let command = Command::RaiseEvent(RaiseEvent {
        instance: instance.as_str().to_owned(),
        request: call.request_id()?,
        name: check::name("the name of an event", request.name)?,
        input: check::value("the event's data", request.input)?,
    });
    change(&call, &instance, command).await?;
    Ok(proto::RaiseEventResponse {})
}

/// Asks an instance to end. One that does not exist has ended as far as the caller is concerned.
pub(super) async fn terminate(
    call: Call,
    request: proto::TerminateRequest,
) -> Result<proto::TerminateResponse, Failure> {
    let instance = call.instance(&request.instance_id)?;
    let command = Command::Terminate(Terminate {
        instance: instance.as_str().to_owned(),
        request: call.request_id()?,
        output: check::value("the output", request.output)?,
        recursive: request.recursive,
    });
    match call.ask(&instance, command).await? {
        Reply::Done | Reply::Unchanged | Reply::Refused(Refusal::InstanceNotFound) => {
            Ok(proto::TerminateResponse {})
        }
        Reply::Refused(refusal) => Err(status::refusal(refusal, instance.as_str())),
        other @ (Reply::Started { .. } | Reply::Purged { .. }) => Err(status::unexpected(&other)),
    }
}

/// Holds an instance.
pub(super) async fn suspend(
    call: Call,
    request: proto::SuspendRequest,
) -> Result<proto::SuspendResponse, Failure> {
    let instance = call.instance(&request.instance_id)?;
    let command = Command::Suspend(Suspend {
        instance: instance.as_str().to_owned(),
        request: call.request_id()?,
        reason: check::note("the reason", request.reason)?,
    });
    change(&call, &instance, command).await?;
    Ok(proto::SuspendResponse {})
}

/// Lets a held instance go on.
pub(super) async fn resume(
    call: Call,
    request: proto::ResumeRequest,
) -> Result<proto::ResumeResponse, Failure> {
    if let Ok(entity) = call.entity(&request.instance_id) {
        let resume = ResumeEntity { entity: entity.as_str().to_owned(), request: call.request_id()? };
        change(&call, entity.as_instance(), Command::ResumeEntity(resume)).await?;
        return Ok(proto::ResumeResponse {});
    }
    let instance = call.instance(&request.instance_id)?;
    let command = Command::Resume(Resume {
        instance: instance.as_str().to_owned(),
        request: call.request_id()?,
        reason: check::note("the reason", request.reason)?,
    });
    change(&call, &instance, command).await?;
    Ok(proto::ResumeResponse {})
}

async fn change(call: &Call, instance: &InstanceId, command: Command) -> Result<(), Failure> {
    match call.ask(instance, command).await? {
        Reply::Done | Reply::Unchanged => Ok(()),
        Reply::Refused(refusal) => Err(status::refusal(refusal, instance.as_str())),
        other @ (Reply::Started { .. } | Reply::Purged { .. }) => Err(status::unexpected(&other)),
    }
}

/// Ends instances without asking their workers, and names those that could not be ended.
pub(super) async fn skip_graceful_terminations(
    call: Call,
    request: proto::SkipGracefulOrchestrationTerminationsRequest,
) -> Result<proto::SkipGracefulOrchestrationTerminationsResponse, Failure> {
    let ids = request.instance_batch.unwrap_or_default().instance_ids;
    if ids.len() > BATCH_MAX {
        let told = format!("{} instances, more than {BATCH_MAX} at once", ids.len());
        return Err(status::invalid(&codes::METADATA_INVALID, told));
    }
    let reason = check::note("the reason", request.reason)?;
    let mut unterminated = Vec::new();
    for id in ids {
        let ended = match call.instance(&id) {
            Ok(instance) => end_at_once(&call, &instance, reason.clone()).await?,
            Err(_) => false,
        };
        if !ended {
            unterminated.push(id);
        }
    }
    Ok(proto::SkipGracefulOrchestrationTerminationsResponse { unterminated_instance_ids: unterminated })
}

/// Whether the instance was running and has been ended.
async fn end_at_once(call: &Call, instance: &InstanceId, reason: Option<String>) -> Result<bool, Failure> {
    let hub = call.hub().await?;
    let found = hub.instance(instance, false).await.map_err(|error| status::unavailable(&error))?;
    let Some(view) = found.filter(|view| !view.status.is_terminal()) else { return Ok(false) };
    let id = instance.as_str().to_owned();
    let terminate = Terminate { instance: id.clone(), request: None, output: reason, recursive: false };
    if let Reply::Refused(_) = call.ask(instance, Command::Terminate(terminate)).await? {
        return Ok(false);
    }
    let force = ForceTerminate { instance: id, execution: view.execution };
    let forced = call.ask(instance, Command::ForceTerminate(force)).await?;
    Ok(!matches!(forced, Reply::Refused(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statuses: &[Status]) -> Result<ReusePolicy, Failure> {
        let replaceable_status = statuses.iter().map(|status| *status as i32).collect();
        reuse_policy(proto::OrchestrationIdReusePolicy { replaceable_status })
    }

    #[test]
    fn a_policy_that_replaces_running_instances_must_name_terminated_too() {
        assert!(policy(&[]).is_ok());
        assert!(policy(&[Status::Completed, Status::Failed]).is_ok());
        assert!(policy(&[Status::Running, Status::Terminated]).is_ok());
        for status in [Status::Running, Status::Pending, Status::Suspended] {
            let refusal = policy(&[status, Status::Completed]).expect_err("not without terminated");
            assert_eq!(refusal.code(), tonic::Code::InvalidArgument);
            assert!(refusal.message().contains("Invalid reusable statuses"));
        }
    }

    #[test]
    fn a_policy_with_numbers_that_are_no_status_is_refused() {
        for number in [2, 8, -1] {
            let policy = proto::OrchestrationIdReusePolicy { replaceable_status: vec![number] };
            assert!(reuse_policy(policy).is_err(), "{number}");
        }
    }
}
