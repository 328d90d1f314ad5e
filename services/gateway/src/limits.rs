//! The bounds that keep memory from growing with load.

use std::{sync::Arc, time::Duration};
use tandem_wire::status::Failure;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much may be in progress at once. The worst case is
/// `records_max` × 32 KiB + `batches_max` × 4.25 MiB (unary requests being read)
/// + `streams_max` × 4.25 MiB (a batch of each stream being read) + `unary_bytes_max` + `streams_bytes_max`;
///   with the defaults 128 + 272 + 544 + 32 + 64 MiB, all of it only if every caller sends the largest requests at once.
///
/// Streams and unary calls have budgets of their own, so that streams, which wait for theirs, do not starve unary calls, which do not.
/// For the same reason the log's queue should be larger than `streams_bytes_max`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `Record` calls at once.
    pub records_max: usize,
    /// `RecordBatch` calls at once.
    pub batches_max: usize,
    /// `RecordStream` calls at once.
    pub streams_max: usize,
    /// Bytes of events of unary calls that are on their way to the log.
    pub unary_bytes_max: usize,
    /// Bytes of events of all streams that are on their way to the log.
    pub streams_bytes_max: usize,
    /// Batches of one stream that are not answered yet.
    pub stream_batches_max: usize,
    /// Bytes of one stream's batches that are on their way to the log; the one that passes the limit is still taken.
    pub stream_bytes_max: usize,
    /// A stream whose answers the client does not read for this long is given up. Longer than `append_time_max`, while which it is not
    /// the client that holds things up.
    pub stream_stall_max: Duration,
    /// A unary request must have arrived within this time.
    pub read_time_max: Duration,
    /// The log must have answered within this time; after it the outcome is unknown.
    pub append_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            records_max: 4_096,
            batches_max: 64,
            streams_max: 128,
            unary_bytes_max: 32 * 1024 * 1024,
            streams_bytes_max: 64 * 1024 * 1024,
            stream_batches_max: 64,
            stream_bytes_max: 16 * 1024 * 1024,
            stream_stall_max: Duration::from_secs(300),
            read_time_max: Duration::from_secs(30),
            append_time_max: Duration::from_secs(30),
        }
    }
}

/// When a caller that was refused for want of room should try again: many commits later, soon enough not to idle.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(100);

/// A number of things, of which each user takes some and gives them back.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    semaphore: Arc<Semaphore>,
    total: usize,
    what: &'static str,
}

impl Budget {
    /// `what` is the text of the refusal.
    pub(crate) fn new(total: usize, what: &'static str) -> Self {
        let total = total.clamp(1, u32::MAX as usize);
        Self { semaphore: Arc::new(Semaphore::new(total)), total, what }
    }

    /// What one user takes: never more than there is in all, or it would wait for ever.
    fn share(&self, amount: usize) -> u32 {
        amount.min(self.total) as u32 // total fits
    }

    /// Takes some now, or refuses.
    pub(crate) fn try_take(&self, amount: usize) -> Result<OwnedSemaphorePermit, Failure> {
        let overloaded = |_| Failure::Overloaded { what: self.what, retry_after: RETRY_AFTER };
        self.semaphore.clone().try_acquire_many_owned(self.share(amount)).map_err(overloaded)
    }

    /// Waits for its turn to take some.
    pub(crate) async fn take(&self, amount: usize) -> Result<OwnedSemaphorePermit, Failure> {
        let closed = |_| Failure::Internal("a budget was closed".into());
        self.semaphore.clone().acquire_many_owned(self.share(amount)).await.map_err(closed)
    }

    /// How much is taken.
    pub(crate) fn taken(&self) -> usize {
        self.total - self.semaphore.available_permits()
    }
}
