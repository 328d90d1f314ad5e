//! Sends events over `RecordStream`, many batches in flight, and sends again what was not answered when the server was away or full.

use super::Generator;
use crate::client::{Connection, explain};
use anyhow::{bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::VecDeque;
use std::time::Duration;
use tandem_proto::v1::gateway_service_client::GatewayServiceClient;
use tandem_proto::v1::{RecordStreamRequest, RecordStreamResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

/// Events of a batch: 200 KiB or so, far below the 4 MiB that a batch may have.
const BATCH_EVENTS: usize = 1_000;
/// Batches that are sent and not answered: half of what the gateway takes of one stream.
const IN_FLIGHT_MAX: usize = 32;
/// Attempts without any answer in between, and the wait before each: 0.1, 0.2, … 12.8 seconds, 25 in all.
const ATTEMPTS_MAX: u32 = 8;

/// What is under way.
struct Sending<'a> {
    generator: &'a mut Generator,
    /// Sent and not answered, or to be sent again, oldest first.
    unanswered: VecDeque<RecordStreamRequest>,
    next_batch: u64,
    recorded: u64,
    position: Option<String>,
    progress: ProgressBar,
}

/// Sends all that the generator has left; returns the last position.
pub(super) async fn send(connection: Connection, generator: &mut Generator, quiet: bool) -> anyhow::Result<Option<String>> {
    let progress = if quiet { ProgressBar::hidden() } else { ProgressBar::new(generator.size_hint().0 as u64) };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} events, {per_sec}, {eta} left")?;
    progress.set_style(style);
    let mut sending = Sending { generator, unanswered: VecDeque::new(), next_batch: 0, recorded: 0, position: None, progress };
    let mut attempt = 0;
    loop {
        let recorded = sending.recorded;
        match sending.stream(connection.clone()).await {
            Ok(()) => break,
            Err(failure) if is_passing(&failure) => {
                attempt = if sending.recorded > recorded { 1 } else { attempt + 1 };
                if attempt > ATTEMPTS_MAX {
                    bail!("gave up after {ATTEMPTS_MAX} attempts: {}; run the same command again, it records nothing twice", for_people(failure));
                }
                tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
            }
            Err(failure) => return Err(for_people(failure)),
        }
    }
    sending.progress.finish_and_clear();
    Ok(sending.position)
}

/// Whether trying again may help: the server is away (a connection that breaks is an unknown error) or full.
fn is_passing(failure: &anyhow::Error) -> bool {
    let code = failure.downcast_ref::<Status>().map(Status::code);
    matches!(code, Some(Code::Unavailable | Code::Unknown | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted))
}

impl Sending<'_> {
    /// One stream, to the end or its failure.
    async fn stream(&mut self, connection: Connection) -> anyhow::Result<()> {
        let (requests, receiver) = mpsc::channel(IN_FLIGHT_MAX);
        for request in &self.unanswered {
            // The channel holds as many as can be unanswered.
            requests.send(request.clone()).await?;
        }
        let mut client = GatewayServiceClient::new(connection);
        let call = client.record_stream(ReceiverStream::new(receiver));
        let mut answers = match tokio::time::timeout(Duration::from_secs(30), call).await {
            Ok(answers) => answers?.into_inner(),
            Err(_) => bail!("the server did not answer within 30 seconds"),
        };
        let mut requests = Some(requests);
        loop {
            while let Some(sender) = requests.as_ref().filter(|_| self.unanswered.len() < IN_FLIGHT_MAX) {
                match self.next_request() {
                    Some(request) => {
                        self.unanswered.push_back(request.clone());
                        // A stream that has failed says why in its answers.
                        let _ = sender.send(request).await;
                    }
                    None => requests = None,
                }
            }
            match answers.message().await? {
                Some(answer) => self.take(answer)?,
                None if self.unanswered.is_empty() => return Ok(()),
                None => return Err(Status::unavailable("the server ended the stream early").into()),
            }
        }
    }

    fn next_request(&mut self) -> Option<RecordStreamRequest> {
        let events: Vec<_> = self.generator.by_ref().take(BATCH_EVENTS).collect();
        let batch = self.next_batch;
        self.next_batch += 1;
        (!events.is_empty()).then_some(RecordStreamRequest { events, require_known: false, batch })
    }

    fn take(&mut self, answer: RecordStreamResponse) -> anyhow::Result<()> {
        let Some(request) = self.unanswered.pop_front() else { bail!("the server answered a batch that was not sent") };
        ensure!(request.batch == answer.batch, "the server answered batch {} before batch {}", answer.batch, request.batch);
        if let Some(refusal) = answer.refusals.first() {
            bail!("the server refused event {}: {} {}", refusal.event_id, refusal.field, refusal.description);
        }
        self.recorded += u64::from(answer.recorded);
        self.progress.inc(answer.recorded.into());
        if let Some(last) = answer.positions.into_iter().next_back() {
            self.position = Some(last.position);
        }
        Ok(())
    }
}

/// A status as one line; anything else as it is.
fn for_people(failure: anyhow::Error) -> anyhow::Error {
    match failure.downcast::<Status>() {
        Ok(status) => explain(&status),
        Err(failure) => failure,
    }
}
