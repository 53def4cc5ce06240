//! `outlast serve`: a node as its configuration says. Nothing is created or opened that it does not name.
//!
//! With `--join` it first becomes a node of a cluster, once; started again with the same token it is one
//! already. Not here: settings (`server::config`) and running (`node`).

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use server::config::{Config, Loader, Profile};
use server::node::Platform;
use server::peers::identity::files::{Files, Kept};
use server::peers::identity::joining::{self, Wanted};
use server::peers::identity::tokens::JoinToken;

use super::cluster::failed;
use super::{ask, config};
use crate::api::note;
use crate::cli::Global;
use crate::failed::{Exit, Failed};
use crate::node;

/// Arguments of `outlast serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration file; every setting can also come from a variable, see `outlast config show`
    #[arg(long, env = "OUTLAST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the node keeps everything [default: node.data_dir]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    location: Location,
    #[command(flatten)]
    join: Join,
}

/// Where the node is. What is not said here is as the settings say, at each start.
#[derive(Debug, Args)]
struct Location {
    /// What fails together with it, from the outside in: `/region/zone/rack` [default: location.fault_domain]
    #[arg(long, value_name = "PATH")]
    fault_domain: Option<String>,
    /// What is upgraded together with it [default: location.upgrade_domain]
    #[arg(long, value_name = "NAME")]
    upgrade_domain: Option<String>,
    /// The place of which none may have a majority [default: location.site]
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
}

impl Location {
    fn told(&self, loader: Loader) -> Loader {
        let flags = [
            ("--fault-domain", "location.fault_domain", &self.fault_domain),
            ("--upgrade-domain", "location.upgrade_domain", &self.upgrade_domain),
            ("--site", "location.site", &self.site),
        ];
        let set = flags.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value.as_ref()?)));
        set.fold(loader, |loader, (flag, key, value)| loader.flag(flag, key, value))
    }
}

/// How a node becomes part of a cluster.
#[derive(Debug, Args)]
struct Join {
    /// Become a node of the cluster that made this token (`outlast cluster token`)
    #[arg(long, env = "OUTLAST_JOIN", value_name = "TOKEN", hide_env_values = true)]
    join: Option<String>,
    /// With --join: what the node is called [default: made from its key]
    #[arg(long, requires = "join", value_name = "NAME")]
    name: Option<String>,
    /// With --join: where other nodes reach it [default: peers.advertise, or the first of peers.listen]
    #[arg(long, requires = "join", value_name = "HOST:PORT")]
    address: Option<String>,
}

impl Serve {
    pub(crate) fn run(self, global: &Global) -> Result<Exit, Failed> {
        let loader = config::loader(Profile::Serve, self.config.as_deref())?;
        let loader = self.location.told(with_data(loader, self.data.as_ref()));
        let loaded = config::load(loader)?;
        if self.join.join.is_some() {
            match ask(self.join.run(&loaded.config, global.quiet))? {
                Exit::Done => {}
                other => return Ok(other),
            }
        }
        node::run(loaded, global)
    }
}

fn with_data(loader: Loader, data: Option<&PathBuf>) -> Loader {
    match data {
        Some(data) => loader.flag("--data", "node.data_dir", &data.display().to_string()),
        None => loader,
    }
}

impl Join {
    async fn run(self, config: &Config, is_quiet: bool) -> Result<Exit, Failed> {
        let data = config.node.data_dir.display().to_string();
        let told = |refusal| failed(&data, &refusal).not_happened("nothing was started");
        let token = JoinToken::parse(self.join.as_deref().unwrap_or_default()).map_err(told)?;
        let Platform { disk, clock, entropy: _, calm: _ } = Platform::real();
        let files = Files::new(Arc::clone(&disk), &config.node.data_dir);
        let wanted = Wanted {
            name: self.name.unwrap_or_default(),
            address: config.peers.address(self.address.as_deref()),
            fault_domain: config.location.fault_domain.clone(),
            upgrade_domain: config.location.upgrade_domain.clone(),
            site: config.location.site.clone(),
        };
        let kept = joining::join(&files, &token, wanted, clock).await.map_err(told)?;
        if !is_quiet {
            let Kept { cluster, node, name, address, nodes: _ } = kept;
            note(&format!("node {node} ({name}) of cluster {cluster}, reached at {address}"));
        }
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_directory_is_a_setting_with_a_flag() {
        let loaded = |data: Option<PathBuf>| {
            config::load(with_data(Loader::new(Profile::Serve), data.as_ref())).unwrap().config.node.data_dir
        };
        assert_eq!(loaded(Some("/d".into())), PathBuf::from("/d"));
        assert_eq!(loaded(None), PathBuf::from("/var/lib/outlast"));
    }
}
