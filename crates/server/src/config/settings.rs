//! The table of settings. A new one is a row here and a field in `typed`; the environment
//! variable, the bounds check, `outlast config show` and the reference page follow from the row.
//!
//! The doc line of a row is its documentation: say what it does and when one would change it.
//! Rows are grouped by section and never renamed after a release.

use super::value::Kind;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Which defaults apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `outlast serve`: nothing is created or opened that was not asked for.
    Serve,
    /// `outlast dev` and `outlast demo`: samples run with no settings.
    Dev,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// `section.name`, as in the file.
    pub key: &'static str,
    /// What a value looks like and its bounds.
    pub kind: Kind,
    /// The default, written as in the environment variable.
    pub default: &'static str,
    /// The default of `dev` and `demo` where it is another.
    pub default_dev: Option<&'static str>,
    /// What it does, for the reference page.
    pub doc: &'static str,
    /// The first release that has it.
    pub since: &'static str,
}

impl Setting {
    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("OUTLAST_{}", self.key.replace('.', "__").to_uppercase())
    }

    /// The default under a profile.
    pub fn default_for(&self, profile: Profile) -> &'static str {
        match profile {
            Profile::Serve => self.default,
            Profile::Dev => self.default_dev.unwrap_or(self.default),
        }
    }

    /// The row of a key.
    pub fn find(key: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }
}

const fn setting(key: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Setting {
    Setting { key, kind, default, default_dev: None, doc, since: "0.1.0" }
}

const fn in_dev(setting: Setting, default_dev: &'static str) -> Setting {
    Setting { default_dev: Some(default_dev), ..setting }
}

const fn span(min: u64, max: u64) -> Kind {
    Kind::Duration { min, max }
}

/// All settings, in the order of the reference page.
pub const SETTINGS: &[Setting] = &[
    in_dev(
        setting(
            "node.data_dir",
            Kind::Path,
            "/var/lib/outlast",
            "Where the node keeps everything. One process at a time; put it on a disk whose fsync tells the truth.",
        ),
        ".outlast",
    ),
    setting(
        "node.drain_timeout",
        span(0, 10 * MINUTE),
        "10s",
        "How long a stopping node lets requests in flight and turns handed to workers finish. What is not finished by then is offered again after the start; nothing acknowledged is lost.",
    ),
    setting(
        "grpc.listen",
        Kind::Addresses,
        "127.0.0.1:4001",
        "Addresses for SDK workers and clients. The start fails if one of them is taken.",
    ),
    in_dev(
        setting(
            "grpc.listen_if_free",
            Kind::Addresses,
            "",
            "Further gRPC addresses that are only a notice when they are taken. The emulator's port 8080 in `dev` and `demo`, so that its samples run unchanged.",
        ),
        "127.0.0.1:8080",
    ),
    setting(
        "grpc.message_bytes_max",
        Kind::Bytes { min: MIB, max: 32 * MIB },
        "17MiB",
        "The largest message that is read from a client or worker. It must hold one turn's answer, which is at most 16 MiB.",
    ),
    setting(
        "grpc.keepalive",
        span(SECOND, 10 * MINUTE),
        "30s",
        "How often a silent connection is asked whether it is still there. A worker that does not answer loses its work items to another one.",
    ),
    in_dev(
        setting(
            "grpc.reflection",
            Kind::Flag,
            "false",
            "Whether the gRPC reflection service answers. Useful with tools such as grpcurl.",
        ),
        "true",
    ),
    setting(
        "http.listen",
        Kind::Addresses,
        "127.0.0.1:4002",
        "Addresses for the HTTP API, metrics and health. The start fails if one of them is taken.",
    ),
    setting(
        "http.body_bytes_max",
        Kind::Bytes { min: 64 * KIB, max: 32 * MIB },
        "16MiB",
        "The largest request body that is read. A value in it is at most 10 MiB.",
    ),
    setting(
        "http.hosts_allowed",
        Kind::Texts,
        "",
        "Host names, besides `localhost` and loopback addresses, that a request may be addressed to. It keeps web pages in a browser on this machine from talking to the node.",
    ),
    setting(
        "http.wait_max",
        span(SECOND, 10 * MINUTE),
        "60s",
        "The longest time one request may wait for an instance to finish. Clients repeat the request.",
    ),
    setting(
        "location.fault_domain",
        Kind::Text,
        "none",
        "What fails together with this node, from the outside in, such as `/region/zone/rack`: up to eight names, each with `/` before it. Replicas of a partition are spread over these at each level. `none`: nobody knows, and all nodes that do not know count as one domain.",
    ),
    setting(
        "location.upgrade_domain",
        Kind::Text,
        "none",
        "What is upgraded together with this node. Replicas are spread over these where fault domains leave a choice. `none`: it is upgraded alone.",
    ),
    setting(
        "location.site",
        Kind::Text,
        "none",
        "The place this node is in. No site gets a majority of a partition's replicas where the nodes allow it. `none`: it does not count for any.",
    ),
    setting(
        "peers.listen",
        Kind::Addresses,
        "",
        "Addresses for other nodes of the cluster. Always encrypted, and only nodes of the same cluster are heard. Empty: a node that belongs to a cluster listens at the address it was given there, if that is one of this machine by number, else at 127.0.0.1; other nodes none.",
    ),
    setting(
        "peers.advertise",
        Kind::Text,
        "auto",
        "`HOST:PORT` at which other nodes reach this one. `auto`: the address it was given when it joined. Set it when a node has moved.",
    ),
    setting(
        "peers.silence_max",
        span(200, MINUTE),
        "2s",
        "After how long without a word another node is given up, and the session with it made anew. Shorter notices a dead machine sooner; longer bears a network that stalls.",
    ),
    setting(
        "hubs.partitions",
        Kind::Count { min: 1, max: 1_024 },
        "8",
        "Partitions of a task hub created from now on. Fixed for the hub's life: more let a hub spread over more cores and nodes.",
    ),
    setting(
        "hubs.mode",
        Kind::Choice(&["conservative", "speculative"]),
        "conservative",
        "When activities of a task hub created from now on may run. `speculative`: before the turn that asked for them is durable, which saves a commit a step; after a failure an activity may have run that history does not know. Fixed for the hub's life.",
    ),
    in_dev(
        setting(
            "hubs.create_on_use",
            Kind::Flag,
            "false",
            "Whether a task hub that does not exist is created when it is first named. Otherwise the answer is not found.",
        ),
        "true",
    ),
    setting(
        "log.format",
        Kind::Choice(&["auto", "human", "json"]),
        "auto",
        "How log lines look. `auto`: for people where standard error is a terminal, JSON lines otherwise.",
    ),
    setting(
        "log.level",
        Kind::Text,
        "info",
        "Which log lines are written: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,server::dispatch=debug`.",
    ),
    setting(
        "log.color",
        Kind::Choice(&["auto", "always", "never"]),
        "auto",
        "Whether log lines for people have colours. `auto`: where standard error is a terminal and `NO_COLOR` is not set.",
    ),
    setting(
        "runner.threads",
        Kind::Count { min: 0, max: 256 },
        "0",
        "Threads that run partitions. 0: as many as the machine has cores, at most 16.",
    ),
    setting(
        "storage.cache_bytes",
        Kind::Bytes { min: MIB, max: 64 * GIB },
        "16MiB",
        "Memory for rows and pages of all partitions of the node together. What does not fit is read again when it is needed; instances that wait need none of it. More helps where many instances work at once.",
    ),
    setting(
        "storage.checkpoint_interval",
        span(SECOND, HOUR),
        "5s",
        "How long until committed rows are made durable in the tables. A restart replays what came after the last checkpoint.",
    ),
    setting(
        "storage.checkpoint_bytes",
        Kind::Bytes { min: MIB, max: 16 * GIB },
        "8MiB",
        "Memory for changed rows of all partitions of the node together that are not in the tables yet: when it is used up, checkpoints come early. Their log entries are read again by a restart.",
    ),
    setting(
        "storage.segment_bytes",
        Kind::Bytes { min: MIB, max: 4 * GIB },
        "64MiB",
        "Size of one file of the node log. Files are allocated ahead and used again.",
    ),
    setting(
        "work.item_bytes_max",
        Kind::Bytes { min: 4 * MIB, max: 256 * MIB },
        "4MiB",
        "The largest work item that workers are sent: history and values together. The published SDKs accept 4 MiB in one message unless they are told otherwise; raise it together with that.",
    ),
    setting(
        "work.redeliveries_max",
        Kind::Count { min: 1, max: 1_000 },
        "10",
        "How often a work item is handed out again after the worker that had it went away. Beyond it an instance is held as stuck, an activity fails, with the reason.",
    ),
    setting(
        "work.termination_wait",
        span(0, 10 * MINUTE),
        "5s",
        "How long a terminated instance may wait for its worker to confirm before it ends without.",
    ),
    setting(
        "events.hubs",
        Kind::Texts,
        "",
        "Task hubs that keep lifecycle events for `GET /api/v1/hubs/{hub}/events` although nobody is subscribed; `*`: all. Hubs with a subscription (`[events.NAME]`) always do.",
    ),
    setting(
        "events.keep",
        Kind::Count { min: 100, max: 10_000_000 },
        "100000",
        "Lifecycle events that a partition keeps. A receiver that is further behind misses the oldest ones.",
    ),
    setting(
        "events.posts_max",
        Kind::Count { min: 1, max: 1_024 },
        "32",
        "Posts of lifecycle events at once, over all subscriptions.",
    ),
    setting(
        "events.timeout",
        span(100, 2 * MINUTE),
        "15s",
        "How long a receiver may take to answer a post before it is repeated.",
    ),
    setting(
        "events.retry_for",
        span(SECOND, 14 * 24 * HOUR),
        "24h",
        "How long an event is posted again and again, with growing pauses of at most a minute, before it is put aside as a letter and the next one is sent.",
    ),
    setting(
        "security.insecure",
        Kind::Flag,
        "false",
        "Accept addresses that other machines can reach, although nothing is encrypted and nobody is asked who they are. A warning is logged every minute for as long as such an address is open.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::value::Value;

    #[test]
    fn every_default_is_within_its_own_bounds() {
        for setting in SETTINGS {
            for profile in [Profile::Serve, Profile::Dev] {
                let text = setting.default_for(profile);
                assert!(Value::parse(setting.kind, text).is_ok(), "{}: {text}", setting.key);
            }
        }
    }

    #[test]
    fn keys_are_unique_and_grouped_by_section() {
        let keys: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        assert_eq!(keys.len(), SETTINGS.len());
        let mut sections: Vec<&str> =
            SETTINGS.iter().filter_map(|setting| setting.key.split('.').next()).collect();
        sections.dedup();
        let distinct: BTreeSet<_> = sections.iter().copied().collect();
        assert_eq!(distinct.len(), sections.len(), "{sections:?}");
    }
}
