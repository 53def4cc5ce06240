//! Examines a data directory without changing it: the node log and every table, read from end to end.
//!
//! It opens them as a start would, on a disk under glass (`glass`), so that what it says is what a start
//! would say. Not here: advice on words (`observe::codes`) and printing (the binary).

mod glass;

use std::path::Path;
use std::sync::Arc;

use platform::disk::Disk;
use storage::{Error, NodeLog, Recovered, Roster, Tables};

use crate::observe::codes::{self, Code};

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file or directory, and the position in it where one is known.
    pub place: String,
    /// What is there.
    pub detail: String,
    /// The entry of the register; none where all is well.
    pub code: Option<&'static Code>,
}

impl Finding {
    /// Whether it is more than a notice.
    pub fn is_damage(&self) -> bool {
        self.code.is_some_and(|code| code.weight == codes::Weight::Error)
    }
}

/// Reads everything under a data directory of this machine.
pub fn examine(data: &Path) -> Vec<Finding> {
    let disk: Arc<dyn Disk> = Arc::new(platform::real::RealDisk);
    examine_on(&disk, data)
}

/// Reads everything under a data directory of some disk.
pub fn examine_on(disk: &Arc<dyn Disk>, data: &Path) -> Vec<Finding> {
    let (log, tables) = (data.join("log"), data.join("tables"));
    let glass: Arc<dyn Disk> = Arc::new(glass::Glass::new(Arc::clone(disk)));
    if !disk.exists(&log).unwrap_or(false) {
        let detail = "there is no node log: no server has ever started here".to_owned();
        let code = Some(&codes::DATA_DIR_UNUSABLE);
        return vec![Finding { place: data.display().to_string(), detail, code }];
    }
    let mut findings = examine_log(&glass, &log);
    let files = if disk.exists(&tables).unwrap_or(false) { disk.list(&tables) } else { Ok(Vec::new()) };
    match files {
        Ok(files) => {
            let files = files.into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "redb"));
            findings.extend(files.map(|file| examine_table(&glass, &file)).flat_map(Vec::into_iter));
        }
        Err(error) => findings.push(Finding {
            place: tables.display().to_string(),
            detail: error.to_string(),
            code: Some(&codes::DATA_DIR_UNUSABLE),
        }),
    }
    findings
}

fn examine_log(glass: &Arc<dyn Disk>, dir: &Path) -> Vec<Finding> {
    match NodeLog::open(Arc::clone(glass), dir, storage::log::Options::default()) {
        Ok((_, recovered)) => findings_of(&recovered, dir),
        Err(error) => vec![finding_of(&error, dir)],
    }
}

fn findings_of(recovered: &Recovered, dir: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> = recovered
        .damage
        .iter()
        .map(|damage| Finding {
            place: format!("{} position {}", damage.file.display(), damage.offset),
            detail: damage.why.clone(),
            code: Some(&codes::LOG_CORRUPT),
        })
        .collect();
    findings.extend(recovered.quarantined.iter().map(|(group, damage)| Finding {
        place: format!("group {group}"),
        detail: format!("lost records from {} position {} on", damage.file.display(), damage.offset),
        code: Some(&codes::LOG_CORRUPT),
    }));
    if recovered.roster == Roster::GroupsMayBeMissing {
        findings.push(Finding {
            place: dir.display().to_string(),
            detail: "a damaged place may have held the only records of a group that is not listed".to_owned(),
            code: Some(&codes::LOG_CORRUPT),
        });
    }
    let tail = &recovered.tail;
    if tail.torn_bytes > 0 {
        findings.push(Finding {
            place: format!("{} position {}", tail.file.display(), tail.offset),
            detail: format!(
                "{} bytes of a write that was never acknowledged; a start cuts them off",
                tail.torn_bytes
            ),
            code: Some(&codes::TAIL_TORN),
        });
    }
    let end = if recovered.was_clean { "closed in order" } else { "not closed in order, which is no harm" };
    let groups = recovered.groups.len();
    findings.push(Finding {
        place: dir.display().to_string(),
        detail: format!("{groups} groups can go on, {} frames, {end}", tail.sequence),
        code: None,
    });
    findings
}

fn examine_table(glass: &Arc<dyn Disk>, path: &Path) -> Vec<Finding> {
    let place = path.display().to_string();
    let opened = Tables::open(Arc::clone(glass), path, storage::tables::Options::default());
    match opened.and_then(|tables| tables.scrub()) {
        Ok(report) if report.damage.is_empty() => {
            let detail = format!("{} rows, {} bytes, all intact", report.items, report.bytes);
            vec![Finding { place, detail, code: None }]
        }
        Ok(report) => {
            let damaged = report.damage.into_iter();
            damaged
                .map(|detail| Finding { place: place.clone(), detail, code: Some(&codes::TABLES_CORRUPT) })
                .collect()
        }
        Err(error) => vec![finding_of(&error, path)],
    }
}

fn finding_of(error: &Error, path: &Path) -> Finding {
    let place = match error {
        Error::CorruptLog { file, offset, .. } => format!("{} position {offset}", file.display()),
        Error::CorruptTable { file, .. } => file.display().to_string(),
        Error::Poisoned { .. }
        | Error::Full { .. }
        | Error::Format { .. }
        | Error::Missing { .. }
        | Error::InUse { .. }
        | Error::Quarantined { .. }
        | Error::Refused { .. }
        | Error::Io { .. } => path.display().to_string(),
    };
    let code = codes::find(error.code()).unwrap_or(&codes::DATA_DIR_UNUSABLE);
    Finding { place, detail: error.to_string(), code: Some(code) }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use platform::fault::SimDisk;
    use storage::{GroupKey, Record};

    use super::*;

    const GROUP: GroupKey = GroupKey { partition: 1, lineage: 1, replica: 1 };

    /// A log with some entries, closed in order.
    fn data(disk: &Arc<dyn Disk>) -> std::path::PathBuf {
        let data = std::path::PathBuf::from("/data");
        let options = storage::log::Options::small();
        let (mut log, _) = NodeLog::open(Arc::clone(disk), &data.join("log"), options).expect("a new log");
        log.append(&[Record::Opened { group: GROUP }]).expect("room");
        for first in 1..=20 {
            let entries = vec![Bytes::from(vec![7; 100])];
            log.append(&[Record::Entries { group: GROUP, first, entries }]).expect("room");
            log.sync().expect("a sync");
        }
        log.close().expect("a sync");
        data
    }

    #[test]
    fn a_sound_directory_has_no_findings_that_ask_for_anything() {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
        let findings = examine_on(&disk, &data(&disk));
        assert!(findings.iter().all(|finding| finding.code.is_none()), "{findings:?}");
        assert!(findings[0].detail.contains("1 groups can go on"), "{findings:?}");
    }

    #[test]
    fn a_flipped_bit_is_told_with_file_and_position_and_nothing_is_changed() {
        let sim = SimDisk::new(1);
        let disk: Arc<dyn Disk> = Arc::new(sim.clone());
        let data = data(&disk);
        let segments = disk.list(&data.join("log")).expect("a directory");
        let segment = segments.iter().max_by_key(|path| {
            sim.contents(path).map_or(0, |bytes| bytes.iter().filter(|byte| **byte != 0).count())
        });
        let segment = segment.expect("a log has a segment");
        assert!(sim.flip_bit(segment, 1000, 3));
        let before = sim.contents(segment);
        let findings = examine_on(&disk, &data);
        let damage: Vec<&Finding> = findings.iter().filter(|finding| finding.is_damage()).collect();
        assert!(!damage.is_empty(), "{findings:?}");
        assert!(damage[0].place.contains("position"), "{findings:?}");
        assert_eq!(sim.contents(segment), before);
    }

    #[test]
    fn a_directory_without_a_log_is_told() {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
        let findings = examine_on(&disk, Path::new("/nothing"));
        assert!(findings[0].is_damage());
    }
}
