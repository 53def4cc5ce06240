//! The settings as the node uses them, and the checks over more than one of them.
//!
//! Built from the table's values, so that a field here and its row in `settings` cannot disagree
//! about bounds. Not here: defaults, parsing, precedence.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use engine::catalog::{self, Mode, is_address};

use super::load::Origin;
use super::problem::Problem;
use super::subscriptions::Subscription;
use super::value::Value;
use crate::observe::codes;

/// Where nodes listen for each other unless told otherwise.
const PEERS_PORT: u16 = 4003;

/// Everything a node is told. See the rows of `settings` for what each field means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[node]`
    pub node: Node,
    /// `[location]`
    pub location: Location,
    /// `[grpc]`
    pub grpc: Grpc,
    /// `[http]`
    pub http: Http,
    /// `[peers]`
    pub peers: Peers,
    /// `[hubs]`
    pub hubs: Hubs,
    /// `[log]`
    pub log: Log,
    /// `[runner]`
    pub runner: Runner,
    /// `[storage]`
    pub storage: Storage,
    /// `[events]`
    pub events: Events,
    /// `[work]`
    pub work: Work,
    /// `security.insecure`
    pub insecure: bool,
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `node.data_dir`
    pub data_dir: PathBuf,
    /// `node.drain_timeout`
    pub drain_timeout: Duration,
}

/// `[location]`: where a node is, as the cluster's catalog keeps it; empty where it is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// `location.fault_domain`
    pub fault_domain: String,
    /// `location.upgrade_domain`
    pub upgrade_domain: String,
    /// `location.site`
    pub site: String,
}

impl Location {
    /// The first part that is not allowed: its setting, and what it should be.
    fn complaint(&self) -> Option<(&'static str, String)> {
        let name = "at most 64 letters, digits, '-', '_' and '.'";
        let is_name = |text: &str| text.is_empty() || catalog::is_node_name(text);
        if !catalog::is_domain_path(&self.fault_domain) {
            let text = &self.fault_domain;
            return Some(("location.fault_domain", format!("{text:?} is no path like /region/zone/rack")));
        }
        let flat = [("location.upgrade_domain", &self.upgrade_domain), ("location.site", &self.site)];
        let (key, text) = flat.into_iter().find(|(_, text)| !is_name(text))?;
        Some((key, format!("{text:?} is no name of {name}")))
    }
}

/// `[grpc]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grpc {
    /// `grpc.listen`
    pub listen: Vec<SocketAddr>,
    /// `grpc.listen_if_free`
    pub listen_if_free: Vec<SocketAddr>,
    /// `grpc.message_bytes_max`
    pub message_bytes_max: usize,
    /// `grpc.keepalive`
    pub keepalive: Duration,
    /// `grpc.reflection`
    pub reflection: bool,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// `http.listen`
    pub listen: Vec<SocketAddr>,
    /// `http.body_bytes_max`
    pub body_bytes_max: usize,
    /// `http.hosts_allowed`
    pub hosts_allowed: Vec<String>,
    /// `http.wait_max`
    pub wait_max: Duration,
}

/// `[peers]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// `peers.listen`
    pub listen: Vec<SocketAddr>,
    /// `peers.advertise`
    pub advertise: Option<String>,
    /// `peers.silence_max`
    pub silence_max: Duration,
}

impl Peers {
    /// Where a node of a cluster listens for others; `own`: the address it has there, `HOST:PORT`.
    pub fn listen_as(&self, own: &str) -> Vec<SocketAddr> {
        if !self.listen.is_empty() {
            return self.listen.clone();
        }
        let port = own.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(PEERS_PORT);
        vec![own.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], port)))]
    }

    /// Where others reach a node: `wanted`, else as the settings say.
    pub fn address(&self, wanted: Option<&str>) -> String {
        let listen = self.listen.first().filter(|address| !address.ip().is_unspecified());
        let set = wanted.map(str::to_owned).or_else(|| self.advertise.clone());
        set.or_else(|| listen.map(ToString::to_string)).unwrap_or_else(|| format!("127.0.0.1:{PEERS_PORT}"))
    }
}

/// `[hubs]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hubs {
    /// `hubs.partitions`
    pub partitions: u32,
    /// `hubs.mode`
    pub mode: Mode,
    /// `hubs.create_on_use`
    pub create_on_use: bool,
}

/// `[events]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// `events.hubs`
    pub hubs: Vec<String>,
    /// `events.keep`
    pub keep: u64,
    /// `events.posts_max`
    pub posts_max: usize,
    /// `events.timeout`
    pub timeout: Duration,
    /// `events.retry_for`
    pub retry_for: Duration,
    /// `[events.NAME]`
    pub subscriptions: Vec<Subscription>,
}

impl Events {
    /// Whether a hub keeps its events although nobody may be subscribed to them.
    pub fn keeps(&self, hub: &str) -> bool {
        self.hubs.iter().any(|kept| kept == hub || kept == "*")
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `log.format`
    pub format: Format,
    /// `log.level`
    pub level: String,
    /// `log.color`
    pub color: Color,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Whether log lines for people have colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `[runner]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    /// `runner.threads`; 0: by the machine's cores.
    pub threads: usize,
}

/// `[storage]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// `storage.cache_bytes`
    pub cache_bytes: usize,
    /// `storage.checkpoint_interval`
    pub checkpoint_interval: Duration,
    /// `storage.checkpoint_bytes`
    pub checkpoint_bytes: usize,
    /// `storage.segment_bytes`
    pub segment_bytes: u64,
}

/// `[work]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// `work.item_bytes_max`
    pub item_bytes_max: usize,
    /// `work.redeliveries_max`
    pub redeliveries_max: u32,
    /// `work.termination_wait`
    pub termination_wait: Duration,
}

type Values = BTreeMap<&'static str, (Value, Origin)>;

impl Config {
    pub(super) fn from_values(values: &Values) -> Self {
        let read = Read(values);
        Self {
            node: Node {
                data_dir: read.text("node.data_dir").into(),
                drain_timeout: read.time("node.drain_timeout"),
            },
            location: Location {
                fault_domain: read.place("location.fault_domain"),
                upgrade_domain: read.place("location.upgrade_domain"),
                site: read.place("location.site"),
            },
            grpc: Grpc {
                listen: read.addresses("grpc.listen"),
                listen_if_free: read.addresses("grpc.listen_if_free"),
                message_bytes_max: read.size("grpc.message_bytes_max"),
                keepalive: read.time("grpc.keepalive"),
                reflection: read.flag("grpc.reflection"),
            },
            http: Http {
                listen: read.addresses("http.listen"),
                body_bytes_max: read.size("http.body_bytes_max"),
                hosts_allowed: read.texts("http.hosts_allowed"),
                wait_max: read.time("http.wait_max"),
            },
            peers: Peers {
                listen: read.addresses("peers.listen"),
                advertise: Some(read.text("peers.advertise")).filter(|address| address != "auto"),
                silence_max: read.time("peers.silence_max"),
            },
            hubs: Hubs {
                partitions: read.count("hubs.partitions"),
                mode: match read.text("hubs.mode").as_str() {
                    "speculative" => Mode::Speculative,
                    _ => Mode::Conservative,
                },
                create_on_use: read.flag("hubs.create_on_use"),
            },
            log: read_log(&read),
            runner: Runner { threads: usize::try_from(read.count("runner.threads")).unwrap_or(0) },
            storage: read_storage(&read),
            events: Events {
                hubs: read.texts("events.hubs"),
                keep: u64::from(read.count("events.keep")),
                posts_max: usize::try_from(read.count("events.posts_max")).unwrap_or(usize::MAX),
                timeout: read.time("events.timeout"),
                retry_for: read.time("events.retry_for"),
                subscriptions: Vec::new(),
            },
            work: Work {
                item_bytes_max: read.size("work.item_bytes_max"),
                redeliveries_max: read.count("work.redeliveries_max"),
                termination_wait: read.time("work.termination_wait"),
            },
            insecure: read.flag("security.insecure"),
        }
    }

    /// What is wrong although each value for itself is allowed.
    pub(super) fn check(&self, origin: impl Fn(&str) -> Origin) -> Vec<Problem> {
        let listens = [
            ("grpc.listen", &self.grpc.listen),
            ("grpc.listen_if_free", &self.grpc.listen_if_free),
            ("http.listen", &self.http.listen),
        ];
        let mut problems = Vec::new();
        for (key, addresses) in listens {
            for address in addresses.iter().filter(|address| !self.insecure && !address.ip().is_loopback()) {
                problems.push(Problem {
                    code: &codes::BIND_REFUSED,
                    place: origin(key).to_string(),
                    detail: refused_bind(key, *address),
                });
            }
        }
        if let Some(address) = self.peers.advertise.as_ref().filter(|address| !is_address(address)) {
            problems.push(Problem {
                code: &codes::CONFIG_VALUE,
                place: origin("peers.advertise").to_string(),
                detail: format!("peers.advertise: {address:?} is no address HOST:PORT"),
            });
        }
        if let Some((key, detail)) = self.location.complaint() {
            problems.push(Problem {
                code: &codes::CONFIG_VALUE,
                place: origin(key).to_string(),
                detail: format!("{key}: {detail}"),
            });
        }
        if self.grpc.listen.is_empty() {
            problems.push(Problem {
                code: &codes::CONFIG_CONTRADICTION,
                place: origin("grpc.listen").to_string(),
                detail: "grpc.listen: a node needs at least one address for workers and clients".to_owned(),
            });
        }
        problems
    }
}

fn refused_bind(key: &str, address: SocketAddr) -> String {
    format!(
        "refusing to listen on {address} ({key}): other machines could reach it, nothing is encrypted and \
         nobody is asked who they are; nothing was started. use a loopback address, or set \
         security.insecure = true if the network in front of this machine protects it"
    )
}

fn read_log(read: &Read<'_>) -> Log {
    Log {
        format: match read.text("log.format").as_str() {
            "human" => Format::Human,
            "json" => Format::Json,
            _ => Format::Auto,
        },
        level: read.text("log.level"),
        color: match read.text("log.color").as_str() {
            "always" => Color::Always,
            "never" => Color::Never,
            _ => Color::Auto,
        },
    }
}

fn read_storage(read: &Read<'_>) -> Storage {
    Storage {
        cache_bytes: read.size("storage.cache_bytes"),
        checkpoint_interval: read.time("storage.checkpoint_interval"),
        checkpoint_bytes: read.size("storage.checkpoint_bytes"),
        segment_bytes: read.bytes("storage.segment_bytes"),
    }
}

/// Takes values out of the table's map by the type their row promises.
struct Read<'a>(&'a Values);

impl Read<'_> {
    fn text(&self, key: &'static str) -> String {
        match &self.0[key].0 {
            Value::Text(text) => text.clone(),
            other => wrong(key, other),
        }
    }

    /// A text that may be nothing.
    fn place(&self, key: &'static str) -> String {
        Some(self.text(key)).filter(|text| text != "none").unwrap_or_default()
    }

    fn texts(&self, key: &'static str) -> Vec<String> {
        match &self.0[key].0 {
            Value::Texts(texts) => texts.clone(),
            other => wrong(key, other),
        }
    }

    fn addresses(&self, key: &'static str) -> Vec<SocketAddr> {
        match &self.0[key].0 {
            Value::Addresses(addresses) => addresses.clone(),
            other => wrong(key, other),
        }
    }

    fn flag(&self, key: &'static str) -> bool {
        match &self.0[key].0 {
            Value::Flag(flag) => *flag,
            other => wrong(key, other),
        }
    }

    fn count(&self, key: &'static str) -> u32 {
        match &self.0[key].0 {
            Value::Count(count) => u32::try_from(*count).unwrap_or(u32::MAX),
            other => wrong(key, other),
        }
    }

    fn bytes(&self, key: &'static str) -> u64 {
        match &self.0[key].0 {
            Value::Bytes(bytes) => *bytes,
            other => wrong(key, other),
        }
    }

    fn size(&self, key: &'static str) -> usize {
        usize::try_from(self.bytes(key)).unwrap_or(usize::MAX)
    }

    fn time(&self, key: &'static str) -> Duration {
        match &self.0[key].0 {
            Value::Duration(duration) => *duration,
            other => wrong(key, other),
        }
    }
}

/// Reached only by a mistake between this file and the table, which every test of the loader shows.
fn wrong<T>(key: &str, value: &Value) -> T {
    panic!("setting {key} is read as another kind than its row has: {value:?}")
}

#[cfg(test)]
mod tests {
    use crate::config::{Loader, Location, Profile};

    #[test]
    fn a_node_is_reached_and_listens_where_it_was_told() {
        let peers = |flags: &[(&str, &str)]| {
            let loader = Loader::new(Profile::Serve);
            let loader = flags.iter().fold(loader, |loader, (key, value)| loader.flag("test", key, value));
            loader.load().expect("allowed").config.peers
        };
        let told = |flags, wanted: Option<&str>| peers(flags).address(wanted);
        assert_eq!(told(&[], None), "127.0.0.1:4003");
        assert_eq!(told(&[("peers.listen", "127.0.0.1:5000")], None), "127.0.0.1:5000");
        assert_eq!(told(&[("peers.listen", "0.0.0.0:5000")], None), "127.0.0.1:4003");
        assert_eq!(told(&[("peers.advertise", "a:5")], None), "a:5");
        assert_eq!(told(&[("peers.advertise", "a:5")], Some("b:6")), "b:6");
        let listens = |flags, own| peers(flags).listen_as(own)[0].to_string();
        assert_eq!(listens(&[], "127.0.0.1:4005"), "127.0.0.1:4005");
        assert_eq!(listens(&[], "host:4006"), "127.0.0.1:4006");
        assert_eq!(listens(&[("peers.listen", "0.0.0.0:7")], "host:4006"), "0.0.0.0:7");
        let wrong = Loader::new(Profile::Serve).flag("test", "peers.advertise", "host").load();
        assert!(wrong.expect_err("no port").to_string().contains("no address HOST:PORT"));
    }

    #[test]
    fn a_node_says_where_it_is_or_does_not() {
        let load = |key, value| Loader::new(Profile::Serve).flag("test", key, value).load();
        let location = |key, value| load(key, value).expect("allowed").config.location;
        assert_eq!(location("location.site", "none"), Location::default());
        assert_eq!(location("location.fault_domain", "/eu/1/r7").fault_domain, "/eu/1/r7");
        for (key, value) in [
            ("location.fault_domain", "eu/1"),
            ("location.fault_domain", "/a/b/c/d/e/f/g/h/i"),
            ("location.upgrade_domain", "a b"),
            ("location.site", "/west"),
        ] {
            let told = load(key, value).expect_err("not allowed").to_string();
            assert!(told.contains(key) && told.contains(value), "{told}");
        }
    }
}
