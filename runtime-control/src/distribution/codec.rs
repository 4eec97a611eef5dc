//! How messages become bytes: most are encoded for their one reader, some once for all readers.

use bytes::{BufMut as _, Bytes};
use mesh_snapshot::wire::{FromProxy, ToProxy, to_proxy};
use prost::Message as _;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// A message to a proxy.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    Message(Box<to_proxy::Message>),
    /// An encoded [`ToProxy`].
    Encoded(Bytes),
}

impl From<to_proxy::Message> for Frame {
    fn from(message: to_proxy::Message) -> Self {
        Self::Message(Box::new(message))
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FrameCodec;

impl Codec for FrameCodec {
    type Encode = Frame;
    type Decode = FromProxy;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for FrameCodec {
    type Item = Frame;
    type Error = Status;

    fn encode(&mut self, frame: Frame, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        match frame {
            Frame::Message(message) => {
                let message = ToProxy { message: Some(*message) };
                message.encode(buffer).map_err(|error| Status::internal(error.to_string()))
            }
            Frame::Encoded(bytes) => {
                buffer.put(bytes);
                Ok(())
            }
        }
    }
}

impl Decoder for FrameCodec {
    type Item = FromProxy;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<FromProxy>, Status> {
        let message = FromProxy::decode(buffer);
        message.map(Some).map_err(|error| Status::invalid_argument(error.to_string()))
    }
}
