//! `outlast serve`: a node as its configuration says. Nothing is created or opened that it does not name.
//!
//! Not here: settings (`server::config`) and running (`node`).

use std::path::PathBuf;

use clap::Args;
use server::config::Profile;

use super::config;
use crate::cli::Global;
use crate::failed::{Exit, Failed};
use crate::node;

/// Arguments of `outlast serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration file; every setting can also come from a variable, see `outlast config show`
    #[arg(long, env = "OUTLAST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Serve {
    pub(crate) fn run(self, global: &Global) -> Result<Exit, Failed> {
        let loaded = config::load(config::loader(Profile::Serve, self.config.as_deref())?)?;
        node::run(loaded, global)
    }
}
