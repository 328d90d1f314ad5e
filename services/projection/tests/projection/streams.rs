//! Entries as a stream, and news of books.

use crate::history::{catalogue, gives, record};
use crate::support::Running;
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tandem_proto::internal::v1::projection_service_server::ProjectionService;
use tandem_proto::internal::v1::{ReadEntriesRequest, WatchBooksRequest};
use tandem_proto::v1;
use tandem_proto::v1::Entry;
use tonic::{Code, Request};

const COUNCIL: &str = "E09000001";

fn request(request: v1::ReadEntriesRequest) -> Request<ReadEntriesRequest> {
    Request::new(ReadEntriesRequest { request: Some(v1::ReadEntriesRequest { council: COUNCIL.into(), ..request }) })
}

async fn collect(running: &Running, asked: v1::ReadEntriesRequest) -> Vec<Entry> {
    let stream = running.server.read_entries(request(asked)).await.unwrap().into_inner();
    stream.map(|message| message.unwrap().response.unwrap().entries).collect::<Vec<_>>().await.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_come_in_order_with_their_commitments_and_then_live() {
    let running = Running::start(1);
    running.log.push(COUNCIL, &catalogue(COUNCIL), 1);
    let contributions: Vec<_> = (1..6_000).map(|number| record(COUNCIL, number, "2026-01-01", gives(1, "plan-7"), "ana", "")).collect();
    for records in contributions.chunks(1_000) {
        running.log.push(COUNCIL, records, 2);
    }
    let following = v1::ReadEntriesRequest { follow: true, ..Default::default() };
    let mut stream = running.server.read_entries(request(following)).await.unwrap().into_inner();
    let mut entries = Vec::new();
    while entries.len() < 6_002 {
        entries.extend(stream.next().await.unwrap().unwrap().response.unwrap().entries);
    }
    for (sequence, entry) in (0u64..).zip(&entries) {
        assert_eq!(entry.sequence, sequence);
        let record = entry.record.as_ref().unwrap();
        let person = Sha256::new().chain_update(&record.person_salt).chain_update(&record.person).finalize();
        assert_eq!((entry.commitment.len(), &entry.commitment[42..]), (74, &person[..]));
    }
    // Live, one by one.
    for number in 6_000..6_003 {
        running.log.push(COUNCIL, &[record(COUNCIL, number, "2026-01-01", gives(1, "plan-7"), "ana", "")], 3);
        let message = stream.next().await.unwrap().unwrap().response.unwrap();
        assert_eq!(message.entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [number + 2]);
    }
    // Resumed, bounded, filtered.
    let asked = v1::ReadEntriesRequest { from_sequence: 1, to_sequence: Some(10), kinds: vec![17], ..Default::default() };
    assert_eq!(collect(&running, asked).await.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2]);
    let asked = v1::ReadEntriesRequest { from_sequence: 6_000, ..Default::default() };
    assert_eq!(collect(&running, asked).await.len(), 5);
    assert!(collect(&running, v1::ReadEntriesRequest { from_sequence: 1 << 40, ..Default::default() }).await.is_empty());
    // A stop ends it with a word.
    running.projection.stop().unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert!(stream.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_questions_for_entries_are_refused() {
    let running = Running::start(1);
    let wrong = [
        (v1::ReadEntriesRequest { from_sequence: 5, to_sequence: Some(4), ..Default::default() }, "to_sequence: is 4"),
        (v1::ReadEntriesRequest { kinds: vec![128], ..Default::default() }, "kinds: has 128"),
    ];
    for (asked, why) in wrong {
        let status = running.server.read_entries(request(asked)).await.err().unwrap();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with(why), "{}", status.message());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_of_its_books_and_of_no_others() {
    let running = Running::start(2);
    let watch = |councils: &[&str]| Request::new(WatchBooksRequest { councils: councils.iter().map(|council| (*council).to_owned()).collect() });
    let mut stream = running.server.watch_books(watch(&[COUNCIL, "E09000002"])).await.unwrap().into_inner();
    assert!(stream.next().await.unwrap().unwrap().reflects.is_empty());
    running.log.push("E09000003", &catalogue("E09000003"), 1);
    let last = running.log.push(COUNCIL, &catalogue(COUNCIL), 1);
    let told = stream.next().await.unwrap().unwrap().reflects;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].council.as_str(), told[0].entries, &told[0].position), (COUNCIL, 3, &last.token()));
    // A duplicate is no entry, and moves the position.
    let again = running.log.push(COUNCIL, &catalogue(COUNCIL), 2);
    let told = stream.next().await.unwrap().unwrap().reflects;
    assert_eq!((told[0].entries, &told[0].position), (3, &again.token()));
    assert_eq!(running.server.watch_books(watch(&[])).await.err().unwrap().code(), Code::InvalidArgument);
}
