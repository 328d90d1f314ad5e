//! What happens when there is too much, and when it is over.

use super::recording::{book, records};
use super::{Setup, run};
use crate::{Error, EventLog};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tandem_domain::position::Position;
use tokio::task::JoinSet;

type Outcome = (usize, Result<Position, Error>);

fn some(n: usize) -> Vec<Bytes> {
    records("AA", n..n + 1, 10_000)
}

/// Exactly those that were acknowledged are there.
fn assert_recorded<L: EventLog>(log: &L, outcomes: &[Outcome]) {
    let found = book(log, "AA");
    let mut positions: Vec<_> = outcomes.iter().filter_map(|(n, outcome)| Some((outcome.clone().ok()?, *n))).collect();
    positions.sort_by_key(|(at, _)| (at.offset, at.index));
    let expected: Vec<_> = positions.into_iter().flat_map(|(_, n)| some(n)).collect();
    assert!(found == expected, "{} are there, {} were acknowledged", found.len(), expected.len());
}

/// Some are refused, and those leave no trace; all others are recorded.
pub fn a_full_queue_refuses_who_does_not_wait<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let setup = Setup { queue_bytes_max: 40_000, ..Default::default() };
    let log = Arc::new(open(&setup));
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut refused = 0;
    run(async {
        // More at once than the queue holds, until it was full.
        while refused == 0 {
            let mut tasks = JoinSet::new();
            for n in outcomes.len()..outcomes.len() + 200 {
                let log = log.clone();
                tasks.spawn(async move { (n, log.try_append("AA", some(n)).await) });
            }
            let round = tasks.join_all().await;
            refused += round.iter().filter(|(_, outcome)| *outcome == Err(Error::Overloaded)).count();
            outcomes.extend(round);
        }
        // Who waits for room gets it.
        let n = outcomes.len();
        outcomes.push((n, log.append("AA", some(n)).await));
    });
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Ok(_) | Err(Error::Overloaded))));
    assert_recorded(&*log, &outcomes);
    drop(log);
    assert_recorded(&open(&setup), &outcomes);
}

/// Each append under way is either recorded and acknowledged, or refused and not recorded; and then there are no more.
pub fn closing_finishes_what_was_taken_and_refuses_the_rest<L: EventLog>(open: impl Fn(&Setup) -> L) {
    let setup = Setup { queue_bytes_max: 40_000, ..Default::default() };
    let log = Arc::new(open(&setup));
    let mut outcomes: Vec<Outcome> = run(async {
        let mut tasks = JoinSet::new();
        for n in 0..300 {
            let log = log.clone();
            tasks.spawn(async move { (n, log.append("AA", some(n)).await) });
        }
        // Some are done, most are waiting.
        let first = tasks.join_next().await.expect("300").unwrap();
        let closing = tokio::task::spawn_blocking({
            let log = log.clone();
            move || log.close()
        });
        let mut outcomes = vec![first];
        outcomes.extend(tasks.join_all().await);
        closing.await.unwrap();
        outcomes.push((300, log.append("AA", some(300)).await));
        outcomes.push((301, log.try_append("AA", some(301)).await));
        outcomes
    });
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Ok(_) | Err(Error::Closed))));
    assert!(outcomes.iter().rev().take(2).all(|(_, outcome)| *outcome == Err(Error::Closed)));
    log.close();
    let ends: Vec<_> = (0..setup.partitions).map(|partition| log.end(partition).unwrap()).collect();
    assert!(!log.wait(&ends, Duration::MAX), "nothing will come");
    assert_recorded(&*log, &outcomes);
    drop(log);
    let log = open(&setup);
    assert_recorded(&log, &outcomes);
    let n = outcomes.len();
    outcomes.push((n, run(log.append("AA", some(n)))));
    assert_recorded(&log, &outcomes);
}
