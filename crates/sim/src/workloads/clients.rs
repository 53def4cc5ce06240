//! Clients: each goes through its script, one call at a time, and repeats a call with the same
//! request id until it is answered for certain.
//!
//! Not here: what the answers must be (`checkers::outcomes`). An answer that is unknown, late or
//! lost is neither yes nor no.

use std::collections::{BTreeMap, BTreeSet};

use engine::event::{EntityOperationSignaled, EventKind, HistoryEvent};
use engine::id::{EntityId, InstanceId, PartitionId};
use engine::partition::StatusName;
use engine::partition::command::{
    Command, Moment, Purge, RaiseEvent, RequestId, Restart, Resume, Rewind, SignalEntity, StartOrchestration,
    Suspend, Terminate,
};
use engine::partition::effect::{Refusal, Reply};
use engine::partition::view::{EntityView, InstanceView};
use engine::time::Timestamp;
use platform::fault::SimEntropy;
use server::partition::messages::{Answer, Outcome, Question, Settled, Unavailable};

use super::scripts::{self, Deed, Script};
use crate::cluster::World;
use crate::cluster::queue::{Asker, Happening, MS};
use crate::entities::{self, Ledger};
use crate::program;
use crate::violation::{Violation, require};

/// How long a client waits for an answer.
const PATIENCE: u64 = 300 * MS;

/// One client.
#[derive(Debug)]
struct Client {
    script: Script,
    partition: PartitionId,
    at: usize,
    /// The call it waits for, and what it is.
    call: Option<(u64, Deed)>,
    tries: u32,
    ended: bool,
}

/// All of them.
#[derive(Debug)]
pub struct Clients {
    random: SimEntropy,
    clients: Vec<Client>,
    calls: BTreeMap<u64, usize>,
    next_call: u64,
    /// Those that are told to remove what has ended.
    purging: bool,
    /// Those of whom what makes them fail is mended.
    mended: BTreeSet<String>,
}

impl Clients {
    /// The clients of a run.
    pub fn new(seed: u64, partitions: u32) -> Self {
        let client = |script: Script| {
            let partition = InstanceId::parse(&script.instance)
                .map_or(PartitionId(0), |instance| instance.partition(partitions));
            Client { script, partition, at: 0, call: None, tries: 0, ended: false }
        };
        let clients = scripts::draw(seed).into_iter().map(client).collect();
        Self {
            random: SimEntropy::new(seed ^ 1),
            clients,
            calls: BTreeMap::new(),
            next_call: 0,
            purging: false,
            mended: BTreeSet::new(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    fn is_ledger(&self, at: usize) -> bool {
        self.clients.get(at).is_some_and(|client| EntityId::is_meant(&client.script.instance))
    }

    /// Whether every orchestration has ended, as its client knows.
    pub fn all_ended(&self) -> bool {
        self.clients.iter().all(|client| client.ended)
    }

    /// When an instance was told to start, if it was.
    pub fn scheduled(&self, instance: &str) -> Option<Timestamp> {
        self.clients.iter().find(|client| client.script.instance == instance)?.script.scheduled
    }

    /// Whether what makes this instance fail is mended: it or its topmost parent was rewound.
    pub fn is_mended(&self, instance: &str) -> bool {
        let top = instance.split('/').next().unwrap_or(instance);
        self.mended.contains(top)
    }

    /// Those that have not, for people.
    pub fn waiting(&self) -> Vec<String> {
        let waiting = self.clients.iter().filter(|client| !client.ended);
        waiting.map(|client| format!("{} ({})", client.script.instance, client.script.program)).collect()
    }

    /// The instances and the partitions they are in.
    pub fn instances(&self) -> Vec<(String, PartitionId)> {
        self.clients.iter().map(|client| (client.script.instance.clone(), client.partition)).collect()
    }

    /// All orchestrations are to be looked at once more; `purging`: and every other one removed.
    pub fn look_again(&mut self, purging: bool) {
        self.purging = purging;
        self.clients.iter_mut().for_each(|client| {
            client.ended = false;
            client.call = None;
        });
        self.calls.clear();
    }
}

impl Client {
    /// How many signals it sends.
    fn signals(&self) -> u64 {
        let signals = self.script.deeds.iter().filter(|(_, deed)| matches!(deed, Deed::Signal(_)));
        u64::try_from(signals.count()).unwrap_or(0)
    }

    /// What it does next: its script, then looking until it has ended.
    fn deed(&self, purges: bool) -> Deed {
        match self.script.deeds.get(self.at) {
            Some((_, deed)) => deed.clone(),
            None if purges => Deed::Purge,
            None => Deed::Look,
        }
    }

    fn request(&self, deed: &Deed) -> Option<RequestId> {
        if !deed.is_named() {
            return None;
        }
        let counter = u64::try_from(self.at).unwrap_or(0) + 1;
        Some(RequestId { source: self.script.instance.clone(), counter })
    }

    fn command(&self, deed: &Deed) -> Option<Command> {
        let (instance, request) = (self.script.instance.clone(), self.request(deed));
        Some(match deed {
            Deed::Start => Command::StartOrchestration(StartOrchestration {
                execution: execution(&self.script.instance),
                name: "program".to_owned(),
                input: Some(program::input(&self.script.program)),
                scheduled_start: self.script.scheduled.map(Moment::from),
                instance,
                request,
                ..StartOrchestration::default()
            }),
            Deed::Raise { name, payload } => Command::RaiseEvent(RaiseEvent {
                instance,
                request,
                name: name.clone(),
                input: Some(payload.clone()),
            }),
            Deed::Suspend => Command::Suspend(Suspend { instance, request, reason: None }),
            Deed::Resume => Command::Resume(Resume { instance, request, reason: None }),
            Deed::Terminate => {
                Command::Terminate(Terminate { instance, request, output: None, recursive: true })
            }
            Deed::Purge => Command::Purge(Purge { instance, request: None, recursive: false }),
            Deed::Signal(number) => {
                let signaled = EntityOperationSignaled {
                    operation: "add".to_owned(),
                    input: Some(entities::addition("client", *number, &instance)),
                    target_instance_id: Some(instance.clone()),
                    ..EntityOperationSignaled::default()
                };
                let kind = Some(EventKind::EntityOperationSignaled(signaled));
                let event = Box::new(HistoryEvent { event_id: -1, timestamp: None, kind });
                Command::SignalEntity(SignalEntity { entity: instance, request, event })
            }
            // A repeat that comes late must not be answered by what was true at the first try.
            Deed::Rewind => Command::Rewind(Rewind { instance, request: None, reason: None }),
            Deed::Restart => Command::Restart(Restart {
                execution: execution(&format!("{instance} anew")),
                instance,
                request,
            }),
            Deed::Look | Deed::AwaitFailure | Deed::AwaitEnd | Deed::Await(_) => return None,
        })
    }
}

/// How an instance or an entity is.
fn question_about(id: &str) -> Option<Question> {
    match EntityId::parse(id) {
        Ok(entity) => Some(Question::Entity { entity, with_state: true }),
        Err(_) => {
            let instance = InstanceId::parse(id).ok()?;
            Some(Question::Instance { instance, with_values: true })
        }
    }
}

/// 32 hex digits, as ingress mints them; the same for every repetition of a start.
fn execution(instance: &str) -> String {
    let hash = |start: u64| {
        instance
            .bytes()
            .fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    format!("{:016x}{:016x}", hash(1), hash(2))
}

impl World {
    /// A client does its next thing.
    pub(crate) fn client(&mut self, at: usize) -> Result<(), Violation> {
        let ledger = self.clients.is_ledger(at);
        let purging = self.clients.purging && at.is_multiple_of(2) && !ledger;
        let Some(client) = self.clients.clients.get_mut(at).filter(|client| !client.ended) else {
            return Ok(());
        };
        if client.call.is_some() {
            return Ok(());
        }
        if let Deed::Await(other) = client.deed(purging) {
            client.at += usize::from(self.checkers.outcomes.has_started(&other));
            self.queue.push(self.now + 5 * MS, Happening::Client(at));
            return Ok(());
        }
        self.clients.next_call += 1;
        let call = self.clients.next_call;
        client.call = Some((call, client.deed(purging)));
        self.clients.calls.insert(call, at);
        self.call(at)
    }

    fn call(&mut self, at: usize) -> Result<(), Violation> {
        let Some(client) = self.clients.clients.get_mut(at) else { return Ok(()) };
        let Some((call, deed)) = &client.call.clone() else { return Ok(()) };
        let call = *call;
        client.tries += 1;
        let (tries, partition) = (client.tries, client.partition);
        let (command, instance) = (client.command(deed), client.script.instance.clone());
        let client_is_frail = client.script.deeds.iter().any(|(_, deed)| *deed == Deed::AwaitFailure);
        match deed {
            Deed::Terminate => self.checkers.outcomes.on_termination(&instance),
            Deed::Purge => self.checkers.outcomes.on_purge(&instance),
            Deed::Start if client_is_frail => self.checkers.outcomes.on_frail(&instance),
            Deed::Restart => self.checkers.outcomes.on_restart(&instance),
            Deed::Rewind => drop(self.clients.mended.insert(instance.clone())),
            Deed::Signal(_)
            | Deed::Start
            | Deed::Raise { .. }
            | Deed::Suspend
            | Deed::Resume
            | Deed::Look
            | Deed::AwaitFailure
            | Deed::AwaitEnd
            | Deed::Await(_) => {}
        }
        if tries > 1 {
            self.marks.reach("client call repeated");
        }
        let anybody = usize::try_from(self.clients.random.below(self.nodes.len() as u64)).unwrap_or(0);
        // Where two believe to lead, each has its chance: the old one must not answer.
        let leaders = self.leaders(partition);
        let chosen = usize::try_from(self.clients.random.below(leaders.len() as u64)).unwrap_or(0);
        if leaders.len() > 1 {
            self.marks.reach("client call while two believe to lead");
        }
        let led = leaders.get(chosen).map(|(_, node)| *node);
        let to = led.filter(|_| !self.clients.random.chance(100)).unwrap_or(anybody);
        self.trace.line(format_args!("{} call {call} to {to}: {instance} {deed:?}", self.now));
        self.queue.push(self.now + PATIENCE, Happening::Impatient { call, tries });
        let asker = Asker::Client(call);
        match command {
            Some(command) => {
                let delay = 50 + self.clients.random.below(MS);
                let twice = !self.healed && self.clients.random.chance(50);
                if twice {
                    self.marks.reach("client call delivered twice");
                }
                if let Deed::Raise { payload, .. } = deed
                    && !deed.is_named()
                {
                    self.marks.reach("call that cannot be told from its repetition");
                    self.checkers.histories.on_raised(payload, 1 + u64::from(twice));
                }
                for copy in 0..=u64::from(twice) {
                    let at = self.now + delay + copy * self.clients.random.below(20 * MS);
                    self.bring(at, (to, partition), command.clone(), asker);
                }
                Ok(())
            }
            None => {
                let Some(question) = question_about(&instance) else { return Ok(()) };
                let question = Box::new(question);
                let delay = 50 + self.clients.random.below(MS);
                let committed = self.checkers.committed.highest(partition);
                let asked = Happening::Question { to, partition, question, committed, asker };
                self.queue.push(self.now + delay, asked);
                Ok(())
            }
        }
    }

    /// A client has waited long enough.
    pub(crate) fn impatient(&mut self, call: u64, tries: u32) -> Result<(), Violation> {
        let Some(at) = self.clients.calls.get(&call).copied() else { return Ok(()) };
        let Some(client) = self.clients.clients.get(at) else { return Ok(()) };
        let waits = client.call.as_ref().is_some_and(|(waited, _)| *waited == call);
        if waits && client.tries == tries { self.call(at) } else { Ok(()) }
    }

    /// A client hears what became of its call.
    pub(crate) fn answered(&mut self, call: u64, settled: Settled) -> Result<(), Violation> {
        let Some(at) = self.clients.calls.get(&call).copied() else { return Ok(()) };
        let Some(client) = self.clients.clients.get(at) else { return Ok(()) };
        let Some((_, deed)) = client.call.clone().filter(|(waited, _)| *waited == call) else {
            return Ok(());
        };
        let (instance, expected) = (client.script.instance.clone(), client.script.expected.clone());
        let done = match settled {
            Settled::Reply(Ok(Outcome::Partition(reply))) => self.replied(&instance, &deed, &reply)?,
            Settled::Answer(Ok(Answer::Instance(view))) => self.shown(&instance, view.as_ref(), &expected)?,
            Settled::Answer(Ok(Answer::Entity(view))) => self.ledger_shown(&instance, view.as_ref())?,
            Settled::Reply(Err(why)) | Settled::Answer(Err(why)) => self.unavailable(&instance, &why)?,
            Settled::Reply(Ok(Outcome::Catalog(_))) | Settled::Answer(Ok(_)) => None,
        };
        let pause = self.pause_after(at);
        if let (Some(ended), Some(client)) = (done, self.clients.clients.get_mut(at)) {
            self.clients.calls.remove(&call);
            client.call = None;
            client.tries = 0;
            client.ended = ended && client.at >= client.script.deeds.len();
            let stays = matches!(deed, Deed::AwaitFailure | Deed::AwaitEnd) && !ended;
            client.at = (client.at + usize::from(!stays)).min(client.script.deeds.len());
            self.queue.push(self.now + pause, Happening::Client(at));
        }
        Ok(())
    }

    fn pause_after(&self, at: usize) -> u64 {
        let Some(client) = self.clients.clients.get(at) else { return MS };
        let next = client.script.deeds.get(client.at + 1);
        next.map_or(20 * MS, |(pause, _)| *pause)
    }

    /// `Some(ended)` where the answer is certain.
    fn replied(&mut self, instance: &str, deed: &Deed, reply: &Reply) -> Result<Option<bool>, Violation> {
        self.trace.line(format_args!("{} {instance} {deed:?}: {reply:?}", self.now));
        match (deed, reply) {
            (_, Reply::Refused(Refusal::PayloadMissing)) => {
                self.marks.reach("payload missing where it is named");
                // It is impatient soon enough, and brings everything again.
                return Ok(None);
            }
            (Deed::Start, Reply::Started { .. }) => {
                self.checkers.outcomes.on_started(instance);
            }
            (Deed::Start, other) => {
                require(false, "StartsOnce", || format!("start of {instance}: {other:?}"))?;
            }
            (Deed::Suspend, Reply::Done) => self.marks.reach("instance suspended and resumed"),
            (Deed::Terminate, Reply::Done) => self.marks.reach("instance terminated"),
            (Deed::Rewind, reply) => {
                self.checkers.outcomes.on_mended(instance);
                if *reply == Reply::Done {
                    self.marks.reach("instance rewound");
                }
            }
            (Deed::Restart, Reply::Started { .. }) => self.marks.reach("instance restarted"),
            (Deed::Purge, Reply::Purged { .. }) => {
                self.marks.reach("instance purged");
                return Ok(Some(true));
            }
            (_, Reply::Refused(Refusal::InstanceNotFound)) => {
                let purged = matches!(deed, Deed::Purge);
                require(purged, "NothingAcknowledgedLost", || format!("{deed:?}: {instance} is gone"))?;
            }
            (_, _) => {}
        }
        Ok(Some(false))
    }

    fn shown(
        &mut self,
        instance: &str,
        view: Option<&InstanceView>,
        expected: &str,
    ) -> Result<Option<bool>, Violation> {
        let status = view.map(|view| view.status);
        self.trace.line(format_args!("{} {instance} is {status:?}", self.now));
        self.checkers.outcomes.on_view(instance, view, expected).map(Some)
    }

    /// An entity is shown. It has ended where all that was sent to it has arrived, and nobody holds it.
    fn ledger_shown(&mut self, id: &str, view: Option<&EntityView>) -> Result<Option<bool>, Violation> {
        let state = view.and_then(|view| view.state.as_deref()).unwrap_or_default();
        let ledger = Ledger::parse(state);
        ledger.check()?;
        let number = id.rsplit('@').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let mut ended = view.is_some_and(|view| view.lock.is_none() && view.backlog == 0);
        for client in &self.clients.clients {
            let instance = &client.script.instance;
            let own = instance == id;
            if !own && EntityId::is_meant(instance) {
                continue;
            }
            let most =
                if own { client.signals() } else { program::additions(&client.script.program, number) };
            let total = ledger.total(instance);
            require(total <= most, "SignalsCountOnce", || {
                format!("{id} counts {total} for {instance}, which sends {most}")
            })?;
            ended &= match self.checkers.outcomes.ended(instance) {
                _ if own => total == most,
                Some(StatusName::Completed) => total == most,
                Some(_) => true,
                None => false,
            };
        }
        self.trace.line(format_args!("{} {id} is {state:?}, ended {ended}", self.now));
        Ok(Some(ended))
    }

    fn unavailable(&mut self, instance: &str, why: &Unavailable) -> Result<Option<bool>, Violation> {
        self.trace.line(format_args!("{} {instance}: {why}", self.now));
        match why {
            Unavailable::Unknown => self.marks.reach("answer unknown to the client"),
            Unavailable::TooLarge { .. } => {
                return Err(Violation { invariant: "ReasonableSizes", detail: why.to_string() });
            }
            Unavailable::NotLeading
            | Unavailable::Overloaded
            | Unavailable::Halted(_)
            | Unavailable::DiskFull => {}
        }
        // It is impatient soon enough.
        Ok(None)
    }
}
