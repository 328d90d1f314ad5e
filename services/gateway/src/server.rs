//! The service `tandem.v1.GatewayService`, by hand: the generated one would decode each event only for us to encode it again. All
//! three methods are taken as streams, which on the wire they are.

use crate::stream::{Answers, start};
use crate::{BATCH_BYTES_MAX, Gateway};
use std::convert::Infallible;
use std::sync::Arc;
use tandem_domain::event::EVENT_BYTES_MAX;
use tandem_log::EventLog;
use tandem_proto::v1::{RecordBatchResponse, RecordResponse, RecordStreamResponse};
use tandem_wire::raw::{Events, StrictCodec};
use tonic::body::Body;
use tonic::codegen::{self, BoxFuture, Context, Poll, Service, StdError, http};
use tonic::server::{ClientStreamingService, Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};

/// What is decoded at most: a little above the limits, so that what is a little too large is told its field and limit.
const RECORD_DECODE_MAX: usize = 2 * EVENT_BYTES_MAX;
const BATCH_DECODE_MAX: usize = BATCH_BYTES_MAX + 256 * 1024;

/// The gateway as a service for `tonic::transport::Server::add_service`.
pub struct GatewayServer<L>(Arc<Gateway<L>>);

impl<L> GatewayServer<L> {
    /// Serves this gateway.
    pub fn new(gateway: Arc<Gateway<L>>) -> Self {
        Self(gateway)
    }
}

impl<L> Clone for GatewayServer<L> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<L> NamedService for GatewayServer<L> {
    const NAME: &'static str = "tandem.v1.GatewayService";
}

impl<L: EventLog, B> Service<http::Request<B>> for GatewayServer<L>
where
    B: codegen::Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let gateway = self.0.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/tandem.v1.GatewayService/Record" => {
                    let codec = StrictCodec::<RecordResponse, Events>::default();
                    Grpc::new(codec).max_decoding_message_size(RECORD_DECODE_MAX).client_streaming(Record(gateway), request).await
                }
                "/tandem.v1.GatewayService/RecordBatch" => {
                    let codec = StrictCodec::<RecordBatchResponse, Events>::default();
                    Grpc::new(codec).max_decoding_message_size(BATCH_DECODE_MAX).client_streaming(RecordBatch(gateway), request).await
                }
                "/tandem.v1.GatewayService/RecordStream" => {
                    let codec = StrictCodec::<RecordStreamResponse, Events>::default();
                    Grpc::new(codec).max_decoding_message_size(BATCH_DECODE_MAX).streaming(RecordStream(gateway), request).await
                }
                _ => Status::unimplemented("GatewayService has Record, RecordBatch and RecordStream").into_http(),
            })
        })
    }
}

struct Record<L>(Arc<Gateway<L>>);

impl<L: EventLog> ClientStreamingService<Events> for Record<L> {
    type Response = RecordResponse;
    type Future = BoxFuture<Response<RecordResponse>, Status>;

    fn call(&mut self, request: Request<Streaming<Events>>) -> Self::Future {
        let gateway = self.0.clone();
        Box::pin(async move {
            let (metadata, _, messages) = request.into_parts();
            let result = gateway.record(&metadata, messages).await;
            gateway.count_request(&result);
            result.map(Response::new)
        })
    }
}

struct RecordBatch<L>(Arc<Gateway<L>>);

impl<L: EventLog> ClientStreamingService<Events> for RecordBatch<L> {
    type Response = RecordBatchResponse;
    type Future = BoxFuture<Response<RecordBatchResponse>, Status>;

    fn call(&mut self, request: Request<Streaming<Events>>) -> Self::Future {
        let gateway = self.0.clone();
        Box::pin(async move {
            let (metadata, _, messages) = request.into_parts();
            let result = gateway.record_batch(&metadata, messages).await;
            gateway.count_request(&result);
            result.map(Response::new)
        })
    }
}

struct RecordStream<L>(Arc<Gateway<L>>);

impl<L: EventLog> RecordStream<L> {
    fn start(&self, request: Request<Streaming<Events>>) -> Result<Answers, Status> {
        let principal = self.0.admit(request.metadata())?;
        let slot = self.0.streams.try_take(1)?;
        Ok(start(self.0.clone(), principal, slot, request.into_inner()))
    }
}

impl<L: EventLog> StreamingService<Events> for RecordStream<L> {
    type Response = RecordStreamResponse;
    type ResponseStream = Answers;
    type Future = BoxFuture<Response<Answers>, Status>;

    fn call(&mut self, request: Request<Streaming<Events>>) -> Self::Future {
        let result = self.start(request);
        if result.is_err() {
            self.0.count_request(&result);
        }
        Box::pin(async move { result.map(Response::new) })
    }
}
