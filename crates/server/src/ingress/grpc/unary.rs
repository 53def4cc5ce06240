//! One message in, one message out: a call's body as bytes.
//!
//! A message is five bytes (compressed or not, length) and its encoding. Nearly always it arrives in
//! one piece, which is decoded where it lies; its answer leaves in one piece. Not here: streams, which
//! `tonic` reads and writes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use prost::Message;
use tonic::Status;

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// The one message of a request.
pub(super) async fn read<In: Message + Default>(mut body: Incoming, bytes_max: usize) -> Result<In, Status> {
    let mut gathered = Gathered::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::unavailable(format!("the request broke off: {error}")))?;
        if let Ok(data) = frame.into_data() {
            gathered.add(data);
            gathered.check(bytes_max)?;
        }
    }
    In::decode(gathered.message()?).map_err(|error| Status::internal(format!("decode the request: {error}")))
}

/// What has arrived of a body. Invariant: `rest` is empty or holds everything.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    rest: BytesMut,
}

impl Gathered {
    fn add(&mut self, data: Bytes) {
        if self.first.is_empty() {
            self.first = data;
            return;
        }
        if self.rest.is_empty() {
            self.rest.extend_from_slice(&self.first);
        }
        self.rest.extend_from_slice(&data);
    }

    fn bytes(&self) -> &[u8] {
        if self.rest.is_empty() { &self.first } else { &self.rest }
    }

    /// Refuses what can never become a message, before more of it is taken in.
    fn check(&self, bytes_max: usize) -> Result<(), Status> {
        let Some(mut prefix) = self.bytes().get(..PREFIX_BYTES) else { return Ok(()) };
        if prefix.get_u8() != 0 {
            // What the protocol says for this; INTERNAL would be tried again.
            return Err(Status::unimplemented("the message is compressed, and no compression was agreed on"));
        }
        let announced = usize::try_from(prefix.get_u32()).unwrap_or(usize::MAX);
        if announced > bytes_max {
            return Err(Status::out_of_range(format!(
                "the message has {announced} bytes, more than the {bytes_max} that are accepted"
            )));
        }
        if self.bytes().len() > PREFIX_BYTES + announced {
            return Err(Status::internal("the request has more than its one message"));
        }
        Ok(())
    }

    /// The encoded message; `check` has found nothing against it.
    fn message(self) -> Result<Bytes, Status> {
        let mut bytes = if self.rest.is_empty() { self.first } else { self.rest.freeze() };
        if bytes.len() < PREFIX_BYTES {
            return Err(Status::internal("the request has no message"));
        }
        let announced = usize::try_from((&bytes[1..]).get_u32()).unwrap_or(usize::MAX);
        bytes.advance(PREFIX_BYTES);
        if bytes.len() < announced {
            return Err(Status::internal("the request ended within its message"));
        }
        Ok(bytes)
    }
}

/// The body of an answer.
#[derive(Debug, Default)]
pub(super) enum AnswerBody {
    /// Nothing, or nothing more. A refusal says everything in its headers.
    #[default]
    Empty,
    /// One message, and that all is well.
    Message(Bytes),
    /// That all is well.
    Well,
    /// A stream, or what another service answers.
    Other(tonic::body::Body),
}

/// An answer of one message.
pub(super) fn answer(message: &impl Message) -> Response<AnswerBody> {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode_raw(&mut bytes);
    let mut response = Response::new(AnswerBody::Message(bytes.freeze()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn well() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Self::Other(body) = &mut *self {
            return Pin::new(body).poll_frame(context);
        }
        let (frame, next) = match std::mem::take(&mut *self) {
            Self::Message(bytes) => (Frame::data(bytes), Self::Well),
            Self::Well => (Frame::trailers(well()), Self::Empty),
            Self::Empty | Self::Other(_) => return Poll::Ready(None),
        };
        *self = next;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Message(_) | Self::Well => false,
            Self::Other(body) => body.is_end_stream(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlast_proto::durable_task::CompleteTaskResponse;
    use outlast_proto::durable_task::PurgeInstancesResponse;

    const BYTES_MAX: usize = 64;

    fn gathered(pieces: &[&[u8]]) -> Result<Bytes, tonic::Code> {
        let mut gathered = Gathered::default();
        for piece in pieces {
            gathered.add(Bytes::copy_from_slice(piece));
            gathered.check(BYTES_MAX).map_err(|status| status.code())?;
        }
        gathered.message().map_err(|status| status.code())
    }

    #[test]
    fn a_message_is_the_same_in_one_piece_and_in_many() {
        let framed = b"\0\0\0\0\x03abc";
        assert_eq!(gathered(&[framed]).unwrap(), "abc");
        let single: Vec<&[u8]> = framed.chunks(1).collect();
        assert_eq!(gathered(&single).unwrap(), "abc");
        assert_eq!(gathered(&[b"\0\0\0\0\0"]).unwrap(), "");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (pieces, code) in [
            (&[b"".as_slice()] as &[&[u8]], tonic::Code::Internal),
            (&[b"\0\0\0\0\x03ab"], tonic::Code::Internal),
            (&[b"\0\0\0\0\x01ab"], tonic::Code::Internal),
            (&[b"\x01\0\0\0\x01a"], tonic::Code::Unimplemented),
            (&[b"\0\0\0\0\x41"], tonic::Code::OutOfRange),
        ] {
            assert_eq!(gathered(pieces), Err(code), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_a_message_and_a_trailer() {
        let message = PurgeInstancesResponse { deleted_instance_count: 300, ..Default::default() };
        let whole = answer(&message).into_body().collect().await.expect("it does not fail");
        assert_eq!(whole.trailers().expect("trailers")["grpc-status"], "0");
        let bytes = whole.to_bytes();
        assert_eq!(bytes[..PREFIX_BYTES], [0, 0, 0, 0, 3]);
        assert_eq!(PurgeInstancesResponse::decode(&bytes[PREFIX_BYTES..]).unwrap(), message);
        let nothing = answer(&CompleteTaskResponse {}).into_body().collect().await.expect("it does not fail");
        assert_eq!(nothing.to_bytes(), [0_u8; PREFIX_BYTES].as_slice());
    }
}
