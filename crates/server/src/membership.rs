//! A server that is a node of a cluster: its identity, its sessions with the others, nodes that join
//! through it.
//!
//! The order matters. Damage to the identity stops the start before the node log is opened; sessions
//! begin when the node is there to hear them; at the end leadership is handed over while others are
//! still heard. Not here: sessions and identities themselves (`peers`), following the catalog (`node`).

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::catalog::RegisterNode;
use engine::id::NodeId;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::ingress::bind::bind;
use crate::node::cluster::{Place, following};
use crate::node::{Node, Platform};
use crate::observe::codes;
use crate::peers::Refusal;
use crate::peers::frame::Frame;
use crate::peers::gateway::Gateway;
use crate::peers::identity::admitting::{Admits, Admitted, Asks, Joins};
use crate::peers::identity::files::{Files, Kept};
use crate::peers::links::{Carrier, Hears, Lane, Links};
use crate::peers::net::{Sessions, Settings, Start};
use crate::serve::Error;

/// How long a node that joins waits until the first one is in the catalog.
const FIRST_WAIT: Duration = Duration::from_secs(15);
/// Bytes of an attempt to register.
const JOIN_BYTES: usize = 16;

/// See the file's header.
#[derive(Debug)]
pub(crate) struct Membership {
    files: Files,
    kept: Kept,
    about: RegisterNode,
    gateway: Arc<Gateway>,
    late: Arc<Late>,
    listener: Option<TcpListener>,
    settings: Settings,
    platform: Platform,
    /// See [`Place::founds`].
    founds: bool,
}

/// What carries frames as soon as it is there: the node has to be there before.
#[derive(Debug, Default)]
struct Late(OnceLock<Arc<Sessions>>);

impl Carrier for Late {
    fn send(&self, to: NodeId, lane: Lane, frame: Frame) -> bool {
        self.0.get().is_some_and(|sessions| sessions.send(to, lane, frame))
    }
}

impl Membership {
    /// The cluster that the data directory is part of, if it is part of one. Listens for others from now
    /// on, and lets them wait.
    pub(crate) async fn open(config: &Config, platform: &Platform) -> Result<Option<Self>, Error> {
        let files = Files::new(Arc::clone(&platform.disk), &config.node.data_dir);
        let Some(mut kept) = files.read()? else { return Ok(None) };
        files.check_data(&kept)?;
        if let Some(address) = &config.peers.advertise {
            kept.address.clone_from(address);
        }
        let Some(address) = config.peers.listen_as(&kept.address).first().copied() else { return Ok(None) };
        let listener = bind(address, "peers.listen").await?;
        let founds = !files.ran_before()?;
        let mut join = vec![0; JOIN_BYTES];
        platform.entropy.fill(&mut join);
        let about = RegisterNode {
            name: kept.name.clone(),
            address: kept.address.clone(),
            fault_domain: config.location.fault_domain.clone(),
            upgrade_domain: config.location.upgrade_domain.clone(),
            site: config.location.site.clone(),
            join: join.into(),
            ..RegisterNode::default()
        };
        let late = Arc::new(Late::default());
        let gateway = Gateway::new(kept.node, Links::new(Arc::clone(&late) as Arc<dyn Carrier>));
        Ok(Some(Self {
            files,
            kept,
            about,
            gateway,
            late,
            listener: Some(listener),
            settings: Settings { silence_max: config.peers.silence_max },
            platform: platform.clone(),
            founds,
        }))
    }

    /// Which node this is, and how it speaks to others.
    pub(crate) fn place(&self) -> Place {
        Place { founds: self.founds, ..Place::of(Arc::clone(&self.gateway)) }
    }

    /// The node is open: others are spoken to from now on, and the catalog is followed until `stop`.
    pub(crate) async fn begin(
        &mut self,
        node: &Arc<Node>,
        tasks: &mut JoinSet<()>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        if self.founds {
            // What it founds is durable before anybody relies on it that it has run.
            node.has_founded().await?;
        }
        self.files.has_run()?;
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let mut incarnation = [0; 8];
        self.platform.entropy.fill(&mut incarnation);
        let admits = Arc::new(Admitting(Arc::clone(node)));
        let clock = Arc::clone(&self.platform.clock);
        let joins = Joins::new(self.files.clone(), self.kept.clone(), admits, Arc::clone(&clock))?;
        let sessions = Sessions::start(Start {
            identity: Arc::new(self.files.identity(&self.kept)?),
            incarnation: u64::from_le_bytes(incarnation),
            listener,
            hears: Arc::clone(&self.gateway) as Arc<dyn Hears>,
            settings: self.settings,
            joins: joins.map(Arc::new),
            clock,
            entropy: Arc::clone(&self.platform.entropy),
        });
        let sessions = sessions.map_err(|why| Refusal::new(&codes::IDENTITY_UNUSABLE, why.to_string()))?;
        sessions.know(self.kept.nodes.clone());
        // Nobody has set it before: this is called once.
        drop(self.late.0.set(Arc::clone(&sessions)));
        tasks.spawn(following::run(Arc::clone(node), Some(self.about.clone()), stop));
        let (files, kept) = (self.files.clone(), self.kept.clone());
        tasks.spawn(know(Arc::clone(node), sessions, (files, kept)));
        Ok(())
    }

    /// Ends all sessions, after what was said has left.
    pub(crate) async fn stop(&self) {
        if let Some(sessions) = self.late.0.get() {
            sessions.stop().await;
        }
    }
}

/// Tells the sessions which nodes there are, and keeps that for the next start, until the node stops.
async fn know(node: Arc<Node>, sessions: Arc<Sessions>, (files, mut kept): (Files, Kept)) {
    let mut known = node.known();
    drop(node);
    while known.changed().await.is_ok() {
        let nodes: BTreeMap<NodeId, String> = {
            let layout = known.borrow_and_update();
            layout.nodes.iter().map(|node| (node.id, node.address.clone())).collect()
        };
        let gone = kept.nodes.keys().filter(|node| !nodes.contains_key(node) && **node != kept.node);
        gone.for_each(|node| sessions.expel(*node));
        sessions.know(nodes.clone());
        if kept.nodes != nodes {
            kept.nodes = nodes;
            let (files, kept) = (files.clone(), kept.clone());
            let written = tokio::task::spawn_blocking(move || files.remember(&kept)).await;
            if let Ok(Err(why)) = written {
                // The next start asks the nodes that it knew before.
                tracing::warn!(code = why.code.id, %why, "the addresses of the other nodes are not kept");
            }
        }
    }
}

/// Nodes that join get their number from the catalog.
#[derive(Debug)]
struct Admitting(Arc<Node>);

impl Admits for Admitting {
    fn admit(&self, asks: Asks) -> Admitted<'_> {
        Box::pin(async move {
            let refused = |why: String| Refusal::new(&codes::JOIN_REFUSED, why);
            // The first number is for the node that the cluster began with.
            let mut known = self.0.known();
            let first = known.wait_for(|layout| !layout.nodes.is_empty());
            if !matches!(tokio::time::timeout(FIRST_WAIT, first).await, Ok(Ok(_))) {
                return Err(refused("the catalog does not answer yet; nothing was changed".to_owned()));
            }
            let node = RegisterNode {
                name: asks.name,
                address: asks.address,
                fault_domain: asks.fault_domain,
                upgrade_domain: asks.upgrade_domain,
                site: asks.site,
                join: asks.join.to_vec().into(),
                ..RegisterNode::default()
            };
            match self.0.register(node).await {
                Ok(Ok(node)) => {
                    self.0.catalog_moved();
                    Ok(node.id)
                }
                Ok(Err(why)) => Err(refused(why.to_string())),
                Err(why) => Err(refused(why.to_string())),
            }
        })
    }
}
