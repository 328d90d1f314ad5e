//! Receipts verify offline from the client's own bytes.

use crate::common::{ORIGIN, Store, entry, log_key, witness_key};
use tandem_book::checkpoint::{self, Checkpoint, Trust};
use tandem_book::nodes::TileNodes;
use tandem_book::proof;
use tandem_book::receipt::{Extra, PersonProof, Receipt};
use tandem_domain::event::{Parts, split};
use tandem_domain::record::{Record, leaf_hash};

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

/// An event as a client sends it: a reversal, with an actor.
pub fn event(council: &str) -> Vec<u8> {
    let id = b"00000000-0000-0000-0000-000000000001";
    let envelope = [field(1, id), field(2, council.as_bytes()), field(3, b"desk"), field(4, b"2025-03-01")].concat();
    let facts = field(5, &[field(1, b"00000000-0000-0000-0000-000000000002"), vec![0x18, 2]].concat());
    [field(1, &envelope), field(2, &facts), field(3, &field(1, b"ana"))].concat()
}

/// Entry 300 of a book of 700: the event, its book, its checkpoint signed and cosigned, its receipt.
pub struct Case {
    pub event: Vec<u8>,
    pub receipt: Receipt,
    pub trust: Trust,
}

const BOOK_TIME_US: u64 = 1_741_600_000_000_123;
const SALTS: ([u8; 16], [u8; 16]) = ([1; 16], [2; 16]);

fn record(parts: Parts<'_>) -> Record<'_> {
    Record { parts, officer: true, facts_salt: &SALTS.0, person_salt: &SALTS.1, ..Record::default() }
}

pub fn case(forgotten: bool) -> Case {
    let event = event("E09000001");
    let mut record = record(split(&event).unwrap());
    let commitment = record.commitment(BOOK_TIME_US);
    if forgotten {
        (record.parts.person, record.person_salt) = (&[], &[]);
    }
    let extra = Extra::of(&record, &commitment).unwrap();
    let mut entries: Vec<Vec<u8>> = (0..700).map(entry).collect();
    entries[300] = commitment.to_vec();
    let (store, growth) = Store::new(&entries);
    let mut note = Checkpoint::new(ORIGIN, 700, growth.frontier().root()).sign(&log_key()).unwrap();
    checkpoint::cosign(&mut note, &witness_key(), 1_741_600_060).unwrap();
    let proof = proof::inclusion(&mut TileNodes::new(&store, 700), 300, 700).unwrap();
    let receipt = Receipt { extra: Some(extra.to_bytes()), index: 300, proof, checkpoint: note.to_string() };
    let trust = Trust { witnesses: vec![witness_key().verifier()], quorum: 1, ..Trust::of(log_key().verifier()) };
    Case { event, receipt, trust }
}

#[test]
fn a_receipt_proves_the_clients_event() {
    let Case { event, receipt, trust } = case(false);
    let read = Receipt::parse(receipt.to_string().as_bytes()).unwrap();
    assert_eq!(read, receipt);
    let proved = read.verify(&event, &trust).unwrap();
    assert_eq!((proved.origin.as_str(), proved.sequence, proved.size), (ORIGIN, 300, 700));
    assert_eq!((proved.book_time_us, proved.kind, proved.officer, proved.person), (BOOK_TIME_US, 5, true, true));
    assert_eq!((proved.cosigned[0].name.as_str(), proved.cosigned[0].time), ("witness.example/w1", Some(1_741_600_060)));
    assert_eq!(receipt.extra.unwrap().len(), 42);
}

/// The text is the one that the specification shows: header, extra, index, hashes, an empty line, the checkpoint.
#[test]
fn a_receipt_is_a_tlog_proof() {
    let text = case(false).receipt.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "c2sp.org/tlog-proof@v1");
    assert_eq!(lines[1], "extra AYUABi/52VdAewEBAQEBAQEBAQEBAQEBAQECAgICAgICAgICAgICAgIC");
    assert_eq!(lines[2], "index 300");
    assert_eq!(lines[3..13].iter().map(|line| line.len()).collect::<Vec<_>>(), [44; 10], "log2 of 700 rounded up");
    assert_eq!((lines[13], lines[14], lines[15]), ("", ORIGIN, "700"));
    assert!(lines[18].starts_with("— ledger.example/E09000001 ") && lines[19].starts_with("— witness.example/w1 "));
    assert_eq!(lines.len(), 20);
}

#[test]
fn once_the_person_is_forgotten_the_facts_are_proved_still() {
    let Case { event, receipt, trust } = case(true);
    assert_eq!(receipt.extra.as_ref().unwrap().len(), 58);
    let read = Receipt::parse(receipt.to_string().as_bytes()).unwrap();
    assert!(!read.verify(&event, &trust).unwrap().person, "what the person part said cannot be proved any more");
    // Whoever kept the event without its person part proves as much.
    let parts = split(&event).unwrap();
    let without = [field(1, parts.envelope), field(2, parts.facts)].concat();
    assert!(!read.verify(&without, &trust).unwrap().person);
}

#[test]
fn a_receipt_of_a_record_that_is_not_the_entrys_is_not_made() {
    let event = event("E09000001");
    let record = record(split(&event).unwrap());
    let mut commitment = record.commitment(BOOK_TIME_US);
    let extra = Extra::of(&record, &commitment).unwrap();
    assert_eq!(extra.person, PersonProof::Salt([2; 16]));
    assert_eq!(Extra::from_bytes(&extra.to_bytes()).unwrap(), extra);
    commitment[20] ^= 1;
    assert_eq!(Extra::of(&record, &commitment).unwrap_err().to_string(), "record: is not what the entry commits to");
    let short = Record { facts_salt: &[1; 15], ..record };
    assert_eq!(Extra::of(&short, &commitment).unwrap_err().to_string(), "record: the facts salt is 15 bytes, not 16");
}

#[test]
fn refusals_say_what_and_where() {
    let Case { event, receipt, trust } = case(false);
    let error = |receipt: &Receipt, event: &[u8], trust: &Trust| receipt.verify(event, trust).unwrap_err().to_string();
    let other = crate::receipts::event("E09000002");
    assert_eq!(error(&receipt, &other, &trust), r#"the event's council is "E09000002", but the receipt's book says "ledger.example/E09000001""#);
    let mut changed = event.clone();
    *changed.last_mut().unwrap() = b'b';
    assert!(error(&receipt, &changed, &trust).starts_with("the root that the inclusion proof of entry 300 in the tree of size 700 leads to is "));
    let moved = Receipt { index: 301, ..receipt.clone() };
    assert!(error(&moved, &event, &trust).starts_with("the root that the inclusion proof of entry 301 "));
    let short = Receipt { proof: receipt.proof[1..].to_vec(), ..receipt.clone() };
    assert_eq!(error(&short, &event, &trust), "inclusion proof of entry 300 in the tree of size 700: has 9 hashes where 10 are needed");
    let beyond = Receipt { index: 700, ..receipt.clone() };
    assert_eq!(error(&beyond, &event, &trust), "entry 700 is beyond a tree of size 700");
    let mut extra = receipt.extra.clone().unwrap();
    extra[1] = 4;
    let kind = Receipt { extra: Some(extra), ..receipt.clone() };
    assert_eq!(error(&kind, &event, &trust), r#"the kind of the event is "5", but the receipt says "4""#);
    let bare = Receipt { extra: None, ..receipt.clone() };
    assert_eq!(error(&bare, &event, &trust), "receipt: has no extra line, which a commitment needs");
    assert!(error(&receipt, &[1, 2, 3], &trust).starts_with("event: event: "));
    let stranger = Trust { log: log_key().named("ledger.example/E09000002").unwrap().verifier(), ..trust.clone() };
    assert!(error(&receipt, &event, &stranger).starts_with("the note is not signed by ledger.example/E09000002+"));
    let elsewhere = Trust { origin: "ledger.example/E09000002".to_owned(), ..trust.clone() };
    assert!(error(&receipt, &event, &elsewhere).starts_with(r#"the checkpoint's origin is "ledger.example/E09000001", but the reader says"#));
    let two = Trust { quorum: 2, ..trust };
    assert!(error(&receipt, &event, &two).starts_with(r#"the note is not signed by 2 of the 1 trusted witnesses; its signatures are of "ledger"#));
}

/// The leaf of the receipt is domain's own.
#[test]
fn the_leaf_is_that_of_the_commitment() {
    let event = event("E09000001");
    let commitment = record(split(&event).unwrap()).commitment(BOOK_TIME_US);
    assert_eq!(tandem_book::tree::leaf_hash(&commitment), leaf_hash(&commitment));
}
