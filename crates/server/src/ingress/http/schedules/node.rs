//! Schedules of a hub: each lives in the partition that its name picks, as an instance's id does.
//!
//! First ticks are computed here, by this node's clock: whoever asks names no time.

use std::time::Duration;

use engine::id::{InstanceId, PartitionId};
use engine::partition::command::Command;
use engine::partition::effect::{Refusal, Reply};
use engine::partition::schedules::command::{Change, ChangeSchedule, PutSchedule, ResumeSchedule};
use engine::time::Timestamp;

use super::super::node::unavailable;
use super::super::problem::Problem;
use super::super::routes::actions::refused;
use super::routes::not_found;
use super::{Schedule, parse};
use crate::node::Hub;
use crate::observe::codes;
use crate::schedules::plan;

/// A first tick later than this is taken for a mistake.
const HORIZON: Duration = Duration::from_secs(3_653 * 24 * 3_600);

fn home(hub: &Hub, name: &str) -> Result<PartitionId, Problem> {
    Ok(id(name)?.partition(hub.partitions()))
}

fn id(name: &str) -> Result<InstanceId, Problem> {
    InstanceId::parse(name).map_err(|invalid| Problem::new(&codes::SCHEDULE_INVALID, invalid.to_string()))
}

/// One schedule.
pub(in super::super) async fn show(hub: &Hub, name: &str) -> Result<Option<Schedule>, Problem> {
    let found = hub.schedule(home(hub, name)?, name.to_owned()).await.map_err(unavailable)?;
    Ok(found.map(parse::shown))
}

/// A page of schedules beyond a place, and where the next begins.
pub(in super::super) async fn list(
    hub: &Hub,
    after: Option<String>,
    limit: usize,
) -> Result<(Vec<Schedule>, Option<String>), Problem> {
    let place = after.as_deref().and_then(|text| text.split_once(' '));
    let first: u32 = place.and_then(|(partition, _)| partition.parse().ok()).unwrap_or(0);
    let mut after = place.map(|(_, name)| name.to_owned());
    let mut found = Vec::new();
    for partition in (first..hub.partitions()).map(PartitionId) {
        let room = limit - found.len();
        let page = hub.schedules(partition, after.take(), room).await.map_err(unavailable)?;
        let last = page.last().map(|view| view.name.clone());
        found.extend(page.into_iter().map(parse::shown));
        if let (true, Some(last)) = (found.len() >= limit, last) {
            return Ok((found, Some(format!("{} {last}", partition.0))));
        }
    }
    Ok((found, None))
}

/// Creates or changes a schedule.
pub(in super::super) async fn put(hub: &Hub, now: Timestamp, command: PutSchedule) -> Result<(), Problem> {
    let invalid = |why: &str| Problem::new(&codes::SCHEDULE_INVALID, why);
    let name = command.name.clone();
    let next = command.spec.as_ref().and_then(|spec| plan::next_after(spec, now));
    let next = next.ok_or_else(|| invalid("end_at: it would have no tick, its end has come"))?;
    if next > now.plus(HORIZON) {
        return Err(invalid("start_at: its first tick would be more than ten years from now"));
    }
    let command = PutSchedule { next: Some(next.into()), ..command };
    asked(hub, &name, Command::PutSchedule(command)).await
}

/// Does something to a schedule.
pub(in super::super) async fn change(
    hub: &Hub,
    now: Timestamp,
    command: ChangeSchedule,
) -> Result<(), Problem> {
    let name = command.name.clone();
    let change = match command.change {
        Some(Change::Resume(_)) => {
            let found = hub.schedule(home(hub, &name)?, name.clone()).await.map_err(unavailable)?;
            let spec = found.ok_or_else(|| not_found(&name))?.spec;
            let next = plan::next_after(&spec, now).map(Into::into);
            Some(Change::Resume(ResumeSchedule { next }))
        }
        Some(Change::Trigger(mut run)) => {
            run.tick = now.into();
            Some(Change::Trigger(run))
        }
        other @ (Some(Change::Pause(_) | Change::Delete(_)) | None) => other,
    };
    asked(hub, &name, Command::ChangeSchedule(ChangeSchedule { change, ..command })).await
}

async fn asked(hub: &Hub, name: &str, command: Command) -> Result<(), Problem> {
    let id = id(name)?;
    let home = id.partition(hub.partitions());
    match hub.ask_partition(home, command).await.map_err(unavailable)? {
        Reply::Refused(Refusal::InstanceExists) => {
            Err(Problem::new(&codes::SCHEDULE_EXISTS, format!("there is a schedule {name:?} already")))
        }
        Reply::Refused(Refusal::InstanceNotFound) => Err(not_found(name)),
        Reply::Refused(refusal) => Err(refused(refusal, &id)),
        _ => Ok(()),
    }
}
