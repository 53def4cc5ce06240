//! From what the node log holds to a driver that may run.
//!
//! | found                                   | done                                               |
//! |-----------------------------------------|----------------------------------------------------|
//! | nothing                                 | created: `Opened` and the first state are written  |
//! | a state                                 | entries from `applied + 1` to its commit come out  |
//! | applied beyond the commit               | the commit is raised: only committed is applied    |
//! | entries of a term above the state's     | the term is raised, without a vote: a torn tail    |
//! |                                         | took the state, and nothing was said in that term  |
//! | a tail was cut off, and there are others| the term is raised and doubted: see `doubt`        |
//! | a state compacted beyond the log        | the log is compacted as well: the process stopped  |
//! |                                         | between the two records                            |
//! | changes of members up to `applied`      | they count; later ones come out as they are given  |
//! |                                         | out                                                |
//! | commit or applied beyond the last entry | corrupt: acknowledged entries are missing          |
//! | another entry where the applied one was | corrupt likewise                                   |
//!
//! Not here: damage inside the log; `storage` finds that and does not hand the group out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use prost::Message as _;
use raft::eraftpb::{Entry, HardState};
use raft::{RawNode, ReadOnlyOption, StateRole};
use storage::log::Tail;
use storage::{GroupLog, Record};

use super::Driver;
use super::doubt::Ballot;
use super::held::Held;
use crate::election::Timeouts;
use crate::error::Error;
use crate::format::{EntryBytes, StateBytes};
use crate::log_store::LogStore;
use crate::membership::Membership;
use crate::mutants;
use crate::types::{Config, LogId};

impl Driver {
    /// Opens a replica; see [`crate::Group::open`].
    pub(crate) fn open(config: Config, log: Option<GroupLog>, applied: LogId) -> Result<Self, Error> {
        check_config(&config)?;
        let replica = crate::types::ReplicaId(config.group.replica);
        let Opened { mut store, records, doubted } = match log {
            Some(log) => recovered(&config, log, applied)?,
            None if applied.index > 0 => {
                return Err(corrupt(&config, format!("applied {applied:?} and no log")));
            }
            None => created(&config, true),
        };
        let lone = store.members().is_only_voter(replica);
        if lone && store.members().learners.is_empty() {
            store.forget(applied.index);
        }
        let node = RawNode::new(&library_config(&config, applied.index), store, &silent())
            .map_err(|error| corrupt(&config, error.to_string()))?;
        // Without both, one badly connected replica stops a group that could go on.
        assert!(node.raft.check_quorum, "CheckQuorumOn");
        assert!(node.raft.pre_vote || mutants::active("pre-vote-off"), "PreVoteOn");
        let mut timeouts = Timeouts::new(config.seed, replica, config.election_ticks);
        let mut driver = Self {
            timeout: timeouts.draw(),
            timeouts,
            standing: (node.raft.term, StateRole::Follower),
            leader: 0,
            number: 0,
            durable: 0,
            // Nobody may hear from a replica before it exists on disk.
            urgent: u64::from(!records.is_empty()),
            vote: u64::from(!records.is_empty()),
            in_flight: VecDeque::new(),
            held_messages: Held::new(),
            held_events: Held::new(),
            events: Vec::new(),
            records,
            own_empty: None,
            established: None,
            campaign_due: lone,
            all_matched: 0,
            vouched: 0,
            told_vouched: BTreeMap::new(),
            compact_wanted: 0,
            installing: None,
            doubted,
            ballot: Ballot::default(),
            config,
            node,
        };
        driver.observe();
        Ok(driver)
    }
}

fn check_config(config: &Config) -> Result<(), Error> {
    let invalid = |why: String| Err(Error::Config { group: config.group, why });
    let distinct: BTreeSet<_> = config.voters.iter().collect();
    if distinct.is_empty()
        || distinct.len() != config.voters.len()
        || config.voters.iter().any(|voter| voter.0 == 0)
    {
        return invalid(format!("voters {:?} are not some, distinct and above 0", config.voters));
    }
    if config.heartbeat_ticks == 0 || config.election_ticks <= config.heartbeat_ticks {
        return invalid(format!(
            "election after {} ticks and heartbeats every {}",
            config.election_ticks, config.heartbeat_ticks
        ));
    }
    Ok(())
}

fn corrupt(config: &Config, why: impl Into<String>) -> Error {
    Error::Corrupt { group: config.group, why: why.into() }
}

/// What is found or made of a replica before it runs.
struct Opened {
    store: LogStore,
    /// To be written before anything else.
    records: Vec<Record>,
    /// See [`StateBytes::doubted_term`].
    doubted: u64,
}

/// A new replica, and the records that make it exist.
fn created(config: &Config, announce: bool) -> Opened {
    let group = config.group;
    let members = Membership::of_voters(config.voters.iter().copied());
    let hard = HardState::default();
    let state = StateBytes::of(&hard, &members, LogId::default(), 0).encoded();
    let mut records = vec![Record::State { group, state }];
    if announce {
        records.insert(0, Record::Opened { group });
    }
    let store = LogStore::new(LogId::default(), VecDeque::new(), hard, members);
    Opened { store, records, doubted: 0 }
}

fn recovered(config: &Config, log: GroupLog, applied: LogId) -> Result<Opened, Error> {
    if log.sealed {
        return Err(Error::Stopped { group: config.group, why: "it is sealed".to_owned() });
    }
    let Some(state) = &log.state else {
        if log.compacted > 0 || !log.entries.is_empty() || applied.index > 0 {
            return Err(corrupt(config, "there are entries and no state record"));
        }
        return Ok(created(config, false));
    };
    let state = StateBytes::decoded(state).map_err(|why| corrupt(config, why))?;
    let compacted = state.compacted();
    if compacted.index < log.compacted {
        return Err(corrupt(config, format!("compacted to {}, known is {compacted:?}", log.compacted)));
    }
    let entries = live_entries(config, log.first, log.entries, compacted)?;
    let last = entries.back().map_or(compacted, |entry| LogId { term: entry.term, index: entry.index });
    let mut hard = hard_state(config, &state, last, applied.index)?;
    let in_log = term_at(compacted, &entries, applied.index);
    if applied.index > 0 && in_log.is_some_and(|term| term != applied.term) {
        return Err(corrupt(config, format!("applied {applied:?}, the log has {in_log:?} there")));
    }
    let (mut doubted, mut records) = (state.doubted_term, Vec::new());
    let mut store = LogStore::new(compacted, entries, hard.clone(), state.membership());
    replay_changes(config, &mut store, applied.index)?;
    let replica = crate::types::ReplicaId(config.group.replica);
    let is_heard = !store.members().is_only_voter(replica);
    if log.tail == Tail::Cut && is_heard && !mutants::active("doubt-not-taken-up") {
        doubted = hard.term;
        if doubted > 0 {
            // Whoever leads in the doubted term counts on what this replica may have lost: it is not
            // to go on. A later leader is elected without this replica's word.
            (hard.term, hard.vote) = (doubted + 1, 0);
        }
        let state = StateBytes::of(&hard, store.base(), compacted, doubted).encoded();
        records.push(Record::State { group: config.group, state });
    }
    if log.compacted < compacted.index {
        // The state record came first, and the process stopped between the two.
        records.push(Record::Compacted { group: config.group, upto: compacted.index });
    }
    store.hard = hard;
    Ok(Opened { store, records, doubted })
}

/// What the entries up to `applied` have made of the membership.
fn replay_changes(config: &Config, store: &mut LogStore, applied: u64) -> Result<(), Error> {
    for (index, change) in store.changes_upto(applied) {
        let (change, _) =
            change.ok_or_else(|| corrupt(config, format!("entry {index}: no change of members")))?;
        let members = store.members().after(&change);
        let members = members.map_err(|why| corrupt(config, format!("entry {index}: {why}")))?;
        store.change(index, members);
    }
    Ok(())
}

/// The term of the entry at `index`, as far as it is known.
fn term_at(compacted: LogId, entries: &VecDeque<Entry>, index: u64) -> Option<u64> {
    let offset = usize::try_from(index.checked_sub(compacted.index)?).ok()?;
    let before = offset.checked_sub(1);
    before.map_or(Some(compacted.term), |before| entries.get(before).map(|entry| entry.term))
}

/// The entries after the compaction point, checked to be contiguous and of terms that never fall.
fn live_entries(
    config: &Config,
    first: u64,
    bytes: Vec<Bytes>,
    compacted: LogId,
) -> Result<VecDeque<Entry>, Error> {
    let mut entries = VecDeque::with_capacity(bytes.len());
    let mut before = compacted;
    for (index, bytes) in (first..).zip(bytes) {
        if index <= compacted.index {
            continue;
        }
        let at = |why: &str| corrupt(config, format!("entry {index}: {why}"));
        if index != before.index + 1 {
            return Err(at("there is a gap before it"));
        }
        let entry = EntryBytes::decode(bytes).map_err(|error| at(&error.to_string()))?;
        let entry = entry.entry(index).map_err(at)?;
        if entry.term < before.term {
            return Err(at("its term falls"));
        }
        before = LogId { term: entry.term, index };
        entries.push_back(entry);
    }
    Ok(entries)
}

fn hard_state(config: &Config, state: &StateBytes, last: LogId, applied: u64) -> Result<HardState, Error> {
    if applied < state.compacted_index {
        let compacted = state.compacted_index;
        return Err(corrupt(config, format!("applied {applied}, and {compacted} is compacted already")));
    }
    let mut hard = state.hard_state();
    hard.commit = hard.commit.max(applied);
    if hard.commit > last.index {
        let commit = hard.commit;
        return Err(corrupt(config, format!("{commit} is committed and the log ends at {}", last.index)));
    }
    if last.term > hard.term {
        hard.term = last.term;
        hard.vote = 0;
    }
    Ok(hard)
}

fn library_config(config: &Config, applied: u64) -> raft::Config {
    let ticks = config.election_ticks as usize;
    let limits = config.limits;
    raft::Config {
        id: config.group.replica,
        election_tick: ticks,
        heartbeat_tick: config.heartbeat_ticks as usize,
        // Room for every draw of `election`; the library's own draws never take effect.
        min_election_tick: ticks,
        max_election_tick: 2 * ticks + 1,
        applied,
        max_size_per_msg: limits.message_bytes_max,
        max_inflight_msgs: limits.messages_in_flight_max.max(1),
        max_uncommitted_size: limits.uncommitted_bytes_max.max(limits.message_bytes_max),
        max_committed_size_per_ready: limits.committed_bytes_max,
        check_quorum: true,
        pre_vote: !mutants::active("pre-vote-off"),
        read_only_option: ReadOnlyOption::Safe,
        batch_append: true,
        ..raft::Config::default()
    }
}

fn silent() -> slog::Logger {
    slog::Logger::root(slog::Discard, slog::o!())
}
