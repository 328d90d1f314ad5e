//! Clients of a server: the generated ones, and one that sends whatever bytes it is given.

use crate::events::{Parts, put_field};
use crate::server::PATIENCE;
use bytes::{Buf, BufMut};
use std::marker::PhantomData;
use tandem_proto::v1::audit_service_client::AuditServiceClient;
use tandem_proto::v1::query_service_client::QueryServiceClient;
use tandem_proto::v1::{Entry, ReadEntriesRequest, RecordBatchResponse, RecordResponse, RecordStreamResponse};
use tokio_stream::{Stream, StreamExt};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

/// The largest answer that a test takes.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A connection to a server's gRPC address.
pub async fn connect(address: &str) -> Result<Channel, tonic::transport::Error> {
    Endpoint::from_shared(format!("http://{address}"))?.timeout(PATIENCE).connect().await
}

/// Questions.
pub fn query(channel: &Channel) -> QueryServiceClient<Channel> {
    QueryServiceClient::new(channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// Books.
pub fn audit(channel: &Channel) -> AuditServiceClient<Channel> {
    AuditServiceClient::new(channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// A whole book.
pub async fn read_book(channel: &Channel, council: &str) -> Result<Vec<Entry>, Status> {
    let request = ReadEntriesRequest { council: council.to_owned(), ..Default::default() };
    let mut answers = audit(channel).read_entries(request).await?.into_inner();
    let mut entries = Vec::new();
    while let Some(answer) = answers.next().await {
        entries.extend(answer?.entries);
    }
    Ok(entries)
}

/// A request of this one event.
pub fn record_request(event: &[u8], require_known: bool) -> Vec<u8> {
    let mut out = Vec::new();
    put_field(&mut out, 1, event);
    put_flag(&mut out, require_known);
    out
}

/// A request of these events.
pub fn batch_request<'a>(events: impl IntoIterator<Item = &'a Parts>, require_known: bool) -> Vec<u8> {
    let mut out = Vec::new();
    events.into_iter().for_each(|parts| put_field(&mut out, 1, &parts.event()));
    put_flag(&mut out, require_known);
    out
}

fn put_flag(out: &mut Vec<u8>, require_known: bool) {
    if require_known {
        out.extend_from_slice(&[2 << 3, 1]);
    }
}

/// Numbers a batch of a stream.
pub fn numbered(mut request: Vec<u8>, batch: u64) -> Vec<u8> {
    prost::encoding::uint64::encode(3, &batch, &mut request);
    request
}

/// The gateway, for those who bring their own bytes.
#[derive(Clone, Debug)]
pub struct Gateway(Channel);

impl Gateway {
    /// On this connection.
    pub fn new(channel: &Channel) -> Self {
        Self(channel.clone())
    }

    /// `Record`.
    pub async fn record(&self, request: Vec<u8>) -> Result<RecordResponse, Status> {
        self.unary("/tandem.v1.GatewayService/Record", request).await
    }

    /// `RecordBatch`.
    pub async fn batch(&self, request: Vec<u8>) -> Result<RecordBatchResponse, Status> {
        self.unary("/tandem.v1.GatewayService/RecordBatch", request).await
    }

    /// `RecordStream`.
    pub async fn stream(&self, requests: impl Stream<Item = Vec<u8>> + Send + 'static) -> Result<Streaming<RecordStreamResponse>, Status> {
        let mut grpc = self.grpc().await?;
        let path = PathAndQuery::from_static("/tandem.v1.GatewayService/RecordStream");
        let answer = grpc.streaming(Request::new(requests), path, Raw(PhantomData)).await;
        answer.map(Response::into_inner)
    }

    async fn grpc(&self) -> Result<tonic::client::Grpc<Channel>, Status> {
        let mut grpc = tonic::client::Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(grpc)
    }

    async fn unary<T: prost::Message + Default + 'static>(&self, path: &'static str, request: Vec<u8>) -> Result<T, Status> {
        let mut grpc = self.grpc().await?;
        let answer = grpc.unary(Request::new(request), PathAndQuery::from_static(path), Raw(PhantomData)).await;
        answer.map(Response::into_inner)
    }
}

/// Sends bytes as they are and reads answers.
struct Raw<T>(PhantomData<T>);

impl<T: prost::Message + Default + 'static> Codec for Raw<T> {
    type Encode = Vec<u8>;
    type Decode = T;
    type Encoder = RawEncoder;
    type Decoder = AnswerDecoder<T>;

    fn encoder(&mut self) -> RawEncoder {
        RawEncoder
    }

    fn decoder(&mut self) -> AnswerDecoder<T> {
        AnswerDecoder(PhantomData)
    }
}

struct RawEncoder;

impl Encoder for RawEncoder {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

struct AnswerDecoder<T>(PhantomData<T>);

impl<T: prost::Message + Default> Decoder for AnswerDecoder<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        T::decode(bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
