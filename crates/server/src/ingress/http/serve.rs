//! The HTTP listener: connections within limits of number and time, and an orderly end.
//!
//! A connection that is silent or trickles its head is closed, so that a few of them cannot keep
//! others out. On stop, no connection is accepted any more, requests in flight are answered, idle
//! connections are closed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::ingress::accept::accept;

/// Connections at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 1_024;
/// How long a request's head may take, and a connection may be idle.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Serves until `stop`, then until every request in flight is answered. The caller bounds the
/// second part with its drain timeout.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (closing, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_ended) = connections.join_next() => {}
            (stream, permit) = accept(&listener, &permits) => {
                connections.spawn(connection(stream, permit, router.clone(), closed.clone()));
            }
        }
    }
    drop(listener);
    closing.send_replace(true);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
    router: Router,
    mut closed: watch::Receiver<bool>,
) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT).max_buf_size(HEAD_BYTES_MAX);
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    tokio::select! {
        biased;
        // An error here is the caller's: it went away or did not speak HTTP.
        _ended = &mut served => return,
        _ = closed.wait_for(|closed| *closed) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ended = served.await;
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;

    use super::*;

    async fn read(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("the answer is text");
        text
    }

    async fn started(
        router: Router,
    ) -> (std::net::SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve(listener, router, async move {
            let _told = stopped.await;
        }));
        (address, stop, server)
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_request_in_flight_is_answered_after_stop() {
        let (entered, mut is_in) = tokio::sync::mpsc::channel::<oneshot::Sender<()>>(1);
        let handler = move || async move {
            let (go, gone) = oneshot::channel();
            entered.send(go).await.expect("the test listens");
            gone.await.expect("the test lets it go");
            "done"
        };
        let (address, stop, server) = started(Router::new().route("/", axum::routing::get(handler))).await;
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(REQUEST).await.expect("it reads");
        let go = is_in.recv().await.expect("the request has arrived");
        stop.send(()).expect("it runs");
        go.send(()).expect("the handler waits");
        assert!(read(&mut stream).await.ends_with("done"));
        server.await.expect("it ends");
        assert!(TcpStream::connect(address).await.is_err(), "nothing listens any more");
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_hold_the_stop_up() {
        let (address, stop, server) = started(Router::new()).await;
        let mut idle = TcpStream::connect(address).await.expect("it listens");
        // One request and its answer, so that the connection is known to be accepted.
        idle.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("it reads");
        let mut first = [0; 12];
        idle.read_exact(&mut first).await.expect("an answer");
        stop.send(()).expect("it runs");
        server.await.expect("it ends although the connection is open");
    }

    #[tokio::test]
    async fn a_head_without_end_is_refused() {
        let (address, _stop, _server) = started(Router::new()).await;
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let endless = format!("GET / HTTP/1.1\r\nhost: {}\r\n", "x".repeat(64 << 10));
        let _refused_midway = stream.write_all(endless.as_bytes()).await;
        let mut text = Vec::new();
        let _reset = stream.read_to_end(&mut text).await;
        assert!(text.is_empty() || text.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&text));
    }
}
