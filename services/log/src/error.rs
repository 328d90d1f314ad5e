//! What can go wrong with a log.

use crate::frame::Malformed;
use std::path::PathBuf;

/// A log's failure. [`Error::nothing_recorded`] and [`Error::retry_helps`] say what it means for an append and for its caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The queue is full. Nothing was recorded; trying again a little later helps.
    #[error("the log's queue is full: try again a little later")]
    Overloaded,
    /// The log was closed by its own process. Nothing was recorded.
    #[error("the log is closed")]
    Closed,
    /// The caller asked for what cannot be: a fault of ours, not of the world. Nothing was recorded, and trying again does not help.
    #[error("{0}")]
    Invalid(String),
    /// An append could not be made durable. Whether its records, or only the first of them, are recorded is unknown until the log is
    /// opened again; recording the same events once more does no harm, since an event's id counts once.
    #[error("the log could not make an append durable ({why}): whether it is recorded is unknown")]
    OutcomeUnknown {
        /// What the storage said.
        why: String,
    },
    /// An earlier append could not be made durable, and since then the log takes none. Nothing was recorded. Trying again helps once the
    /// cause is mended and the log is opened again.
    #[error("the log takes no more appends since one failed ({why}): mend that, then restart this process")]
    Failed {
        /// What the storage said then.
        why: String,
    },
    /// The storage did not do what it was asked. Trying again may help.
    #[error("{what}")]
    Io {
        /// What was done to which file, and what came of it.
        what: String,
    },
    /// The frames asked for were trimmed; they are in the book.
    #[error("offset {offset} of partition {partition} was trimmed: the log begins at {start} there")]
    Trimmed {
        /// The partition.
        partition: u32,
        /// The offset asked for.
        offset: u64,
        /// The first offset that is still there.
        start: u64,
    },
    /// An offset that this log has not reached, as of another log or of one that was since put back to an older state.
    #[error("offset {offset} of partition {partition} is beyond the log's end {end}: it is of another log, or this one lost its newest part")]
    BeyondEnd {
        /// The partition.
        partition: u32,
        /// The offset asked for.
        offset: u64,
        /// The partition's end.
        end: u64,
    },
    /// A frame is not what was written. Trying again does not help.
    #[error(
        "the log is damaged at offset {offset} of partition {partition} ({what}): restore it from a backup; if every book already holds that \
         frame, trim the partition beyond it"
    )]
    Corrupt {
        /// The partition.
        partition: u32,
        /// Offset of the frame.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The log as a whole cannot be what was written, so it is not opened. Nothing in it was changed; trying again does not help.
    #[error("the log in {} is damaged: {what}", path.display())]
    Damaged {
        /// Its directory.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// Another process has the log open. Trying again helps once that one has ended.
    #[error("another process uses the log in {}: stop that one, or give this one a directory of its own", path.display())]
    InUse {
        /// Its directory.
        path: PathBuf,
    },
    /// A Kafka topic is not, or not yet, a log that can be used; what it holds was not changed. Trying again does not help before somebody
    /// did what the text says.
    #[error("the Kafka topic {topic} {what}")]
    Topic {
        /// Its name.
        topic: String,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// The log is not of the kind that was asked for.
    #[error("the log in {} {what}", path.display())]
    Mismatch {
        /// Its directory.
        path: PathBuf,
        /// What it has, what was asked for, and what to do.
        what: String,
    },
}

impl Error {
    /// Of a failed append: whether certainly none of its records is recorded or ever will be. If not, any number of them, from the
    /// first on, may be.
    pub fn nothing_recorded(&self) -> bool {
        matches!(self, Self::Overloaded | Self::Closed | Self::Invalid(_) | Self::Failed { .. })
    }

    /// Whether the same call may succeed later without anybody's help.
    pub fn retry_helps(&self) -> bool {
        matches!(self, Self::Overloaded | Self::Io { .. })
    }

    pub(crate) fn malformed(partition: u32, offset: u64, Malformed(what): Malformed) -> Self {
        Self::Corrupt { partition, offset, what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_one_line() {
        let path = PathBuf::from("/data/log");
        let what = String::from("why");
        for error in [
            Error::Overloaded,
            Error::Closed,
            Error::Invalid(what.clone()),
            Error::OutcomeUnknown { why: what.clone() },
            Error::Failed { why: what.clone() },
            Error::Io { what: what.clone() },
            Error::Trimmed { partition: 1, offset: 2, start: 3 },
            Error::BeyondEnd { partition: 1, offset: 2, end: 1 },
            Error::Corrupt { partition: 1, offset: 2, what: what.clone() },
            Error::Damaged { path: path.clone(), what: what.clone() },
            Error::InUse { path: path.clone() },
            Error::Mismatch { path, what: what.clone() },
            Error::Topic { topic: "tandem.events".into(), what },
        ] {
            let text = error.to_string();
            assert!(!text.contains('\n') && !text.contains("  "), "{text}");
        }
    }
}
