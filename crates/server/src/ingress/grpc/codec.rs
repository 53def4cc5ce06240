//! The codec of streams: bytes that are messages already.
//!
//! Work items and history come out of storage in the form in which they are sent; the encoder of
//! [`Spliced`] only copies them behind the frame's header.

use std::marker::PhantomData;

use bytes::{BufMut, Bytes};
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, EncodeBuf, Encoder};
use tonic_prost::ProstCodec;

/// Most messages are shorter than this; tonic's own default of 8 KiB is allocated for each call.
const BUFFER_BYTES: usize = 512;
/// Bytes that are gathered before they are written, if more are ready.
const YIELD_BYTES: usize = 32 << 10;

fn settings() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
}

/// Protobuf in, encoded messages out.
#[derive(Debug)]
pub(super) struct Spliced<U>(PhantomData<U>);

impl<U> Default for Spliced<U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<U: Message + Default + 'static> Codec for Spliced<U> {
    type Encode = Bytes;
    type Decode = U;
    type Encoder = Copy;
    type Decoder = <ProstCodec<U, U> as Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        Copy
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<U, U>::raw_decoder(settings())
    }
}

/// Copies an encoded message.
#[derive(Debug)]
pub(super) struct Copy;

impl Encoder for Copy {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        settings()
    }
}
