//! The world: nodes with real logs, tables, groups and partition cores, a network, clients, workers
//! and faults, one happening after the other.
//!
//! - [`queue`]: what will happen; [`network`]: links; [`node`], [`process`]: machines
//! - `feeding`: cores and what they say; `disks`: log and store threads; `performing`: effects
//! - `breaking`: faults happen; `asking`: requests and answers; [`payloads`]: large texts
//! - `carrying`: rows for replicas that are behind
//!
//! Not here: which faults and which orchestrations (`faults`, `workloads`), what must hold
//! (`checkers`).

mod asking;
mod breaking;
mod carrying;
mod couriers;
mod disks;
mod feeding;
pub mod network;
pub mod node;
pub mod payloads;
mod performing;
pub mod process;
pub mod queue;
mod tickers;

use std::collections::{BTreeMap, BTreeSet};

use engine::id::PartitionId;
use platform::fault::SimEntropy;
use server::partition::messages::Event;

use self::network::Network;
use self::node::Node;
use self::process::{Process, Setup};
use self::queue::{Happening, Life, MS, Micros, Queue};
use crate::checkers::Checkers;
use crate::faults::Fault;
use crate::marks::Marks;
use crate::trace::Trace;
use crate::violation::Violation;
use crate::workers::Workers;
use crate::workloads::Clients;

/// Time between two ticks of the groups' clock.
const TICK: Micros = 10 * MS;

/// See the file's header.
#[derive(Debug)]
pub struct World {
    /// What all processes share.
    pub setup: Setup,
    /// Microseconds since the beginning.
    pub now: Micros,
    /// What will happen.
    pub queue: Queue,
    /// The choices of the world itself.
    pub random: SimEntropy,
    /// The machines.
    pub nodes: Vec<Node>,
    /// The links between them.
    pub network: Network,
    /// Those who ask.
    pub clients: Clients,
    /// Those who work.
    pub workers: Workers,
    /// Who should take part in each partition's group.
    pub wanted: BTreeMap<PartitionId, BTreeSet<u64>>,
    /// What breaks, and when.
    pub plan: Vec<(Micros, Fault)>,
    /// The node whose disk has lost what it had acknowledged; never two.
    pub rotted: Option<usize>,
    /// No more faults: everything must come to its end now.
    pub healed: bool,
    /// What must hold.
    pub checkers: Checkers,
    /// What happened.
    pub trace: Trace,
    /// Which rare situations came up.
    pub marks: Marks,
}

impl World {
    /// A world in which nothing has started yet.
    pub fn new(setup: Setup, plan: Vec<(Micros, Fault)>, keep_trace: bool) -> Self {
        let random = SimEntropy::new(setup.seed ^ 0x776f_726c_6400_0000);
        let fork = |salt: u64| setup.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt;
        let count = usize::try_from(setup.nodes).unwrap_or(1);
        let nodes = (0..count).map(|node| Node::new(fork(node as u64))).collect();
        let mut world = Self {
            now: 0,
            queue: Queue::default(),
            random,
            nodes,
            network: Network::new(fork(0x100)),
            clients: Clients::new(fork(0x200), setup.partitions),
            workers: Workers::new(fork(0x300)),
            wanted: (0..setup.partitions)
                .map(|partition| (PartitionId(partition), (1..=setup.voters).collect()))
                .collect(),
            plan,
            rotted: None,
            healed: false,
            checkers: Checkers::default(),
            trace: Trace::new(keep_trace),
            marks: Marks::default(),
            setup,
        };
        for node in 0..count {
            world.queue.push(0, Happening::Start(node));
        }
        for client in 0..world.clients.len() {
            world.queue.push(MS * (1 + client as u64), Happening::Client(client));
        }
        for (number, (at, _)) in world.plan.iter().enumerate() {
            world.queue.push(*at, Happening::Fault(number));
        }
        world
    }

    /// Lets things happen until `until`, or until `done` says so; whether it did.
    pub fn run(&mut self, until: Micros, done: impl Fn(&Self) -> bool) -> Result<bool, Violation> {
        while !done(self) {
            match self.queue.pop() {
                Some((at, happening)) if at <= until => {
                    self.now = at;
                    match self.paused_until(&happening) {
                        Some(later) => self.queue.push(later, happening),
                        None => self.happen(happening)?,
                    }
                }
                later => {
                    if let Some((at, happening)) = later {
                        self.queue.push(at, happening);
                    }
                    self.now = until;
                    return Ok(done(self));
                }
            }
        }
        Ok(true)
    }

    /// When a node that stands still goes on, if this needs it.
    fn paused_until(&self, happening: &Happening) -> Option<Micros> {
        let node = self.nodes.get(happening.node()?)?;
        (node.paused_until > self.now).then_some(node.paused_until)
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Violation> {
        match happening {
            Happening::Start(node) => self.start(node),
            Happening::Tick(life) => self.tick(life),
            Happening::Settle(life, partition) => self.settle(life, partition),
            Happening::Feed(life, partition, event) => self.feed(life, partition, *event),
            Happening::LogWrite(life) => self.log_write(life),
            Happening::LogDone(life, owners) => self.log_done(life, owners),
            Happening::LogIdle(life, appends) => self.log_idle(life, appends),
            Happening::Store(life, partition, store) => self.store(life, partition, *store),
            Happening::Rows { to, partition, carried } => self.bring_rows(to, partition, &carried),
            Happening::Message { to, partition, from, bytes } => {
                let Some(life) = self.life(to) else { return Ok(()) };
                self.feed(life, partition, Event::Received { from: from.0, bytes })
            }
            Happening::Ask { to, partition, request, asker } => self.ask(to, partition, *request, asker),
            Happening::Question { to, partition, question, committed, asker } => {
                self.question(to, partition, (*question, committed), asker)
            }
            Happening::Ticker(life, partition) => self.ticker(life, partition),
            Happening::Courier(life, partition) => self.courier(life, partition),
            Happening::HandOut(hand_out) => self.hand_out(&hand_out),
            Happening::Overdue(hand_out) => self.overdue(hand_out),
            Happening::Client(client) => self.client(client),
            Happening::Impatient { call, tries } => self.impatient(call, tries),
            Happening::Fault(number) => self.fault(number),
            Happening::FaultEnds(number) => self.fault_ends(number),
        }
    }

    /// The running process of a node.
    pub fn life(&self, node: usize) -> Option<Life> {
        self.nodes.get(node)?.process.as_ref().map(|process| process.life)
    }

    /// The process of this life, while it lasts.
    pub(crate) fn process(&mut self, life: Life) -> Option<&mut Process> {
        self.nodes.get_mut(life.node)?.process(life)
    }

    /// A little later, never at once: between `least` and `least + spread`.
    pub(crate) fn soon(&self, least: Micros, spread: Micros) -> Micros {
        self.now + least + self.random.below(spread)
    }

    /// The node that leads a partition, as far as anybody can tell: the one in the latest term.
    pub fn leader(&self, partition: PartitionId) -> Option<usize> {
        self.leaders(partition).last().map(|(_, at)| *at)
    }

    /// The nodes that believe to lead a partition, and in which term; the latest last.
    pub fn leaders(&self, partition: PartitionId) -> Vec<(u64, usize)> {
        let leads = |node: &Node| {
            let resident = node.process.as_ref()?.residents.get(&partition)?;
            resident.core.leads().map(|epoch| epoch.term)
        };
        let leaders = self.nodes.iter().enumerate().filter_map(|(at, node)| Some((leads(node)?, at)));
        let mut leaders: Vec<_> = leaders.collect();
        leaders.sort_unstable();
        leaders
    }
}
