//! Runs a node in this process.

use server::config::Loaded;

use crate::cli::Global;
use crate::endpoints::Endpoints;
use crate::failed::{Exit, Failed};

pub(crate) fn run(loaded: Loaded, _global: &Global) -> Result<Exit, Failed> {
    let _ = Endpoints { schema: 1, pid: std::process::id(), grpc: vec![], http: vec![] }
        .write(&loaded.config.node.data_dir);
    Err(Failed::local("nothing to run yet"))
}
