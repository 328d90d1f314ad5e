use super::*;
use crate::conformance::seeded;
use prost::Message;
use rand::RngExt;
use tandem_proto::v1;

fn frame(council: &str, records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    begin(&mut out, council);
    for record in records {
        let before = out.len();
        push(&mut out, record);
        assert_eq!(out.len() - before, length_in_frame(record));
    }
    out
}

#[test]
fn a_frame_is_what_prost_would_encode() {
    let mut random = seeded();
    for council in ["ab", "E09000001", &"x".repeat(32)] {
        let lengths = [1, 127, 128, 300, 16_383, 16_384, RECORD_BYTES_MAX - 40];
        let records: Vec<_> = lengths.map(|length| v1::Record { envelope: vec![random.random(); length], ..Default::default() }).into();
        let encoded: Vec<_> = records.iter().map(Message::encode_to_vec).collect();
        let ours = frame(council, &encoded);
        let mut theirs = v1::Frame { version: 1, council: council.into(), records, original_append_us: 0 };
        assert_eq!(ours, theirs.encode_to_vec());

        let parsed = Frame::parse(&ours).unwrap();
        assert_eq!((parsed.council, parsed.records, parsed.original_append_us), (council, encoded.iter().map(Vec::as_slice).collect(), 0));
        assert_eq!(original_append_us(&ours), 0);
        theirs.original_append_us = 77;
        let mut copy = ours.clone();
        end(&mut copy, 77);
        assert_eq!((copy.len() - ours.len(), &copy), (length_of_original(77), &theirs.encode_to_vec()));
        assert_eq!((Frame::parse(&copy).unwrap().original_append_us, original_append_us(&copy)), (77, 77));
    }
}

#[test]
fn what_no_log_wrote_is_refused() {
    let good = frame("E09000001", &[vec![7; 10]]);
    Frame::parse(&good).unwrap();
    let cases: [(&str, Vec<u8>, &str); 12] = [
        ("nothing", vec![], "no version"),
        ("cut in a record", good[..good.len() - 1].to_vec(), "not a protobuf message"),
        ("cut before the record", good[..13 + 2].to_vec(), "not a protobuf message"),
        ("version 2", [&[8, 2], &good[2..]].concat(), "of a version"),
        ("version twice", [&good[..2], &good].concat(), "no council"),
        ("no version", good[2..].to_vec(), "no version"),
        ("no records", frame("E09000001", &[]), "no records"),
        ("no council", frame("", &[vec![1]]), "no council"),
        ("not a council", frame("not one", &[vec![1]]), "no council"),
        ("a council after a record", [&good[..], &good[2..]].concat(), "does not belong"),
        ("an unknown field", [&good[..], &[0x28, 1]].concat(), "does not belong"),
        ("too large", frame("E09000001", &vec![vec![0; 9_000]; 103]), "900 KiB"),
    ];
    for (name, bytes, expected) in cases {
        let Malformed(what) = Frame::parse(&bytes).unwrap_err();
        assert!(what.contains(expected), "{name}: {what}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = seeded();
    let good = frame("E09000001", &[vec![7; 10], vec![8; 200], vec![9; 1]]);
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        bytes.truncate(random.random_range(0..=bytes.len()));
        if let Ok(parsed) = Frame::parse(&bytes) {
            assert!(!parsed.records.is_empty() && is_council(parsed.council));
        }
    }
}
