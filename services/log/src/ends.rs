//! Where each partition ends, for readers: moved forward when frames are durable, and waited for.

use crate::lock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The ends.
#[derive(Debug)]
pub(crate) struct Ends {
    ends: Box<[AtomicU64]>,
    /// Waking up nobody still costs a system call.
    waiting: AtomicUsize,
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Ends {
    pub fn new(ends: &[u64]) -> Self {
        let ends = ends.iter().map(|&end| AtomicU64::new(end)).collect();
        Self { ends, waiting: AtomicUsize::new(0), closed: Mutex::new(false), changed: Condvar::new() }
    }

    pub fn get(&self, partition: usize) -> u64 {
        self.ends[partition].load(SeqCst)
    }

    /// Moves them forward and wakes who waits.
    pub fn advance(&self, ends: &[u64]) {
        for (end, &now) in self.ends.iter().zip(ends) {
            end.store(now, SeqCst);
        }
        self.wake();
    }

    /// Moves some forward, if they were not so far, and wakes who waits.
    pub fn raise(&self, ends: impl IntoIterator<Item = (usize, u64)>) {
        let mut moved = false;
        for (partition, end) in ends {
            moved |= self.ends[partition].fetch_max(end, SeqCst) < end;
        }
        if moved {
            self.wake();
        }
    }

    fn wake(&self) {
        if self.waiting.load(SeqCst) > 0 {
            // Who has looked and not yet gone to sleep holds the lock.
            drop(lock(&self.closed));
            self.changed.notify_all();
        }
    }

    /// Nothing more will come.
    pub fn close(&self) {
        *lock(&self.closed) = true;
        self.changed.notify_all();
    }

    /// See [`crate::EventLog::wait`].
    pub fn wait(&self, offsets: &[u64], timeout: Duration) -> bool {
        let above = || self.ends.iter().zip(offsets).any(|(end, &offset)| end.load(SeqCst) > offset);
        if above() {
            return true;
        }
        // None: so long that it cannot be counted.
        let deadline = Instant::now().checked_add(timeout);
        // Counted before looking: `advance` moves first and counts after, so one of the two sees the other.
        self.waiting.fetch_add(1, SeqCst);
        let mut closed = lock(&self.closed);
        let found = loop {
            if above() {
                break true;
            }
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if *closed || left.is_zero() {
                break false;
            }
            closed = self.changed.wait_timeout(closed, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        drop(closed);
        self.waiting.fetch_sub(1, SeqCst);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn waits_for_any_partition_asked_for() {
        let ends = Ends::new(&[5, 0, 7]);
        assert!(ends.wait(&[5, 0, 6], Duration::ZERO));
        assert!(!ends.wait(&[5, 0, 7], Duration::ZERO));
        assert!(!ends.wait(&[u64::MAX, 0], Duration::from_millis(1)));
        assert!(!ends.wait(&[], Duration::from_millis(1)));
    }

    #[test]
    fn every_waiter_wakes_up() {
        let ends = Ends::new(&[0, 0]);
        thread::scope(|scope| {
            let wait = |n: usize| {
                let offsets = if n.is_multiple_of(2) { [0, u64::MAX] } else { [u64::MAX, 0] };
                scope.spawn({
                    let ends = &ends;
                    move || ends.wait(&offsets, LONG)
                })
            };
            let waiting: Vec<_> = (0..8).map(wait).collect();
            ends.advance(&[1, 0]);
            ends.advance(&[1, 1]);
            assert!(waiting.into_iter().all(|waiter| waiter.join().unwrap()));
        });
        assert_eq!(ends.waiting.load(SeqCst), 0);
    }

    #[test]
    fn an_end_never_goes_back() {
        let ends = Ends::new(&[5, 0]);
        ends.raise([(0, 3), (1, 2)]);
        assert_eq!((ends.get(0), ends.get(1)), (5, 2));
        ends.raise([(0, 6)]);
        assert_eq!((ends.get(0), ends.get(1)), (6, 2));
    }

    #[test]
    fn closing_ends_the_wait() {
        let ends = Ends::new(&[0]);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| ends.wait(&[0], Duration::MAX));
            ends.close();
            assert!(!waiter.join().unwrap());
        });
        assert!(!ends.wait(&[0], LONG));
        ends.advance(&[1]);
        assert!(ends.wait(&[0], LONG));
    }
}
