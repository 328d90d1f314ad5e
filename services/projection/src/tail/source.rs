//! The log as the fold sees it: what it needs of [`EventLog`], without its type.

use std::sync::Arc;
use std::time::Duration;
use tandem_domain::position::LogId;
use tandem_log::{Error, EventLog, StoredFrame};

/// The reading half of [`EventLog`], where each method is described.
pub(crate) trait Source: Send + Sync {
    fn id(&self) -> LogId;
    fn partitions(&self) -> u32;
    fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<StoredFrame>, Error>;
    fn start(&self, partition: u32) -> Result<u64, Error>;
    fn end(&self, partition: u32) -> Result<u64, Error>;
    fn end_now(&self, partition: u32) -> Result<u64, Error>;
    fn wait(&self, offsets: &[u64], timeout: Duration) -> bool;
    fn trim(&self, partition: u32, before: u64) -> Result<(), Error>;
}

impl<L: EventLog> Source for Arc<L> {
    fn id(&self) -> LogId {
        (**self).id()
    }

    fn partitions(&self) -> u32 {
        (**self).partitions()
    }

    fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<StoredFrame>, Error> {
        (**self).read(partition, from, bytes_max)
    }

    fn start(&self, partition: u32) -> Result<u64, Error> {
        (**self).start(partition)
    }

    fn end(&self, partition: u32) -> Result<u64, Error> {
        (**self).end(partition)
    }

    fn end_now(&self, partition: u32) -> Result<u64, Error> {
        (**self).end_now(partition)
    }

    fn wait(&self, offsets: &[u64], timeout: Duration) -> bool {
        (**self).wait(offsets, timeout)
    }

    fn trim(&self, partition: u32, before: u64) -> Result<(), Error> {
        (**self).trim(partition, before)
    }
}
