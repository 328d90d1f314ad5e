//! The stream against a gateway that fails in every way that passes.

use super::*;
use crate::client::Server;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tandem_proto::v1::gateway_service_server::{GatewayService, GatewayServiceServer};
use tandem_proto::v1::{Envelope, RecordRequest, RecordResponse};
use tokio_stream::StreamExt;
use tonic::{Request, Response};
use tonic_types::ErrorDetails;

/// Fails each of its first calls otherwise: at once, after three batches with an error, after three batches with an end.
#[derive(Clone, Default)]
struct Failing {
    calls: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<String>>>,
}

fn overloaded() -> Status {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(5)));
    Status::with_error_details(Code::ResourceExhausted, "the log's queue is full", details)
}

#[tonic::async_trait]
impl GatewayService for Failing {
    type RecordStreamStream = ReceiverStream<Result<RecordStreamResponse, Status>>;

    async fn record(&self, _: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        Err(Status::unimplemented("record"))
    }

    async fn record_batch(&self, request: Request<RecordBatchRequest>) -> Result<Response<RecordBatchResponse>, Status> {
        match self.calls.fetch_add(1, Ordering::SeqCst) {
            0 => Err(overloaded()),
            1 => Err(Status::unavailable("stopping")),
            _ => Ok(Response::new(RecordBatchResponse { recorded: request.into_inner().events.len() as u32, ..Default::default() })),
        }
    }

    async fn record_stream(&self, request: Request<Streaming<RecordStreamRequest>>) -> Result<Response<Self::RecordStreamStream>, Status> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if call == 0 {
            return Err(overloaded());
        }
        let (sender, receiver) = mpsc::channel(64);
        let (mut requests, received) = (request.into_inner(), self.received.clone());
        tokio::spawn(async move {
            let mut answered = 0;
            while let Some(Ok(request)) = requests.next().await {
                let ids = request.events.iter().map(|event| event.envelope.clone().unwrap().event_id);
                received.lock().unwrap().extend(ids);
                // The last batch before a failure is durable, and its answer is lost.
                match call {
                    1 if answered == 3 => return drop(sender.send(Err(Status::unavailable("gone"))).await),
                    2 if answered == 3 => return,
                    _ => {}
                }
                answered += 1;
                let answer = RecordStreamResponse { recorded: request.events.len() as u32, batch: request.batch, ..Default::default() };
                if sender.send(Ok(answer)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

async fn connect(service: Failing) -> Connection {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(GatewayServiceServer::new(service)).serve_with_incoming(incoming));
    Server { server: format!("http://{address}"), token_file: None, tls_ca: None }.connect().await.unwrap()
}

fn event(id: usize) -> Event {
    Event { envelope: Some(Envelope { event_id: id.to_string(), ..Default::default() }), ..Default::default() }
}

#[tokio::test]
async fn what_was_not_answered_is_sent_again_in_order() {
    let service = Failing::default();
    let mut stream = Stream::new(connect(service.clone()).await, false);
    let mut answered = Vec::new();
    for number in 0..40 {
        let batch = Batch { events: vec![event(number), event(number)], of: number };
        answered.extend(stream.send(batch).await.unwrap().map(|(batch, answer)| (batch.of, answer.recorded)));
    }
    while let Some((batch, answer)) = stream.answer().await.unwrap() {
        answered.push((batch.of, answer.recorded));
    }
    assert_eq!(answered, (0..40).map(|number| (number, 2)).collect::<Vec<_>>());
    assert_eq!(service.calls.load(Ordering::SeqCst), 4);
    let received = service.received.lock().unwrap().clone();
    for number in 0..40 {
        assert!(received.contains(&number.to_string()), "{number}");
    }
}

#[tokio::test]
async fn a_batch_waits_out_an_overload() {
    let service = Failing::default();
    let answer = record_batch(connect(service.clone()).await, vec![event(1)]).await.unwrap();
    assert_eq!((answer.recorded, service.calls.load(Ordering::SeqCst)), (1, 3));
}

#[test]
fn only_what_passes_is_tried_again_and_not_for_ever() {
    assert_eq!(retry_after(&Status::invalid_argument("no"), 0), None);
    assert_eq!(retry_after(&Status::unavailable("later"), ATTEMPTS), None);
    assert_eq!(retry_after(&Status::unavailable("later"), 0), Some(Duration::from_millis(100)));
    assert_eq!(retry_after(&Status::unavailable("later"), ATTEMPTS - 1), Some(WAIT_MAX));
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(30)));
    assert_eq!(retry_after(&Status::with_error_details(Code::ResourceExhausted, "full", details), 3), Some(Duration::from_secs(30)));
}
