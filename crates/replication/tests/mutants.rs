//! Every seeded bug of this crate is found by the toy cluster.
//!
//! Not here: bugs of other crates; `sim` finds those. The switch is one for each
//! thread, so other tests do not notice.

use replication::mutants;
use replication::testing::{Cluster, Faults, Violation};

fn run(seed: u64) -> Result<(), Violation> {
    let voters = if seed % 4 == 3 { 1 } else { 3 };
    let mut cluster = Cluster::new(seed, voters, Faults::SOME)?;
    cluster.run(3000)?;
    cluster.converge()
}

#[test]
fn every_seeded_bug_is_found() {
    let mut missed = Vec::new();
    for name in mutants::ALL {
        mutants::set(Some(name));
        if (0..400).all(|seed| run(seed).is_ok()) {
            missed.push(*name);
        }
    }
    mutants::set(None);
    assert!(missed.is_empty(), "not found: {missed:?}");
    assert_eq!(run(0), Ok(()));
}
