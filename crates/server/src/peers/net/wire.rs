//! Messages on a stream: four bytes of length, the greatest first, and so many bytes.
//!
//! A length of 0 is a sign of life and nothing else. Not here: what frames say (`frame`).

use std::io;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest frame: an entry of the log is at most 32 MiB, and something goes around it.
pub(in crate::peers) const FRAME_BYTES_MAX: usize = 40 << 20;
/// The longest message of a greeting: names and texts are short.
pub(in crate::peers) const GREETING_BYTES_MAX: usize = 8 << 10;
/// What is asked of the stream at once.
const READ_BYTES: usize = 64 << 10;
/// A buffer that has grown beyond it for a long frame is given back.
const BUFFER_KEPT_MAX: usize = 1 << 20;
const LENGTH_BYTES: usize = 4;

/// The version that this program speaks.
pub(in crate::peers) const PROTOCOL: u32 = 1;
/// The oldest one that it still understands.
pub(in crate::peers) const PROTOCOL_OLDEST: u32 = 1;

/// The first message of each side.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Hello {
    /// The version it speaks.
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// The oldest version it understands.
    #[prost(uint32, tag = "2")]
    pub protocol_oldest: u32,
    /// Its cluster, 16 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub cluster: Vec<u8>,
    /// Its number.
    #[prost(uint64, tag = "4")]
    pub node: u64,
    /// Which process.
    #[prost(uint64, tag = "5")]
    pub incarnation: u64,
    /// The version of the program.
    #[prost(string, tag = "6")]
    pub version: String,
    /// What people call it.
    #[prost(string, tag = "7")]
    pub name: String,
}

/// The second message of each side.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Verdict {
    /// Why not, as a code of the register; empty: agreed.
    #[prost(string, tag = "1")]
    pub code: String,
    /// Why not, in words.
    #[prost(string, tag = "2")]
    pub text: String,
    /// There is a session already: this connection is not needed.
    #[prost(bool, tag = "3")]
    pub spare: bool,
}

/// Appends a message with its length. The caller has checked that it is not too long.
pub(super) fn put(message: &impl Message, bytes: usize, into: &mut BytesMut) {
    into.reserve(LENGTH_BYTES + bytes);
    into.put_u32(u32::try_from(bytes).unwrap_or(u32::MAX));
    message.encode_raw(into);
}

/// Appends a sign of life.
pub(super) fn put_sign_of_life(into: &mut BytesMut) {
    into.put_u32(0);
}

/// Writes one message.
pub(in crate::peers) async fn say(
    to: &mut (impl AsyncWrite + Unpin),
    message: &impl Message,
) -> io::Result<()> {
    let mut bytes = BytesMut::new();
    put(message, message.encoded_len(), &mut bytes);
    to.write_all(&bytes).await?;
    to.flush().await
}

/// Messages that come over a stream.
#[derive(Debug)]
pub(in crate::peers) struct Incoming {
    buffer: BytesMut,
    bytes_max: usize,
}

impl Incoming {
    /// Refuses longer ones.
    pub(in crate::peers) fn new(bytes_max: usize) -> Self {
        Self { buffer: BytesMut::new(), bytes_max }
    }

    /// Another limit from now on.
    pub(super) fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Takes what the stream has. `false`: it has ended. Nothing is lost if the future is dropped.
    pub(in crate::peers) async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<bool> {
        // A length is only a claim: memory is taken as bytes come, not before.
        if self.buffer.capacity() - self.buffer.len() < READ_BYTES / 4 {
            self.buffer.reserve(READ_BYTES);
        }
        Ok(from.read_buf(&mut self.buffer).await? > 0)
    }

    /// The next message, if it has come to its end; in memory of its own, so that a short piece of it
    /// that is kept does not keep more. A length beyond the limit is `InvalidData`.
    pub(super) fn take(&mut self) -> io::Result<Option<Bytes>> {
        let Some(head) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        if length > self.bytes_max {
            let text = format!("a message of {length} bytes; {} are allowed", self.bytes_max);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let Some(body) = self.buffer.get(LENGTH_BYTES..LENGTH_BYTES + length) else { return Ok(None) };
        let message = Bytes::copy_from_slice(body);
        self.buffer.advance(LENGTH_BYTES + length);
        if self.buffer.is_empty() && length > BUFFER_KEPT_MAX {
            self.buffer = BytesMut::new();
        }
        Ok(Some(message))
    }

    /// Waits for a message and reads it.
    pub(in crate::peers) async fn hear<M: Message + Default>(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<M> {
        loop {
            if let Some(bytes) = self.take()? {
                return M::decode(bytes)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()));
            }
            if !self.fill(from).await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_however_they_are_cut() {
        let verdict = Verdict { code: "a".to_owned(), text: "b".repeat(300), spare: true };
        let mut bytes = BytesMut::new();
        put_sign_of_life(&mut bytes);
        put(&verdict, verdict.encoded_len(), &mut bytes);
        let mut incoming = Incoming::new(GREETING_BYTES_MAX);
        let mut found = Vec::new();
        for byte in bytes {
            incoming.buffer.put_u8(byte);
            found.extend(incoming.take().unwrap());
        }
        assert_eq!(found[0], Bytes::new());
        assert_eq!(Verdict::decode(found[1].clone()).unwrap(), verdict);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_its_bytes_come() {
        let mut incoming = Incoming::new(FRAME_BYTES_MAX);
        incoming.buffer.put_u32(u32::try_from(FRAME_BYTES_MAX).unwrap() + 1);
        assert_eq!(incoming.take().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
