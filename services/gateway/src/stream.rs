//! `RecordStream`: many batches in flight, answers in the order of the requests, nothing left behind.
//!
//! One task a stream. It reads a batch only when there is room for everything that comes of it: for its answer (the channel to the
//! client holds as many as may be unanswered), in the stream's window of bytes, and in the budget of all streams. While it does not
//! read, HTTP/2 slows the sender down. Batches enter the log's queue in the order in which they were sent: a batch's append is polled
//! before the next batch is read, and the log keeps the order of first polls.
//!
//! A client that sends and never reads its answers would hold its slot for ever (HTTP/2 does not tell that it lost interest): it is given
//! up after `stream_stall_max`.

use crate::Gateway;
use crate::gateway::{Patience, charge, check_batch, stopping};
use crate::{BATCH_BYTES_MAX, Limits};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use std::sync::Arc;
use tandem_log::EventLog;
use tandem_proto::v1::{RecordBatchResponse, RecordStreamResponse};
use tandem_wire::auth::Principal;
use tandem_wire::raw::Events;
use tandem_wire::status::{Failure, unreadable};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{OwnedPermit, Receiver, Sender, channel};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

type Answer = Result<RecordStreamResponse, Status>;
/// What the client reads.
pub(crate) type Answers = ReceiverStream<Answer>;

/// Starts a stream; it ends when the client does, at the first failure, or when the gateway drains.
pub(crate) fn start<L: EventLog>(
    gateway: Arc<Gateway<L>>,
    principal: Arc<Principal>,
    slot: OwnedSemaphorePermit,
    requests: Streaming<Events>,
) -> Answers {
    // One more than batches may be unanswered: the place of the status that ends the stream, which so never waits for the client.
    let (answers, receiver): (_, Receiver<Answer>) = channel(gateway.limits().stream_batches_max.max(1) + 1);
    let intake = Intake { requests, answers: answers.clone(), place: None, waiting: None };
    tokio::spawn(async move {
        if let Ok(last) = answers.clone().reserve_owned().await
            && let Err(status) = run(&gateway, &principal, intake, answers).await
        {
            let answer = Err(status);
            gateway.count_request(&answer);
            last.send(answer);
        }
        drop(slot);
    });
    ReceiverStream::new(receiver)
}

/// Answers batches until the client has sent all, or is gone; an error is why the stream ends before.
async fn run<L: EventLog>(gateway: &Gateway<L>, principal: &Principal, mut intake: Intake, answers: Sender<Answer>) -> Result<(), Status> {
    let Limits { stream_bytes_max, .. } = *gateway.limits();
    let mut in_flight = FuturesOrdered::new();
    let mut in_flight_bytes = 0;
    let mut reading = true;
    let mut ending = Ok(());
    while reading || !in_flight.is_empty() {
        tokio::select! {
            // First whether anybody still listens, then what is in flight: see above on the order of batches.
            biased;
            () = answers.closed() => return Ok(()),
            Some((place, bytes, answer)) = in_flight.next(), if !in_flight.is_empty() => {
                let place: OwnedPermit<Answer> = place;
                let answer: Answer = answer;
                in_flight_bytes -= bytes;
                // A failure ends a gRPC stream; what is behind it stays unanswered.
                let answered = answer?;
                let answer = Ok(answered);
                gateway.count_request(&answer);
                place.send(answer);
            }
            () = gateway.draining().cancelled(), if reading => {
                reading = false;
                ending = Err(stopping().into());
            }
            next = intake.next(gateway, principal), if reading && in_flight_bytes < stream_bytes_max => match next {
                Ok(Some(Taken { place, request, bytes, budget })) => {
                    in_flight_bytes += bytes;
                    in_flight.push_back(async move {
                        let answer = answer(gateway, principal, request).await;
                        drop(budget); // Not when its turn to be answered comes, which may be later.
                        (place, bytes, answer)
                    });
                }
                Ok(None) => reading = false,
                Err(status) => {
                    reading = false;
                    ending = Err(status);
                }
            },
        }
    }
    ending
}

async fn answer<L: EventLog>(gateway: &Gateway<L>, principal: &Principal, request: Events) -> Answer {
    let batch = request.batch;
    let RecordBatchResponse { recorded, refusals, positions } = gateway.batch(principal, request, Patience::Wait)?.await?;
    Ok(RecordStreamResponse { recorded, refusals, positions, batch })
}

/// A batch that there is room for.
struct Taken {
    place: OwnedPermit<Answer>,
    request: Events,
    bytes: usize,
    budget: OwnedSemaphorePermit,
}

/// Takes batches in, one at a time. What was got so far is kept here, so that `next` may be dropped and called again.
struct Intake {
    requests: Streaming<Events>,
    answers: Sender<Answer>,
    place: Option<OwnedPermit<Answer>>,
    waiting: Option<Events>,
}

impl Intake {
    /// The next batch; `None` when the client has sent all.
    async fn next<L: EventLog>(&mut self, gateway: &Gateway<L>, principal: &Principal) -> Result<Option<Taken>, Status> {
        if self.place.is_none() {
            let limit = gateway.limits().stream_stall_max;
            match timeout(limit, self.answers.clone().reserve_owned()).await {
                Ok(Ok(place)) => self.place = Some(place),
                Ok(Err(_)) => return Ok(None), // The client is gone.
                Err(_) => {
                    return Err(Failure::Expired(format!("answers were not read for {} s; what was answered is recorded", limit.as_secs())).into());
                }
            }
        }
        if self.waiting.is_none() {
            let message = self.requests.message().await.map_err(|status| unreadable(status, BATCH_BYTES_MAX))?;
            let Some(request) = message else {
                return Ok(None);
            };
            check_batch(&request)?;
            self.waiting = Some(request);
        }
        // Here and not in its answer: a batch may not overtake one that waits for a catalogue.
        if let Some(request) = &self.waiting {
            gateway.learn(principal, request).await?;
        }
        let bytes = self.waiting.as_ref().map_or(0, charge);
        let budget = gateway.streams_bytes.take(bytes).await?;
        let taken = self.place.take().zip(self.waiting.take());
        Ok(taken.map(|(place, request)| Taken { place, request, bytes, budget }))
    }
}
