//! `OL-9xxx`: what people ask about, explained under a name.
//!
//! Not here: anything that happens. No log line or answer carries one of these codes.

super::codes! { TOPIC_CODES
    Topic AT_LEAST_ONCE "OL-9001" "orchestrations happen once, activities at least once" {
        "Outlast records each step of an orchestration once: a result counts once, an event is delivered once, an instance ends once, whatever crashes. An activity is code that acts on the world outside, so it is started again when its worker, its node or its answer is lost before the result is recorded."
        "An activity may run more than once, although at most one of its results is ever used. No system can avoid this for effects that it does not itself store."
        "Make activities idempotent: use the instance id and the task id as the key of what they do (a payment's reference, the unique key of a row). They are the same in each attempt."
    }
    Topic INSTANCE_STATUS "OL-9002" "the statuses of an instance" {
        "`pending`: accepted, not yet started or scheduled for later. `running`: has started. `suspended`: held by somebody, takes no turns. `completed`, `failed`, `terminated`: finished."
        "A running instance may still make no progress: then it has a reason, such as no worker for a name (OL-3005) or being stuck (OL-3003, OL-3004)."
        "`outlast instance show ID` says what it waits for."
    }
    Topic EXIT_CODES "OL-9003" "the exit codes of the command line" {
        "0 done; 1 failure; 2 wrong usage; 3 not authenticated; 4 not found; 5 refused for safety; 6 unavailable; 7 timed out, outcome unknown; 8 a drill or check ran and did not pass; 130 interrupted."
        "Scripts can rely on them. After 7, and only then, the outcome is not known."
        "After 6, try again. After 7, look first, or repeat with the same id."
    }
}
