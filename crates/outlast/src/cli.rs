//! What can be typed.
//!
//! One place for the flags that every command has; each command's own arguments stand with the command.
//! Not here: doing anything.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    cluster, completions, config, demo, dev, doctor, entity, events, explain, hub, instance, node, partition,
    schedule, serve, status,
};

/// Durable orchestrations that outlast machines, racks and regions.
#[derive(Debug, Parser)]
#[command(name = "outlast", version, about)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// HTTP address of a server [default: what ./.outlast/endpoints.json says, else
    /// http://127.0.0.1:4002]
    #[arg(long, global = true, env = "OUTLAST_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Task hub
    #[arg(long, global = true, env = "OUTLAST_HUB", value_name = "NAME", default_value = "default")]
    pub(crate) hub: String,
    /// Form of the data on standard output
    #[arg(short, long, global = true, value_enum, value_name = "FORM", default_value = "table")]
    pub(crate) output: Form,
    /// Absolute times instead of ages in tables
    #[arg(long, global = true)]
    pub(crate) utc: bool,
    /// No hints and no progress on standard error
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// More on standard error
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Forms of data on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    Table,
    /// For people with wide screens
    Wide,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// Names or ids, one a line
    Ids,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one node on this machine, ready in a moment: no settings, hubs made on first use
    Dev(dev::Dev),
    /// Run a node as its configuration says
    Serve(serve::Serve),
    /// Run orders through a server, kill it on the way, and count what was lost
    Demo(demo::Demo),
    /// Say how the server is
    Status(status::Status),
    /// Task hubs: list, create, delete, bring back, remove
    #[command(subcommand)]
    Hub(hub::Hub),
    /// Instances: start, look, wait, and act on them
    #[command(subcommand)]
    Instance(instance::Instance),
    /// Entities: what they keep, who holds them, signals
    #[command(subcommand)]
    Entity(entity::Entity),
    /// Lifecycle events: the feed, who is told, what could not be delivered
    #[command(subcommand)]
    Events(events::Events),
    /// Schedules: recurring starts of an orchestration
    #[command(subcommand)]
    Schedule(schedule::Schedule),
    /// Nodes of the cluster: list, drain, resume, remove
    #[command(subcommand)]
    Node(node::Node),
    /// Partitions: where their replicas are
    #[command(subcommand)]
    Partition(partition::Partition),
    /// Clusters: begin one, let nodes join, see what one survives
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    /// Say what a code means
    Explain(explain::Explain),
    /// Settings: what is in force and why
    #[command(subcommand)]
    Config(config::Config),
    /// Examine a data directory without changing it
    Doctor(doctor::Doctor),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn commands_and_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
