//! What stands before every route: who may address this node from a browser, headers on every
//! answer, counting.
//!
//! A web page somewhere must not be able to talk to a node on the reader's machine. Three things
//! together see to that: the `Host` must be an address or a known name (so a name of the page's own
//! that resolves to this machine is refused), an `Origin` must be this node itself, and no answer
//! carries a header that allows another origin to read it.

use std::net::IpAddr;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::App;
use super::problem::Problem;
use crate::observe::codes;

const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The middleware around all routes.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = app.backend.monotonic();
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let mut response = match check(request.headers(), &app.http.hosts_allowed) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    let time = app.backend.monotonic().saturating_sub(begun);
    app.metrics.requests.http_answered(method, &route, response.status().as_u16(), time);
    response
}

/// Methods are callers' text: others share one label, or labels would be unbounded.
fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "PUT" => "PUT",
        _ => "other",
    }
}

fn check(headers: &HeaderMap, hosts_allowed: &[String]) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(Ok(host)), None) = (hosts.next().map(HeaderValue::to_str), hosts.next()) else {
        return Err(Problem::new(&codes::HOST_NOT_ALLOWED, "the request has no usable Host header"));
    };
    if !allowed(host, hosts_allowed) {
        let shown: String = host.chars().take(64).collect();
        return Err(Problem::new(&codes::HOST_NOT_ALLOWED, format!("{shown:?} is not a name of this node")));
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
    if authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(Problem::new(&codes::ORIGIN_NOT_ALLOWED, "the request comes from a web page of another origin"))
}

fn allowed(host: &str, hosts_allowed: &[String]) -> bool {
    let name = without_port(host);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || hosts_allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(host: &str, origin: Option<&str>) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).expect("a header value"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).expect("a header value"));
        }
        check(&headers, &["outlast.internal".to_owned()]).err().map(|problem| problem.code().id)
    }

    #[test]
    fn only_addresses_and_known_names_are_hosts() {
        for host in
            ["localhost:4002", "LOCALHOST", "127.0.0.1:4002", "[::1]:4002", "[::1]", "outlast.internal:4002"]
        {
            assert_eq!(code(host, None), None, "{host}");
        }
        for host in ["evil.example:4002", "localhost.evil.example", "127.0.0.1.nip.io", "", "[evil]"] {
            assert_eq!(code(host, None), Some(codes::HOST_NOT_ALLOWED.id), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        assert_eq!(code("localhost:4002", Some("http://localhost:4002")), None);
        for origin in ["https://evil.example", "http://localhost:3000", "null"] {
            assert_eq!(code("localhost:4002", Some(origin)), Some(codes::ORIGIN_NOT_ALLOWED.id), "{origin}");
        }
    }
}
