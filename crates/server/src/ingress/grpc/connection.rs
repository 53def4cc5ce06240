//! One HTTP/2 connection: its limits, and all of its calls on one task.
//!
//! What many calls have to say is written together, and a call costs no task of its own: when a commit
//! answers a hundred calls, the connection is woken once and writes once. Not here: what a call does
//! (`service`).

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::server::{Options, Phase};
use super::service::TaskHubService;
use crate::ingress::accept::accept;

/// Connections at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 8_192;
/// Bytes of all headers of a call: ids and tokens travel in messages.
const HEADER_BYTES_MAX: u32 = 16 << 10;
/// Calls on one connection at once: mostly waits, which cost little.
const STREAMS_MAX: u32 = 16_384;
/// Calls that a client may give up before we have looked at them. The JavaScript SDK walks away
/// from its waits; hyper's own default of 20 takes that for an attack.
const RESETS_PENDING_MAX: usize = 4_096;
/// How long a connection may leave a keepalive unanswered, or as long as between two where that is
/// shorter.
const KEEPALIVE_TIMEOUT_MAX: Duration = Duration::from_secs(20);
/// Flow control: one whole large message of each call, a few on each connection.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// Serves connections until the phase is `Stopped`, then until each has ended.
pub(super) async fn serve(listener: TcpListener, service: TaskHubService) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let shared = Arc::clone(&service.shared);
    let mut stop = pin!(shared.reached(Phase::Stopped));
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_ended) = connections.join_next() => {}
            (stream, permit) = accept(&listener, &permits) => {
                connections.spawn(connection(stream, permit, service.clone()));
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The calls that have begun since they were last taken.
#[derive(Clone, Default)]
struct Begun(Arc<Mutex<Vec<Call>>>);

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Begun {
    fn execute(&self, call: F) {
        // A call is polled only when it was woken; a budget shared by all of a connection's would make
        // the later ones wait for nothing.
        let call = Box::pin(tokio::task::unconstrained(call));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

impl Begun {
    fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn connection(stream: TcpStream, _permit: OwnedSemaphorePermit, service: TaskHubService) {
    let shared = Arc::clone(&service.shared);
    let mut stop = pin!(shared.reached(Phase::Stopped));
    let mut stopping = false;
    let begun = Begun::default();
    let builder = builder(begun.clone(), &shared.options);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // Dropped with the connection: nobody is left to hear of what they would answer.
    let mut calls = FuturesUnordered::new();
    poll_fn(|context| {
        if !stopping && stop.as_mut().poll(context).is_ready() {
            stopping = true;
            connection.as_mut().graceful_shutdown();
        }
        loop {
            // An error is the caller's: it went away or did not speak HTTP/2.
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            calls.extend(begun.take());
            let mut answered = false;
            while let Poll::Ready(Some(())) = calls.poll_next_unpin(context) {
                answered = true;
            }
            if !answered {
                return Poll::Pending;
            }
        }
    })
    .await;
}

fn builder(begun: Begun, options: &Options) -> http2::Builder<Begun> {
    let mut builder = http2::Builder::new(begun);
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(options.keepalive)
        .keep_alive_timeout(options.keepalive.min(KEEPALIVE_TIMEOUT_MAX))
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        // gRPC knows no date, and it would differ from one answer to the next.
        .auto_date_header(false);
    builder
}
