//! The connection under a client or worker: made on first use, made again when lost.
//!
//! A call goes straight onto the connection: no queue before it and no task of its own, which for
//! calls as small as these cost more than the call. Not here: what is called, and trying again.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;

const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How often a silent connection is asked whether it is there, and how long it may think about it.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Flow control: what a worker may be sent before it has read.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
const PORT_DEFAULT: u16 = 80;
const AGENT: HeaderValue = HeaderValue::from_static(concat!("outlast-sdk-rust/", env!("CARGO_PKG_VERSION")));

/// How long a call's answer may take to begin; goes with the request to here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Duration);

/// A connection to one address, shared by its clones.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Shared>);

struct Shared {
    authority: Authority,
    open: Mutex<Option<SendRequest<Body>>>,
    /// Held while a connection is made, so that those who need it make one.
    opening: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transport").field(&self.0.authority).finish()
    }
}

impl Transport {
    /// For an address such as `http://localhost:4001`; `None` where it is none.
    pub(crate) fn new(address: &str) -> Option<Self> {
        let uri: Uri = address.parse().ok()?;
        let parts = uri.into_parts();
        let authority = parts.authority.filter(|_| parts.scheme == Some(Scheme::HTTP))?;
        Some(Self(Arc::new(Shared {
            authority,
            open: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        })))
    }

    fn usable(&self) -> Option<SendRequest<Body>> {
        let open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().filter(|connection| !connection.is_closed()).cloned()
    }

    async fn connection(&self) -> Result<SendRequest<Body>, Status> {
        if let Some(connection) = self.usable() {
            return Ok(connection);
        }
        let _alone = self.0.opening.lock().await;
        if let Some(connection) = self.usable() {
            return Ok(connection);
        }
        let authority = &self.0.authority;
        let failed = |why: &dyn fmt::Display| Status::unavailable(format!("connect to {authority}: {why}"));
        let connected = tokio::time::timeout(CONNECT_MAX, connect(authority)).await;
        let connected = connected.map_err(|_| failed(&"it takes too long"))?;
        let connection = connected.map_err(|error| failed(&error))?;
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
        Ok(connection)
    }

    /// Sends a request whose address says the path only.
    pub(super) async fn send(self, mut request: Request<Body>) -> Result<Response<Incoming>, Status> {
        let path = request.uri().path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let uri =
            Uri::builder().scheme(Scheme::HTTP).authority(self.0.authority.clone()).path_and_query(path);
        *request.uri_mut() = uri.build().map_err(|error| Status::internal(error.to_string()))?;
        request.headers_mut().insert(header::USER_AGENT, AGENT);
        let sent = self.connection().await?.send_request(request).await;
        sent.map_err(|error| Status::unavailable(format!("connection to {}: {error}", self.0.authority)))
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Incoming>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Status>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let deadline = request.extensions().get::<Deadline>().copied();
        let answer = self.clone().send(request);
        Box::pin(async move {
            let Some(Deadline(deadline)) = deadline else { return answer.await };
            let late = |_| Status::deadline_exceeded(format!("no answer within {deadline:?}"));
            tokio::time::timeout(deadline, answer).await.map_err(late)?
        })
    }
}

/// What a connection has begun since it was last asked: its calls, driven by its own task.
#[derive(Clone, Default)]
struct Begun(Arc<Mutex<Vec<Task>>>);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Begun {
    fn execute(&self, task: F) {
        let task = Box::pin(tokio::task::unconstrained(task));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}

async fn connect(
    authority: &Authority,
) -> Result<SendRequest<Body>, Box<dyn std::error::Error + Send + Sync>> {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(PORT_DEFAULT))).await?;
    stream.set_nodelay(true)?;
    let begun = Begun::default();
    let (sender, connection) = http2::Builder::new(begun.clone())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake::<_, Body>(TokioIo::new(stream))
        .await?;
    tokio::spawn(async move {
        let mut connection = pin!(connection);
        let mut tasks = FuturesUnordered::new();
        let mut ended = false;
        poll_fn(|context| {
            loop {
                // An error is told to each call by itself.
                ended = ended || connection.as_mut().poll(context).is_ready();
                let new = std::mem::take(&mut *begun.0.lock().unwrap_or_else(PoisonError::into_inner));
                tasks.extend(new);
                let mut done = false;
                while let Poll::Ready(Some(())) = tasks.poll_next_unpin(context) {
                    done = true;
                }
                if ended && tasks.is_empty() {
                    return Poll::Ready(());
                }
                if ended || !done {
                    return Poll::Pending;
                }
            }
        })
        .await;
    });
    Ok(sender)
}
