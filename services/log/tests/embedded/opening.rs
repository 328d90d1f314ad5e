//! What a log is opened with, and what it refuses to open.

use crate::support::{append, book, copy, open, read_all, run, small};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use tandem_log::conformance::seeded;
use tandem_log::embedded::Options;
use tandem_log::{EmbeddedLog, Error, EventLog};

fn refused(path: &Path, options: Options) -> Error {
    let error = EmbeddedLog::open(path, options).map(drop).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\n') && text.len() < 400, "{text}");
    error
}

/// A log with a few frames, closed.
fn made() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let log = open(directory.path());
    for n in 0..20 {
        append(&log, "AA", &[n; 100]).unwrap();
    }
    directory
}

#[test]
fn a_directory_has_one_user() {
    let directory = made();
    let log = open(directory.path());
    let error = refused(directory.path(), small());
    assert_eq!(error, Error::InUse { path: directory.path().into() });
    assert!(error.to_string().starts_with("another process uses the log in /"), "{error}");
    // Closed is not yet gone: readers may still use it.
    log.close();
    assert_eq!(refused(directory.path(), small()), error);
    drop(log);
    open(directory.path());
}

#[test]
fn a_directory_is_made_with_its_parents() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b/c");
    let id = open(&path).id();
    assert_eq!(open(&path).id(), id);
    assert_ne!(open(&directory.path().join("other")).id(), id, "ids are random");
    let file = directory.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    assert!(matches!(refused(&file, small()), Error::Io { .. }));
}

#[test]
fn the_number_of_partitions_is_for_ever() {
    let directory = made();
    let error = refused(directory.path(), Options { partitions: 4, ..small() });
    assert!(matches!(error, Error::Mismatch { .. }) && error.to_string().contains("has 3 partitions, not 4"), "{error}");
    for partitions in [0, 65_537] {
        assert!(matches!(refused(directory.path(), Options { partitions, ..small() }), Error::Invalid(_)));
    }
    assert_eq!(book(&open(directory.path()), "AA").len(), 20);
}

#[test]
fn what_is_not_a_log_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    rocksdb::DB::open(&options, directory.path()).unwrap().put(b"key", b"somebody else's").unwrap();
    assert!(matches!(refused(directory.path(), small()), Error::Damaged { .. }));
    let db = rocksdb::DB::open(&options, directory.path()).unwrap();
    assert_eq!(db.get(b"key").unwrap().as_deref(), Some(&b"somebody else's"[..]));
}

#[test]
fn a_log_that_lost_a_file_is_refused_until_told_to_go_on() {
    let directory = made();
    let names = || fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    let (lost_wal, lost_list) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in names() {
        let from = directory.path().join(&name);
        if !name.ends_with(".log") {
            fs::copy(&from, lost_wal.path().join(&name)).unwrap();
        }
        if name != "CURRENT" {
            fs::copy(&from, lost_list.path().join(&name)).unwrap();
        }
    }
    for (path, expected) in [(lost_list.path(), "CURRENT is missing"), (lost_wal.path(), "20 frames were acknowledged, but only 0 are there")] {
        // Asked again, it says the same: the first time has changed nothing.
        for _ in 0..2 {
            let error = refused(path, small());
            assert!(matches!(error, Error::Damaged { .. }) && error.to_string().contains(expected), "{error}");
        }
    }
    fs::remove_file(lost_wal.path().join("acknowledged")).unwrap();
    let log = open(lost_wal.path());
    assert!(read_all(&log).unwrap().is_empty());
    append(&log, "AA", b"on we go").unwrap();
    drop(log);
    assert_eq!(book(&open(lost_wal.path()), "AA"), [b"on we go"]);
}

#[test]
fn files_of_another_log_are_noticed() {
    let (one, other) = (made(), made());
    fs::copy(other.path().join("acknowledged"), one.path().join("acknowledged")).unwrap();
    assert!(refused(one.path(), small()).to_string().contains("of the log"));
}

/// A machine that stops while the log is being made leaves any part of it; nothing was acknowledged then.
#[test]
fn a_log_half_made_is_made_again() {
    let mut left = vec![];
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("acknowledged"), []).unwrap();
    left.push(directory);
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("acknowledged"), [0; 1024]).unwrap();
    fs::write(directory.path().join("MANIFEST-000001"), b"half").unwrap();
    left.push(directory);
    // A database without the first row.
    let directory = tempfile::tempdir().unwrap();
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    drop(rocksdb::DB::open(&options, directory.path()).unwrap());
    left.push(directory);
    for directory in left {
        let log = open(directory.path());
        append(&log, "AA", b"one").unwrap();
        drop(log);
        assert_eq!(book(&open(directory.path()), "AA"), [b"one"]);
    }
}

static CLOCK: AtomicU64 = AtomicU64::new(1_000);

#[test]
fn a_clock_that_goes_back_does_not_take_the_log_with_it() {
    use rand::RngExt;
    let mut random = seeded();
    let directory = tempfile::tempdir().unwrap();
    let mut highest = 0;
    for _ in 0..8 {
        let log = EmbeddedLog::open(directory.path(), Options { clock: || CLOCK.load(SeqCst), ..small() }).unwrap();
        for _ in 0..10 {
            let now = random.random_range(1_000..100_000);
            CLOCK.store(now, SeqCst);
            let council = ["AA", "BB", "CC"][random.random_range(0..3)];
            let position = append(&log, council, b"x").unwrap();
            let frame = &log.read(position.partition, position.offset, 0).unwrap()[0];
            highest = now.max(highest);
            assert_eq!(frame.append_us, highest);
        }
        // Nor does it matter that no frame is left to tell.
        if random.random_bool(0.5) {
            (0..3).for_each(|partition| log.trim(partition, log.end(partition).unwrap()).unwrap());
        }
    }
}

/// A copy of a running log's directory is what a crash of the process would leave.
#[test]
fn what_a_crash_leaves_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    for n in 0..50u8 {
        append(&log, "AA", &[n; 3_000]).unwrap();
        append(&log, "BB", &[n; 30]).unwrap();
        let crashed = tempfile::tempdir().unwrap();
        // Whole only if no file comes or goes while it is copied.
        let before = statistics(directory.path());
        copy(directory.path(), crashed.path());
        if statistics(directory.path()) == before {
            let reopened = open(crashed.path());
            assert_eq!(read_all(&reopened), read_all(&log));
            assert_eq!(
                run(reopened.append("AA", vec![vec![0; 10].into()])).unwrap().offset,
                log.end(tandem_domain::position::partition_of("AA", 3)).unwrap()
            );
        }
    }
}

/// Names and sizes of the files that matter.
fn statistics(path: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    let mut files: Vec<_> = entries.filter_map(|entry| Some((entry.file_name().into_string().unwrap(), entry.metadata().ok()?.len()))).collect();
    files.retain(|(name, _)| !name.starts_with("LOG"));
    files.sort();
    files
}
