//! Stored bytes of format version 1: what was once written must be read for ever.
//!
//! Not here: what they mean. `../formats/v1/` holds an entry of each command and the rows of one
//! history, in hexadecimal; the files are never edited, and `NEW=1` writes only what is missing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use engine::catalog;
use engine::partition::command::*;
use engine::partition::invariants;
use engine::rows::{Key, WorkingSet};
use engine::time::Timestamp;
use prost::Message as _;

use crate::scenarios::transcripts;
use crate::script::Script;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/v1").join(name)
}

#[expect(clippy::disallowed_methods, reason = "golden files are files of the source tree")]
fn golden(name: &str, now: &str) -> String {
    let path = path(name);
    if std::env::var_os("NEW").is_some() && !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    std::fs::read_to_string(&path).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.bytes().map(|c| u8::try_from((c as char).to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Everything the transcripts propose, in order, and the rows they leave.
fn proposed() -> (Vec<Entry>, BTreeMap<Bytes, Bytes>) {
    let mut entries = Vec::new();
    let mut rows = BTreeMap::new();
    for (_, text) in transcripts() {
        let mut script = Script::new();
        for block in text.trim_end().split("\n\n") {
            let (commands, _) = block.split_once("\n----").unwrap_or((block, ""));
            for line in commands.lines().filter(|line| !line.starts_with('#')) {
                script.run(line);
                rows.extend(script.rows());
            }
        }
        entries.extend(script.into_proposed());
    }
    (entries, rows)
}

fn command_name(command: &Command) -> &'static str {
    match command {
        Command::StartOrchestration(_) => "start_orchestration",
        Command::RaiseEvent(_) => "raise_event",
        Command::Suspend(_) => "suspend",
        Command::Resume(_) => "resume",
        Command::Terminate(_) => "terminate",
        Command::Purge(_) => "purge",
        Command::Restart(_) => "restart",
        Command::Rewind(_) => "rewind",
        Command::StorePayload(_) => "store_payload",
        Command::SignalEntity(_) => "signal_entity",
        Command::DeleteEntity(_) => "delete_entity",
        Command::ReleaseLock(_) => "release_lock",
        Command::ResumeEntity(_) => "resume_entity",
        Command::CompleteEntityBatch(_) => "complete_entity_batch",
        Command::MarkEntityStuck(_) => "mark_entity_stuck",
        Command::AdvanceEntity(_) => "advance_entity",
        Command::CompleteOrchestrationTurn(_) => "complete_orchestration_turn",
        Command::CompleteActivity(_) => "complete_activity",
        Command::ReceiveMessages(_) => "receive_messages",
        Command::AcknowledgeMessages(_) => "acknowledge_messages",
        Command::RaiseEpoch(_) => "raise_epoch",
        Command::FireTimers(_) => "fire_timers",
        Command::Sweep(_) => "sweep",
        Command::MarkStuck(_) => "mark_stuck",
        Command::ForceTerminate(_) => "force_terminate",
        Command::ConfigureFeed(_) => "configure_feed",
        Command::AcknowledgeFeed(_) => "acknowledge_feed",
        Command::PutSchedule(_) => "put_schedule",
        Command::ChangeSchedule(_) => "change_schedule",
        Command::FireSchedule(_) => "fire_schedule",
        Command::ResendEvents(_) => "resend_events",
    }
}

/// Files are never edited: what a later change adds is in a file of its own.
const ENTRIES: [&str; 6] = [
    "entries.txt",
    "entries-again.txt",
    "entries-feed.txt",
    "entries-entities.txt",
    "entries-schedules.txt",
    "entries-payloads.txt",
];
const ROWS: [&str; 6] = [
    "rows.txt",
    "rows-listed.txt",
    "rows-feed.txt",
    "rows-entities.txt",
    "rows-schedules.txt",
    "rows-payloads.txt",
];

#[test]
fn entries_of_version_1_are_read_as_they_were_written() {
    let mut largest: BTreeMap<&str, Entry> = BTreeMap::new();
    for entry in proposed().0 {
        let name = command_name(entry.command.as_ref().unwrap());
        let known = largest.get(name).map_or(0, prost::Message::encoded_len);
        if entry.encoded_len() > known {
            largest.insert(name, entry);
        }
    }
    for file in ENTRIES {
        let now = largest.iter().fold(String::new(), |mut text, (name, entry)| {
            writeln!(text, "{name} {}", hex(&entry.encode_to_vec())).unwrap();
            text
        });
        for line in golden(file, &now).lines() {
            let (name, bytes) = line.split_once(' ').unwrap();
            let entry = Entry::decode(unhex(bytes).as_slice()).unwrap();
            assert_eq!(command_name(entry.command.as_ref().unwrap()), name);
            assert_eq!(hex(&entry.encode_to_vec()), bytes, "{name} is written as it was");
            assert!(largest.remove(name).is_some(), "the transcripts use {name}");
        }
    }
    assert!(largest.is_empty(), "no golden file has {:?}", largest.keys());
}

#[test]
fn rows_of_version_1_are_read_as_they_were_written() {
    let rows = proposed().1;
    let mut rooms: BTreeMap<u8, (Bytes, Bytes)> = BTreeMap::new();
    for (key, value) in rows {
        let known = rooms.get(&key[0]).map_or(0, |(_, value)| value.len());
        if value.len() >= known {
            rooms.insert(key[0], (key, value));
        }
    }
    for file in ROWS {
        let now = rooms.values().fold(String::new(), |mut text, (key, value)| {
            writeln!(text, "{} {}", hex(key), hex(value)).unwrap();
            text
        });
        for line in golden(file, &now).lines() {
            let (key, value) = line.split_once(' ').unwrap();
            let key = Bytes::from(unhex(key));
            rooms.remove(&key[0]);
            let mut rows = WorkingSet::new();
            rows.load(Key::from_bytes(key), Some(Bytes::from(unhex(value)))).unwrap();
        }
    }
    assert!(rooms.is_empty(), "no golden file has a row of the rooms {:x?}", rooms.keys());
    assert_eq!(invariants::check(&WorkingSet::new()), None);
}

#[test]
fn the_catalogs_entries_and_rows_of_version_1_are_read_as_they_were_written() {
    let command = catalog::Command::CreateHub(catalog::CreateHub {
        name: "default".to_owned(),
        partitions: 8,
        key: Bytes::from_static(&[7; catalog::HUB_KEY_BYTES]),
        mode: catalog::Mode::Conservative.into(),
        ..catalog::CreateHub::default()
    });
    let mut now = String::new();
    write_applied(&mut now, &mut BTreeMap::new(), 1, Timestamp::new(5, 6), command);
    assert_eq!(golden("catalog.txt", &now), now);
}

/// Applies an entry to the stored rows and writes its bytes and those of the rows that it changed.
fn write_applied(
    to: &mut String,
    store: &mut BTreeMap<Key, Bytes>,
    index: u64,
    at: Timestamp,
    command: catalog::Command,
) {
    let entry = catalog::Entry { at: at.into(), command: Some(command) };
    let again = catalog::Entry::decode(entry.encode_to_vec().as_slice()).unwrap();
    assert_eq!(again, entry);
    let mut rows = WorkingSet::new();
    let id = engine::id::LogId { term: 1, index };
    while let Err(needs) = catalog::try_apply(&mut rows, id, &entry) {
        for key in needs.keys {
            let value = store.get(&key).cloned();
            rows.load(key, value).unwrap();
        }
        for range in needs.ranges {
            let run = store.range(range.from.clone()..range.to.clone()).take(range.limit);
            let found = run.map(|(key, value)| (key.clone(), value.clone())).collect();
            rows.load_range(&range, found).unwrap();
        }
    }
    writeln!(to, "entry {}", hex(&entry.encode_to_vec())).unwrap();
    for (key, value) in rows.take_writes() {
        let Some(value) = value else {
            store.remove(&key);
            continue;
        };
        writeln!(to, "row {} {}", hex(key.as_bytes()), hex(&value)).unwrap();
        store.insert(key, value);
    }
}

#[test]
fn the_catalogs_nodes_and_placements_of_version_1_are_read_as_they_were_written() {
    let (mut now, mut store) = (String::new(), BTreeMap::new());
    for (index, command) in (1..).zip(crate::catalog::proposed()) {
        let at = Timestamp::new(i64::try_from(index).unwrap(), 0);
        write_applied(&mut now, &mut store, index, at, command);
    }
    assert_eq!(golden("catalog-nodes.txt", &now), now);
}
