//! What an instance waits for, as a sentence: from what the engine knows and where its work stands.
//!
//! Not here: finding either. An operator who reads this should know what to do next.

use engine::partition::view::{InstanceView, OpenTasks, Waiting};

use super::model::{WaitingFor, WaitingKind};
use super::shapes::time;
use crate::dispatch::{Kind, Stage, Standing};
use crate::observe::codes;

/// What an open instance waits for; `standings`: its work that is on the board.
pub(super) fn waiting_for(view: &InstanceView, standings: &[Standing]) -> Option<WaitingFor> {
    let (kind, detail, code) = match &view.waiting {
        Waiting::Nothing => return None,
        Waiting::Worker => {
            let turn = standings.iter().find(|standing| standing.kind == Kind::Turn);
            let (detail, code) =
                turn.map_or_else(|| ("its next turn, which a worker will take".to_owned(), None), worker);
            (WaitingKind::Worker, detail, code)
        }
        Waiting::Start(at) => (WaitingKind::Schedule, format!("its start at {}", time(*at)), None),
        Waiting::Resume { reason } => (WaitingKind::Resume, held("somebody who resumes it", reason), None),
        Waiting::Stuck { reason } => (WaitingKind::Stuck, reason.clone(), Some(codes::INSTANCE_STUCK.id)),
        Waiting::Tasks(open) => {
            let own = tasks(open);
            let late = standings.iter().filter(|standing| standing.kind == Kind::Activity);
            let late = late.map(worker).find(|(_, code)| code.is_some());
            match late {
                Some((why, code)) => (WaitingKind::Tasks, format!("{own}; one waits for {why}"), code),
                None => (WaitingKind::Tasks, own, None),
            }
        }
    };
    Some(WaitingFor { kind, detail, code })
}

/// What a turn or an activity waits for, with a code where somebody should do something about it.
fn worker(standing: &Standing) -> (String, Option<&'static str>) {
    let Standing { name, version, given_back, attempts, .. } = standing;
    let what = match standing.kind {
        Kind::Turn => "orchestration",
        Kind::Activity => "activity",
        Kind::Batch => "entity",
    };
    let of =
        if version.is_empty() { format!("{what} {name:?}") } else { format!("{what} {name:?} {version:?}") };
    match standing.stage {
        Stage::NoWorker => (format!("a worker for {of}; none is connected"), Some(codes::NO_WORKER.id)),
        Stage::Slot => (format!("a free worker for {of}"), None),
        Stage::NextTry { after } if *given_back > 0 => {
            let seconds = after.as_secs_f64();
            let detail = format!(
                "a worker that does not give {of} back: {given_back} times so far, next try in {seconds:.1} s"
            );
            (detail, Some(codes::GIVEN_BACK.id))
        }
        Stage::NextTry { after } => {
            let seconds = after.as_secs_f64();
            let detail = format!(
                "a worker that survives {of}: {attempts} went away with it, next try in {seconds:.1} s"
            );
            (detail, Some(codes::REDELIVERED_TOO_OFTEN.id))
        }
        Stage::Answer => (format!("the answer of the worker that has {of}"), None),
    }
}

fn held(by: &str, reason: &str) -> String {
    if reason.is_empty() { by.to_owned() } else { format!("{by}: {reason}") }
}

fn tasks(open: &OpenTasks) -> String {
    let counted = |count: u32, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let parts = [
        counted(open.activities, "activity", "activities"),
        counted(open.children, "sub-orchestration", "sub-orchestrations"),
        counted(open.timers, "timer", "timers"),
        counted(open.calls, "entity call", "entity calls"),
        counted(open.locks, "entity lock", "entity locks"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "an external event".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn standing(stage: Stage, given_back: u32) -> Standing {
        let (name, version) = ("pay".to_owned(), "2".to_owned());
        Standing { kind: Kind::Activity, name, version, stage, given_back, attempts: 4 }
    }

    #[test]
    fn what_an_instance_waits_for_is_a_sentence() {
        assert_eq!(
            tasks(&OpenTasks { activities: 1, timers: 2, ..OpenTasks::default() }),
            "1 activity, 2 timers"
        );
        assert_eq!(tasks(&OpenTasks::default()), "an external event");
        assert_eq!(held("somebody who resumes it", "audit"), "somebody who resumes it: audit");
    }

    #[test]
    fn work_that_nobody_takes_or_keeps_is_told_with_a_code() {
        let after = Duration::from_millis(1_500);
        let told = |stage, given_back| worker(&standing(stage, given_back));
        let (detail, code) = told(Stage::NoWorker, 0);
        assert_eq!(
            (detail.as_str(), code),
            ("a worker for activity \"pay\" \"2\"; none is connected", Some("OL-3005"))
        );
        let (detail, code) = told(Stage::NextTry { after }, 3);
        assert!(detail.contains("3 times so far, next try in 1.5 s"), "{detail}");
        assert_eq!(code, Some("OL-3010"));
        let (detail, code) = told(Stage::NextTry { after }, 0);
        assert!(detail.contains("4 went away with it"), "{detail}");
        assert_eq!(code, Some("OL-3004"));
        assert_eq!((told(Stage::Slot, 0).1, told(Stage::Answer, 0).1), (None, None));
    }
}
