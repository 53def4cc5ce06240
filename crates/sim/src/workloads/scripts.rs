//! Programs and scripts, drawn from the seed: what each orchestration does and what its client does
//! to it.
//!
//! Not here: doing it. Every event that a program waits for is raised once by its client or sent
//! once by another orchestration, so that what it comes to is known beforehand.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::time::Timestamp;
use platform::fault::SimEntropy;

use crate::cluster::node::EPOCH_SECONDS;
use crate::cluster::queue::{MS, Micros};
use crate::{entities, program};

/// One call of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Create the instance.
    Start,
    /// Raise an event.
    Raise {
        /// Its name.
        name: String,
        /// Its payload, unlike any other.
        payload: String,
    },
    /// Hold it.
    Suspend,
    /// Release it.
    Resume,
    /// End it.
    Terminate,
    /// Ask how it is.
    Look,
    /// Remove it once it has ended.
    Purge,
    /// Look until it has failed, or ended otherwise.
    AwaitFailure,
    /// Mend what made it fail, and let it try again.
    Rewind,
    /// Look until it has ended.
    AwaitEnd,
    /// Begin it anew.
    Restart,
    /// Signal an entity, with this number.
    Signal(u64),
    /// Wait until another orchestration is known to have started.
    Await(String),
}

/// One orchestration and what is done to it.
#[derive(Debug, Clone)]
pub struct Script {
    /// Its id.
    pub instance: String,
    /// Its program.
    pub program: String,
    /// What it must come to.
    pub expected: String,
    /// It is not to start before.
    pub scheduled: Option<Timestamp>,
    /// Pauses and calls.
    pub deeds: Vec<(Micros, Deed)>,
}

impl Deed {
    /// Whether the call says which one it is. Without that, each delivery of it counts.
    pub fn is_named(&self) -> bool {
        !matches!(self, Self::Raise { name, .. } if name == UNNAMED)
    }
}

/// Events of this name are raised by calls that cannot be told apart: a program waits for the first of
/// them, and may get more.
pub const UNNAMED: &str = "w";

/// Payloads by the event's name, in order.
type Events = BTreeMap<String, Vec<String>>;

/// The scripts of a run.
pub fn draw(seed: u64) -> Vec<Script> {
    let random = SimEntropy::new(seed);
    let count = 2 + random.below(5);
    let names: Vec<String> = (0..count).map(|at| format!("order-{at}-{:x}", random.below(0xffff))).collect();
    let mut programs: Vec<Vec<String>> = names.iter().map(|_| words(&random)).collect();
    let mut events: Vec<Events> = vec![BTreeMap::new(); names.len()];
    let ends_early: Vec<bool> = names.iter().map(|_| random.chance(120)).collect();
    use_ledgers(seed, &mut programs, &ends_early);
    send_one(&random, &names, (&mut programs, &mut events), &ends_early);
    let drawn = names.iter().zip(programs).zip(events).zip(ends_early);
    let scripts =
        drawn.map(|(((name, words), events), early)| script(&random, name, &words, (events, early)));
    scripts.chain(ledgers(seed)).collect()
}

/// The clients of the ledgers: each signals its own, and looks until all that was sent has arrived.
fn ledgers(seed: u64) -> impl Iterator<Item = Script> {
    let random = SimEntropy::new(seed ^ LEDGERS_SEED);
    let script = move |number| {
        let signals = 1 + random.below(8);
        let deeds = (1..=signals).map(|number| (random.below(30 * MS), Deed::Signal(number))).collect();
        let instance = entities::ledger(number);
        Script { instance, program: String::new(), expected: String::new(), scheduled: None, deeds }
    };
    (0..entities::LEDGERS).map(script)
}

/// Some orchestrations use ledgers. One that is to be terminated is never inside: nobody would leave.
fn use_ledgers(seed: u64, programs: &mut [Vec<String>], ends_early: &[bool]) {
    let random = SimEntropy::new(seed ^ (LEDGERS_SEED + 1));
    for (words, early) in programs.iter_mut().zip(ends_early) {
        if random.chance(400) {
            continue;
        }
        for _ in 0..=random.below(3) {
            let (one, other) = (random.below(entities::LEDGERS), random.below(entities::LEDGERS));
            let word = match random.below(8) {
                0..2 => format!("g{one}"),
                2..4 => format!("k{one}"),
                4 => format!("u{one}"),
                _ if *early => format!("k{one}"),
                _ if one == other => format!("l{one}"),
                _ => format!("l{one}{other}"),
            };
            let at = usize::try_from(random.below(words.len() as u64 + 1)).unwrap_or(0);
            words.insert(at, word);
        }
        if random.chance(250) {
            words.push(format!("y{}", random.below(entities::LEDGERS)));
            words.push("t20".to_owned());
        }
    }
}

/// Ledgers have draws of their own.
const LEDGERS_SEED: u64 = 0x6c65_6467_6572;

fn words(random: &SimEntropy) -> Vec<String> {
    let count = 1 + random.below(5);
    let word = |_| match random.below(15) {
        0..4 => format!("a{}", 1 + random.below(3)),
        4 => "b".to_owned(),
        5..7 => format!("t{}", 1 + random.below(200)),
        7..10 => ["ex", "ey"].get(usize::from(random.chance(300))).map_or("ex", |word| word).to_owned(),
        10..13 => format!("s{}", random.below(program::LIBRARY.len() as u64)),
        13 => "c".to_owned(),
        _ => "a1 c ex".to_owned(),
    };
    let mut words: Vec<_> =
        (0..count).flat_map(|at| word(at).split(' ').map(str::to_owned).collect::<Vec<_>>()).collect();
    if random.chance(300) {
        let at = usize::try_from(random.below(words.len() as u64 + 1)).unwrap_or(0);
        words.insert(at, format!("e{UNNAMED}"));
    }
    words
}

/// Sometimes one orchestration sends an event to another, which waits for it at its end.
fn send_one(
    random: &SimEntropy,
    names: &[String],
    (programs, events): (&mut [Vec<String>], &mut [Events]),
    ends_early: &[bool],
) {
    let at = |bound: usize| usize::try_from(random.below(bound as u64)).unwrap_or(0);
    let (from, to) = (at(names.len()), at(names.len()));
    if from == to || !random.chance(500) || ends_early.get(from).is_none_or(|early| *early) {
        return;
    }
    let (Some(sender), Some(target)) = (names.get(from), names.get(to)) else { return };
    if let Some(words) = programs.get_mut(to) {
        words.push("ez".to_owned());
    }
    if let Some(words) = programs.get_mut(from) {
        // Its client lets it go once the target exists: events for nobody are dropped.
        words.splice(0..0, [format!("eg:{target}"), format!("n{target}:z"), "t1".to_owned()]);
    }
    if let Some(events) = events.get_mut(to) {
        events.insert("z".to_owned(), vec![program::sent_payload(sender)]);
    }
}

fn script(
    random: &SimEntropy,
    name: &str,
    words: &[String],
    (mut events, ends_early): (Events, bool),
) -> Script {
    // Some are quick enough to come in the middle of a turn.
    let pause = || 100 + random.below(if random.chance(400) { 3 * MS } else { 60 * MS });
    let mut deeds = vec![(random.below(100 * MS), Deed::Start)];
    for (number, word) in words.iter().enumerate() {
        let Some(name) = word.strip_prefix('e').filter(|name| *name != "z") else { continue };
        let payload = format!("{name} number {number}");
        events.entry(name.to_owned()).or_default().push(payload.clone());
        if let Some((_, target)) = name.split_once(':') {
            deeds.push((pause(), Deed::Await(target.to_owned())));
        }
        deeds.push((pause(), Deed::Raise { name: name.to_owned(), payload }));
    }
    if random.chance(250) {
        deeds.push((pause(), Deed::Suspend));
        deeds.push((pause(), Deed::Resume));
    }
    if ends_early {
        deeds.push((pause(), Deed::Terminate));
    }
    deeds.insert(1 + usize::try_from(random.below(deeds.len() as u64)).unwrap_or(0), (pause(), Deed::Look));
    let scheduled = random
        .chance(150)
        .then(|| Timestamp::new(EPOCH_SECONDS, 0).plus(Duration::from_micros(random.below(400 * MS))));
    let mut words = words.to_vec();
    lives(random, &mut words, ends_early, &mut deeds);
    let program = words.join(" ");
    let expected = program::expected(&program, &events);
    Script { instance: name.to_owned(), program, expected, scheduled, deeds }
}

/// Some fail and are rewound, some begin anew, and some that are ended have descendants that would
/// never end alone.
fn lives(random: &SimEntropy, words: &mut Vec<String>, ends_early: bool, deeds: &mut Vec<(Micros, Deed)>) {
    let pause = || 100 + random.below(20 * MS);
    let hears = words.iter().any(|word| word.starts_with(['e', 'n']));
    // What is asked of ledgers a second time counts a second time.
    let counts = words.iter().any(|word| word.starts_with(['g', 'k', 'u', 'l', 'y']));
    match random.below(10) {
        _ if ends_early && random.chance(500) => words.push(program::ENDLESS_CHILD.to_owned()),
        _ if ends_early => {}
        0..2 if !counts => {
            let frail = if random.chance(500) { "r" } else { program::FRAIL_CHILD };
            words.push(frail.to_owned());
            deeds.push((pause(), Deed::AwaitFailure));
            deeds.push((pause(), Deed::Rewind));
        }
        2..4 if !hears && !counts => {
            deeds.push((pause(), Deed::AwaitEnd));
            deeds.push((pause(), Deed::Restart));
        }
        _ => {}
    }
}
