//! What is wrong with the node now: derived from its settings and gauges, kept nowhere.
//!
//! `outlast status` shows it. Not here: whether the node is ready (the node itself says), and
//! events that have passed (`log`).

use crate::config::Config;
use crate::observe::codes::{self, Code};
use crate::observe::metrics::Metrics;

/// Something that holds now and that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its entry in the register of codes.
    pub code: &'static Code,
    /// What it is about.
    pub detail: String,
}

/// Everything that holds now, the worst first.
pub fn standing(config: &Config, metrics: &Metrics) -> Vec<Standing> {
    let mut found = Vec::new();
    let mut add = |code, detail: String| found.push(Standing { code, detail });
    let directory = config.node.data_dir.display();
    if metrics.log.poisoned.get() != 0 {
        add(&codes::LOG_POISONED, format!("the log in {directory} takes no more records"));
    }
    let halted = metrics.partitions.halted.get();
    if halted > 0 {
        add(&codes::PARTITION_HALTED, format!("{halted} partitions of this node have stopped"));
    }
    if metrics.log.disk_full.get() != 0 {
        add(&codes::DISK_FULL, format!("the disk of {directory} has no room for new work"));
    }
    if let Some(open) = open_to_others(config) {
        add(&codes::INSECURE, format!("others can reach {open} without encryption or proof"));
    }
    found
}

/// The addresses that other machines can reach, if there are any.
pub fn open_to_others(config: &Config) -> Option<String> {
    let listens = config.grpc.listen.iter().chain(&config.grpc.listen_if_free).chain(&config.http.listen);
    let open: Vec<String> =
        listens.filter(|address| !address.ip().is_loopback()).map(ToString::to_string).collect();
    (!open.is_empty()).then(|| open.join(", "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Loader, Profile};

    #[test]
    fn a_healthy_node_has_nothing_to_say_and_a_poisoned_open_one_has() {
        let metrics = Metrics::new("0.1.0", Duration::ZERO);
        let safe = Loader::new(Profile::Serve).load().expect("defaults load").config;
        assert_eq!(standing(&safe, &metrics), []);
        let open = Loader::new(Profile::Serve)
            .flag("--grpc", "grpc.listen", "0.0.0.0:4001")
            .flag("--insecure", "security.insecure", "true")
            .load()
            .expect("it is allowed")
            .config;
        metrics.log.poisoned.set(1);
        let codes: Vec<&str> = standing(&open, &metrics).iter().map(|standing| standing.code.id).collect();
        assert_eq!(codes, [codes::LOG_POISONED.id, codes::INSECURE.id]);
    }
}
