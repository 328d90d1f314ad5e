//! Wrong logs and damaged files: refused, or found out, or harmless; never a wrong row.

use crate::history::{append, random};
use crate::support::{MemoryLog, assert_same, copy_directory, dump, open, options, settle, try_dump};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tandem_log::EventLog;
use tandem_projection::{Error, Health, Projection, ProjectionServer};
use tandem_proto::internal::v1::projection_service_server::ProjectionService;
use tandem_proto::internal::v1::{GetStatusRequest, ListBooksRequest};
use tonic::{Code, Request};

fn refusal(path: &Path, log: &Arc<MemoryLog>) -> String {
    let error = Projection::open(path, log.clone(), options()).err().expect("it should not open").to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    error
}

#[test]
fn another_log_is_refused() {
    let plan = random(2, 40);
    let (log, directory) = (MemoryLog::new(7, 3), tempfile::tempdir().unwrap());
    let path = directory.path();
    append(&log, &plan, 0);
    let projection = open(path, &log);
    settle(&projection);
    let in_use = Projection::open(path, log.clone(), options()).err();
    assert!(matches!(in_use, Some(Error::InUse { .. })), "{in_use:?}");
    drop(projection);

    assert!(refusal(path, &log.copy(8, usize::MAX)).contains("is of log 0707"), "another identity");
    assert!(refusal(path, &MemoryLog::new(7, 4)).contains("3 partitions"), "another number of partitions");
    assert!(refusal(path, &log.copy(7, 1)).contains("the log ends at"), "an older state of the log");
    let other = log.copy(7, usize::MAX);
    let end = other.end(0).unwrap();
    other.pop(0);
    other.push_bytes(0, Bytes::from_static(b"something else"), 1);
    assert!(refusal(path, &other).contains(&format!("another frame at offset {}", end - 1)), "another last frame");
    // None of these changed anything.
    assert_eq!(settle(&open(path, &log)), Health::Serving);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_read_stops_the_projection_loudly() {
    let (log, directory) = (MemoryLog::new(7, 1), tempfile::tempdir().unwrap());
    append(&log, &random(3, 5), 0);
    log.push_bytes(0, Bytes::from_static(b"not a frame"), 1);
    append(&log, &random(4, 5), 6);
    for _ in 0..2 {
        let projection = open(directory.path(), &log);
        let Health::Failed(why) = settle(&projection) else { panic!("it should fail") };
        assert!(why.contains("offset 5 of partition 0"), "{why}");
        let server = ProjectionServer::new(projection.clone());
        let status = server.list_books(Request::new(ListBooksRequest { request: Some(Default::default()), ..Default::default() })).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("offset 5 of partition 0"), "{}", status.message());
        assert!(projection.stop().is_err());
    }
}

/// A store of table files and a write-ahead log, and what it logically holds.
fn store(parent: &Path) -> (Arc<MemoryLog>, PathBuf) {
    let (log, path) = (MemoryLog::new(7, 2), parent.join("whole"));
    let plan = random(5, 120);
    // Opening writes what the write-ahead log holds into table files.
    for (first, frames) in [(0, 60), (60, 30), (90, 30)] {
        append(&log, &plan[first..first + frames], first);
        let projection = open(&path, &log);
        assert_eq!(settle(&projection), Health::Serving);
    }
    (log, path)
}

#[test]
fn damaged_files_are_refused_or_found_out_or_harmless() {
    let seed = crate::history::seed();
    println!("SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let parent = tempfile::tempdir().unwrap();
    let (log, whole) = store(parent.path());
    let expected = dump(&whole);
    let mut files: Vec<_> = std::fs::read_dir(&whole).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|name| name.ends_with(".sst") || name.ends_with(".log") || name.starts_with("MANIFEST") || name == "CURRENT");
    files.sort();
    assert!(files.iter().filter(|name| name.ends_with(".sst")).count() >= 9, "{files:?}");
    let mut refused = 0;
    for name in &files {
        for kind in ["gone", "short", "flipped"] {
            let path = parent.path().join("damaged");
            copy_directory(&whole, &path);
            damage(&path.join(name), kind, &mut random);
            let was_refused = check(&path, &log, &expected, &format!("{name} {kind}"));
            // What a crash does to the write-ahead log's end is mended from the log of frames.
            assert!(!(was_refused && name.ends_with(".log") && kind == "short"), "{name} was cut short, and it was refused");
            refused += usize::from(was_refused);
            std::fs::remove_dir_all(&path).unwrap();
        }
    }
    println!("{refused} of {} were refused", files.len() * 3);
    assert!(refused > files.len());
}

fn damage(file: &Path, kind: &str, random: &mut StdRng) {
    let mut bytes = std::fs::read(file).unwrap();
    match kind {
        "gone" => return std::fs::remove_file(file).unwrap(),
        "short" => bytes.truncate(bytes.len() / 2),
        _ if bytes.is_empty() => {}
        _ => {
            let at = random.random_range(0..bytes.len());
            bytes[at] ^= 1 << random.random_range(0..8);
        }
    }
    std::fs::write(file, bytes).unwrap();
}

/// Whether it was refused. If not, it must end with the right rows.
fn check(path: &Path, log: &Arc<MemoryLog>, expected: &[(u8, Vec<u8>, Vec<u8>)], what: &str) -> bool {
    let projection = match Projection::open(path, log.clone(), options()) {
        Ok(projection) => projection,
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains('\n') && error.contains("damaged"), "{what}: {error}");
            return true;
        }
    };
    if let Health::Failed(_) = settle(&projection) {
        return true;
    }
    drop(projection);
    match try_dump(path) {
        Err(_) => true,
        Ok(rows) => {
            assert_same(&rows, expected, what);
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_its_message_is_refused() {
    let running = crate::support::Running::start(1);
    let status = running.server.get_status(Request::new(GetStatusRequest::default())).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "request: is required"));
}
