//! Receipts, offline.

use super::*;
use crate::audit::receipt;
use std::path::PathBuf;
use tandem_book::checkpoint::{self, Checkpoint};
use tandem_book::key::{SigningKey, Use};
use tandem_book::nodes::TileNodes;
use tandem_book::proof;
use tandem_book::receipt::{Extra, Receipt};
use tandem_book::tile::Tile;
use tandem_domain::event::split;
use tandem_domain::record::Record;
use tandem_tests::books::{COUNCIL, ORIGIN, entry, of};

const BOOK_TIME_US: u64 = 1_741_600_000_000_123;

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

/// An event as a client sends it: a reversal, with an actor.
fn event(council: &str) -> Vec<u8> {
    let id = b"00000000-0000-0000-0000-000000000001";
    let envelope = [field(1, id), field(2, council.as_bytes()), field(3, b"desk"), field(4, b"2025-03-01")].concat();
    let facts = field(5, &[field(1, b"00000000-0000-0000-0000-000000000002"), vec![0x18, 2]].concat());
    [field(1, &envelope), field(2, &facts), field(3, &field(1, b"ana"))].concat()
}

fn witness() -> SigningKey {
    SigningKey::from_seed("witness.example/w1", Use::Cosignature, &[8; 32]).unwrap()
}

/// A directory with the event, its receipt (entry 300 of 700) and that of one whose person is forgotten.
struct Given {
    home: tempfile::TempDir,
}

impl Given {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let event = event(COUNCIL);
        let record = Record { parts: split(&event).unwrap(), facts_salt: &[1; 16], person_salt: &[2; 16], ..Record::default() };
        let commitment = record.commitment(BOOK_TIME_US);
        let files = of((0..700).map(|n| if n == 300 { commitment } else { entry(n, 0) }));
        let mut note = Checkpoint::new(ORIGIN, 700, files.root).sign(&key()).unwrap();
        checkpoint::cosign(&mut note, &witness(), 1_741_600_060).unwrap();
        let tiles = |tile: Tile| Ok(files.by_path[&tile.to_string()].clone());
        let proof = proof::inclusion(&mut TileNodes::new(&tiles, 700), 300, 700).unwrap();
        let mut forgotten = record;
        (forgotten.parts.person, forgotten.person_salt) = (&[], &[]);
        for (name, record) in [("receipt", record), ("forgotten", forgotten)] {
            let extra = Extra::of(&record, &commitment).unwrap().to_bytes();
            let receipt = Receipt { extra: Some(extra), index: 300, proof: proof.clone(), checkpoint: note.to_string() };
            std::fs::write(home.path().join(name), receipt.to_string()).unwrap();
        }
        std::fs::write(home.path().join("event"), event).unwrap();
        Self { home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn verdict(&self, receipt: &str, event: &str, more: &[&str]) -> (Verdict, String) {
        let (receipt, event) = (self.path(receipt), self.path(event));
        let args: receipt::Args = parse(&[&[text(&receipt), "--event", text(&event)], more].concat());
        let document = receipt::judge(&args);
        (document.verdict, receipt::line(&document))
    }
}

#[test]
fn a_receipt_proves_the_clients_event() {
    let given = Given::new();
    let key = vkey();
    let (verdict, line) = given.verdict("receipt", "event", &["--key", &key]);
    assert_eq!(verdict, Verdict::True, "{line}");
    assert_eq!(line, format!("true: {ORIGIN}: the event is entry 300 of 700, recorded 2025-03-10T09:46:40.000123Z"));
    let (verdict, line) = given.verdict("forgotten", "event", &["--key", &key]);
    assert_eq!(verdict, Verdict::True, "{line}");
    assert!(line.contains("the person is forgotten"), "{line}");
    let witness = witness().verifier().to_string();
    assert_eq!(given.verdict("receipt", "event", &["--key", &key, "--witness", &witness]).0, Verdict::True);
    // A key from a file, and one that is named after all books of its server.
    std::fs::write(given.path("vkey"), format!("{key}\n")).unwrap();
    assert_eq!(given.verdict("receipt", "event", &["--key", text(&given.path("vkey"))]).0, Verdict::True);
    let base = tandem_tests::books::key_of("ledger.example", 7).verifier().to_string();
    assert_eq!(given.verdict("receipt", "event", &["--key", &base]).0, Verdict::True);
}

#[test]
fn every_flipped_bit_of_the_event_and_of_the_receipt_is_found() {
    let given = Given::new();
    let key = vkey();
    for (name, other) in [("event", "receipt"), ("receipt", "event")] {
        let whole = std::fs::read(given.path(name)).unwrap();
        // The cosignature is none of a witness that was named: no signature that counts covers its line.
        let covered = String::from_utf8_lossy(&whole).find("— witness.example").unwrap_or(whole.len());
        for bit in 0..covered * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(given.path("flipped"), flipped).unwrap();
            let (receipt, event) = if name == "event" { (other, "flipped") } else { ("flipped", other) };
            let (verdict, line) = given.verdict(receipt, event, &["--key", &key]);
            // A changed council asks for the key of another book: nothing is proved, whichever way it is said.
            assert_ne!(verdict, Verdict::True, "bit {bit} of {name}: {line}");
        }
    }
}

#[test]
fn what_could_not_be_looked_at_is_no_mismatch() {
    let given = Given::new();
    let key = vkey();
    let (verdict, line) = given.verdict("nowhere", "event", &["--key", &key]);
    assert_eq!(verdict, Verdict::Unchecked, "{line}");
    assert!(line.contains("cannot read") && line.contains("nowhere"), "{line}");
    let witness = witness().verifier().to_string();
    let (verdict, line) = given.verdict("receipt", "event", &["--key", &witness]);
    assert_eq!(verdict, Verdict::Unchecked, "{line}");
    let other = tandem_tests::books::key_of(ORIGIN, 9).verifier().to_string();
    let (verdict, line) = given.verdict("receipt", "event", &["--key", &other]);
    assert_eq!(verdict, Verdict::Mismatch, "{line}");
    let missing = SigningKey::from_seed("witness.example/w2", Use::Cosignature, &[9; 32]).unwrap().verifier().to_string();
    let (verdict, line) = given.verdict("receipt", "event", &["--key", &key, "--witness", &missing]);
    assert_eq!(verdict, Verdict::Mismatch, "{line}");
}

/// JSON is not the bytes that were sent: it can prove them, and never accuse.
#[test]
fn an_event_in_json_is_proved_or_says_nothing() {
    let given = Given::new();
    let json = format!(
        r#"{{"envelope":{{"eventId":"00000000-0000-0000-0000-000000000001","council":"{COUNCIL}","source":"desk","occurredStart":"2025-03-01"}},
        "facts":{{"entryReversed":{{"targetEventId":"00000000-0000-0000-0000-000000000002","reason":"REVERSAL_REASON_ERROR"}}}},
        "person":{{"actor":"ana"}}}}"#
    );
    let key = vkey();
    let ask = |json: &str| {
        std::fs::write(given.path("event.json"), json).unwrap();
        given.verdict("receipt", "event.json", &["--key", &key])
    };
    let (verdict, line) = ask(&json);
    assert_eq!(verdict, Verdict::True, "{line}");
    // The proto's own names are read as well.
    assert_eq!(ask(&json.replace("eventId", "event_id")).0, Verdict::True);
    let (verdict, line) = ask(&json.replace("ana", "ben"));
    assert!(verdict == Verdict::Unchecked && line.contains("give those"), "{line}");
    for broken in [json.replace("\"person\"", "\"persons\""), json.replace("REVERSAL_REASON_ERROR", "MISTAKE"), format!("{json}x"), "{".into()] {
        let (verdict, line) = ask(&broken);
        assert!(verdict == Verdict::Unchecked && line.contains("is no event in JSON"), "{line}");
    }
}
