//! One run from its seed to its verdict: trouble first, then peace in which everything must come
//! to its end, then a power cut of all and a second look.
//!
//! Not here: what may go wrong (`faults`) and what must not (`checkers`).

use platform::fault::Restart;
use replication::testing::Faults as Troubled;
use replication::{Membership, ReplicaId};

use crate::cluster::World;
use crate::cluster::process::Setup;
use crate::cluster::queue::{MS, Micros};
use crate::faults;
use crate::marks::Marks;
use crate::violation::{self, Violation, require};

/// For how long things go wrong.
const TROUBLE: Micros = 1_500 * MS;
/// How long everything may take to end once they do not any more.
const PEACE: Micros = 60_000 * MS;
/// How often it is looked whether descendants have ended.
const LOOK_EVERY: Micros = 200 * MS;

/// Steps of the groups' log alone.
const GROUP_STEPS: usize = 2_000;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// Replicas of each partition.
    pub voters: u64,
    /// Keep every line of the trace.
    pub keep_trace: bool,
}

/// What a run has shown.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Which rare situations came up.
    pub marks: Marks,
    /// Depends on every line of the trace.
    pub digest: u64,
    /// Lines of the trace.
    pub lines: u64,
    /// The lines, where they were kept.
    pub text: String,
    /// Simulated microseconds.
    pub time: Micros,
}

/// A run that found something.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What.
    pub violation: Violation,
    /// When.
    pub at: Micros,
    /// The trace up to there.
    pub report: Report,
}

/// Runs a seed. A panic out of the simulated code is a violation like any other.
pub fn run(options: Options) -> Result<Report, Box<Failure>> {
    match std::panic::catch_unwind(|| run_or_panic(options)) {
        Ok(outcome) => outcome,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let detail = text.unwrap_or_else(|| "a panic without words".to_owned());
            let violation = Violation { invariant: "NoPanic", detail };
            Err(Box::new(Failure { violation, at: 0, report: Report::default() }))
        }
    }
}

fn run_or_panic(options: Options) -> Result<Report, Box<Failure>> {
    let setup = Setup {
        seed: options.seed,
        voters: options.voters,
        nodes: options.voters + u64::from(options.voters > 1 && options.seed % 4 == 1),
        partitions: 2 + u32::from(options.seed.is_multiple_of(3)),
    };
    let nodes = usize::try_from(setup.nodes).unwrap_or(1);
    let plan = faults::plan(options.seed, nodes, setup.partitions, TROUBLE);
    let mut world = World::new(setup, plan, options.keep_trace);
    if nodes > 1 {
        (world.network.lost, world.network.doubled, world.network.late) = (20, 20, 50);
    }
    match play(&mut world) {
        Ok(()) => Ok(report(&world)),
        // Its rows are ahead of what is left of its log: it stays away until somebody replaces it.
        Err(violation) if violation.invariant == violation::NOTICED => {
            world.marks.reach("rotted replica refused to open");
            Ok(report(&world))
        }
        Err(violation) => Err(Box::new(Failure { violation, at: world.now, report: report(&world) })),
    }
}

fn report(world: &World) -> Report {
    Report {
        marks: world.marks.clone(),
        digest: world.trace.digest(),
        lines: world.trace.count(),
        text: world.trace.text().to_owned(),
        time: world.now,
    }
}

/// The groups' log alone first, without rows and disks: many more elections for the same time.
fn play_groups(setup: &Setup) -> Result<(), Violation> {
    let run = || {
        let mut groups = replication::testing::Cluster::new(setup.seed, setup.voters, Troubled::SOME)?;
        groups.run(GROUP_STEPS)?;
        groups.converge()
    };
    run().map_err(|violation| Violation { invariant: violation.invariant, detail: violation.detail })
}

fn play(world: &mut World) -> Result<(), Violation> {
    play_groups(&world.setup)?;
    world.run(TROUBLE, |_| false)?;
    world.heal();
    everything_ends(world)?;
    replicas_agree(world)?;
    let lost = world.checkers.ahead.take_lost(&world.checkers.committed);
    world.marks.reach_times("activity ran whose turn was lost", lost);
    (0..world.nodes.len()).for_each(|node| world.kill(node, Restart::PowerCut));
    world.look_again(false);
    everything_ends(world)?;
    replicas_agree(world)?;
    world.look_again(true);
    everything_ends(world)?;
    replicas_agree(world)?;
    damage(world)
}

/// A bit of one node's disk flips while it is down: it is noticed, or it was none that mattered.
fn damage(world: &mut World) -> Result<(), Violation> {
    // An idle log has said how far it is durable; before that, the last append passes for a torn one.
    world.run(world.now + 700 * MS, |_| false)?;
    if !world.has_vouched(0) {
        return Ok(());
    }
    let known: Vec<_> = world.committed_on(0);
    world.kill(0, Restart::ProcessKilled);
    world.run(world.now + MS, |_| false)?;
    let Some(flipped) = world.flip_bit(0) else { return Ok(()) };
    let until = world.now + 2_000 * MS;
    let noticed = match world.run(until, agreed).and_then(|_| world.look_at_all()) {
        Ok(()) => false,
        Err(violation) if NOTICED.contains(&violation.invariant) => true,
        Err(violation) => return Err(violation),
    };
    if noticed {
        world.marks.reach("flipped bit noticed");
        return Ok(());
    }
    let kept = world.committed_on(0);
    require(kept.iter().zip(&known).all(|(kept, known)| kept >= known), "DamageIsNeverSilent", || {
        format!("{flipped}: committed was {known:?} and is {kept:?}")
    })
}

/// What a damaged node may say; everything else is a lie.
const NOTICED: &[&str] = &["NodeOpens", "NothingHalts", "RowsAreSound"];

fn everything_ends(world: &mut World) -> Result<(), Violation> {
    let until = world.now + PEACE;
    let ended = world.run(until, |world| world.clients.all_ended())?;
    require(ended, "EverythingEnds", || format!("still open: {}", world.clients.waiting().join(", ")))?;
    // Descendants of what was ended end a little later.
    while world.open_instances() > 0 {
        require(world.now < until + PEACE, "EverythingEnds", || {
            format!("{} descendants are still open", world.open_instances())
        })?;
        world.run(world.now + LOOK_EVERY, |_| false)?;
    }
    Ok(())
}

fn replicas_agree(world: &mut World) -> Result<(), Violation> {
    let until = world.now + PEACE;
    let agreed = world.run(until, agreed)?;
    require(agreed, "ReplicasAgree", || "some replica does not catch up".to_owned())?;
    world.look_at_all()?;
    every_tick_fires(world)?;
    payloads_are_named(world)?;
    everything_is_told(world)
}

fn every_tick_fires(world: &mut World) -> Result<(), Violation> {
    let until = world.now + PEACE;
    let rested = world.run(until, World::tickers_rest)?;
    require(rested, "TicksFireOnce", || "some schedule has no end".to_owned())?;
    // The last run may still be on its way to another partition.
    world.run(world.now + 500 * MS, |_| false)?;
    world.look_at_ticks()
}

/// Nothing large is kept that nothing names, once its time is over.
fn payloads_are_named(world: &mut World) -> Result<(), Violation> {
    let until = world.now + PEACE;
    let before = world.idle_payloads()?;
    while world.idle_payloads()? > 0 {
        require(world.now < until, "PayloadsAreNamed", || {
            "some payload that nothing names stays".to_owned()
        })?;
        world.run(world.now + LOOK_EVERY, |_| false)?;
    }
    world.marks.reach_times("payload that nothing names removed", before);
    Ok(())
}

fn everything_is_told(world: &mut World) -> Result<(), Violation> {
    let until = world.now + PEACE;
    let rested = world.run(until, World::couriers_rest)?;
    require(rested, "EverythingIsTold", || "some courier has no end".to_owned())?;
    world.look_at_deliveries()
}

/// Every partition is led, has the members that it should have, and these are up and have committed
/// the same.
fn agreed(world: &World) -> bool {
    world.wanted.iter().all(|(partition, wanted)| {
        let core = |node: usize| {
            let process = world.nodes.get(node)?.process.as_ref()?;
            process.residents.get(partition).map(|resident| &resident.core)
        };
        let Some(leader) = world.leader(*partition).and_then(core) else { return false };
        let members = Membership::of_voters(wanted.iter().copied().map(ReplicaId));
        let node = |replica: &u64| usize::try_from(*replica).unwrap_or(1) - 1;
        let mut positions = wanted.iter().map(|replica| core(node(replica)).map(|core| core.committed()));
        leader.group().members() == &members && positions.all(|position| position == Some(leader.committed()))
    })
}
