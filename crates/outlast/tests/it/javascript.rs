//! The published JavaScript SDK against the real server, one scenario a test.
//!
//! Not here: the scenarios, which are `tests/sdk/js/scenarios.mjs`.

use crate::scenarios::scenarios;

scenarios!(node "scenarios.mjs", every_scenario_has_a_test:
    sequence,
    a_start_without_a_time_means_now,
    fan_out_and_in,
    an_event_or_a_timer_whichever_comes_first,
    events_wait_for_the_orchestration_and_keep_their_order,
    sub_orchestrations_know_their_parent,
    failures_are_retried_and_then_told,
    continue_as_new_keeps_events_in_flight,
    custom_status_and_tags_are_kept,
    suspended_until_resumed,
    terminating_ends_the_children_too,
    purged_and_queried,
    what_cannot_be_is_refused,
    history_has_exactly_these_twelve_events,
    restarted_and_rewound,
    entities_are_signalled_and_called,
    an_entity_is_not_there_before_its_signal_and_after_its_state,
    a_critical_section_is_alone_and_ends_with_its_holder,
);
