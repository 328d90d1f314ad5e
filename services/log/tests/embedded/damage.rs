//! A disk that gives back something else than it was given: the log may refuse, it may never show anything else.

use crate::support::{append, copy, open, read_all, small};
use rand::RngExt;
use rand::rngs::StdRng;
use std::fs;
use std::path::{Path, PathBuf};
use tandem_log::conformance::seeded;
use tandem_log::{EmbeddedLog, EventLog, StoredFrame};

/// A log with files of every kind, closed; and what is in it.
fn made(random: &mut StdRng) -> (tempfile::TempDir, Vec<StoredFrame>) {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let log = open(directory.path());
        for n in 0..60 {
            let council = ["AA", "BB", "CC", "DD"][n % 4];
            append(&log, council, &vec![n as u8; random.random_range(1..6_000)]).unwrap();
        }
        let partition = random.random_range(0..3);
        log.trim(partition, log.start(partition).unwrap().midpoint(log.end(partition).unwrap())).unwrap();
    }
    let log = open(directory.path());
    // These stay in the write-ahead log.
    for n in 0..10 {
        append(&log, "AA", &[n; 500]).unwrap();
    }
    let frames = read_all(&log).unwrap();
    drop(log);
    (directory, frames)
}

/// One thing that happens to a file; says what.
fn damage(path: &Path, random: &mut StdRng) -> String {
    let mut bytes = fs::read(path).unwrap();
    let length = bytes.len();
    if length == 0 || random.random_ratio(1, 12) {
        fs::remove_file(path).unwrap();
        return "removed".into();
    }
    let at = random.random_range(0..length);
    let what = match random.random_range(0..3) {
        0 => {
            bytes[at] ^= 1 << random.random_range(0..8);
            format!("a bit of byte {at} of {length} flipped")
        }
        1 => {
            let end = (at + random.random_range(1..5_000)).min(length);
            bytes[at..end].fill(0);
            format!("bytes {at} to {end} of {length} zeroed")
        }
        _ => {
            bytes.truncate(at);
            format!("cut from {length} to {at} bytes")
        }
    };
    fs::write(path, bytes).unwrap();
    what
}

#[test]
fn a_damaged_log_is_refused_or_right() {
    const ROUNDS: usize = 150;
    let mut random = seeded();
    let (directory, expected) = made(&mut random);
    let mut files: Vec<PathBuf> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut refused, mut corrupt, mut whole) = (0, 0, 0);
    for round in 0..ROUNDS {
        let damaged = tempfile::tempdir().unwrap();
        copy(directory.path(), damaged.path());
        let file = files[random.random_range(0..files.len())].file_name().unwrap();
        let what = format!("round {round}: {}: {}", file.display(), damage(&damaged.path().join(file), &mut random));
        match EmbeddedLog::open(damaged.path(), small()) {
            Err(error) => {
                assert!(!error.to_string().contains('\n'), "{what}: {error}");
                refused += 1;
            }
            Ok(log) => match read_all(&log) {
                Err(error) => {
                    assert!(!error.to_string().contains('\n'), "{what}: {error}");
                    corrupt += 1;
                }
                Ok(frames) => {
                    assert!(frames == expected, "{what}: {} frames instead of {}", frames.len(), expected.len());
                    whole += 1;
                }
            },
        }
    }
    println!("{ROUNDS} damages: {refused} were refused at opening, {corrupt} at reading, {whole} did no harm");
    assert!(refused > 0 && whole > 0);
}

/// A value that RocksDB hands out whole, but that is not what was written under its key.
#[test]
fn a_frame_in_the_wrong_place_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let position = (0..5).map(|n| append(&log, "AA", &[n; 100]).unwrap()).last().unwrap();
    drop(log);
    let key = |offset: u64| [&position.partition.to_be_bytes()[..], &offset.to_be_bytes()].concat();
    type Change = fn(&rocksdb::DB, &dyn Fn(u64) -> Vec<u8>);
    let cases: [(&str, Change); 3] = [
        ("its checksum is wrong", |db, key| db.put(key(2), db.get(key(1)).unwrap().unwrap()).unwrap()),
        ("it is missing", |db, key| db.delete(key(2)).unwrap()),
        ("its checksum is wrong", |db, key| db.put(key(2), b"").unwrap()),
    ];
    for (expected, change) in cases {
        let changed = tempfile::tempdir().unwrap();
        copy(directory.path(), changed.path());
        change(&rocksdb::DB::open_default(changed.path()).unwrap(), &key);
        let log = open(changed.path());
        assert_eq!(log.read(position.partition, 0, 210).unwrap().len(), 1);
        assert_eq!(log.read(position.partition, 3, 1_000).unwrap().len(), 2);
        for from in [0, 2] {
            let error = log.read(position.partition, from, 10_000).unwrap_err();
            assert!(error.to_string().contains("damaged at offset 2 of partition") && error.to_string().contains(expected), "{error}");
        }
        // What to do next: the rest can be kept if the book has the frame.
        log.trim(position.partition, 3).unwrap();
        assert_eq!(read_all(&log).unwrap().len(), 2);
    }
}

/// What makes RocksDB 11.8 read its list of files for ever.
#[test]
fn a_flipped_type_in_the_list_of_files_is_refused() {
    let directory = made(&mut seeded()).0;
    let name = fs::read_to_string(directory.path().join("CURRENT")).unwrap();
    let list = directory.path().join(name.trim_end());
    let mut bytes = fs::read(&list).unwrap();
    let second = 7 + usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
    bytes[second + 6] ^= 4;
    fs::write(list, bytes).unwrap();
    let error = EmbeddedLog::open(directory.path(), small()).map(drop).unwrap_err().to_string();
    assert!(error.contains("its list of files MANIFEST-"), "{error}");
}
