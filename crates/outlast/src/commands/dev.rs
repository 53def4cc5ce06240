//! `outlast dev`: one node on this machine, ready in a moment.
//!
//! Its flags are settings like any others, so that what `config show --dev` says is what runs.

use std::path::PathBuf;

use clap::Args;
use server::config::{Loader, Profile};

use super::config;
use crate::cli::Global;
use crate::endpoints::DATA_DIR_DEFAULT;
use crate::failed::{Exit, Failed};
use crate::node;

/// Arguments of `outlast dev`.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Where it keeps everything
    #[arg(long, default_value = DATA_DIR_DEFAULT, value_name = "DIR")]
    data: PathBuf,
    /// Where workers and clients reach it; port 0 takes a free one [default: 127.0.0.1:4001, and 8080 if
    /// it is free]
    #[arg(long, value_name = "ADDRESS")]
    grpc: Option<String>,
    /// Where commands and browsers reach it; port 0 takes a free one [default: 127.0.0.1:4002]
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,
}

impl Dev {
    pub(crate) fn run(self, global: &Global) -> Result<Exit, Failed> {
        let loaded = config::load(self.flags(config::loader(Profile::Dev, None)?))?;
        node::run(loaded, global)
    }

    fn flags(&self, mut loader: Loader) -> Loader {
        loader = loader.flag("--data", "node.data_dir", &self.data.display().to_string());
        if let Some(grpc) = &self.grpc {
            // Whoever names an address wants that one and no other.
            loader = loader.flag("--grpc", "grpc.listen", grpc).flag("--grpc", "grpc.listen_if_free", "");
        }
        if let Some(http) = &self.http {
            loader = loader.flag("--http", "http.listen", http);
        }
        loader
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_address_is_the_only_one() {
        let dev = |grpc: Option<&str>| Dev { data: "/d".into(), grpc: grpc.map(str::to_owned), http: None };
        let load = |dev: Dev| config::load(dev.flags(Loader::new(Profile::Dev))).unwrap().config;
        let usual = load(dev(None));
        assert_eq!((usual.grpc.listen[0].port(), usual.grpc.listen_if_free[0].port()), (4001, 8080));
        assert_eq!(usual.http.listen[0].port(), 4002);
        let named = load(dev(Some("127.0.0.1:0")));
        assert_eq!((named.grpc.listen[0].port(), named.grpc.listen_if_free.len()), (0, 0));
        assert_eq!(named.node.data_dir, PathBuf::from("/d"));
    }
}
