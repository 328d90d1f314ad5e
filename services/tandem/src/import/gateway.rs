//! Sending events so that overload and restarts of the server are waited out: ids are fixed, so sending again is safe.

use crate::client::{Connection, explain};
use prost::Message;
use std::collections::VecDeque;
use std::time::Duration;
use tandem_proto::v1::gateway_service_client::GatewayServiceClient;
use tandem_proto::v1::{Event, RecordBatchRequest, RecordBatchResponse, RecordStreamRequest, RecordStreamResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

/// Events of a batch.
pub const BATCH_EVENTS: usize = 1_000;
/// Encoded bytes of a batch, a little below the contract's 4 MiB.
pub const BATCH_BYTES: usize = 3 * 1024 * 1024;
/// Batches that may wait for their answers.
const IN_FLIGHT: usize = 8;
/// Times that a call is tried again without any answer in between: with the waits below, about two minutes.
const ATTEMPTS: u32 = 20;
/// Tries after which people are told.
const ATTEMPTS_SILENT: u32 = 4;
/// The longest wait before another try, unless the server asks for more.
const WAIT_MAX: Duration = Duration::from_secs(8);

/// How long to wait before trying again; none if that would not help. A call that broke on the way has a cause in this process, which the
/// answer of a server never has; whatever it did to the events, sending them again is safe.
pub fn retry_after(status: &Status, attempt: u32) -> Option<Duration> {
    let broke = std::error::Error::source(status).is_some();
    if !(broke || matches!(status.code(), Code::Unavailable | Code::ResourceExhausted)) || attempt >= ATTEMPTS {
        return None;
    }
    if attempt == ATTEMPTS_SILENT {
        eprintln!("tandem: waiting for the server: {}", explain(status));
    }
    let asked = status.get_error_details().retry_info().and_then(|info| info.retry_delay).unwrap_or_default();
    let doubled = Duration::from_millis(100).saturating_mul(1 << attempt.min(10)).min(WAIT_MAX);
    Some(asked.max(doubled))
}

/// Records one batch.
pub async fn record_batch(connection: Connection, events: Vec<Event>) -> anyhow::Result<RecordBatchResponse> {
    let mut client = GatewayServiceClient::new(connection);
    let mut attempt = 0;
    loop {
        match client.record_batch(RecordBatchRequest { events: events.clone(), require_known: false }).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => match retry_after(&status, attempt) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(explain(&status)),
            },
        }
        attempt += 1;
    }
}

/// A batch with what its sender wants to know when it is answered.
pub struct Batch<T> {
    /// The events.
    pub events: Vec<Event>,
    /// The sender's own.
    pub of: T,
}

/// Batches over one call, with some in flight; after a failure that passes, those without an answer are sent again.
pub struct Stream<T> {
    client: GatewayServiceClient<Connection>,
    require_known: bool,
    waiting: VecDeque<(u64, Batch<T>)>,
    next: u64,
    call: Option<Call>,
    attempt: u32,
}

/// One call in progress.
struct Call {
    requests: mpsc::Sender<RecordStreamRequest>,
    answers: Streaming<RecordStreamResponse>,
}

impl<T> Stream<T> {
    /// A stream over a connection.
    pub fn new(connection: Connection, require_known: bool) -> Self {
        Self { client: GatewayServiceClient::new(connection), require_known, waiting: VecDeque::new(), next: 0, call: None, attempt: 0 }
    }

    /// Sends a batch. Returns an earlier one with its answer if too many were waiting.
    pub async fn send(&mut self, batch: Batch<T>) -> anyhow::Result<Option<(Batch<T>, RecordStreamResponse)>> {
        let answered = if self.waiting.len() >= IN_FLIGHT { self.answer().await? } else { None };
        let number = self.next;
        self.next += 1;
        let request = self.request(number, &batch);
        self.waiting.push_back((number, batch));
        match &self.call {
            // A call that has ended is opened again, with everything that waits, when its answers are asked for.
            Some(call) => drop(call.requests.send(request).await),
            None => drop(self.open().await),
        }
        Ok(answered)
    }

    /// The answer to the oldest batch that has none. None if there is no such batch.
    pub async fn answer(&mut self) -> anyhow::Result<Option<(Batch<T>, RecordStreamResponse)>> {
        while let Some((number, _)) = self.waiting.front() {
            let number = *number;
            let status = match self.next_answer().await {
                Ok(answer) if answer.batch == number => {
                    self.attempt = 0;
                    return Ok(self.waiting.pop_front().map(|(_, batch)| (batch, answer)));
                }
                Ok(answer) => anyhow::bail!("the server answered batch {} where batch {number} was due", answer.batch),
                Err(status) => status,
            };
            self.call = None;
            match retry_after(&status, self.attempt) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(explain(&status)),
            }
            self.attempt += 1;
        }
        Ok(None)
    }

    async fn next_answer(&mut self) -> Result<RecordStreamResponse, Status> {
        if self.call.is_none() {
            self.open().await?;
        }
        let Some(call) = &mut self.call else { return Err(Status::unavailable("the call could not be opened")) };
        call.answers.message().await?.ok_or_else(|| Status::unavailable("the server ended the stream"))
    }

    /// Opens a call and sends everything that waits.
    async fn open(&mut self) -> Result<(), Status> {
        let (requests, receiver) = mpsc::channel(IN_FLIGHT + 1);
        for (number, batch) in &self.waiting {
            drop(requests.send(self.request(*number, batch)).await);
        }
        let answers = self.client.record_stream(ReceiverStream::new(receiver)).await?.into_inner();
        self.call = Some(Call { requests, answers });
        Ok(())
    }

    fn request(&self, batch: u64, of: &Batch<T>) -> RecordStreamRequest {
        RecordStreamRequest { events: of.events.clone(), require_known: self.require_known, batch }
    }
}

/// Encoded bytes of an event in a batch.
pub fn encoded_bytes(event: &Event) -> usize {
    // The field's tag and length, at most 4 bytes for events of at most 16 KiB.
    event.encoded_len() + 4
}

#[cfg(test)]
mod tests;
