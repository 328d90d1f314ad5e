//! What a witness has cosigned: the last checkpoint of each book, in one file that is replaced whole and durably. A witness that loses it
//! would cosign a second history, so a missing one is never taken for an empty one.

use anyhow::{Context, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use tandem_book::checkpoint::Checkpoint;
use tandem_book::key::VerifierKey;
use tandem_book::note::Note;

/// Version of the file's form.
const VERSION: u32 = 1;
/// The file.
const FILE: &str = "cosigned.json";

/// The memory, held by this process alone until it is dropped.
#[derive(Debug)]
pub struct Memory {
    directory: PathBuf,
    form: Form,
    _lock: File,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    /// The vkey that cosigned.
    key: String,
    /// The last cosigned checkpoint of each book, by origin, as its publisher signed it.
    books: BTreeMap<String, String>,
}

impl Memory {
    /// Opens what this key has cosigned; `new`: makes it, where there is none.
    pub fn open(directory: &Path, key: &VerifierKey, new: bool) -> anyhow::Result<Self> {
        let path = directory.join(FILE);
        if new {
            ensure!(!path.exists(), "{} is there: leave out --new, which is for a key that has cosigned nothing", path.display());
            std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        }
        let lock = lock(directory)?;
        if new {
            let memory =
                Self { directory: directory.into(), form: Form { version: VERSION, key: key.to_string(), books: BTreeMap::new() }, _lock: lock };
            memory.write(&memory.form).with_context(|| format!("cannot write {}", path.display()))?;
            return Ok(memory);
        }
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "there is no {}: if this key has never cosigned anything, make it with --new; if its state is lost, make a new key, since this one would cosign a second history",
                path.display()
            ),
            other => other.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let form = read(&bytes).with_context(|| format!("{} is no state of a witness: restore it, or make a new key", path.display()))?;
        ensure!(form.key == key.to_string(), "{} is the state of the key {}, not of {key}: name the directory of this key", path.display(), form.key);
        Ok(Self { directory: directory.into(), form, _lock: lock })
    }

    /// The last checkpoint of a book that was cosigned; none: nothing was.
    pub fn last(&self, origin: &str) -> anyhow::Result<Option<Checkpoint>> {
        self.form.books.get(origin).map(|note| checkpoint(note)).transpose()
    }

    /// Remembers one in its place; on disk when this returns. After an error the old one still counts: nobody was given a cosignature.
    pub fn remember(&mut self, origin: &str, note: &Note) -> anyhow::Result<()> {
        let mut form = self.form.clone();
        form.books.insert(origin.to_owned(), note.to_string());
        self.write(&form).with_context(|| format!("cannot write {}", self.directory.join(FILE).display()))?;
        self.form = form;
        Ok(())
    }

    fn write(&self, form: &Form) -> anyhow::Result<()> {
        let (part, path) = (self.directory.join("cosigned.part"), self.directory.join(FILE));
        let mut text = serde_json::to_string_pretty(form)?;
        text.push('\n');
        let mut file = File::create(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, &path)?;
        // The new name has to be on disk too.
        Ok(File::open(&self.directory)?.sync_all()?)
    }
}

fn lock(directory: &Path) -> anyhow::Result<File> {
    let path = directory.join("lock");
    let cannot = || format!("there is no state of a witness in {}: make it with --new, if this key has never cosigned anything", directory.display());
    let lock = File::create(&path).with_context(cannot)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("another witness uses {}: two with one memory could cosign two histories", directory.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

fn read(bytes: &[u8]) -> anyhow::Result<Form> {
    let form: Form = serde_json::from_slice(bytes)?;
    ensure!(form.version == VERSION, "it has version {}; this program knows {VERSION}", form.version);
    for (origin, note) in &form.books {
        let own = checkpoint(note).with_context(|| format!("the checkpoint of {origin}"))?;
        ensure!(own.origin == *origin, "the checkpoint of {origin} is of {}", own.origin);
    }
    Ok(form)
}

fn checkpoint(note: &str) -> anyhow::Result<Checkpoint> {
    let parsed = Note::parse(note.as_bytes()).and_then(|note| Checkpoint::parse(note.text()));
    parsed.map_err(|error| anyhow!("{error}"))
}
