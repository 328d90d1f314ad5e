//! What an auditor remembers of the books: the last checkpoint of each that it saw. Whoever rewrites a book, or shows different ones to
//! different people, is caught by whoever remembers.

use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The version of the file's form.
const VERSION: u32 = 1;

/// The state file, held by this process alone until it is dropped.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    books: BTreeMap<String, Seen>,
    _lock: File,
}

/// What was seen of a book, by its origin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The largest signed checkpoint so far, word for word.
    pub checkpoint: String,
    /// Size at which every tile and entry was checked; 0: never.
    pub verified_size: u64,
    /// Checkpoints that the same key signed for other histories, word for word: the evidence.
    pub conflicts: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    books: BTreeMap<String, Seen>,
}

impl State {
    /// Opens the file; none yet is an auditor who has seen nothing. Refused while another process has it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let lock_path = beside(path, "lock");
        let lock = File::create(&lock_path).with_context(|| format!("cannot create {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another audit uses the state file {}: wait for it, or name another", path.display()),
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("cannot lock {}", lock_path.display())),
        }
        let books = match std::fs::read(path) {
            Ok(bytes) => read(&bytes).with_context(|| format!("{} is no state file of an auditor", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        Ok(Self { path: path.to_owned(), books, _lock: lock })
    }

    /// What was seen of a book.
    pub fn seen(&self, origin: &str) -> Option<&Seen> {
        self.books.get(origin)
    }

    /// Remembers; on disk when this returns.
    pub fn remember(&mut self, origin: &str, seen: Seen) -> anyhow::Result<()> {
        self.books.insert(origin.to_owned(), seen);
        self.write().with_context(|| format!("cannot write the state file {}", self.path.display()))
    }

    fn write(&self) -> anyhow::Result<()> {
        let part = beside(&self.path, "part");
        let mut text = serde_json::to_string_pretty(&Form { version: VERSION, books: self.books.clone() })?;
        text.push('\n');
        let mut file = File::create(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, &self.path)?;
        // The new name has to be on disk too.
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(File::open(directory)?.sync_all()?)
    }
}

fn read(bytes: &[u8]) -> anyhow::Result<BTreeMap<String, Seen>> {
    let form: Form = serde_json::from_slice(bytes)?;
    if form.version == VERSION { Ok(form.books) } else { Err(anyhow!("it has version {}; this program knows {VERSION}", form.version)) }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}
