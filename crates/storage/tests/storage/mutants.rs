//! Each bug put in on purpose is found by a check that passes without it.
//!
//! Not here: the bugs (`storage::mutants`). Built with the feature `mutants` only.

use std::panic::{AssertUnwindSafe, catch_unwind};

use storage::mutants;

use crate::{log_crash, log_fault, log_rot, tables_copy, tables_rot};

/// Whether any of the checks fails while the bug is switched on.
fn is_found(name: &'static str, checks: &[fn()]) -> bool {
    mutants::set(Some(name));
    let found = checks.iter().any(|check| catch_unwind(AssertUnwindSafe(check)).is_err());
    mutants::set(None);
    found
}

#[test]
fn every_seeded_bug_is_found() {
    let crash: fn() = log_crash::a_crash_at_any_io_of_many_seeds_keeps_what_was_synced;
    let recycling: fn() = log_crash::a_crash_at_any_io_while_recycling_keeps_what_was_synced;
    for name in mutants::ALL {
        let checks: &[fn()] = match *name {
            "ack-before-fsync" => &[crash],
            "skip-directory-fsync" => &[crash, recycling],
            "mid-log-corruption-taken-for-tail" => &[log_rot::a_flip_in_an_idle_log_is_never_silent],
            "fsync-retried-after-error" => &[log_fault::a_failed_sync_poisons_the_log_for_good],
            "recycling-loses-a-vote" => &[log_fault::the_vote_of_an_idle_group_outlives_every_segment],
            "stale-frame-of-recycled-segment-accepted" => {
                &[log_fault::stale_frames_of_a_recycled_segment_are_never_replayed]
            }
            "applied-index-outside-the-transaction" => {
                &[tables_rot::a_crash_at_any_io_leaves_rows_and_position_of_one_moment]
            }
            "cut-tail-forgotten" => &[log_rot::a_cut_is_known_until_the_group_writes_its_state_again],
            "vouched-without-sync" => {
                &[log_rot::a_flip_in_what_was_vouched_for_never_passes_for_an_unfinished_write]
            }
            "copy-left-at-start" => &[tables_copy::a_stop_before_the_copy_takes_its_place_is_made_up_for],
            unknown => panic!("no check is known to find {unknown}"),
        };
        assert!(is_found(name, checks), "{name} is found");
    }
}
