//! The words of the transcripts: each line is a command or a question, and gives text.
//!
//! Not here: the files. Tokens of turns and activities are remembered when they are handed out, as
//! workers do, so a transcript can answer late, twice or under a former leader.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use engine::event::HistoryEvent;
use engine::id::{EntityId, Epoch, InstanceId, PartitionId};
use engine::partition::StatusName;
use engine::partition::command::*;
use engine::partition::effect::{Effect, Effects};
use engine::partition::entities::waits;
use engine::partition::view::{self, Batch, EntitiesFilter, EntitiesKind, Turn};
use engine::payload;
use prost::Message as _;

use crate::entity_words;
use crate::support::{LEASE, LINEAGE, Machine, Memory, raise_epoch};
use crate::words::{self, Words};
use crate::{feed, payloads, schedules};

pub(crate) struct Script {
    machine: Machine,
    turns: BTreeMap<String, (Turn, TokenEpoch)>,
    batches: BTreeMap<String, (Batch, TokenEpoch)>,
    activities: Vec<(ActivityKey, i32, String, TokenEpoch)>,
    follow_ups: Vec<Command>,
    delivered: Option<ReceiveMessages>,
    proposed: Vec<Entry>,
}

impl Script {
    pub(crate) fn new() -> Self {
        let machine = Machine::led(Memory::Forgets);
        Self {
            machine,
            turns: BTreeMap::new(),
            batches: BTreeMap::new(),
            activities: Vec::new(),
            follow_ups: Vec::new(),
            delivered: None,
            proposed: Vec::new(),
        }
    }

    /// The rows as they are stored now.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (Bytes, Bytes)> {
        self.machine.store.iter().map(|(key, value)| (key.clone(), value.clone()))
    }

    /// Every entry the lines so far proposed.
    pub(crate) fn into_proposed(self) -> Vec<Entry> {
        self.proposed
    }

    /// Runs one line and tells what happened.
    pub(crate) fn run(&mut self, line: &str) -> String {
        let words = Words::parse(line);
        let told = match words.verb() {
            "turn" => self.hand_out(words.id()),
            "show" if words.id().starts_with('@') => self.show_entity(words.id()),
            "show" => self.show(words.id()),
            "batch" => self.hand_out_batch(words.id()),
            "entities" => self.entities(&words),
            "locks" => self.locks(),
            "history" => self.history(words.id()),
            "counts" => self.counts(),
            "outstanding" => self.outstanding(),
            // In milliseconds.
            "time" => {
                let ahead = words.at(1).trim_start_matches('+').parse().unwrap();
                self.machine.at = self.machine.at.plus(std::time::Duration::from_millis(ahead));
                String::new()
            }
            "lead" => self.lead(),
            "follow" => self.follow(),
            "deliver" => self.deliver(&words),
            "outbox" => self.outbox(),
            "schedules" => schedules::schedules(
                &self.machine.ask(|rows| engine::partition::schedules::schedules(rows, None, 100)),
            ),
            "due" => {
                schedules::schedules(&self.machine.ask(|rows| engine::partition::schedules::due(rows, 100)))
            }
            "events" | "letters" | "standing" => self.feed(&words),
            "messages" => self.messages(),
            "payloads" => self.payloads(),
            "part" => self.apply(payloads::part(&words)),
            _ => {
                let mut command = self.command(&words, line);
                payload::visit_texts(&mut command, &mut payloads::name);
                self.apply(command)
            }
        };
        self.machine.check();
        told
    }

    fn apply(&mut self, command: Command) -> String {
        self.proposed.push(Entry { at: self.machine.at.into(), command: Some(command.clone()) });
        let (effects, _) = self.machine.apply(command);
        self.tell(&effects)
    }

    fn tell(&mut self, effects: &Effects) -> String {
        let mut told = String::new();
        for effect in effects.iter() {
            self.remember(effect);
            writeln!(told, "{}", words::effect(effect)).unwrap();
        }
        told
    }

    fn remember(&mut self, effect: &Effect) {
        match effect {
            Effect::OfferActivity { activity, .. } => {
                let task = self.machine.ask(|rows| view::activity(rows, activity));
                if let Some(task) = task {
                    let epoch = self.machine.epoch();
                    self.activities.push((activity.clone(), task.task, task.execution, epoch));
                }
            }
            Effect::FollowUp(command) => self.follow_ups.push(command.clone()),
            Effect::OfferTurn { .. }
            | Effect::OfferBatch { .. }
            | Effect::Reply(_)
            | Effect::Send { .. }
            | Effect::Acknowledge { .. }
            | Effect::InstanceChanged { .. }
            | Effect::FeedGrew
            | Effect::ScheduleMoved
            | Effect::WakeAt(_)
            | Effect::AwaitTermination { .. } => {}
        }
    }

    fn command(&mut self, words: &Words, line: &str) -> Command {
        let instance = words.id().to_owned();
        let request = words
            .get("request")
            .map(|counter| RequestId { source: "gateway".to_owned(), counter: counter.parse().unwrap() });
        match words.verb() {
            "start" => Command::StartOrchestration(StartOrchestration {
                instance,
                request,
                execution: words.get("execution").unwrap_or_else(|| "e".repeat(32)),
                name: words.get("name").unwrap_or_else(|| "order".to_owned()),
                version: words.get("version"),
                input: words.get("input"),
                scheduled_start: words.get("at").map(|at| words::moment(&at)),
                reuse: words.get("reuse").map(|list| ReusePolicy { replaceable: words::statuses(&list) }),
                tags: words.get("tag").into_iter().map(|tag| (tag, "yes".to_owned())).collect(),
                trace: None,
            }),
            "raise" => {
                let (name, input) = (words.at(2).to_owned(), words.get("input"));
                Command::RaiseEvent(RaiseEvent { instance, request, name, input })
            }
            "suspend" => Command::Suspend(Suspend { instance, request, reason: words.get("reason") }),
            "resume" => Command::Resume(Resume { instance, request, reason: words.get("reason") }),
            "terminate" => {
                let (output, recursive) = (words.get("output"), words.has("recursive"));
                Command::Terminate(Terminate { instance, request, output, recursive })
            }
            "signal" => {
                let event = Box::new(entity_words::signal(words, self.machine.at));
                Command::SignalEntity(SignalEntity { entity: instance, request, event })
            }
            "delete" => Command::DeleteEntity(DeleteEntity { entity: instance, request }),
            "resume-entity" => Command::ResumeEntity(ResumeEntity { entity: instance, request }),
            "release" => {
                let section = entity_words::section(words);
                Command::ReleaseLock(ReleaseLock { entity: instance, request, section })
            }
            "done" => self.batch_answer(words, line),
            "stuck-entity" => self.stuck_entity(words),
            "purge" => Command::Purge(Purge { instance, request, recursive: words.has("recursive") }),
            "restart" => {
                let execution = words.get("execution").unwrap_or_else(|| "f".repeat(32));
                Command::Restart(Restart { instance, request, execution })
            }
            "rewind" => Command::Rewind(Rewind { instance, request, reason: words.get("reason") }),
            "answer" => self.answer(words, line),
            "activity" => self.activity(words),
            "stuck" => self.stuck(words),
            "force" => {
                let id = InstanceId::parse(&instance).unwrap();
                let found = self.machine.ask(|rows| view::instance(rows, &id, false));
                let execution = found.map(|view| view.execution).unwrap_or_default();
                Command::ForceTerminate(ForceTerminate { instance, execution })
            }
            "acknowledge" => Command::AcknowledgeMessages(AcknowledgeMessages {
                from: 0,
                from_lineage: words.number("lineage", LINEAGE),
                upto: words.at(1).parse().unwrap(),
            }),
            "epoch" => {
                let Command::RaiseEpoch(command) = raise_epoch() else { panic!("an epoch") };
                let (lineage, lease) = (words.number("lineage", LINEAGE), words.number("lease", LEASE));
                Command::RaiseEpoch(RaiseEpoch { lineage, lease, ..command })
            }
            "feed" | "told" | "resend" => feed::command(words),
            "advance" => Command::AdvanceEntity(AdvanceEntity { entity: instance }),
            "fire" => Command::FireTimers(FireTimers {}),
            "sweep" => Command::Sweep(Sweep { instance }),
            _ => self.of_schedules(words),
        }
    }

    fn of_schedules(&mut self, words: &Words) -> Command {
        let known = self.machine.ask(|rows| engine::partition::schedules::schedule(rows, words.id()));
        schedules::command(words, known.as_ref(), self.machine.at.into())
    }

    fn hand_out(&mut self, id: &str) -> String {
        let epoch = Epoch { term: self.machine.id.term, ..self.machine.ask(view::meta).epoch };
        let instance = InstanceId::parse(id).unwrap();
        let now = self.machine.at;
        let Some(turn) = self.machine.ask(|rows| view::turn(rows, &instance, epoch, now, 4 << 20)) else {
            return "no turn\n".to_owned();
        };
        let mut told = format!("turn {} at {}, delivers {}\n", turn.turn, turn.started_at, turn.delivered);
        let past: Vec<u8> = turn.past.concat();
        for event in words::past_events(&past) {
            writeln!(told, "  past {}", words::event(&event)).unwrap();
        }
        for event in &turn.new_events {
            let event = HistoryEvent::decode(event.clone()).unwrap();
            writeln!(told, "  new {}", words::event(&event)).unwrap();
        }
        let token = TokenEpoch { lineage: epoch.lineage.0, lease: epoch.lease.0, term: epoch.term };
        self.turns.insert(id.to_owned(), (turn, token));
        told
    }

    fn answer(&mut self, words: &Words, line: &str) -> Command {
        let (turn, epoch) = self.turns.get(words.id()).expect("a turn was handed out").clone();
        let (_, actions) = line.split_once(" : ").unwrap_or((line, ""));
        let now = self.machine.at;
        let actions = actions.split(" ; ").filter(|text| !text.trim().is_empty());
        Command::CompleteOrchestrationTurn(CompleteOrchestrationTurn {
            instance: words.id().to_owned(),
            execution: turn.execution,
            epoch,
            turn: turn.turn,
            started_at: turn.started_at.into(),
            delivered: turn.delivered,
            events_processed: words.get("processed").map(|count| count.parse().unwrap()),
            actions: actions.map(|text| words::action(text, now)).collect(),
            custom_status: words.get("status"),
            trace: None,
        })
    }

    fn hand_out_batch(&mut self, id: &str) -> String {
        let epoch = Epoch { term: self.machine.id.term, ..self.machine.ask(view::meta).epoch };
        let entity = EntityId::parse(id).unwrap();
        let Some(batch) = self.machine.ask(|rows| view::batch(rows, &entity, epoch)) else {
            return "no batch\n".to_owned();
        };
        let state = batch.state.clone().unwrap_or_else(|| "(none)".to_owned());
        let mut told = format!("batch {} of {} with state {state}\n", batch.turn, batch.execution);
        for event in &batch.operations {
            writeln!(told, "  {}", words::event(&HistoryEvent::decode(event.clone()).unwrap())).unwrap();
        }
        let token = TokenEpoch { lineage: epoch.lineage.0, lease: epoch.lease.0, term: epoch.term };
        self.batches.insert(id.to_owned(), (batch, token));
        told
    }

    fn batch_answer(&mut self, words: &Words, line: &str) -> Command {
        let (batch, epoch) = self.batches.get(words.id()).expect("a batch was handed out").clone();
        let (_, actions) = line.split_once(" : ").unwrap_or((line, ""));
        let actions = actions.split(" ; ").filter(|text| !text.trim().is_empty());
        let results = words.get("results").unwrap_or_else(|| vec!["ok"; batch.operations.len()].join(","));
        Command::CompleteEntityBatch(CompleteEntityBatch {
            entity: words.id().to_owned(),
            execution: batch.execution,
            epoch,
            turn: batch.turn,
            delivered: u32::try_from(batch.operations.len()).unwrap(),
            results: results.split(',').filter(|one| !one.is_empty()).map(entity_words::result).collect(),
            state: words.get("state"),
            keeps_state: words.has("keeps"),
            actions: actions.map(|text| entity_words::operation_action(text, self.machine.at)).collect(),
        })
    }

    fn stuck_entity(&mut self, words: &Words) -> Command {
        let (batch, _) = self.batches.get(words.id()).expect("a batch was handed out").clone();
        Command::MarkEntityStuck(MarkEntityStuck {
            entity: words.id().to_owned(),
            execution: batch.execution,
            turn: batch.turn,
            delivered: u32::try_from(batch.operations.len()).unwrap(),
            reason: words.get("reason").unwrap_or_else(|| "no-worker".to_owned()),
        })
    }

    fn show_entity(&mut self, id: &str) -> String {
        let id = EntityId::parse(id).unwrap();
        match self.machine.ask(|rows| view::entity(rows, &id, true)) {
            Some(view) => entity_words::entity(&view),
            None => "no such entity\n".to_owned(),
        }
    }

    fn entities(&mut self, words: &Words) -> String {
        let filter = EntitiesFilter {
            prefix: words.get("prefix").unwrap_or_default(),
            modified_from: words.get("from").map(|at| words::moment(&at).into()),
            modified_to: words.get("to").map(|at| words::moment(&at).into()),
            kind: if words.has("transient") { EntitiesKind::All } else { EntitiesKind::WithState },
        };
        let (mut told, mut after) = (String::new(), None);
        loop {
            let page = self.machine.ask(|rows| view::entities(rows, &filter, after.as_ref(), 2));
            page.entities.iter().for_each(|view| told.push_str(&entity_words::entity(view)));
            after = page.next;
            if after.is_none() {
                return told;
            }
        }
    }

    fn locks(&mut self) -> String {
        let locks = self.machine.ask(|rows| view::locks(rows, None, 100));
        let mut told: String = locks.iter().map(entity_words::locked).collect();
        for section in waits::circle(&locks) {
            writeln!(told, "in a circle: {}", entity_words::holder(&section)).unwrap();
        }
        told
    }

    fn remembered(&self, words: &Words) -> (ActivityKey, i32, String, TokenEpoch) {
        let task: i32 = words.at(2).parse().unwrap();
        let mut known = self.activities.iter().filter(|a| a.0.instance == words.id() && a.1 == task);
        let found = if words.has("first") { known.next() } else { known.next_back() };
        found.expect("the activity was offered").clone()
    }

    fn activity(&mut self, words: &Words) -> Command {
        let (activity, task, execution, mut epoch) = self.remembered(words);
        epoch.lineage = words.number("lineage", epoch.lineage);
        let failure = words.get("fail").map(|text| words::failure(&text));
        let result = words.get("ok");
        Command::CompleteActivity(CompleteActivity { activity, epoch, execution, task, result, failure })
    }

    fn stuck(&mut self, words: &Words) -> Command {
        let id = InstanceId::parse(words.id()).unwrap();
        let found = self.machine.ask(|rows| view::instance(rows, &id, false));
        let activity = (!words.at(2).is_empty()).then(|| self.remembered(words).0);
        Command::MarkStuck(MarkStuck {
            instance: words.id().to_owned(),
            execution: found.map(|view| view.execution).unwrap_or_default(),
            activity,
            reason: words.get("reason").unwrap_or_else(|| "no-worker".to_owned()),
        })
    }

    fn deliver(&mut self, words: &Words) -> String {
        let command = if words.has("again") {
            self.delivered.clone().expect("something was delivered before")
        } else {
            let after = words.number("after", 0);
            let messages = self.machine.ask(|rows| view::outbox(rows, PartitionId(0), after, 100));
            let Some((first, _)) = messages.first() else { return "nothing to deliver\n".to_owned() };
            ReceiveMessages {
                from: 0,
                from_lineage: words.number("lineage", LINEAGE),
                to_lineage: words.number("to", LINEAGE),
                first: *first,
                messages: messages.iter().map(|(_, message)| message.clone()).collect(),
            }
        };
        self.delivered = Some(command.clone());
        self.apply(Command::ReceiveMessages(command))
    }

    /// Delivers and acknowledges until there is nothing more to say.
    fn messages(&mut self) -> String {
        let mut told = String::new();
        loop {
            let said = self.outbox();
            if said.is_empty() {
                return told;
            }
            told.push_str(&said);
            told.push_str(&self.deliver(&Words::parse("deliver")));
            let last = said.lines().last().and_then(|line| line.split(' ').next());
            let acknowledged = format!("acknowledge {}", last.expect("a message has a number"));
            let command = self.command(&Words::parse(&acknowledged), &acknowledged);
            told.push_str(&self.apply(command));
        }
    }

    fn outbox(&mut self) -> String {
        let messages = self.machine.ask(|rows| view::outbox(rows, PartitionId(0), 0, 100));
        messages
            .iter()
            .map(|(sequence, message)| format!("{sequence} {}\n", words::message(message)))
            .collect()
    }

    fn payloads(&mut self) -> String {
        payloads::list(&self.machine.ask(|rows| view::payloads(rows, None, 100)))
    }

    fn feed(&mut self, words: &Words) -> String {
        match words.verb() {
            "events" => {
                let after = words.number("after", 0);
                feed::events(&self.machine.ask(|rows| engine::partition::feed::events(rows, after, 100)))
            }
            "letters" => feed::letters(
                &self.machine.ask(|rows| engine::partition::feed::dead_letters(rows, words.id(), 0, 100)),
            ),
            _ => feed::standing(&self.machine.ask(engine::partition::feed::standing)),
        }
    }

    fn lead(&mut self) -> String {
        self.machine.fail_over();
        self.follow_ups.clear();
        self.outstanding()
    }

    fn outstanding(&mut self) -> String {
        let found = self.machine.outstanding();
        let mut effects = Effects::none();
        found.into_iter().for_each(|effect| effects.push(effect));
        self.tell(&effects)
    }

    fn follow(&mut self) -> String {
        let mut told = String::new();
        while let Some(command) = self.follow_ups.pop() {
            writeln!(told, "{}", words::command(&command)).unwrap();
            told.push_str(&self.apply(command));
        }
        told
    }

    fn show(&mut self, id: &str) -> String {
        let id = InstanceId::parse(id).unwrap();
        match self.machine.ask(|rows| view::instance(rows, &id, true)) {
            Some(view) => words::instance(&view),
            None => "no such instance\n".to_owned(),
        }
    }

    fn history(&mut self, id: &str) -> String {
        let id = InstanceId::parse(id).unwrap();
        let mut told = String::new();
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            let Some(page) = self.machine.ask(|rows| view::history(rows, &id, at, 3)) else {
                return "no such instance\n".to_owned();
            };
            for recorded in page.events {
                let event = HistoryEvent::decode(recorded.event).unwrap();
                let audience = if recorded.visible { "" } else { " (for people)" };
                writeln!(told, "{}{audience}", words::event(&event)).unwrap();
            }
            cursor = page.next;
        }
        told
    }

    fn counts(&mut self) -> String {
        let counts = self.machine.ask(view::counts);
        let orphans = self.machine.ask(view::meta).orphans;
        let by_status = StatusName::ALL.into_iter().filter_map(|status| {
            let count = counts.by_status.get(&status).copied().filter(|count| *count > 0)?;
            Some(format!("{status:?} {count}\n"))
        });
        let mut told: String = by_status.collect();
        writeln!(told, "stuck {}, orphans {orphans}", counts.stuck).unwrap();
        told
    }
}
