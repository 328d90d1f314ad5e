//! Calls whose requests are encoded already.

use crate::client::Connection;
use prost::Message;
use prost::bytes::{BufMut, Bytes};
use std::marker::PhantomData;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status, Streaming};

/// Requests as bytes, answers as `T`.
struct Encoded<T>(PhantomData<T>);

impl<T: Message + Default + 'static> Codec for Encoded<T> {
    type Encode = Bytes;
    type Decode = T;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(PhantomData)
    }

    fn decoder(&mut self) -> Self {
        Self(PhantomData)
    }
}

impl<T> Encoder for Encoded<T> {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, bytes: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(bytes);
        Ok(())
    }
}

impl<T: Message + Default> Decoder for Encoded<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        T::decode(from).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

/// `GatewayService` for encoded requests.
#[derive(Clone, Debug)]
pub struct Gateway(Grpc<Connection>);

impl Gateway {
    /// Over a connection.
    pub fn new(connection: Connection) -> Self {
        Self(Grpc::new(connection))
    }

    /// One request, one answer.
    pub async fn unary<T: Message + Default + 'static>(&mut self, method: &'static str, request: Bytes) -> Result<T, Status> {
        self.ready().await?;
        Ok(self.0.unary(Request::new(request), PathAndQuery::from_static(method), Encoded(PhantomData)).await?.into_inner())
    }

    /// Many requests, many answers.
    pub async fn stream<T: Message + Default + 'static>(
        &mut self,
        method: &'static str,
        requests: impl tokio_stream::Stream<Item = Bytes> + Send + 'static,
    ) -> Result<Streaming<T>, Status> {
        self.ready().await?;
        Ok(self.0.streaming(Request::new(requests), PathAndQuery::from_static(method), Encoded(PhantomData)).await?.into_inner())
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.0.ready().await.map_err(|error| Status::unavailable(error.to_string()))
    }
}
