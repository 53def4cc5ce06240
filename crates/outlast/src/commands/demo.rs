//! `outlast demo`: orders, a server that is killed, and a verdict.
//!
//! Here: its arguments. What happens is in `crate::demo`.

use clap::Args;

use crate::cli::Global;
use crate::demo;
use crate::failed::{Exit, Failed};

/// Arguments of `outlast demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Run the script once, without keys: exit 0 if nothing was lost or done twice, else 8
    #[arg(long)]
    once: bool,
    /// How many orders
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    orders: u32,
    /// Keep the data directory
    #[arg(long)]
    keep: bool,
}

impl Demo {
    pub(crate) fn run(self, global: &Global) -> Result<Exit, Failed> {
        let plan = demo::Plan { orders: self.orders, is_once: self.once, keeps_data: self.keep };
        demo::run(plan, global)
    }
}
