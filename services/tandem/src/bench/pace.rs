//! When each request is to be sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// The shortest sleep of the thread that lets requests go: what is due in between goes together. Its lateness counts as latency.
const TICK: Duration = Duration::from_micros(100);
/// Tickets at the end, so that everybody who waits finds out that there is nothing left.
const LAST_TICKETS: usize = 1 << 20;

/// Lets `count` requests go: at even intervals whether or not earlier ones were answered, or as fast as somebody asks.
#[derive(Debug)]
pub struct Pace {
    start: Instant,
    /// Requests in `rate_ns` nanoseconds: (requests, nanoseconds). None: as fast as somebody asks.
    rate: Option<(u64, u64)>,
    count: u64,
    /// Nothing goes after it.
    end: Instant,
    next: AtomicU64,
    tickets: Semaphore,
}

impl Pace {
    /// `events_per_second` in batches of `batch`, from now on.
    pub fn at_rate(events_per_second: u64, batch: u32, count: u64, duration: Duration) -> Arc<Self> {
        let pace = Self::new(Some((events_per_second, u64::from(batch) * 1_000_000_000)), count, duration);
        let clock = Arc::clone(&pace);
        std::thread::spawn(move || clock.run());
        pace
    }

    /// As fast as somebody asks, from now on.
    pub fn unbounded(count: u64, duration: Duration) -> Arc<Self> {
        Self::new(None, count, duration)
    }

    fn new(rate: Option<(u64, u64)>, count: u64, duration: Duration) -> Arc<Self> {
        let start = Instant::now();
        Arc::new(Self { start, rate, count, end: start + duration, next: AtomicU64::new(0), tickets: Semaphore::new(0) })
    }

    /// When the first request goes.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// Waits until the next request may go: its index, and the moment at which it was to go. None: there is none left.
    pub async fn next(&self) -> Option<(usize, Instant)> {
        let intended = match self.rate {
            None => Instant::now(),
            Some(_) => {
                self.tickets.acquire().await.ok()?.forget();
                self.start
            }
        };
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let intended = intended + self.offset(index);
        (index < self.count && intended < self.end).then_some((index as usize, intended))
    }

    /// How long after the first the `index`-th request is to go; nothing if there is no rate.
    fn offset(&self, index: u64) -> Duration {
        let Some((requests, nanoseconds)) = self.rate else { return Duration::ZERO };
        Duration::from_nanos((u128::from(index) * u128::from(nanoseconds) / u128::from(requests)) as u64)
    }

    /// Gives out a ticket for each request that is due.
    fn run(&self) {
        let mut given = 0;
        while given < self.count && Instant::now() < self.end {
            let elapsed = self.start.elapsed();
            let mut due = given;
            while due < self.count && self.offset(due) <= elapsed {
                due += 1;
            }
            self.tickets.add_permits((due - given) as usize);
            given = due;
            let next = self.offset(given).saturating_sub(self.start.elapsed());
            std::thread::sleep(next.max(TICK));
        }
        self.tickets.add_permits(LAST_TICKETS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_go_at_even_intervals_and_end() {
        let pace = Pace::at_rate(10_000, 10, 20, Duration::from_secs(5));
        let mut last = None;
        for expected in 0..20 {
            let (index, intended) = pace.next().await.unwrap();
            assert_eq!((index, intended - pace.start()), (expected, Duration::from_millis(expected as u64)));
            assert!(Instant::now() >= intended);
            last = Some(intended);
        }
        assert_eq!(last.map(|last| last - pace.start()), Some(Duration::from_millis(19)));
        assert!(pace.next().await.is_none());
    }

    #[tokio::test]
    async fn without_a_rate_all_go_at_once() {
        let pace = Pace::unbounded(3, Duration::from_secs(5));
        for expected in 0..3 {
            assert_eq!(pace.next().await.unwrap().0, expected);
        }
        assert!(pace.next().await.is_none());
    }
}
