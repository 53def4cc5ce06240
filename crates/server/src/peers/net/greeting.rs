//! The first words on a connection: each side says who it is, checks the other, and tells its verdict.
//!
//! 1. Both say hello at once: cluster, node, process, versions.
//! 2. Both check what they hear against the certificate and against whom they wanted or have already.
//! 3. The node with the higher number tells its verdict; then the one with the lower number tells its own,
//!    and by that makes this connection the session, unless there is one.
//!
//! So the two can never hold different connections for the session: only one of them chooses.
//! Not here: TLS (`tls`), deadlines (whoever calls).

use std::io;
use std::sync::Arc;

use engine::id::NodeId;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::table::{Occupied, Place, Table};
use super::tls;
use super::wire::{GREETING_BYTES_MAX, Hello, Incoming, PROTOCOL, PROTOCOL_OLDEST, Verdict, say};
use crate::observe::codes;
use crate::peers::Refusal;
use crate::peers::identity::{ClusterId, Identity, is_for};
use crate::peers::links::Peer;

/// Why a connection did not become a session.
#[derive(Debug)]
pub(in crate::peers) enum Trouble {
    /// This node does not want it.
    Refused(Refusal),
    /// The other one does not.
    RefusedBy(Refusal),
    /// There is a session already.
    Spare,
    /// The stream broke.
    Broken(io::Error),
    /// It took too long.
    Late,
}

/// A stream and who is at its other end.
#[derive(Debug)]
pub(super) struct Greeted<S> {
    pub(super) stream: S,
    /// May hold frames already.
    pub(super) incoming: Incoming,
    pub(super) place: Place,
    /// What people call the other node, as far as it can be shown.
    pub(super) name: String,
}

/// This process.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) identity: Arc<Identity>,
    pub(super) incarnation: u64,
}

impl Own {
    /// Goes through the steps of the file's header. `wanted`: whom a dialler meant to reach.
    pub(super) async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        certificate: Option<CertificateDer<'static>>,
        wanted: Option<NodeId>,
        table: &Arc<Table>,
    ) -> Result<Greeted<S>, Trouble> {
        let mut incoming = Incoming::new(GREETING_BYTES_MAX);
        let hello = async {
            say(&mut stream, &self.hello()).await?;
            incoming.hear::<Hello>(&mut stream).await
        };
        let hello = hello.await.map_err(tls::trouble)?;
        if let Err(refusal) = self.check(&hello, certificate.as_ref(), wanted, table) {
            refuse(stream, &refusal).await;
            return Err(Trouble::Refused(refusal));
        }
        let peer = Peer { node: NodeId(hello.node), incarnation: hello.incarnation };
        let place = if self.identity.node < peer.node {
            agreed(&incoming.hear(&mut stream).await.map_err(tls::trouble)?)?;
            match table.claim(&peer) {
                Ok(place) => {
                    say(&mut stream, &Verdict::default()).await.map_err(tls::trouble)?;
                    place
                }
                Err(Occupied::Same(_)) => {
                    finish(stream, &Verdict { spare: true, ..Verdict::default() }).await;
                    return Err(Trouble::Spare);
                }
                Err(Occupied::Other(incarnation)) => {
                    let refusal = twice(&peer, incarnation);
                    refuse(stream, &refusal).await;
                    return Err(Trouble::Refused(refusal));
                }
            }
        } else {
            say(&mut stream, &Verdict::default()).await.map_err(tls::trouble)?;
            agreed(&incoming.hear(&mut stream).await.map_err(tls::trouble)?)?;
            take(table, &peer).await?
        };
        let name = hello.name.chars().filter(|letter| !letter.is_control()).take(100).collect();
        Ok(Greeted { stream, incoming, place, name })
    }

    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            protocol_oldest: PROTOCOL_OLDEST,
            cluster: self.identity.cluster.0.to_vec(),
            node: self.identity.node.0,
            incarnation: self.incarnation,
            version: outlast_proto::VERSION.to_owned(),
            name: self.identity.name.clone(),
        }
    }

    fn check(
        &self,
        hello: &Hello,
        certificate: Option<&CertificateDer<'_>>,
        wanted: Option<NodeId>,
        table: &Table,
    ) -> Result<(), Refusal> {
        let no = |code, text: String| Err(Refusal::new(code, text));
        if hello.protocol < PROTOCOL_OLDEST || PROTOCOL < hello.protocol_oldest {
            let text = format!(
                "node {} ({}) speaks the versions {} to {} of the protocol between nodes, node {} ({}) {PROTOCOL_OLDEST} to {PROTOCOL}",
                hello.node,
                shown(&hello.version),
                hello.protocol_oldest,
                hello.protocol,
                self.identity.node,
                outlast_proto::VERSION
            );
            return no(&codes::PEER_VERSION, text);
        }
        if hello.cluster != self.identity.cluster.0 {
            let theirs = <[u8; 16]>::try_from(&hello.cluster[..]).map(|id| ClusterId(id).to_string());
            let theirs = theirs.unwrap_or_else(|_| "none".to_owned());
            let text = format!("one node is of cluster {}, the other of {theirs}", self.identity.cluster);
            return no(&codes::PEER_OTHER_CLUSTER, text);
        }
        let node = NodeId(hello.node);
        let Some(certificate) = certificate else { return Err(tls::no_certificate()) };
        if !is_for(certificate, self.identity.cluster, node) {
            return no(
                &codes::PEER_OTHER_NODE,
                format!("who says to be node {node} has the certificate of another node"),
            );
        }
        if node == self.identity.node {
            let text = if hello.incarnation == self.incarnation {
                format!("node {node} has reached itself: the address is its own")
            } else {
                format!("another process says that it is node {node} too")
            };
            return no(&codes::PEER_TWICE, text);
        }
        if wanted.is_some_and(|wanted| wanted != node) {
            let wanted = wanted.unwrap_or_default();
            return no(
                &codes::PEER_OTHER_NODE,
                format!("node {node} answers at the address of node {wanted}"),
            );
        }
        if table.is_expelled(node) {
            return no(&codes::PEER_REMOVED, format!("node {node} was removed from the cluster"));
        }
        match table.incarnation(node) {
            Some(incarnation) if incarnation != hello.incarnation => {
                Err(twice(&Peer { node, incarnation: hello.incarnation }, incarnation))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Two live processes with one number.
fn twice(peer: &Peer, other: u64) -> Refusal {
    let Peer { node, incarnation } = peer;
    let text = format!(
        "there is a session with another process of node {node} (incarnation {other:x}; this one has {incarnation:x})"
    );
    Refusal::new(&codes::PEER_TWICE, text)
}

fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(40).collect()
}

fn agreed(verdict: &Verdict) -> Result<(), Trouble> {
    if verdict.spare {
        return Err(Trouble::Spare);
    }
    if verdict.code.is_empty() {
        return Ok(());
    }
    Err(Trouble::RefusedBy(Refusal::told(&verdict.code, &verdict.text)))
}

/// The other side has made this connection the session: one that this side still holds with the same
/// process has ended there.
async fn take(table: &Arc<Table>, peer: &Peer) -> Result<Place, Trouble> {
    loop {
        match table.claim(peer) {
            Ok(place) => return Ok(place),
            Err(Occupied::Same(gone)) => {
                table.cut(peer.node);
                gone.wait().await;
            }
            Err(Occupied::Other(incarnation)) => return Err(Trouble::Refused(twice(peer, incarnation))),
        }
    }
}

async fn refuse(stream: impl AsyncRead + AsyncWrite + Unpin, refusal: &Refusal) {
    let verdict = Verdict { code: refusal.code.id.to_owned(), text: refusal.text.clone(), spare: false };
    finish(stream, &verdict).await;
}

/// Says the last word, and waits until the other side has ended: a connection that is closed while
/// something of the other side is unread would be reset, and the word lost.
async fn finish(mut stream: impl AsyncRead + AsyncWrite + Unpin, verdict: &Verdict) {
    let ending = async {
        say(&mut stream, verdict).await?;
        stream.shutdown().await?;
        let mut incoming = Incoming::new(GREETING_BYTES_MAX);
        while incoming.fill(&mut stream).await? {
            while incoming.take()?.is_some() {}
        }
        io::Result::Ok(())
    };
    // Whether it was heard cannot be known.
    drop(ending.await);
}
