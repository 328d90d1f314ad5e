//! Appends: positions, order, frames, refusals.

use super::recording::{assert_at, book, books, read_all, record, records};
use super::{Setup, run, seeded};
use crate::{APPEND_BYTES_MAX, Copying, Error, EventLog, RECORD_BYTES_MAX};
use bytes::Bytes;
use rand::RngExt;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tandem_domain::position::partition_of;
use tokio::task::JoinSet;

/// Nothing is in it, and nobody waits in vain for long.
pub fn a_new_log_is_empty<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let log = open(&Setup { partitions: 3, ..Default::default() });
    assert_eq!(log.partitions(), 3);
    for partition in 0..3 {
        let end = log.end(partition).unwrap();
        assert_eq!(log.start(partition), Ok(end));
        assert_eq!(log.read(partition, end, 1_000), Ok(vec![]));
    }
    let ends: Vec<_> = (0..3).map(|partition| log.end(partition).unwrap()).collect();
    assert!(!log.wait(&ends, Duration::ZERO));
}

/// One record, then two.
pub fn a_record_is_read_where_its_position_says<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let log = open(&Setup::default());
    for (n, council) in ["E09000001", "E09000002", "E09000001"].into_iter().enumerate() {
        let sent = records(council, 2 * n..2 * n + 1 + n % 2, 100);
        let position = run(log.append(council, sent.clone())).unwrap();
        assert_eq!(position.partition, partition_of(council, log.partitions()));
        assert!(position.offset < log.end(position.partition).unwrap(), "what is acknowledged is below the end");
        assert_at(&log, position, sent.last().unwrap());
    }
    assert_eq!(book(&log, "E09000001"), [record("E09000001", 0, 100), record("E09000001", 4, 100)]);
    assert_eq!(book(&log, "E09000002"), [record("E09000002", 2, 100), record("E09000002", 3, 100)]);
    assert!(read_all(&log).iter().all(|frame| frame.append_us > 0));
}

/// Appends that are under way at the same time are recorded in the order of their first polls, waiting or not, in every council.
pub fn a_council_keeps_the_order_of_its_appends<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let mut random = seeded();
    // A queue that holds a few of them.
    let log = open(&Setup { queue_bytes_max: 20_000, ..Default::default() });
    let councils = ["AA", "BB", "CC", "DD", "EE"];
    let mut sent: BTreeMap<&str, Vec<Bytes>> = BTreeMap::new();
    let mut appends = Vec::new();
    for _ in 0..400 {
        let council = councils[random.random_range(0..councils.len())];
        let book = sent.entry(council).or_default();
        let some = records(council, book.len()..book.len() + random.random_range(1..4), random.random_range(1..2_000));
        book.extend(some.iter().cloned());
        appends.push(Box::pin(log.append(council, some)));
    }
    let positions = run(async {
        let mut results = vec![None; appends.len()];
        // Each is polled in turn, over and over: the first round is the order of the calls.
        poll_fn(|context| {
            for (append, result) in appends.iter_mut().zip(&mut results) {
                if result.is_none()
                    && let Poll::Ready(done) = append.as_mut().poll(context)
                {
                    *result = Some(done.unwrap());
                }
            }
            if results.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        results
    });
    let by_council = |partition: u32| positions.iter().flatten().filter(move |at| at.partition == partition);
    for (council, sent) in sent {
        assert_eq!(book(&log, council), sent);
        let partition = partition_of(council, log.partitions());
        assert!(by_council(partition).all(|at| at.offset < log.end(partition).unwrap()));
    }
}

/// Many tasks, each with a council of its own and one that all share.
pub fn appends_from_many_threads_are_all_there_once<L: EventLog>(open: impl Fn(&Setup) -> L) {
    const TASKS: usize = 16;
    const APPENDS: usize = 60;
    let log = Arc::new(open(&Setup::default()));
    run(async {
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let log = log.clone();
            tasks.spawn(async move {
                let own = format!("own-{task}");
                for n in 0..APPENDS {
                    let position = log.append(&own, records(&own, n..n + 1, 50)).await.unwrap();
                    assert_at(&*log, position, &record(&own, n, 50));
                    let shared = record("shared", task * APPENDS + n, 50);
                    let position = log.append("shared", vec![shared.clone()]).await.unwrap();
                    assert_at(&*log, position, &shared);
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    });
    for task in 0..TASKS {
        let own = format!("own-{task}");
        assert_eq!(book(&*log, &own), records(&own, 0..APPENDS, 50));
    }
    let shared = book(&*log, "shared");
    for task in 0..TASKS {
        let of_task = records("shared", task * APPENDS..(task + 1) * APPENDS, 50);
        let found: Vec<_> = shared.iter().filter(|record| of_task.contains(record)).cloned().collect();
        assert_eq!(found, of_task, "a task's appends keep their order");
    }
    assert_eq!(shared.len(), TASKS * APPENDS);
}

/// As much as one append may have, next to small ones.
pub fn large_appends_become_frames_of_one_council_within_the_limit<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let log = open(&Setup::default());
    let large = records("AA", 0..APPEND_BYTES_MAX / 33_000, 32_000);
    let odd = records("BB", 0..200, RECORD_BYTES_MAX - 100);
    let (first, second, third, fourth) = run(async {
        // Polled in this order.
        tokio::join!(
            biased;
            log.append("AA", large.clone()),
            log.append("BB", odd.clone()),
            log.append("AA", records("AA", 1_000..1_001, 10)),
            log.append("CC", records("CC", 0..3, 10)),
        )
    });
    assert!([first, second, third, fourth].iter().all(Result::is_ok));
    // `books` checks each frame.
    let books = books(&log);
    let of = |council: &str| books[council].iter().map(|(_, record)| record.clone()).collect::<Vec<_>>();
    assert_eq!(of("AA"), [large, records("AA", 1_000..1_001, 10)].concat());
    assert_eq!(of("BB"), odd);
    assert_eq!(of("CC"), records("CC", 0..3, 10));
}

/// Within a partition, and when the log is opened again.
pub fn append_times_never_go_back<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let setup = Setup { partitions: 1, ..Default::default() };
    for round in 0..3 {
        let log = open(&setup);
        for n in 0..20 {
            run(log.append("AA", records("AA", round * 20 + n..round * 20 + n + 1, 10))).unwrap();
        }
        assert!(read_all(&log).is_sorted_by_key(|frame| frame.append_us));
    }
}

/// Copies are read with the time they had, others with their own; in order, and also when the log is opened again.
pub fn copies_keep_the_time_they_had<L: Copying>(open: impl Fn(&Setup) -> L) {
    let setup = Setup { partitions: 2, ..Default::default() };
    let log = open(&setup);
    // Small ones, and one that no frame holds.
    let times = [0, 7_000_000, 7_000_000, 3_000_001, 0, 9];
    let count = |n: usize| if n == 3 { 40 } else { 1 };
    let copied = |n: usize| records("AA", 100 * n..100 * n + count(n), 30_000);
    // Called in this order, at once.
    let appends = (0..times.len()).map(|n| log.append_copy("AA", copied(n), times[n]));
    let positions: Vec<_> = run(futures::future::join_all(appends)).into_iter().map(Result::unwrap).collect();
    assert!(positions.is_sorted_by_key(|at| (at.offset, at.index)));
    drop(log);
    let log = open(&setup);
    let mut expected = (0..times.len()).flat_map(|n| copied(n).into_iter().map(move |record| (times[n], record)));
    for stored in read_all(&log) {
        let frame = stored.parse().unwrap();
        for record in &frame.records {
            let (time, expected) = expected.next().unwrap();
            assert_eq!((frame.original_append_us, *record), (time, &*expected));
            assert!(if time > 0 { stored.append_us == time } else { stored.append_us > 1_000_000_000_000_000 }, "{} {time}", stored.append_us);
        }
    }
    assert_eq!(expected.next(), None);
}

/// A caller's faults are told, and leave no trace.
pub fn what_cannot_be_recorded_is_refused<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let log = open(&Setup::default());
    let large: Bytes = vec![0; RECORD_BYTES_MAX + 1].into();
    let full: Bytes = vec![0; RECORD_BYTES_MAX].into();
    for (council, records) in [
        ("", records("AA", 0..1, 10)),
        ("a council", records("AA", 0..1, 10)),
        ("AA", vec![]),
        ("AA", vec![record("AA", 0, 10), large]),
        ("AA", vec![full; APPEND_BYTES_MAX / RECORD_BYTES_MAX + 1]),
    ] {
        let error = run(log.append(council, records.clone())).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)) && error.nothing_recorded(), "{error:?}");
        assert_eq!(run(log.try_append(council, records)), Err(error));
    }
    assert!(read_all(&log).is_empty());
}

/// Futures that are dropped, before or while they wait: they may or may not be recorded, once, and all others are.
pub fn abandoned_appends_disturb_no_other<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let mut random = seeded();
    let log = Arc::new(open(&Setup { queue_bytes_max: 10_000, ..Default::default() }));
    let abandoned: Vec<bool> = (0..500).map(|_| random.random_bool(0.4)).collect();
    run(async {
        let mut kept = JoinSet::new();
        let mut dropped = JoinSet::new();
        for (n, &abandon) in abandoned.iter().enumerate() {
            let log = log.clone();
            let append = async move { log.append("AA", records("AA", n..n + 1, 1_000)).await.unwrap() };
            if abandon {
                dropped.spawn(append)
            } else {
                kept.spawn(append)
            };
            if n % 50 == 49 {
                tokio::task::yield_now().await;
                dropped.abort_all();
            }
        }
        assert_eq!(kept.join_all().await.len(), abandoned.iter().filter(|&&abandon| !abandon).count());
    });
    // What was dropped may still be on its way: closing finishes it.
    log.close();
    let found = book(&*log, "AA");
    let count = |n: usize| found.iter().filter(|&found| *found == record("AA", n, 1_000)).count();
    for (n, &abandon) in abandoned.iter().enumerate() {
        assert!(count(n) == 1 || abandon && count(n) == 0, "record {n} is there {} times", count(n));
    }
}
