//! The checkpoint store: the one place that says what was published of each book. Publishers in other processes may share it.
//!
//! A directory with a file `<council>.checkpoint` for each book, the signed note word for word. A file is only ever replaced whole
//! (written aside, synced, renamed), under the lock of the file `lock`, by whoever names the size and root that it replaces.

use super::publish::Refused;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use tandem_book::checkpoint::Checkpoint;
use tandem_book::note::Note;
use tandem_book::tree::Hash;

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
    pub fn swap(&self, council: &str, expected: Option<(u64, Hash)>, note: &[u8]) -> Result<(), Refused> {
        let failed = |error: io::Error| self.failed(council, &error);
        let lock = File::create(self.directory.join("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?; // given back when the file is closed
        let found = self.read(council)?.map(|note| size_and_root(&note)).transpose();
        let found = found.map_err(|error| Refused::Foreign { path: self.path(council), why: error.to_string() })?;
        if found != expected {
            return Err(Refused::Raced { size: found.map_or(0, |(size, _)| size) });
        }
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

fn size_and_root(note: &[u8]) -> Result<(u64, Hash), tandem_book::Error> {
    let checkpoint = Checkpoint::parse(Note::parse(note)?.text())?;
    Ok((checkpoint.size, checkpoint.root))
}
