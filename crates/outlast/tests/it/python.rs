//! The published Python SDK against the real server, one scenario a test.
//!
//! Not here: the scenarios, which are `tests/sdk/python/scenarios.py`, `lives.py`, `versions.py` and
//! `tokens.py`.

use crate::scenarios::scenarios;

scenarios!(python "scenarios.py", every_scenario_has_a_test:
    sequence,
    no_input_is_not_an_empty_one,
    fan_out_and_in,
    timers_fire_in_order_and_never_early,
    a_timer_in_the_past_fires_at_once,
    events_wait_for_the_orchestration_and_keep_their_order,
    an_event_or_a_timer_whichever_comes_first,
    sub_orchestrations,
    an_activity_is_retried_until_it_succeeds,
    a_child_is_retried_under_the_same_id,
    a_failure_keeps_its_type_and_message_through_a_child,
    an_unknown_name_fails_the_orchestration,
    continue_as_new_keeps_events_in_flight,
    a_late_result_of_an_earlier_execution_is_dropped,
    custom_status_is_seen_while_it_runs,
    events_are_held_while_suspended,
    suspending_in_the_middle_runs_no_activity_twice,
    terminating_ends_the_children_too,
    terminating_alone_leaves_the_children,
    nobody_needs_to_be_there_to_terminate,
    purging_removes_what_is_finished_and_the_id_is_free_again,
    purging_by_filter,
    a_query_finds_every_instance_once,
    an_id_in_use_is_refused,
    an_id_is_used_again_where_the_policy_says_so,
    ids_that_cannot_be_are_refused,
    what_is_not_there_is_said_to_be_not_there,
    a_value_over_the_limit_is_refused_and_hurts_nobody_else,
    a_start_may_be_scheduled,
    orchestrations_send_events_to_each_other_and_themselves,
    ids_and_times_made_inside_are_the_same_in_every_replay,
    another_worker_takes_over_when_one_goes,
    history_tells_the_whole_story,
);

scenarios!(python "tokens.py", every_wrong_answer_has_a_test:
    an_answer_given_twice_counts_once,
    an_answer_to_an_earlier_turn_is_refused,
    a_token_that_is_not_ours_is_refused,
    a_token_of_one_instance_does_not_open_another,
    an_answer_after_a_purge_changes_nothing,
    work_of_a_worker_that_left_is_handed_to_the_next,
    a_worker_gets_no_more_at_once_than_it_asked_for,
    hubs_do_not_see_each_other,
    a_hub_name_that_cannot_be_is_refused,
    a_worker_that_sends_no_tokens_is_told_so_and_keeps_nothing,
    a_compressed_message_is_refused_before_it_is_unpacked,
);

scenarios!(python "lives.py", every_other_life_has_a_test:
    restarted_under_its_own_id,
    restarted_under_a_new_id_even_while_it_runs,
    what_cannot_begin_again_is_refused,
    a_rewind_runs_only_what_had_failed,
    a_rewind_of_a_fan_out_keeps_what_succeeded,
    a_rewind_after_retries_runs_the_last_one_again,
    a_rewind_reaches_the_children,
    a_rewind_creates_a_purged_child_again,
    a_rewound_orchestration_hears_events_again,
);

scenarios!(python "versions.py", every_choice_of_a_worker_has_a_test:
    a_version_that_does_not_match_fails_where_the_worker_says_so,
    a_version_that_is_rejected_waits_for_a_worker_of_that_version,
    an_older_version_runs_where_the_worker_takes_older_ones,
    filters_send_each_version_to_its_worker,
    an_activity_is_matched_by_its_orchestrations_version,
    what_nobody_takes_blocks_nobody,
    an_orchestration_that_kills_its_workers_does_not_stop_the_others,
);
