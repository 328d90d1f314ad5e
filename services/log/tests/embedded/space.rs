//! Trimming gives the disk's space back, also under load.

use crate::support::{read_all, run, small};
use bytes::Bytes;
use std::fs;
use std::path::Path;
use tandem_log::embedded::Options;
use tandem_log::{EmbeddedLog, EventLog};

fn bytes_of(path: &Path) -> u64 {
    fs::read_dir(path).unwrap().filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

#[test]
fn what_is_trimmed_takes_no_space() {
    const FRAME: usize = 100_000;
    let directory = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(directory.path(), Options { write_buffer_bytes: 1024 * 1024, ..small() }).unwrap();
    let records: Vec<Bytes> = vec![vec![7; FRAME / 2].into(); 2];
    let councils = ["AA", "BB", "CC", "DD"];
    let mut highest = 0;
    for n in 0..1_000 {
        let position = run(log.append(councils[n % 4], records.clone())).unwrap();
        // As a projection would: all but the newest hundred or so.
        if n % 100 == 99 {
            for partition in 0..3 {
                log.trim(partition, log.end(partition).unwrap().saturating_sub(30)).unwrap();
            }
            assert!(log.read(position.partition, position.offset, 0).is_ok());
        }
        highest = highest.max(bytes_of(directory.path()));
    }
    println!("{} MB appended, at most {} MB on disk", 1_000 * FRAME / 1_000_000, highest / 1_000_000);
    // A hundred MB went through; kept are 9 MB, what is yet to be compacted, and the write-ahead log.
    assert!(highest < 60_000_000, "{highest}");
    let kept: u64 = (0..3).map(|partition| log.end(partition).unwrap() - log.start(partition).unwrap()).sum();
    assert_eq!(read_all(&log).unwrap().len() as u64, kept);
}

#[test]
fn a_partition_that_is_trimmed_to_its_end_is_empty() {
    let directory = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(directory.path(), small()).unwrap();
    for council in ["AA", "BB", "CC", "DD"] {
        run(log.append(council, vec![Bytes::from_static(b"a record")])).unwrap();
    }
    (0..3).for_each(|partition| log.trim(partition, log.end(partition).unwrap()).unwrap());
    assert!((0..3).all(|partition| log.start(partition) == log.end(partition)));
    assert_eq!(read_all(&log), Ok(vec![]));
}
