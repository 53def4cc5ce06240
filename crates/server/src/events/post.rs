//! One post to a receiver: bounded in time, and what its answer means.
//!
//! Redirects are not followed: a receiver says where it is in the settings, where somebody can see it.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::courier::Outcome;

/// Connections to receivers, shared by all subscriptions of a node.
pub(super) type Connections = Client<HttpConnector, Full<Bytes>>;

pub(super) fn connections() -> Connections {
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(4).build_http()
}

/// What is sent.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) url: Uri,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// Sends it and waits for the answer's head.
pub(super) async fn send(connections: &Connections, post: Post, timeout: Duration) -> Outcome {
    let mut request = Request::builder().method(Method::POST).uri(post.url);
    for (name, value) in &post.headers {
        request = request.header(*name, value);
    }
    let request = request.header(header::USER_AGENT, concat!("outlast/", env!("CARGO_PKG_VERSION")));
    let Ok(request) = request.body(Full::new(Bytes::from(post.body))) else {
        return Outcome::Refused("the event cannot be put into a request".to_owned());
    };
    match tokio::time::timeout(timeout, connections.request(request)).await {
        Ok(Ok(response)) => judged(response.status()),
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(_) => Outcome::Failed(format!("no answer within {timeout:?}")),
    }
}

/// What a receiver would answer to every repeat as well is no reason to repeat.
fn judged(status: StatusCode) -> Outcome {
    let why = format!("answered {status}");
    match status {
        status if status.is_success() => Outcome::Taken,
        StatusCode::BAD_REQUEST
        | StatusCode::GONE
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Refused(why),
        _ => Outcome::Failed(why),
    }
}
