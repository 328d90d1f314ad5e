//! Reading, waiting, trimming.

use super::recording::{books, read_all, read_partition, record, records};
use super::{Setup, run};
use crate::{Error, EventLog, StoredFrame};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use tandem_domain::position::partition_of;

/// Far longer than any of it takes.
const LONG: Duration = Duration::from_secs(600);
const COUNCILS: [&str; 4] = ["AA", "BB", "CC", "DD"];

/// Appends one at a time: about `count` frames.
fn fill<L: EventLog>(log: &L, from: usize, count: usize) {
    for n in from..from + count {
        let council = COUNCILS[n % COUNCILS.len()];
        run(log.append(council, records(council, n..n + 1 + n % 3, 10 * (n % 50)))).unwrap();
    }
}

/// Every part of a partition is what stands there, wherever it begins and however large it may be.
pub fn frames_are_read_from_anywhere_in_parts<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let log = open(&Setup { partitions: 1, ..Default::default() });
    fill(&log, 0, 60);
    let all = read_partition(&log, 0);
    assert_eq!(all.len(), 60);
    for (at, first) in all.iter().enumerate() {
        // One, although no byte may be read.
        assert_eq!(log.read(0, first.offset, 0).unwrap(), all[at..=at]);
        for bytes_max in [1, 1_000, 5_000, usize::MAX] {
            let part = log.read(0, first.offset, bytes_max).unwrap();
            let sum = |count: usize| all[at..at + count].iter().map(|frame| frame.bytes.len()).sum::<usize>();
            assert_eq!(part, all[at..at + part.len()]);
            assert!(part.len() == 1 || sum(part.len()) <= bytes_max);
            assert!(at + part.len() == all.len() || sum(part.len() + 1) > bytes_max, "no less than what may be read");
        }
    }
}

/// Which offsets and partitions are not there, and why.
pub fn reading_outside_says_why<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let log = open(&Setup { partitions: 1, ..Default::default() });
    fill(&log, 0, 5);
    let end = log.end(0).unwrap();
    assert_eq!(log.read(0, end, 1_000), Ok(vec![]));
    for offset in [end + 1, end + 1_000, u64::MAX] {
        let beyond = Error::BeyondEnd { partition: 0, offset, end };
        assert_eq!(log.read(0, offset, 1_000), Err(beyond.clone()));
        assert_eq!(log.trim(0, offset), Err(beyond));
    }
    for partition in [1, u32::MAX] {
        assert!(matches!(log.read(partition, 0, 1_000), Err(Error::Invalid(_))));
        assert!(matches!(log.start(partition), Err(Error::Invalid(_))));
        assert!(matches!(log.end(partition), Err(Error::Invalid(_))));
        assert!(matches!(log.trim(partition, 0), Err(Error::Invalid(_))));
    }
}

/// For any of the partitions asked for, and for no other; and the time can be up.
pub fn waiting_ends_when_there_is_something_to_read<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let log = open(&Setup { partitions: 2, ..Default::default() });
    let own = COUNCILS.iter().find(|council| partition_of(council, 2) == 1).expect("one in partition 1");
    let ends = || [0, 1].map(|partition| log.end(partition).unwrap());
    run(log.append(own, records(own, 0..1, 10))).unwrap();
    let [end, other] = ends();
    assert!(log.wait(&[end, other - 1], Duration::ZERO) && log.wait(&[end, 0], LONG));
    assert!(!log.wait(&[end, other], Duration::from_millis(1)));
    assert!(!log.wait(&[end, u64::MAX], Duration::from_millis(1)) && !log.wait(&[end], Duration::from_millis(1)));

    thread::scope(|scope| {
        let waiting = scope.spawn(|| log.wait(&[u64::MAX, other], LONG));
        run(log.append(own, records(own, 1..2, 10))).unwrap();
        assert!(waiting.join().unwrap());
    });
    assert!(ends()[1] > other && !log.read(1, other, 1_000).unwrap().is_empty());
}

/// Frames below it are gone for ever; those above, the end, and the order of time stay.
pub fn trimming_moves_the_start_and_nothing_else<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let setup = Setup { partitions: 2, ..Default::default() };
    let mut log = open(&setup);
    fill(&log, 0, 40);
    let all = read_partition(&log, 0);
    let other = read_partition(&log, 1);
    let end = log.end(0).unwrap();
    let newest = read_all(&log).iter().map(|frame| frame.append_us).max();
    for keep in [all.len(), all.len() / 2, 1, 0] {
        let wanted = all[all.len() - keep..].first().map_or(end, |frame| frame.offset);
        log.trim(0, wanted).unwrap();
        // The newest may stay.
        let stays = keep == 0 && log.start(0) != Ok(end);
        let kept = &all[all.len() - keep.max(usize::from(stays))..];
        let start = kept.first().map_or(end, |frame| frame.offset);
        log.trim(0, start.saturating_sub(1)).unwrap(); // below the start: nothing
        for reopened in [false, true] {
            if reopened {
                drop(log);
                log = open(&setup);
            }
            assert_eq!((log.start(0), log.end(0)), (Ok(start), Ok(end)));
            assert_eq!(read_partition(&log, 0), kept);
            assert_eq!(read_partition(&log, 1), other);
            if start > all[0].offset {
                assert_eq!(log.read(0, start - 1, 1_000), Err(Error::Trimmed { partition: 0, offset: start - 1, start }));
            }
        }
    }
    fill(&log, 40, 10);
    let mut after = read_partition(&log, 0);
    // The newest of those that were trimmed may have stayed.
    after.retain(|frame| Some(frame) != all.last());
    assert!(!after.is_empty() && after.iter().all(|frame| frame.offset >= end && Some(frame.append_us) >= newest));
}

/// Whoever follows the ends misses nothing, while others append, while what was seen is trimmed, and while a late reader looks at what is
/// being trimmed.
pub fn a_tail_sees_every_frame_once_and_in_order<L: EventLog>(open: impl Fn(&Setup) -> L) {
    const APPENDS: usize = 300;
    let log = &open(&Setup { partitions: 2, ..Default::default() });
    let done = &AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let tail = scope.spawn(|| follow(log, done));
        scope.spawn(|| {
            while !done.load(SeqCst) {
                let start = log.start(0).unwrap();
                match log.read(0, start, 10_000) {
                    Ok(frames) => assert!(frames.iter().all(|frame| frame.parse().is_ok())),
                    Err(error) => assert!(matches!(error, Error::Trimmed { offset, .. } if offset == start), "{error}"),
                }
            }
        });
        let append = |council: &'static str| {
            for n in 0..APPENDS {
                run(log.append(council, vec![record(council, n, n % 700)])).unwrap();
            }
        };
        let appending: Vec<_> = COUNCILS.map(|council| scope.spawn(move || append(council))).into();
        appending.into_iter().for_each(|appending| appending.join().unwrap());
        log.close();
        done.store(true, SeqCst);
        tail.join().unwrap()
    });
    for council in COUNCILS {
        let expected: Vec<_> = (0..APPENDS).map(|n| record(council, n, n % 700)).collect();
        assert_eq!(seen[council], expected);
    }
}

/// Reads what comes until the log is closed, and trims it now and then; says what it read.
fn follow<L: EventLog>(log: &L, done: &AtomicBool) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut seen: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    let mut next = [0, 1].map(|partition| log.start(partition).unwrap());
    loop {
        let last_round = done.load(SeqCst);
        log.wait(&next, LONG);
        for partition in [0, 1] {
            let frames: Vec<StoredFrame> = log.read(partition, next[partition as usize], 3_000).unwrap();
            for stored in &frames {
                let frame = stored.parse().unwrap();
                seen.entry(frame.council.into()).or_default().extend(frame.records.iter().map(|record| record.to_vec()));
                next[partition as usize] = stored.offset + 1;
            }
            if !last_round && next[partition as usize] % 7 == 0 {
                log.trim(partition, next[partition as usize]).unwrap();
            }
        }
        if last_round && (0..2).all(|partition| next[partition as usize] == log.end(partition).unwrap()) {
            return seen;
        }
    }
}

/// Identity, ends, frames and their times; and it goes on where it stopped.
pub fn a_reopened_log_is_the_same<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let setup = Setup::default();
    let log = open(&setup);
    let (id, mut frames) = (log.id(), Vec::new());
    drop(log);
    for round in 0..4 {
        let log = open(&setup);
        assert_eq!((log.id(), log.partitions()), (id, setup.partitions));
        assert_eq!(read_all(&log), frames);
        fill(&log, round * 30, 30);
        assert_eq!(books(&log).values().map(Vec::len).sum::<usize>(), (0..(round + 1) * 30).map(|n| 1 + n % 3).sum::<usize>());
        frames = read_all(&log);
        if round % 2 == 0 {
            log.close();
            assert_eq!(read_all(&log), frames, "a closed log can be read");
        }
    }
}
