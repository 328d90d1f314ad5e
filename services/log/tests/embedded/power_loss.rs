//! The machine stops, and everything that was not synced is lost: all that was acknowledged must be there.
//!
//! A victim process appends to a log; `power_loss.c`, loaded into it, keeps what fsync and fdatasync were asked to keep. The victim is
//! killed at a random moment. What was kept, by the letter of POSIX, is the disk that the next victim finds. On top of that, at random,
//! a part of what was written later is on it too, as the write-ahead log's torn end would be.

#![cfg(target_os = "linux")]

use crate::support::{append, open, read_all};
use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tandem_domain::position::partition_of;
use tandem_log::conformance::seeded;
use tandem_log::{EmbeddedLog, EventLog};

const COUNCILS: [&str; 5] = ["AA", "BB", "CC", "DD", "EE"];
/// How often the machine stops.
const ROUNDS: usize = 15;

/// Compiles the library; `None` if there is no C compiler.
fn library(directory: &Path) -> PathBuf {
    let library = directory.join("power_loss.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/embedded/power_loss.c");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(&compiler).args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).args([source, "-ldl", "-lpthread"]).status();
    let status = status.unwrap_or_else(|error| panic!("missing: a C compiler (deploy/setup installs one): {compiler}: {error}"));
    assert!(status.success(), "{compiler} could not compile power_loss.c");
    library
}

/// Not a test: what the victim process does, for ever. It says of each record when it is acknowledged.
#[test]
#[ignore = "is run by the other test, in a process of its own"]
fn victim() {
    let Some(path) = std::env::var_os("POWER_LOSS_DIRECTORY") else { return };
    let log = open(Path::new(&path));
    let next = contents(&log);
    std::thread::scope(|scope| {
        for council in COUNCILS {
            let (log, next) = (&log, &next);
            scope.spawn(move || {
                for n in next.get(council).map_or(0, |last| last + 1).. {
                    let mut record = n.to_be_bytes().to_vec();
                    record.resize(8 + n as usize * 37 % 4_000, n as u8);
                    append(log, council, &record).unwrap();
                    writeln!(std::io::stdout(), "acknowledged {council} {n}").unwrap();
                    if n % 100 == 99 {
                        let partition = partition_of(council, log.partitions());
                        log.trim(partition, log.end(partition).unwrap().saturating_sub(150)).unwrap();
                    }
                }
            });
        }
    });
}

/// The last record's number of each council; all of them must be in order, without a gap.
fn contents(log: &EmbeddedLog) -> BTreeMap<String, u64> {
    let mut last = BTreeMap::new();
    for stored in read_all(log).unwrap() {
        let frame = stored.parse().unwrap();
        for record in frame.records {
            let (number, filler) = record.split_first_chunk().unwrap();
            let number = u64::from_be_bytes(*number);
            assert!(filler.len() as u64 == number * 37 % 4_000 && filler.iter().all(|&byte| byte == number as u8));
            let before = last.insert(frame.council.to_owned(), number);
            assert!(before.is_none_or(|before| number == before + 1), "{number} of {} follows {before:?}", frame.council);
        }
    }
    last
}

/// Runs a victim until a number of acknowledgements, then stops it; says what was acknowledged.
fn sacrifice(library: &Path, live: &Path, kept: &Path, stop_after: usize) -> BTreeMap<String, u64> {
    let mut victim: Child = Command::new(std::env::current_exe().unwrap())
        .args(["power_loss::victim", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("LD_PRELOAD", library)
        .env("POWER_LOSS_DIRECTORY", live)
        .env("POWER_LOSS_KEPT", kept)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = BTreeMap::new();
    let mut count = 0;
    for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
        // Lines go on for a little after the kill: they were acknowledged too.
        let line = line.unwrap();
        // The test harness's own words may stand before the first one.
        let Some((_, rest)) = line.split_once("acknowledged ") else { continue };
        let Some((council, number)) = rest.split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        acknowledged.insert(council.to_owned(), number);
        count += 1;
        if count == stop_after {
            victim.kill().unwrap();
        }
    }
    victim.wait().unwrap();
    assert!(count >= stop_after, "the victim died by itself");
    acknowledged
}

/// What is there when a victim begins is on the disk already.
fn keep_all(live: &Path, kept: &Path) {
    fs::create_dir(kept).unwrap();
    let mut names = String::new();
    for entry in fs::read_dir(live).unwrap().map(Result::unwrap) {
        let inode = entry.metadata().unwrap().ino();
        fs::copy(entry.path(), kept.join(inode.to_string())).unwrap();
        names += &format!("{inode} {}\n", entry.file_name().into_string().unwrap());
    }
    fs::write(kept.join("names"), names).unwrap();
}

/// The disk after the stop: the names that were kept, each with the contents that were kept, and after a random place in it, if asked
/// for, what was written since.
fn disk(live: &Path, kept: &Path, to: &Path, torn: bool, random: &mut StdRng) {
    let written: BTreeMap<u64, PathBuf> =
        fs::read_dir(live).unwrap().map(Result::unwrap).map(|entry| (entry.metadata().unwrap().ino(), entry.path())).collect();
    fs::create_dir_all(to).unwrap();
    let names = fs::read_to_string(kept.join("names")).unwrap();
    assert!(!names.is_empty(), "the victim did not sync its directory, or the library was not loaded");
    for line in names.lines() {
        let (inode, name) = line.split_once(' ').unwrap();
        let mut contents = fs::read(kept.join(inode)).unwrap_or_default();
        if let Some(path) = written.get(&inode.parse().unwrap())
            && torn
        {
            let newer = fs::read(path).unwrap();
            let first = contents.iter().zip(&newer).position(|(one, other)| one != other).unwrap_or(contents.len().min(newer.len()));
            // Most of what is newer lies right behind what is kept.
            let cut = random.random_range(first..=newer.len()).min(first + random.random_range(0..20_000)).min(newer.len());
            let rest = contents.get(cut..).unwrap_or_default().to_vec();
            contents = [&newer[..cut], &rest].concat();
        }
        fs::write(to.join(name), contents).unwrap();
    }
}

#[test]
fn what_was_acknowledged_is_there_when_all_that_was_not_synced_is_lost() {
    let mut random = seeded();
    let directory = tempfile::tempdir().unwrap();
    let library = library(directory.path());
    let path = |name: &str, round: usize| directory.path().join(format!("{name}-{round}"));
    fs::create_dir(path("live", 0)).unwrap();
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    let mut torn_more = 0;
    for round in 0..ROUNDS {
        let (live, kept) = (path("live", round), path("kept", round));
        keep_all(&live, &kept);
        acknowledged.extend(sacrifice(&library, &live, &kept, random.random_range(1..800)));
        for torn in [false, true] {
            let found = path(if torn { "torn" } else { "strict" }, round);
            disk(&live, &kept, &found, torn, &mut random);
            let log = EmbeddedLog::open(&found, crate::support::small()).unwrap_or_else(|error| panic!("round {round}, torn {torn}: {error}"));
            let last = contents(&log);
            for (council, number) in &acknowledged {
                assert!(
                    last.get(council) >= Some(number),
                    "round {round}, torn {torn}: {number} of {council} was acknowledged, the last is {:?}",
                    last.get(council)
                );
            }
            torn_more += u64::from(torn) * (last.values().sum::<u64>() - acknowledged.values().sum::<u64>());
            // Whatever of the unacknowledged is there now stays.
            acknowledged.extend(if torn { last } else { BTreeMap::new() });
        }
        // The next victim goes on from here.
        let _ = fs::remove_dir_all(&live);
        fs::rename(path("torn", round), path("live", round + 1)).unwrap();
    }
    println!("{ROUNDS} stops; acknowledged: {acknowledged:?}; {torn_more} records were there although nobody was told");
}
