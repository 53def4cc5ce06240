//! Reaches for one node whenever there is no session with it.
//!
//! Attempts come with growing pauses, drawn so that nodes that lost each other at once do not meet again
//! at once. The node with the higher number waits a little longer before its own attempts: the other
//! one's are as good. Not here: which nodes there are (`sessions`).

use std::sync::Arc;
use std::time::Duration;

use engine::id::NodeId;
use platform::Entropy;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::greeting::{Greeted, Trouble};
use super::session;
use super::sessions::{Addresses, Shared};
use super::tls;
use crate::observe::codes;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// What the node with the higher number waits before each attempt, besides the pause.
const YIELDED: Duration = Duration::from_millis(300);

/// Runs until the node is known no more.
pub(super) async fn run(shared: Arc<Shared>, node: NodeId, addresses: watch::Receiver<Addresses>) {
    let mut pause = Duration::ZERO;
    loop {
        shared.table.vacant(node).await;
        let yielded = if shared.own.identity.node < node { Duration::ZERO } else { YIELDED };
        tokio::time::sleep(drawn(&*shared.entropy, pause) + yielded).await;
        if shared.table.incarnation(node).is_some() {
            continue;
        }
        let Some(address) = addresses.borrow().get(&node).cloned() else { return };
        let began = shared.clock.monotonic();
        match attempt(&shared, node, &address).await {
            Ok(greeted) => {
                shared.quiet.forget(node);
                run_session(&shared, greeted).await;
                let lived = shared.clock.monotonic().saturating_sub(began);
                pause = if lived > PAUSE_MAX { PAUSE_MIN } else { longer(pause) };
            }
            Err(trouble) => {
                pause = longer(pause);
                shared.quiet.tell_dialled(node, &address, &trouble);
            }
        }
    }
}

/// Runs a session and says when it begins and ends.
pub(super) async fn run_session<S>(shared: &Shared, greeted: Greeted<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + 'static,
{
    let (node, name) = (greeted.place.peer.node.0, greeted.name.clone());
    tracing::info!(node, name, "a session with a node has begun");
    let why = session::run(greeted, Arc::clone(&shared.hears), shared.settings.silence_max).await;
    match why {
        session::Why::Closed => tracing::info!(node, name, "a session with a node was closed"),
        session::Why::Silent(_)
        | session::Why::Stalled(_)
        | session::Why::Ended
        | session::Why::Broken(_)
        | session::Why::Nonsense(_) => {
            tracing::warn!(code = codes::PEER_LOST.id, node, name, %why, "a session with a node has ended");
        }
    }
}

async fn attempt(
    shared: &Shared,
    node: NodeId,
    address: &str,
) -> Result<Greeted<TlsStream<TcpStream>>, Trouble> {
    let late = |_| Trouble::Late;
    let connecting = timeout(shared.settings.silence_max, TcpStream::connect(address));
    let stream = connecting.await.map_err(late)?.map_err(Trouble::Broken)?;
    // Small frames must not wait for a second packet; failing to say so costs time only.
    let _unset = stream.set_nodelay(true);
    let greeting = async {
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&shared.dialling));
        let stream = connector.connect(tls::any_name(), stream).await.map_err(tls::trouble)?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
        shared.own.greet(stream, certificate.map(|it| it.into_owned()), Some(node), &shared.table).await
    };
    timeout(shared.settings.greeting_max(), greeting).await.map_err(late)?
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).clamp(PAUSE_MIN, PAUSE_MAX)
}

/// Between half of a pause and all of it.
fn drawn(entropy: &dyn Entropy, pause: Duration) -> Duration {
    let half = pause / 2;
    let millis = u64::try_from(half.as_millis()).unwrap_or(0);
    half + Duration::from_millis(entropy.next_u64().checked_rem(millis + 1).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use platform::fault::SimEntropy;

    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_differ() {
        let mut pauses = vec![PAUSE_MIN];
        while let Some(last) = pauses.last().copied().filter(|last| *last < PAUSE_MAX) {
            pauses.push(longer(last));
        }
        assert_eq!(pauses.len(), 6, "{pauses:?}");
        let entropy = SimEntropy::new(1);
        let found: Vec<_> = (0..20).map(|_| drawn(&entropy, PAUSE_MAX)).collect();
        assert!(found.iter().all(|pause| (PAUSE_MAX / 2..=PAUSE_MAX).contains(pause)));
        assert!(found.windows(2).any(|pair| pair[0] != pair[1]));
        assert_eq!(drawn(&entropy, Duration::ZERO), Duration::ZERO);
    }
}
