//! Commits that are held back or fail.

use crate::support::{append, book, open, read_all, run};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tandem_log::embedded::Fault;
use tandem_log::{Error, EventLog};
use tokio::task::JoinSet;

fn record(n: usize) -> Bytes {
    format!("record {n}").into_bytes().into()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

#[test]
fn what_comes_while_a_commit_is_under_way_shares_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let log = Arc::new(open(directory.path()));
    runtime().block_on(async {
        let mut tasks = JoinSet::new();
        let spawn = |tasks: &mut JoinSet<_>, council: &'static str, n: usize| {
            let log = log.clone();
            tasks.spawn(async move { log.append(council, vec![record(n)]).await.unwrap() });
        };
        log.faults().hold();
        spawn(&mut tasks, "AA", 0);
        log.faults().wait_until_held();
        for n in 1..101 {
            spawn(&mut tasks, "AA", n);
            spawn(&mut tasks, "BB", n);
        }
        while log.statistics().queue_appends < 201 {
            tokio::task::yield_now().await;
        }
        assert_eq!(read_all(&log).unwrap(), [], "nothing is seen before it is durable");
        log.faults().release();
        tasks.join_all().await;
    });
    log.close(); // The room of the last commit is given back after its answers.
    let statistics = log.statistics();
    assert_eq!((statistics.queue_bytes, statistics.queue_appends, statistics.appends_waiting, statistics.failed), (0, 0, 0, false));
    // The first alone, then a frame of each council.
    assert_eq!((statistics.commits, statistics.frames, statistics.records), (2, 3, 201));
    assert_eq!((book(&log, "AA").len(), book(&log, "BB").len()), (101, 100));
}

/// One commit of several appends fails; others wait behind it. Afterwards nothing is taken, all that was acknowledged can be read, and
/// reopening shows of the failed commit either all or nothing.
#[test]
fn a_failed_commit_stops_the_log_until_it_is_opened_again() {
    for fault in [Fault::NotPersisted, Fault::Persisted] {
        let directory = tempfile::tempdir().unwrap();
        let log = Arc::new(open(directory.path()));
        let acknowledged: Vec<_> = (0..5).map(record).collect();
        for record in &acknowledged {
            append(&log, "AA", record).unwrap();
        }
        let before = read_all(&log).unwrap();

        log.faults().hold();
        log.faults().fail_next(fault);
        let (failed, behind) = runtime().block_on(async {
            let spawn = |n: usize| {
                let log = log.clone();
                tokio::spawn(async move { log.append("AA", vec![record(n)]).await })
            };
            let failed = spawn(5);
            log.faults().wait_until_held();
            let behind = [spawn(6), spawn(7)];
            while log.statistics().queue_appends < 3 {
                tokio::task::yield_now().await;
            }
            log.faults().release();
            let [first, second] = behind;
            (failed.await.unwrap().unwrap_err(), [first.await.unwrap().unwrap_err(), second.await.unwrap().unwrap_err()])
        });
        assert!(matches!(failed, Error::OutcomeUnknown { .. }) && !failed.nothing_recorded(), "{failed}");
        assert!(behind.iter().all(|error| matches!(error, Error::Failed { .. }) && error.nothing_recorded()), "{behind:?}");

        assert!(log.statistics().failed);
        assert_eq!(append(&log, "AA", b"later").unwrap_err(), behind[0]);
        assert_eq!(run(log.try_append("BB", vec![record(8)])).unwrap_err(), behind[0]);
        assert_eq!(log.trim(0, 0).unwrap_err(), behind[0]);
        assert_eq!(read_all(&log).unwrap(), before, "reading goes on, and shows nothing that was not acknowledged");
        log.close();

        drop(log);
        let log = open(directory.path());
        let kept = if fault == Fault::Persisted { 6 } else { 5 };
        assert_eq!(book(&log, "AA"), (0..kept).map(record).collect::<Vec<_>>());
        append(&log, "AA", &record(9)).unwrap();
        drop(log);
        assert_eq!(book(&open(directory.path()), "AA"), (0..kept).chain([9]).map(record).collect::<Vec<_>>());
    }
}

#[test]
fn closing_waits_for_the_commit_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let log = Arc::new(open(directory.path()));
    log.faults().hold();
    let appending = std::thread::spawn({
        let log = log.clone();
        move || append(&log, "AA", b"under way")
    });
    log.faults().wait_until_held();
    let closing = std::thread::spawn({
        let log = log.clone();
        move || log.close()
    });
    // Closed to appends while it still waits for the commit.
    while append_would_wait(&log) {
        std::thread::yield_now();
    }
    assert!(!closing.is_finished() && !appending.is_finished());
    log.faults().release();
    closing.join().unwrap();
    appending.join().unwrap().unwrap();
    assert_eq!(book(&log, "AA"), [b"under way"]);
}

/// Whether an append is taken; given up at once.
fn append_would_wait(log: &tandem_log::EmbeddedLog) -> bool {
    use std::task::{Context, Poll, Waker};
    let append = std::pin::pin!(log.append("BB", vec![record(0)]));
    !matches!(append.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(Error::Closed)))
}

/// That the commit has reached the disk by then, `power_loss` shows.
#[test]
fn nothing_is_acknowledged_before_its_commit_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let commits = Arc::new(AtomicUsize::new(0));
    log.faults().after_commit({
        let commits = commits.clone();
        move || {
            commits.fetch_add(1, SeqCst);
        }
    });
    for n in 0..50 {
        append(&log, "AA", &record(n)).unwrap();
        assert_eq!(commits.load(SeqCst), n + 1);
    }
}
