//! What is published of a book only ever grows, whoever publishes.

use crate::history::{catalogue, gives, record};
use crate::support::{MemoryLog, metric, options, settle};
use prost::Message;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_book::checkpoint::{Opened, Trust, open};
use tandem_book::key::{SigningKey, Use};
use tandem_book::proof::verify_consistency;
use tandem_book::receipt::Receipt;
use tandem_projection::{Health, Options, Projection, ProjectionServer, Publisher};
use tandem_proto::internal::v1::projection_service_server::ProjectionService;
use tandem_proto::internal::v1::{GetConsistencyProofRequest, GetReceiptRequest, ListBooksRequest, ReadTileRequest};
use tandem_proto::v1;
use tonic::{Code, Request};

const COUNCIL: &str = "E09000001";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed("tandem.test", Use::Note, &[seed; 32]).unwrap()
}

fn trust() -> Trust {
    Trust::of(key(1).named(&format!("tandem.test/{COUNCIL}")).unwrap().verifier())
}

/// A projection that publishes into a directory.
fn publishing(path: &Path, log: &Arc<MemoryLog>, checkpoints: &Path, seed: u8) -> Projection {
    let publisher = Arc::new(Publisher::new("tandem.test", &key(seed), checkpoints).unwrap());
    let projection = Projection::open(path, log.clone(), Options { publisher: Some(publisher), ..options() }).unwrap();
    assert_eq!(settle(&projection), Health::Serving);
    projection
}

fn published(checkpoints: &Path) -> Option<Opened> {
    let note = std::fs::read(checkpoints.join(format!("{COUNCIL}.checkpoint"))).ok()?;
    Some(open(&note, &trust()).unwrap())
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn until_published(checkpoints: &Path, size: u64) -> Opened {
    until("a checkpoint", || published(checkpoints).is_some_and(|opened| opened.checkpoint.size == size));
    published(checkpoints).unwrap()
}

fn gift(number: u64) -> v1::Record {
    record(COUNCIL, number, "2026-01-05", gives(1, ""), "ana", "")
}

fn push(log: &MemoryLog, numbers: std::ops::Range<u64>) {
    log.push(COUNCIL, &numbers.map(gift).collect::<Vec<_>>(), 1);
}

/// An event as its client sent it.
fn event(record: &v1::Record) -> Vec<u8> {
    v1::Event {
        envelope: Some(v1::Envelope::decode(&*record.envelope).unwrap()),
        facts: Some(v1::Facts::decode(&*record.facts).unwrap()),
        person: Some(v1::Person::decode(&*record.person).unwrap()),
    }
    .encode_to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_grows_and_is_proved() {
    let (log, directory) = (MemoryLog::new(7, 1), tempfile::tempdir().unwrap());
    let (path, checkpoints) = (directory.path().join("projection"), directory.path().join("checkpoints"));
    log.push(COUNCIL, &catalogue(COUNCIL), 1);
    push(&log, 0..297);
    let projection = publishing(&path, &log, &checkpoints, 1);
    let first = until_published(&checkpoints, 300).checkpoint;
    push(&log, 297..700);
    let second = until_published(&checkpoints, 703).checkpoint;
    drop(projection);

    let projection = publishing(&path, &log, &checkpoints, 1);
    push(&log, 700..701);
    let third = until_published(&checkpoints, 704).checkpoint;
    assert!(projection.unpublished().is_empty());
    let server = ProjectionServer::new(projection);
    let book = server
        .list_books(Request::new(ListBooksRequest { request: Some(v1::ListBooksRequest::default()), partitions: vec![] }))
        .await
        .unwrap()
        .into_inner();
    let book = &book.response.unwrap().books[0];
    assert_eq!((book.origin.as_str(), book.published_size), ("tandem.test/E09000001", 704));
    assert_eq!(book.verifier_key, trust().log.to_string());
    for (from, to) in [(&first, &second), (&second, &third), (&first, &third)] {
        let request = v1::GetConsistencyProofRequest { council: COUNCIL.into(), from_size: from.size, to_size: Some(to.size) };
        let answer = server.get_consistency_proof(Request::new(GetConsistencyProofRequest { request: Some(request) })).await.unwrap().into_inner();
        let hashes: Vec<[u8; 32]> = answer.response.unwrap().hashes.into_iter().map(|hash| hash.try_into().unwrap()).collect();
        verify_consistency(from.size, &from.root, to.size, &to.root, &hashes).unwrap();
    }
    for number in [0, 252, 253, 508, 509, 700] {
        let record = gift(number);
        let event_id = v1::Envelope::decode(record.envelope.as_slice()).unwrap().event_id;
        let request = v1::GetReceiptRequest { council: COUNCIL.into(), event_id, ..Default::default() };
        let answer = server.get_receipt(Request::new(GetReceiptRequest { request: Some(request) })).await.unwrap().into_inner().response.unwrap();
        let receipt = Receipt::parse(answer.receipt.as_bytes()).unwrap();
        let proved = receipt.verify(&event(&record), &trust()).unwrap();
        assert_eq!((proved.sequence, proved.size, proved.person), (number + 3, 704, true));
        receipt.verify(&event(&gift(number + 1)), &trust()).unwrap_err();
    }
    let beyond = ReadTileRequest { council: COUNCIL.into(), level: None, index: 2, width: 193 };
    assert_eq!(server.read_tile(Request::new(beyond)).await.unwrap_err().code(), Code::NotFound);
}

#[test]
fn a_publisher_that_would_fork_or_go_back_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let checkpoints = directory.path().join("checkpoints");
    let log = MemoryLog::new(7, 1);
    log.push(COUNCIL, &catalogue(COUNCIL), 1);
    push(&log, 0..400);
    let first = publishing(&directory.path().join("first"), &log, &checkpoints, 1);
    until_published(&checkpoints, 403);

    // Doubled, with the same history: it has nothing to add, and goes on from there if it grows first.
    let same = publishing(&directory.path().join("same"), &log, &checkpoints, 1);
    push(&log, 400..410);
    let truth = until_published(&checkpoints, 413);
    assert!(same.unpublished().is_empty() && first.unpublished().is_empty());

    // Of the same length, longer, and shorter; and with another key.
    let cases = [
        (413, 1, 1, "its history was changed"),
        (500, 1, 1, "its history was changed"),
        (300, 0, 1, "413 are published"),
        (410, 0, 2, "--signing-key"),
    ];
    for (case, (size, from, seed, why)) in cases.into_iter().enumerate() {
        let other = MemoryLog::new(7, 1);
        other.push(COUNCIL, &catalogue(COUNCIL), 1);
        push(&other, from..from + size - 3);
        let forked = publishing(&directory.path().join(format!("case {case}")), &other, &checkpoints, seed);
        until("a refusal", || !forked.unpublished().is_empty());
        let (council, said) = &forked.unpublished()[0];
        assert!(council == COUNCIL && said.contains(why), "case {case}: {said}");
        assert_eq!((metric(&forked, "books_unpublished"), metric(&forked, "serving")), (1, 1));
        assert_eq!(published(&checkpoints).unwrap(), truth, "case {case}");
    }
    push(&log, 410..411);
    until_published(&checkpoints, 414);
}

#[test]
fn a_store_that_lost_its_newest_entries_publishes_again_once_they_are_folded() {
    let directory = tempfile::tempdir().unwrap();
    let checkpoints = directory.path().join("checkpoints");
    let log = MemoryLog::new(7, 1);
    log.push(COUNCIL, &catalogue(COUNCIL), 1);
    push(&log, 0..400);
    let first = publishing(&directory.path().join("first"), &log, &checkpoints, 1);
    until_published(&checkpoints, 403);
    drop(first);
    let projection = publishing(&directory.path().join("second"), &log, &checkpoints, 1);
    until_published(&checkpoints, 403);
    push(&log, 400..401);
    until_published(&checkpoints, 404);
    assert!(projection.unpublished().is_empty());
}
