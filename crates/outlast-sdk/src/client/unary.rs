//! One message there and one back, straight onto the connection.
//!
//! For the calls that a worker or client makes again and again: no layers, no buffers larger than the
//! message, and headers that are the same each time are made once. Not here: other calls, which the
//! generated stub makes, and streams.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use prost::Message;
use prost::bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tonic::Status;
use tonic::body::Body;

use super::MESSAGE_BYTES_MAX;
use super::link::Link;

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
const TIMEOUT: &str = "grpc-timeout";
/// A timeout has at most eight digits.
const TIMEOUT_DIGITS_MAX: u128 = 99_999_999;

/// The headers that all calls of a link have.
pub(super) fn headers(deadline: Duration) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(TIMEOUT, timeout(deadline));
    headers
}

fn timeout(deadline: Duration) -> HeaderValue {
    let text = match deadline.as_millis() {
        milliseconds if milliseconds <= TIMEOUT_DIGITS_MAX => format!("{milliseconds}m"),
        milliseconds => format!("{}S", (milliseconds / 1_000).min(TIMEOUT_DIGITS_MAX)),
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("0m"))
}

impl Link {
    /// Calls `path` with a message; its answer, if it is there within `deadline`.
    pub(crate) async fn call<Out: Message + Default>(
        &self,
        path: &'static str,
        message: &impl Message,
        deadline: Duration,
    ) -> Result<Out, Status> {
        let mut request = Request::new(Body::new(Full::new(framed(message))));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = Uri::from_static(path);
        request.headers_mut().clone_from(&self.headers);
        if deadline != self.deadline {
            request.headers_mut().insert(TIMEOUT, timeout(deadline));
        }
        let sent = async { read(self.transport().send(request).await?).await };
        let late = |_| Status::deadline_exceeded(format!("no answer within {deadline:?}"));
        tokio::time::timeout(deadline, sent).await.map_err(late)?
    }
}

fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode_raw(&mut bytes);
    bytes.freeze()
}

async fn read<Out: Message + Default>(answer: Response<Incoming>) -> Result<Out, Status> {
    let (head, body) = answer.into_parts();
    // A refusal may say everything in its headers.
    if let Some(status) =
        Status::from_header_map(&head.headers).filter(|status| status.code() != tonic::Code::Ok)
    {
        return Err(status);
    }
    if head.status != StatusCode::OK {
        return Err(not_grpc(head.status));
    }
    let broken = |error| Status::unavailable(format!("the answer broke off: {error}"));
    let body = Limited::new(body, MESSAGE_BYTES_MAX).collect().await.map_err(broken)?;
    let status = body.trailers().and_then(Status::from_header_map);
    match status {
        Some(status) if status.code() == tonic::Code::Ok => message(body.to_bytes()),
        Some(status) => Err(status),
        None => Err(Status::unavailable("the answer ended without a status")),
    }
}

/// What a proxy on the way says, in gRPC's words.
fn not_grpc(status: StatusCode) -> Status {
    let told = format!("the answer is HTTP {status}, not gRPC");
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Status::unavailable(told),
        StatusCode::UNAUTHORIZED => Status::unauthenticated(told),
        StatusCode::FORBIDDEN => Status::permission_denied(told),
        StatusCode::NOT_FOUND => Status::unimplemented(told),
        _ => Status::unknown(told),
    }
}

fn message<Out: Message + Default>(mut bytes: Bytes) -> Result<Out, Status> {
    let bad = |why: &str| Status::internal(format!("read the answer: {why}"));
    if bytes.len() < PREFIX_BYTES {
        return Err(bad("it has no message"));
    }
    if bytes.get_u8() != 0 {
        return Err(bad("it is compressed, which was not asked for"));
    }
    let length = usize::try_from(bytes.get_u32()).unwrap_or(usize::MAX);
    if bytes.len() != length {
        return Err(bad("its length is not what it says"));
    }
    Out::decode(bytes).map_err(|error| bad(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlast_proto::durable_task::CreateInstanceResponse;

    #[test]
    fn a_message_is_read_as_it_was_framed_and_nothing_else_is() {
        let sent = CreateInstanceResponse { instance_id: "order-1".to_owned() };
        let bytes = framed(&sent);
        assert_eq!(message::<CreateInstanceResponse>(bytes.clone()).expect("a message"), sent);
        let compressed = Bytes::from([&[1], &bytes[1..]].concat());
        for wrong in [Bytes::new(), bytes.slice(..3), bytes.slice(..8), compressed] {
            let read = message::<CreateInstanceResponse>(wrong);
            assert_eq!(read.expect_err("no message").code(), tonic::Code::Internal);
        }
    }

    #[test]
    fn a_timeout_has_at_most_eight_digits() {
        assert_eq!(timeout(Duration::from_secs(30)), "30000m");
        assert_eq!(timeout(Duration::from_secs(200_000)), "200000S");
        assert_eq!(timeout(Duration::MAX), "99999999S");
    }
}
