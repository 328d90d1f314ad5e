//! What can go wrong with snapshots.

use crate::error::one_line;
use std::path::{Path, PathBuf};

/// Why a snapshot was not taken, restored or pruned. Each says in one line what to do next.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A text that names no snapshot store.
    #[error("{url:?} names no snapshot store ({why}): give a directory, file:///DIRECTORY or s3://BUCKET/PREFIX")]
    Url {
        /// What was given.
        url: String,
        /// Why not.
        why: String,
    },
    /// The object store did not do what it was asked. Trying again may help.
    #[error("the snapshot store {url} failed at {path} ({why}): see that it can be reached, may be used and has room, then try again")]
    Store {
        /// The store.
        url: String,
        /// The object in it.
        path: String,
        /// What it said.
        why: String,
    },
    /// There is no such snapshot.
    #[error("there is no snapshot{which} in {url}: `tandem backup list --from {url}` shows what there is")]
    None {
        /// The store.
        url: String,
        /// Which was asked for; empty: any.
        which: String,
    },
    /// A snapshot, or a file of it, is not what was written.
    #[error("the snapshot {id} in {url} cannot be used: {path} {why}; take another one (`tandem backup list --from {url}`)")]
    Unusable {
        /// The store.
        url: String,
        /// The snapshot.
        id: String,
        /// What in it.
        path: String,
        /// What is wrong with that.
        why: String,
    },
    /// A snapshot of a format that this version does not know.
    #[error("the snapshot {id} in {url} has format {found}, and this version of tandem knows {known} only: use the version that wrote it")]
    Format {
        /// The store.
        url: String,
        /// The snapshot.
        id: String,
        /// Its format.
        found: u64,
        /// The one that is known.
        known: u32,
    },
    /// Something that no writer of snapshots puts there.
    #[error("{path} in the snapshot store {url} is not a snapshot: if it is yours, move it away; if not, find out who writes there")]
    Foreign {
        /// The store.
        url: String,
        /// What it is called.
        path: String,
    },
    /// The directory to restore into has something in it.
    #[error("{} is not empty: restore into a directory that is empty or not there", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The local disk did not do what it was asked.
    #[error("cannot {what} {}: {why}", path.display())]
    Local {
        /// What was done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// What came of it.
        why: String,
    },
    /// A snapshot is being written, so nothing is pruned.
    #[error("a snapshot is being written to {url} (mark of {since}): prune once it is done; a writer that died is forgotten after an hour")]
    Writing {
        /// The store.
        url: String,
        /// When its writer last said so.
        since: String,
    },
    /// Somebody else prunes.
    #[error("{url} is being pruned (mark of {since}): try again once that is done; a process that died is forgotten after an hour")]
    Pruning {
        /// The store.
        url: String,
        /// When it last said so.
        since: String,
    },
    /// Nobody can rely on our mark any more, so what was done under it is given up.
    #[error("the mark in {url} could not be renewed for too long: see that the store can be reached, then try again")]
    MarkLost {
        /// The store.
        url: String,
    },
    /// Store and log are not of one ledger, or of different times.
    #[error("store and log do not belong together: {0}; this is no state to keep or to start from")]
    Apart(String),
    /// The projection.
    #[error(transparent)]
    Projection(#[from] crate::Error),
    /// The log.
    #[error(transparent)]
    Log(#[from] tandem_log::Error),
}

impl Error {
    pub(super) fn local(what: &'static str, path: &Path, error: &std::io::Error) -> Self {
        Self::Local { what, path: path.into(), why: error.to_string() }
    }

    pub(super) fn panicked(what: &str) -> Self {
        Self::Projection(crate::Error::Stopped(format!("{what} panicked")))
    }

    pub(super) fn store(url: &str, path: impl std::fmt::Display, error: &object_store::Error) -> Self {
        let mut why = error.to_string();
        // What connecting failed of stands in the causes only.
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            let text = error.to_string();
            if !why.contains(&text) {
                why = format!("{why}: {text}");
            }
            cause = error.source();
        }
        Self::Store { url: url.into(), path: path.to_string(), why: one_line(&why) }
    }
}
