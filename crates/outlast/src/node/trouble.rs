//! Tells why a server did not start, or did not end well.
//!
//! The server's errors say what happened; here they get their code, what did not happen, and what to do.

use std::path::Path;

use server::node::StartError;
use server::observe::codes::{self, Code};
use server::serve::Error;

use crate::endpoints::Endpoints;
use crate::failed::{Exit, Failed};

/// A server that did not start.
pub(super) fn tell(error: &Error, data: &Path) -> Failed {
    match error {
        Error::Bind(bind) => {
            let happened = format!("listen on {} ({}): {}", bind.address, bind.setting, bind.why);
            Failed::new(Exit::Failure, bind.code, happened).not_happened("nothing was started")
        }
        Error::Node(node) => node_failed(node, code_of(node), data),
        Error::Cluster(refusal) => {
            let happened = format!("be a node of the cluster of {}: {}", data.display(), refusal.text);
            Failed::new(Exit::Failure, refusal.code, happened).not_happened("nothing was started")
        }
    }
}

fn code_of(error: &StartError) -> &'static Code {
    match error {
        StartError::Storage(storage) => codes::find(storage.code()).unwrap_or(&codes::DATA_DIR_UNUSABLE),
        StartError::Damaged { .. } => &codes::LOG_CORRUPT,
        StartError::Partition { .. } => &codes::PARTITION_HALTED,
        StartError::System { .. } => &codes::DATA_DIR_UNUSABLE,
        StartError::Hub(_) | StartError::Catalog(_) => &codes::NOT_READY,
    }
}

fn node_failed(error: &StartError, code: &'static Code, data: &Path) -> Failed {
    let dir = data.display();
    let mut happened = format!("start on data directory {dir}: {error}");
    if code == &codes::DATA_DIR_IN_USE
        && let Some(other) = Endpoints::read(data)
    {
        happened += &format!(" (process {} says that it serves it)", other.pid);
    }
    let failed = Failed::new(Exit::Failure, code, happened).not_happened("nothing was started");
    let is_on_disk =
        [&codes::LOG_CORRUPT, &codes::TABLES_CORRUPT, &codes::PARTITION_HALTED, &codes::FILE_MISSING];
    if is_on_disk.contains(&code) { failed.next(format!("outlast doctor --data {dir}")) } else { failed }
}

/// A server that could not put everything in order at the end.
pub(super) fn at_the_end(said: &str) -> Failed {
    Failed::new(Exit::Failure, &codes::LOG_POISONED, format!("stop: {said}"))
        .not_happened("nothing acknowledged was lost")
        .next("start it again: it recovers what is on disk, and says if that does not work")
}
