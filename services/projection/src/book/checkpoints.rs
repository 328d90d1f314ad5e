//! The checkpoint store: the one place that says what was published of each book. Publishers in other processes may share it.
//!
//! A directory with a file `<council>.checkpoint` for each book, the signed note word for word. A file is only ever replaced whole
//! (written aside, synced, renamed), under the lock of the file `lock`, by whoever names the size and root that it replaces.

use super::publish::Refused;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use tandem_book::checkpoint::Checkpoint;
use tandem_book::note::{Note, Signature};
use tandem_book::tree::Hash;

/// What a checkpoint is of.
type SizeAndRoot = (u64, Hash);

/// The store in a local directory.
#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    directory: PathBuf,
}

impl Checkpoints {
    /// Makes the directory if it is not there.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.into() })
    }

    /// Where a book's checkpoint is.
    pub fn path(&self, council: &str) -> PathBuf {
        self.directory.join(format!("{council}.checkpoint"))
    }

    /// What was last published of a book; `None`: nothing yet.
    pub fn read(&self, council: &str) -> Result<Option<Vec<u8>>, Refused> {
        match fs::read(self.path(council)) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(council, &error)),
        }
    }

    /// Replaces what was published, if that still has this size and root (`None`: nothing was), durably. Says what is there if it has not.
    ///
    /// The new one is larger: at the same size a note is only ever added to, see [`Checkpoints::add`].
    pub fn swap(&self, council: &str, expected: Option<(u64, Hash)>, note: &[u8]) -> Result<(), Refused> {
        let _lock = self.lock(council)?;
        let found = self.read_note(council)?.map(|(_, found)| found);
        if found != expected {
            return Err(Refused::Raced { size: found.map_or(0, |(size, _)| size) });
        }
        self.replace(council, note)
    }

    /// Adds a signature to what is published, if that still has this size and root, durably: the others stay, so that a note of one size
    /// and root never has fewer. One of the same key is replaced.
    pub fn add(&self, council: &str, expected: (u64, Hash), signature: Signature) -> Result<(), Refused> {
        let _lock = self.lock(council)?;
        match self.read_note(council)? {
            Some((mut note, found)) if found == expected => {
                note.add(signature);
                self.replace(council, note.to_string().as_bytes())
            }
            other => Err(Refused::Raced { size: other.map_or(0, |(_, (size, _))| size) }),
        }
    }

    /// Nobody else changes anything until it is dropped.
    fn lock(&self, council: &str) -> Result<File, Refused> {
        let failed = |error: io::Error| self.failed(council, &error);
        let lock = File::create(self.directory.join("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(lock)
    }

    fn read_note(&self, council: &str) -> Result<Option<(Note, SizeAndRoot)>, Refused> {
        let Some(bytes) = self.read(council)? else { return Ok(None) };
        let foreign = |error: tandem_book::Error| Refused::Foreign { path: self.path(council), why: error.to_string() };
        let note = Note::parse(&bytes).map_err(foreign)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(foreign)?;
        Ok(Some((note, (checkpoint.size, checkpoint.root))))
    }

    fn replace(&self, council: &str, note: &[u8]) -> Result<(), Refused> {
        let failed = |error: io::Error| self.failed(council, &error);
        let aside = self.directory.join(format!("{council}.new"));
        let mut file = File::create(&aside).map_err(failed)?;
        file.write_all(note).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&aside, self.path(council)).map_err(failed)?;
        File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(failed)
    }

    fn failed(&self, council: &str, error: &io::Error) -> Refused {
        Refused::Store { path: self.path(council), why: error.to_string() }
    }
}
