//! The words of the transcripts about a feed.
//!
//! `feed keep=4 for=a,b`, `told a upto=2 dead=3 delivered=1`, `resend a 3`; questions: `events`,
//! `letters a`, `standing`.

use std::fmt::Write as _;

use engine::partition::command::Command;
use engine::partition::feed::command::{AcknowledgeFeed, ConfigureFeed, ResendEvents, Undelivered};
use engine::partition::feed::{DeadLetter, LifecycleEvent, Standing};

use crate::words::Words;

fn numbers(words: &Words, name: &str) -> Vec<u64> {
    let list = words.get(name).unwrap_or_default();
    list.split(',').filter(|number| !number.is_empty()).map(|number| number.parse().unwrap()).collect()
}

pub(crate) fn command(words: &Words) -> Command {
    let subscription = words.id().to_owned();
    match words.verb() {
        "feed" => {
            let names = words.get("for").unwrap_or_default();
            let subscriptions = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Command::ConfigureFeed(ConfigureFeed { keep: words.number("keep", 0), subscriptions })
        }
        "told" => {
            let undelivered = |number| Undelivered { number, why: "no answer".to_owned(), attempts: 3 };
            Command::AcknowledgeFeed(AcknowledgeFeed {
                subscription,
                upto: words.number("upto", 0),
                dead: numbers(words, "dead").into_iter().map(undelivered).collect(),
                delivered: numbers(words, "delivered"),
            })
        }
        _ => Command::ResendEvents(ResendEvents {
            subscription,
            request: None,
            numbers: numbers(words, "events"),
        }),
    }
}

fn event(event: &LifecycleEvent) -> String {
    let what = format!("{:?}", event.what).to_lowercase();
    let reason = if event.reason.is_empty() { String::new() } else { format!(": {}", event.reason) };
    format!("{} {} {what} {}{reason}", event.number, event.instance, event.name)
}

pub(crate) fn events(events: &[LifecycleEvent]) -> String {
    events.iter().map(|told| format!("{}\n", event(told))).collect()
}

pub(crate) fn letters(letters: &[DeadLetter]) -> String {
    let told = |letter: &DeadLetter| {
        let again = if letter.again { ", again" } else { "" };
        format!("{}: {} after {}{again}\n", event(&letter.event), letter.why, letter.attempts)
    };
    letters.iter().map(told).collect()
}

pub(crate) fn standing(standing: &Standing) -> String {
    let mut told = format!("keeps {}, {} to {}\n", standing.keep, standing.first, standing.last);
    for known in &standing.subscriptions {
        let (name, upto) = (&known.name, known.upto);
        writeln!(told, "{name} up to {upto}, missed {}, letters {}", known.missed, known.letters).unwrap();
    }
    told
}
