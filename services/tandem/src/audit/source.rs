//! Where a book's files are read from: a directory or a server, in the layout `checkpoint`, `tile/…`, `tile/entries/…`.

use std::io::Read;
use std::path::{Path, PathBuf};
use tandem_domain::is_council;

/// Files of one book.
pub trait Source: Sync {
    /// The bytes of the file at this path below the book's prefix; of a longer one than `limit`, one byte more than that.
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Unread>;
}

/// Why a file could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Whether there is no such file, as its keeper says. Otherwise nothing is known about it.
    pub absent: bool,
    /// What its keeper said.
    pub why: String,
}

/// A book in a directory.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The book of a council below `dir`: `dir` itself if it holds a checkpoint, or else `dir/books/<council>`, as it is served.
    pub fn find(dir: &Path, council: &str) -> Self {
        let own = dir.join("checkpoint").exists();
        Self { root: if own || !is_council(council) { dir.to_owned() } else { dir.join("books").join(council) } }
    }

    /// Exactly this directory.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Source for Directory {
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Unread> {
        let path = self.root.join(path);
        let unread = |error: std::io::Error| Unread {
            absent: matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory),
            why: format!("{}: {error}", path.display()),
        };
        read_file(&path, limit).map_err(unread)
    }
}

/// The bytes of a file; of a longer one than `limit`, one byte more than that.
pub fn read_file(path: &Path, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
