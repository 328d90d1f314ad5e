//! What can go wrong with a projection.

use std::path::PathBuf;
use tandem_domain::bytes::Corrupt;

/// Why a projection cannot be opened, or stopped, or be read. Each says in one line what to do next.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The directory cannot be made or opened.
    #[error("cannot open the projection in {}: {why}", path.display())]
    Open {
        /// Its directory.
        path: PathBuf,
        /// What the storage said.
        why: String,
    },
    /// Files are damaged or missing. Trying again does not help.
    #[error(
        "the projection in {} is damaged ({why}): restore it from a backup, or move it away to fold the log again if that still has its first frame",
        path.display()
    )]
    Damaged {
        /// Its directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Another process has it open. Trying again helps once that one has ended.
    #[error("another process uses the projection in {}: stop that one, or give this one a directory of its own", path.display())]
    InUse {
        /// Its directory.
        path: PathBuf,
    },
    /// It was written by a version that this one does not understand.
    #[error("the projection in {} has format {found}, and this version of tandem knows {known} only: use the version that wrote it", path.display())]
    Format {
        /// Its directory.
        path: PathBuf,
        /// The format that it has.
        found: u32,
        /// The format that this version writes.
        known: u32,
    },
    /// There is nothing to read.
    #[error("there is no projection in {}: give the directory of one, or start a server to make one", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// Partitions that it cannot hold.
    #[error("partitions: {0}")]
    Partitions(String),
    /// It is made of another log.
    #[error("the projection in {} {why}: use the log that it was made from, or move it away to fold this log from its start", path.display())]
    OtherLog {
        /// Its directory.
        path: PathBuf,
        /// In what they differ.
        why: String,
    },
    /// The storage failed while it was used.
    #[error(
        "the projection's storage failed ({0}): if the disk is full, make room and restart; if a file is damaged, restore the directory from a backup, or move it away to fold the log again"
    )]
    Storage(String),
    /// A row is not what was written.
    #[error("the projection is damaged: {0}; `tandem rebuild` folds the views again, and if that finds the same, restore it from a backup")]
    Corrupt(#[from] Corrupt),
    /// Checkpoints cannot be published.
    #[error("cannot publish checkpoints in {}: {why}", path.display())]
    Publisher {
        /// Where they are kept.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The log could not be read.
    #[error("cannot read the log: {0}")]
    Log(#[from] tandem_log::Error),
    /// The log holds what it may not.
    #[error("the log is damaged at offset {offset} of partition {partition}: {why}")]
    Frame {
        /// The partition.
        partition: u32,
        /// Offset of the frame.
        offset: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Something of ours broke.
    #[error("the projection stopped: {0}; restart it")]
    Stopped(String),
}

impl From<rocksdb::Error> for Error {
    fn from(error: rocksdb::Error) -> Self {
        Self::Storage(one_line(error.as_ref()))
    }
}

/// RocksDB's messages can have several lines.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<Error> for tandem_wire::status::Failure {
    /// A read that fails is answered with no more than that it failed; the server's log says why.
    fn from(error: Error) -> Self {
        Self::Internal(error.to_string())
    }
}
