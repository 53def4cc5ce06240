//! Lets nodes in: checks their token, asks the catalog for a number, and signs a certificate for it.
//!
//! The catalog comes after the token and before the answer: if the answer is lost, the same node asks
//! again with the same key and gets the same number. Not here: the catalog ([`Admits`]).

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use engine::id::NodeId;
use platform::Clock;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::authority::Authority;
use super::files::{Files, Kept};
use super::{founding, tokens};
use crate::observe::codes;
use crate::peers::Refusal;
use crate::peers::net::greeting::Trouble;
use crate::peers::net::tls;
use crate::peers::net::wire::{GREETING_BYTES_MAX, Incoming, PROTOCOL, PROTOCOL_OLDEST, say};

/// How long the catalog may take: it may be without a leader for a while.
const ADMITTED_WITHIN: Duration = Duration::from_secs(20);

/// What a node that joins says.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Request {
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub secret: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub public_key: Vec<u8>,
    #[prost(string, tag = "4")]
    pub name: String,
    #[prost(string, tag = "5")]
    pub address: String,
    #[prost(string, tag = "6")]
    pub fault_domain: String,
    #[prost(string, tag = "7")]
    pub upgrade_domain: String,
    #[prost(string, tag = "8")]
    pub site: String,
}

/// What it is told.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Answer {
    /// Why not, as a code of the register; empty: it is let in.
    #[prost(string, tag = "1")]
    pub code: String,
    /// Why not, in words.
    #[prost(string, tag = "2")]
    pub text: String,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub cluster: Vec<u8>,
    #[prost(uint64, tag = "4")]
    pub node: u64,
    /// PEM.
    #[prost(string, tag = "5")]
    pub certificate: String,
    /// PEM.
    #[prost(string, tag = "6")]
    pub ca: String,
    /// Where the others are.
    #[prost(btree_map = "uint64, string", tag = "7")]
    pub nodes: BTreeMap<u64, String>,
}

/// A node that asks to be let in; its token is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asks {
    /// What it wants to be called.
    pub name: String,
    /// Where it is reached.
    pub address: String,
    /// What fails together, or empty.
    pub fault_domain: String,
    /// What is upgraded together, or empty.
    pub upgrade_domain: String,
    /// The place of which none may have a majority, or empty.
    pub site: String,
    /// The same for each attempt of one node, another one for each node.
    pub join: [u8; 32],
}

/// The answer of [`Admits`].
pub type Admitted<'a> = Pin<Box<dyn Future<Output = Result<NodeId, Refusal>> + Send + 'a>>;

/// Gives nodes their numbers.
pub trait Admits: Send + Sync + fmt::Debug {
    /// The number of a node that joins. Asked again with the same `join`, it is the same.
    fn admit(&self, asks: Asks) -> Admitted<'_>;
}

/// See the file's header.
#[derive(Debug)]
pub struct Joins {
    files: Files,
    kept: Kept,
    authority: Authority,
    admits: Arc<dyn Admits>,
    clock: Arc<dyn Clock>,
    /// Held while a token is looked at and bound.
    binding: tokio::sync::Mutex<()>,
}

impl Joins {
    /// Where this node has the authority's key; `None`: others let nodes in.
    pub fn new(
        files: Files,
        kept: Kept,
        admits: Arc<dyn Admits>,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, Refusal> {
        let authority = files.authority(&kept)?;
        let binding = tokio::sync::Mutex::default();
        Ok(authority.map(|authority| Self { files, kept, authority, admits, clock, binding }))
    }

    /// Hears somebody who wants to join and answers him. `nodes`: where all others are.
    pub(in crate::peers) async fn hear<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        nodes: BTreeMap<NodeId, String>,
        patience: Duration,
    ) -> Result<NodeId, Trouble> {
        let mut incoming = Incoming::new(GREETING_BYTES_MAX);
        let request = timeout(patience, incoming.hear::<Request>(&mut stream)).await;
        let request = request.map_err(|_| Trouble::Late)?.map_err(tls::trouble)?;
        let admitted = self.admit(request).await;
        let answer = match &admitted {
            Ok((node, certificate)) => self.answer(*node, certificate.clone(), nodes),
            Err(refusal) => {
                Answer { code: refusal.code.id.to_owned(), text: refusal.text.clone(), ..Answer::default() }
            }
        };
        let answering = async {
            say(&mut stream, &answer).await?;
            stream.shutdown().await
        };
        timeout(patience, answering).await.map_err(|_| Trouble::Late)?.map_err(tls::trouble)?;
        admitted.map(|(node, _)| node).map_err(Trouble::Refused)
    }

    fn answer(&self, node: NodeId, certificate: String, mut nodes: BTreeMap<NodeId, String>) -> Answer {
        nodes.insert(self.kept.node, self.kept.address.clone());
        nodes.remove(&node);
        Answer {
            cluster: self.kept.cluster.0.to_vec(),
            node: node.0,
            certificate,
            ca: self.authority.certificate_pem().to_owned(),
            nodes: nodes.into_iter().map(|(node, address)| (node.0, address)).collect(),
            ..Answer::default()
        }
    }

    async fn admit(&self, request: Request) -> Result<(NodeId, String), Refusal> {
        let Request { protocol, secret, public_key, name, address, fault_domain, upgrade_domain, site } =
            request;
        if !(PROTOCOL_OLDEST..=PROTOCOL).contains(&protocol) {
            let text = format!("it speaks version {protocol}, the cluster {PROTOCOL_OLDEST} to {PROTOCOL}");
            return Err(Refusal::new(&codes::PEER_VERSION, text));
        }
        self.bind(secret, public_key.clone()).await?;
        founding::check(&name, &address)?;
        let join = *blake3::hash(&public_key).as_bytes();
        let asks = Asks { name, address, fault_domain, upgrade_domain, site, join };
        let late = |_| Refusal::new(&codes::JOIN_REFUSED, "the catalog did not answer in time: ask again");
        let node = timeout(ADMITTED_WITHIN, self.admits.admit(asks)).await.map_err(late)??;
        let certificate = self.authority.sign(node, &public_key, self.clock.wall());
        let certificate =
            certificate.map_err(|error| Refusal::new(&codes::JOIN_REFUSED, error.to_string()))?;
        Ok((node, certificate))
    }

    /// Looks at a token and binds it to a key: one at a time, on a thread that may wait for the disk.
    async fn bind(&self, secret: Vec<u8>, public_key: Vec<u8>) -> Result<(), Refusal> {
        let _one = self.binding.lock().await;
        let (files, now) = (self.files.clone(), self.clock.wall());
        let bound = tokio::task::spawn_blocking(move || tokens::use_up(&files, &secret, &public_key, now));
        bound.await.unwrap_or_else(|error| Err(Refusal::new(&codes::INTERNAL, error.to_string())))
    }
}
