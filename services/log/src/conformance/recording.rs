//! Records for the checks, and what a log holds of them.

use crate::{EventLog, FRAME_BYTES_MAX, StoredFrame};
use bytes::Bytes;
use prost::Message;
use std::collections::BTreeMap;
use tandem_domain::position::{Position, partition_of};
use tandem_proto::v1;

/// The `n`-th record of a council, about `bytes` long.
pub(super) fn record(council: &str, n: usize, bytes: usize) -> Bytes {
    let record = v1::Record {
        envelope: format!("{council} {n}").into_bytes(),
        facts: vec![n as u8; bytes],
        received_us: n as u64,
        principal: "conformance".into(),
        facts_salt: vec![1; 16],
        person_salt: vec![2; 16],
        ..Default::default()
    };
    record.encode_to_vec().into()
}

/// Some of a council's records in a row.
pub(super) fn records(council: &str, numbers: std::ops::Range<usize>, bytes: usize) -> Vec<Bytes> {
    numbers.map(|n| record(council, n, bytes)).collect()
}

/// All frames of a partition, read in parts.
pub(super) fn read_partition<L: EventLog>(log: &L, partition: u32) -> Vec<StoredFrame> {
    let mut frames: Vec<StoredFrame> = Vec::new();
    let mut from = log.start(partition).unwrap();
    loop {
        let part = log.read(partition, from, 300_000).unwrap();
        let Some(last) = part.last() else { break };
        assert!(part.iter().all(|frame| frame.partition == partition && frame.offset >= from));
        assert!(part.is_sorted_by(|one, next| one.offset < next.offset));
        // Copies have the times of another log.
        let own: Vec<_> = part.iter().filter(|frame| frame.parse().unwrap().original_append_us == 0).collect();
        assert!(own.is_sorted_by_key(|frame| frame.append_us));
        from = last.offset + 1;
        frames.extend(part);
    }
    assert_eq!(from.max(log.end(partition).unwrap()), log.end(partition).unwrap(), "no frame is beyond the end");
    frames
}

/// All frames of the log.
pub(super) fn read_all<L: EventLog>(log: &L) -> Vec<StoredFrame> {
    (0..log.partitions()).flat_map(|partition| read_partition(log, partition)).collect()
}

/// What a log holds: each council's records in order, with where they stand. Checks on the way that every frame is one.
pub(super) fn books<L: EventLog>(log: &L) -> BTreeMap<String, Vec<(Position, Bytes)>> {
    let mut books: BTreeMap<String, Vec<(Position, Bytes)>> = BTreeMap::new();
    for stored in read_all(log) {
        assert!(stored.bytes.len() <= FRAME_BYTES_MAX);
        let frame = stored.parse().unwrap();
        let typed = v1::Frame::decode(stored.bytes.clone()).unwrap();
        assert_eq!((typed.version, typed.council.as_str()), (1, frame.council));
        assert_eq!(typed.encode_to_vec(), stored.bytes, "a frame is what prost would encode");
        assert_eq!(partition_of(frame.council, log.partitions()), stored.partition);
        let book = books.entry(frame.council.into()).or_default();
        for (index, record) in frame.records.iter().enumerate() {
            let position = Position { log: log.id(), partition: stored.partition, offset: stored.offset, index: index as u32 };
            book.push((position, stored.bytes.slice_ref(record)));
        }
    }
    books
}

/// A council's records, in order.
pub(super) fn book<L: EventLog>(log: &L, council: &str) -> Vec<Bytes> {
    books(log).remove(council).unwrap_or_default().into_iter().map(|(_, record)| record).collect()
}

/// Whether a record stands at a position.
pub(super) fn assert_at<L: EventLog>(log: &L, position: Position, record: &Bytes) {
    assert_eq!(position.log, log.id());
    let frames = log.read(position.partition, position.offset, 0).unwrap();
    assert_eq!((frames.len(), frames[0].offset), (1, position.offset));
    assert_eq!(frames[0].parse().unwrap().records[position.index as usize], record);
}
