//! Takes connections from a listener, as many at once as there are permits.
//!
//! Not here: what is spoken on them. More than the limit wait in the system's queue.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long accepting pauses when the system has no descriptors or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The next connection, and its permit, to be held as long as it lives.
pub(crate) async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("nobody closes the semaphore");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers must not wait for a second packet; failing to say so costs time only.
                let _unset = stream.set_nodelay(true);
                return (stream, permit);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                let code = crate::observe::codes::ACCEPT_FAILED.id;
                tracing::warn!(code, %error, "cannot accept connections for now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether only the connection being accepted is broken.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
