//! A consistent copy of a log that goes on: for backups.

use super::acknowledged::Acknowledged;
use super::{EmbeddedLog, directory, store};
use crate::Error;
use std::path::Path;
use tandem_domain::position::LogId;

/// What a copied log holds, read from the copy itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The log's identity: the copy has the same, since it is a state of that log.
    pub id: LogId,
    /// Per partition its start and its end.
    pub extents: Vec<(u64, u64)>,
}

impl EmbeddedLog {
    /// Copies the log into a directory that is not there, in the same file system: its files are hard links, so that it costs about a
    /// flush. Appends go on; what was acknowledged before the call is in the copy. The copy can be opened as a log.
    ///
    /// Refuses a log of which a commit failed: what it holds may not be durable. Blocks.
    pub fn copy(&self, into: &Path) -> Result<Copied, Error> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        self.shared.store.copy(into)?;
        let (id, extent) = store::look(into)?;
        // So that whoever opens the copy can tell whether it is whole.
        Acknowledged::lock(into)?.begin(id, extent.frames())?;
        directory::sync(into)?;
        Ok(Copied { id, extents: extent.starts.into_iter().zip(extent.ends).collect() })
    }
}

/// What the log in a directory holds. Reads only; nobody may use it meanwhile.
pub fn look(path: &Path) -> Result<Copied, Error> {
    let (id, extent) = store::look(path)?;
    Ok(Copied { id, extents: extent.starts.into_iter().zip(extent.ends).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventLog;
    use crate::embedded::Options;
    use bytes::Bytes;

    fn options() -> Options {
        Options { partitions: 2, ..Options::default() }
    }

    async fn append(log: &EmbeddedLog, number: u8) -> (u32, u64) {
        let position = log.append("E09000001", vec![Bytes::from(vec![number; 300])]).await.unwrap();
        (position.partition, position.offset)
    }

    #[tokio::test]
    async fn a_copy_is_a_log_with_all_that_was_acknowledged() {
        let directory = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(directory.path().join("log"), options()).unwrap();
        let mut last = (0, 0);
        for number in 0..50 {
            last = append(&log, number).await;
        }
        log.trim(last.0, 7).unwrap();
        let path = directory.path().join("copy");
        let copied = log.copy(&path).unwrap();
        assert_eq!((copied.id, copied.extents[last.0 as usize]), (log.id(), (7, 50)));
        assert!(matches!(log.copy(&path), Err(Error::Io { .. })), "a directory that is there is not written over");
        // Both go on, each for itself.
        append(&log, 50).await;
        assert_eq!(look(&path).unwrap(), copied);
        let copy = EmbeddedLog::open(&path, options()).unwrap();
        assert_eq!((copy.start(last.0).unwrap(), copy.end(last.0).unwrap(), log.end(last.0).unwrap()), (7, 50, 51));
        assert_eq!(copy.read(last.0, 7, usize::MAX).unwrap(), log.read(last.0, 7, usize::MAX).unwrap()[..43]);
        assert_eq!(append(&copy, 99).await, (last.0, 50));
    }

    #[tokio::test]
    async fn a_log_of_which_a_commit_failed_is_not_copied() {
        let directory = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(directory.path().join("log"), options()).unwrap();
        append(&log, 0).await;
        log.shared.queue.fail(Error::Failed { why: "the disk is full".into() });
        assert!(matches!(log.copy(&directory.path().join("copy")), Err(Error::Failed { .. })));
    }
}
