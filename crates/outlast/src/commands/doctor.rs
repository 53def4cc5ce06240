//! `outlast doctor`: examines a data directory without changing it.
//!
//! Works when the server does not, which is when it is needed. Not here: what makes a file damaged, which
//! only its owner knows.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Global;
use crate::endpoints::DATA_DIR_DEFAULT;
use crate::failed::{Exit, Failed};

/// Arguments of `outlast doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The data directory
    #[arg(long, default_value = DATA_DIR_DEFAULT, value_name = "DIR")]
    data: PathBuf,
}

impl Doctor {
    pub(crate) fn run(self, _global: &Global) -> Result<Exit, Failed> {
        Err(Failed::local(format!("doctor cannot examine {} yet", self.data.display())))
    }
}
