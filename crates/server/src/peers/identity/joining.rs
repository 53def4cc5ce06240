//! Joins a cluster: an empty data directory becomes a node's, with the help of a token.
//!
//! The key is drawn and kept before anybody is asked, and the identity after the answer: a crash at any
//! point leaves a directory that can ask again with the same token. Not here: who answers (`admitting`).

use std::sync::Arc;
use std::time::Duration;

use engine::id::NodeId;
use platform::Clock;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::admitting::{Answer, Request};
use super::authority::NewKey;
use super::files::{Files, Kept};
use super::tokens::JoinToken;
use super::{ClusterId, Fingerprint, Identity, Proof, founding};
use crate::observe::codes;
use crate::peers::Refusal;
use crate::peers::net::greeting::Trouble;
use crate::peers::net::tls;
use crate::peers::net::wire::{Incoming, PROTOCOL, say};

/// How long connecting may take.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);
/// How long the cluster may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// An answer holds two certificates and an address for each node.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What a node says of itself when it joins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What it wants to be called, unique in the cluster; empty: a name made from its key.
    pub name: String,
    /// Where others are to reach it, `HOST:PORT`.
    pub address: String,
    /// What fails together, `/region/zone/rack`, or empty.
    pub fault_domain: String,
    /// What is upgraded together, or empty.
    pub upgrade_domain: String,
    /// The place of which none may have a majority, or empty.
    pub site: String,
}

/// Joins with a token. A directory that belongs to the token's cluster already is left as it is and is no
/// error, so that a node can be started with the same arguments again; one of another cluster, or with
/// data of its own, is refused.
pub async fn join(
    files: &Files,
    token: &JoinToken,
    mut wanted: Wanted,
    clock: Arc<dyn Clock>,
) -> Result<Kept, Refusal> {
    if let Some(kept) = files.read()? {
        if files.identity(&kept)?.fingerprint() == token.fingerprint {
            return Ok(kept);
        }
        let text = format!(
            "it is node {} of cluster {}, and the token is of another cluster",
            kept.node, kept.cluster
        );
        return Err(Refusal::new(&codes::IDENTITY_EXISTS, text));
    }
    if files.has_data()? {
        return Err(Refusal::new(
            &codes::JOIN_DATA_EXISTS,
            "a node has run in this data directory by itself",
        ));
    }
    token.check_time(clock.wall())?;
    let key = files.joining_key()?;
    if wanted.name.is_empty() {
        let digits = blake3::hash(&key.public).to_hex();
        wanted.name = format!("node-{}", digits.chars().take(8).collect::<String>());
    }
    founding::check(&wanted.name, &wanted.address)?;
    let asking = timeout(ANSWERED_WITHIN, ask(token, &wanted, &key, clock));
    let answer = asking.await.unwrap_or(Err(Trouble::Late)).map_err(|trouble| refusal(token, trouble))?;
    if !answer.code.is_empty() {
        return Err(Refusal::told(&answer.code, &answer.text));
    }
    keep(files, token, wanted, key, answer)
}

async fn ask(
    token: &JoinToken,
    wanted: &Wanted,
    key: &NewKey,
    clock: Arc<dyn Clock>,
) -> Result<Answer, Trouble> {
    let config = tls::joining(token.fingerprint, clock)
        .map_err(|error| Trouble::Refused(Refusal::new(&codes::INTERNAL, error.to_string())))?;
    let connecting = timeout(CONNECTED_WITHIN, TcpStream::connect(&token.address));
    let stream = connecting.await.map_err(|_| Trouble::Late)?.map_err(Trouble::Broken)?;
    let connector = tokio_rustls::TlsConnector::from(config);
    let mut stream = connector.connect(tls::any_name(), stream).await.map_err(tls::trouble)?;
    let request = Request {
        protocol: PROTOCOL,
        secret: token.secret.to_vec(),
        public_key: key.public.clone(),
        name: wanted.name.clone(),
        address: wanted.address.clone(),
        fault_domain: wanted.fault_domain.clone(),
        upgrade_domain: wanted.upgrade_domain.clone(),
        site: wanted.site.clone(),
    };
    say(&mut stream, &request).await.map_err(tls::trouble)?;
    Incoming::new(ANSWER_BYTES_MAX).hear(&mut stream).await.map_err(tls::trouble)
}

fn keep(
    files: &Files,
    token: &JoinToken,
    wanted: Wanted,
    key: NewKey,
    answer: Answer,
) -> Result<Kept, Refusal> {
    let nonsense = |why: String| Refusal::new(&codes::PEER_NONSENSE, format!("the answer is no good: {why}"));
    let cluster = <[u8; 16]>::try_from(answer.cluster).map_err(|_| nonsense("no cluster".to_owned()))?;
    let kept = Kept {
        cluster: ClusterId(cluster),
        node: NodeId(answer.node),
        name: wanted.name,
        address: wanted.address,
        nodes: answer.nodes.into_iter().map(|(node, address)| (NodeId(node), address)).collect(),
    };
    let proof = Proof { ca: answer.ca, certificate: answer.certificate, key: key.pem };
    let identity = Identity::new(kept.cluster, kept.node, kept.name.clone(), &proof);
    let identity = identity.map_err(|error| nonsense(error.to_string()))?;
    let authority: Fingerprint = identity.fingerprint();
    if authority != token.fingerprint {
        return Err(nonsense("it is of another authority than the token".to_owned()));
    }
    files.keep(&kept, &proof)?;
    Ok(kept)
}

fn refusal(token: &JoinToken, trouble: Trouble) -> Refusal {
    let unreachable =
        |why: String| Refusal::new(&codes::PEER_UNREACHABLE, format!("ask {} to join: {why}", token.address));
    match trouble {
        Trouble::Refused(refusal) | Trouble::RefusedBy(refusal) => refusal,
        Trouble::Broken(error) => unreachable(error.to_string()),
        Trouble::Late => unreachable("it did not answer in time".to_owned()),
        Trouble::Spare => unreachable("it has no use for the connection".to_owned()),
    }
}
