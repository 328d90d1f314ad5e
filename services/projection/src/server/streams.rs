//! Streams: a book's entries, and how far books are. Each is a task that sends into a bounded channel, so that a client that does not
//! read costs one message and no more work.

use super::deadline::Deadline;
use super::{ProjectionServer, serving};
use crate::progress::{Health, Progress};
use crate::read::{self, EntriesQuestion, View, check_council};
use std::collections::BTreeSet;
use std::time::Duration;
use tandem_proto::internal::v1::{HeldPartition, ReadEntriesResponse, WatchBooksResponse, WatchPartitionsResponse};
use tandem_proto::v1;
use tandem_proto::v1::CouncilReflected;
use tandem_wire::status::Failure;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Messages that wait for the client.
const WAITING_MAX: usize = 2;
/// How long one chunk of a stream may wait for a free read.
const CHUNK: Duration = Duration::from_secs(60);
/// At most ten messages a second about a book.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// At least one message in this time about partitions, so that who watches knows that the projection lives.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Councils that one watch may name.
const WATCHED_MAX: usize = 1_000;

type Stream<T> = ReceiverStream<Result<T, Status>>;

/// Starts to send entries.
pub(super) fn read_entries(server: ProjectionServer, question: EntriesQuestion, slot: OwnedSemaphorePermit) -> Stream<ReadEntriesResponse> {
    let (sender, receiver) = channel(WAITING_MAX);
    tokio::spawn(async move {
        let _slot = slot;
        if let Err(failure) = send_entries(&server, question, &sender).await {
            let _ = sender.send(Err(failure.into())).await; // nobody listens: nobody need know
        }
    });
    ReceiverStream::new(receiver)
}

async fn send_entries(
    server: &ProjectionServer,
    mut question: EntriesQuestion,
    sender: &Sender<Result<ReadEntriesResponse, Status>>,
) -> Result<(), Failure> {
    let mut progress = server.shared().progress.subscribe();
    loop {
        serving(server.shared())?;
        let asked = question.clone();
        let read = move |snapshot: &crate::store::Snapshot<'_>, shared: &crate::projection::Shared| {
            read::read_entries(&View::new(snapshot, &asked.council, shared.source.id(), None), &asked)
        };
        let chunk = server.read(Deadline::after(CHUNK), read).await?;
        question.from = chunk.next;
        if !chunk.entries.is_empty() {
            let response = v1::ReadEntriesResponse { entries: chunk.entries };
            if sender.send(Ok(ReadEntriesResponse { response: Some(response) })).await.is_err() {
                return Ok(());
            }
        }
        if !chunk.at_end {
            continue;
        }
        if !question.follow || question.to.is_some_and(|to| question.from >= to) {
            return Ok(());
        }
        let grown = |progress: &Progress| progress.books.get(&question.council).is_some_and(|own| own.book.entries > question.from);
        if !until(&mut progress, sender, grown).await {
            return Ok(());
        }
    }
}

/// Waits until something is so, or the projection does not serve; false if nobody listens any more.
async fn until<T>(progress: &mut watch::Receiver<Progress>, sender: &Sender<T>, is_so: impl Fn(&Progress) -> bool) -> bool {
    tokio::select! {
        () = sender.closed() => false,
        changed = progress.wait_for(|progress| progress.health != Health::Serving || is_so(progress)) => changed.is_ok(),
    }
}

/// Checks the councils of a watch.
pub(super) fn watched(councils: Vec<String>) -> Result<BTreeSet<String>, Failure> {
    if councils.is_empty() || councils.len() > WATCHED_MAX {
        return Err(Failure::invalid("councils", format!("has {}; the limits are 1 and {WATCHED_MAX}", councils.len())));
    }
    councils.iter().try_for_each(|council| check_council(council))?;
    Ok(councils.into_iter().collect())
}

/// Starts to tell of books.
pub(super) fn watch_books(server: ProjectionServer, councils: BTreeSet<String>, slot: OwnedSemaphorePermit) -> Stream<WatchBooksResponse> {
    let (sender, receiver) = channel(WAITING_MAX);
    tokio::spawn(async move {
        let _slot = slot;
        if let Err(failure) = send_books(&server, &councils, &sender).await {
            let _ = sender.send(Err(failure.into())).await; // nobody listens: nobody need know
        }
    });
    ReceiverStream::new(receiver)
}

async fn send_books(
    server: &ProjectionServer,
    councils: &BTreeSet<String>,
    sender: &Sender<Result<WatchBooksResponse, Status>>,
) -> Result<(), Failure> {
    let log = server.shared().source.id();
    let reflects = |progress: &Progress| -> Vec<CouncilReflected> {
        let book = |council: &String| progress.books.get(council).map(|own| read::of_book(council, log, Some(&own.book)));
        councils.iter().filter_map(book).collect()
    };
    let mut progress = server.shared().progress.subscribe();
    let mut sent = None;
    loop {
        let now = reflects(&progress.borrow_and_update());
        serving(server.shared())?;
        if sent.as_ref() != Some(&now) {
            sent = Some(now.clone());
            if sender.send(Ok(WatchBooksResponse { reflects: now })).await.is_err() {
                return Ok(());
            }
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
        if !until(&mut progress, sender, |progress| Some(reflects(progress)) != sent).await {
            return Ok(());
        }
    }
}

/// Starts to tell which partitions are held and how far.
pub(super) fn watch_partitions(server: ProjectionServer, slot: OwnedSemaphorePermit) -> Stream<WatchPartitionsResponse> {
    let (sender, receiver) = channel(WAITING_MAX);
    tokio::spawn(async move {
        let _slot = slot;
        if let Err(failure) = send_partitions(&server, &sender).await {
            let _ = sender.send(Err(failure.into())).await; // nobody listens: nobody need know
        }
    });
    ReceiverStream::new(receiver)
}

async fn send_partitions(server: &ProjectionServer, sender: &Sender<Result<WatchPartitionsResponse, Status>>) -> Result<(), Failure> {
    let shared = server.shared();
    // One that catches up holds nothing yet that it would answer from.
    let held = |progress: &Progress| -> Vec<HeldPartition> {
        if shared.missed_frames(progress) > 0 {
            return Vec::new();
        }
        let one = |partition: u32| {
            let (next_offset, next_index) = progress.cursors[partition as usize];
            HeldPartition { partition, next_offset, next_index }
        };
        shared.partitions.iter().map(one).collect()
    };
    let mut progress = shared.progress.subscribe();
    loop {
        let now = held(&progress.borrow_and_update());
        serving(shared)?;
        let (log_id, log_partitions) = (shared.source.id().0.to_vec(), shared.partitions.of());
        let message = WatchPartitionsResponse { log_id, log_partitions, partitions: now.clone() };
        if sender.send(Ok(message)).await.is_err() {
            return Ok(());
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
        let changed = until(&mut progress, sender, |progress| held(progress) != now);
        // Nothing new is news, too.
        if let Ok(false) = tokio::time::timeout(HEARTBEAT, changed).await {
            return Ok(());
        }
    }
}
