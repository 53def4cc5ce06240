//! Every setting of a node: one table, one file, one variable and one flag each.
//!
//! `settings` is the table, `value` the kinds a value can have, `file` reads TOML, `load` decides
//! who wins (flag, then environment, then file, then default) and keeps where each value came
//! from, `reference` writes `docs/operating/config.md`. The typed result is [`Config`].
//!
//! Not here: reading files or the environment (the binary hands both over as text), and limits
//! that all replicas must agree on (`engine::limits`).

mod file;
mod load;
mod problem;
mod reference;
mod settings;
mod subscriptions;
mod typed;
mod value;

pub use load::{Loaded, Loader, Origin, Shown};
pub use problem::{Problem, Problems};
pub use reference::reference_page;
pub use settings::{Profile, SETTINGS, Setting};
pub use subscriptions::Subscription;
pub use typed::{
    Color, Config, Events, Format, Grpc, Http, Hubs, Location, Log, Node, Peers, Runner, Storage, Work,
};
pub use value::{Kind, Value};

/// The reference page's place in the repository.
pub const REFERENCE_PATH: &str = "docs/operating/config.md";
