//! The words of the transcripts about schedules.
//!
//! `schedule a every=60 next=1060 create`, `tick a 1060 run=1060 next=1120 skipped=2`, `pause a`,
//! `unpause a next=1200`, `trigger a`, `unschedule a`; questions: `schedules`, `due`. A `tick` is meant
//! for the schedule as it stands, unless `generation` says otherwise.

use engine::limits::SCHEDULES_MAX;
use engine::partition::command::{Command, Moment};
use engine::partition::effect::{Effect, Effects, Refusal, Reply};
use engine::partition::schedules::ScheduleView;
use engine::partition::schedules::command::{
    Change, ChangeSchedule, DeleteSchedule, FireSchedule, PauseSchedule, PutSchedule, ResumeSchedule, Run,
    Spec,
};

use crate::support::{Machine, Memory};
use crate::words::{Words, moment};

fn run(words: &Words, tick: Moment) -> Run {
    Run { tick, instance: format!("{}:{}", words.id(), tick.seconds), execution: "e".repeat(32) }
}

pub(crate) fn command(words: &Words, known: Option<&ScheduleView>, now: Moment) -> Command {
    let (name, request) = (words.id().to_owned(), None);
    let next = words.get("next").map(|next| moment(&next));
    let change = match words.verb() {
        "schedule" => {
            let spec = Some(Box::new(Spec {
                orchestration: "report".to_owned(),
                every: Some(words.number("every", 60)),
                ..Spec::default()
            }));
            return Command::PutSchedule(PutSchedule {
                name,
                request,
                spec,
                next,
                create: words.has("create"),
            });
        }
        "tick" => {
            let generation = words.number("generation", known.map_or(0, |view| view.generation));
            let tick = moment(words.at(2));
            return Command::FireSchedule(FireSchedule {
                name,
                generation,
                tick,
                run: words.get("run").map(|at| run(words, moment(&at))),
                skipped: u32::try_from(words.number("skipped", 0)).unwrap(),
                next,
            });
        }
        "pause" => Change::Pause(PauseSchedule { reason: words.get("reason").unwrap_or_default() }),
        "unpause" => Change::Resume(ResumeSchedule { next }),
        "trigger" => Change::Trigger(run(words, now)),
        "unschedule" => Change::Delete(DeleteSchedule {}),
        verb => panic!("unknown verb {verb:?}"),
    };
    Command::ChangeSchedule(ChangeSchedule { name, request, change: Some(change) })
}

pub(crate) fn schedules(views: &[ScheduleView]) -> String {
    let told = |view: &ScheduleView| {
        let time = |at: Option<engine::time::Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
        let paused = view.paused.as_ref().map_or(String::new(), |reason| format!(", paused: {reason}"));
        format!(
            "{} next {} last {}, started {}, skipped {}{paused}\n",
            view.name,
            time(view.next),
            time(view.last),
            view.started,
            view.skipped
        )
    };
    views.iter().map(told).collect()
}

fn reply(effects: &Effects) -> Option<&Reply> {
    effects.iter().find_map(|effect| if let Effect::Reply(reply) = effect { Some(reply) } else { None })
}

#[test]
fn a_partition_keeps_so_many_schedules_and_no_more() {
    let mut machine = Machine::led(Memory::Keeps);
    let mut ask = |text: String| {
        let words = Words::parse(&text);
        let (effects, _) = machine.apply(command(&words, None, Moment::default()));
        reply(&effects).cloned()
    };
    for number in 0..SCHEDULES_MAX {
        assert_eq!(ask(format!("schedule s{number} create")), Some(Reply::Done));
    }
    let full = Some(Reply::Refused(Refusal::TooManySchedules));
    assert_eq!(ask("schedule one-more create".to_owned()), full);
    assert_eq!(ask("schedule s7 every=90".to_owned()), Some(Reply::Done), "a change is no new one");
    assert_eq!(ask("unschedule s7".to_owned()), Some(Reply::Done));
    assert_eq!(ask("schedule one-more create".to_owned()), Some(Reply::Done));
    machine.check();
}
