//! A real disk error in the middle of a commit: a process that may not make its files larger.

#![cfg(unix)]

use crate::support::{append, book};
use std::path::Path;
use std::process::Command;
use tandem_log::embedded::Options;
use tandem_log::{EmbeddedLog, Error, EventLog};

fn open(path: &Path) -> EmbeddedLog {
    EmbeddedLog::open(path, Options::default()).unwrap()
}

/// Not a test: what the limited process does.
#[test]
#[ignore = "is run by the other test, in a process of its own"]
fn limited() {
    let Some(path) = std::env::var_os("DISK_FULL_DIRECTORY") else { return };
    let log = open(Path::new(&path));
    let mut acknowledged = 0;
    let failed = loop {
        match append(&log, "AA", &[acknowledged as u8; 10_000]) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(failed, Error::OutcomeUnknown { .. }), "{failed}");
    let later = append(&log, "AA", b"later").unwrap_err();
    assert!(matches!(later, Error::Failed { .. }) && later.to_string().contains("File too large"), "{later}");
    assert!(matches!(log.trim(0, 0), Err(Error::Failed { .. })));
    assert_eq!(book(&log, "AA").len(), acknowledged, "what was acknowledged can still be read");
    println!("acknowledged {acknowledged}");
}

#[test]
fn after_a_disk_error_nothing_acknowledged_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    // Without the trap the first write over the limit would kill the process.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 4000; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["disk_full::limited", "--exact", "--ignored", "--nocapture"])
        .env("DISK_FULL_DIRECTORY", directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let acknowledged = text.lines().find_map(|line| line.split_once("acknowledged ")?.1.parse::<usize>().ok());
    let Some(acknowledged) = acknowledged else { panic!("{text}{}", String::from_utf8_lossy(&output.stderr)) };
    assert!(acknowledged > 50);

    let log = open(directory.path());
    let found = book(&log, "AA");
    assert!((acknowledged..=acknowledged + 1).contains(&found.len()), "{} of {acknowledged}", found.len());
    assert!(found.iter().enumerate().all(|(n, record)| *record == [n as u8; 10_000]));
    append(&log, "AA", b"there is room again").unwrap();
}
