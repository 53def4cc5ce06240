//! Each seeded bug is seen: with it, some transcript tells another story or some check stops.
//!
//! Not here: the bugs (`engine::mutants`), and finding them under faults, which is the simulation's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::mutants;

use crate::catalog;
use crate::scenarios::{tell, transcripts};

fn tells_otherwise(text: &str, tell: fn(&str) -> String) -> bool {
    catch_unwind(AssertUnwindSafe(|| tell(text))).ok().as_deref() != Some(text)
}

fn is_seen() -> bool {
    catalog::TRANSCRIPTS.iter().any(|name| tells_otherwise(&catalog::transcript(name), catalog::tell))
        || transcripts().iter().any(|(_, text)| tells_otherwise(text, tell))
}

#[test]
fn every_seeded_bug_is_seen_by_a_transcript() {
    mutants::activate(None).unwrap();
    assert!(!is_seen(), "without a bug every transcript tells its own story");
    for name in mutants::ALL {
        mutants::activate(Some(name)).unwrap();
        assert!(is_seen(), "nobody sees {name}");
    }
    mutants::activate(None).unwrap();
}

#[test]
fn a_seeded_bug_is_known_by_its_name_only() {
    assert!(mutants::activate(Some("no-such-bug")).is_err());
}
