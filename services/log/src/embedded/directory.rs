//! The log's directory as a file system sees it.

use crate::Error;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// An error of the file system, in one line.
pub(super) fn io(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::Io { what: format!("cannot {what} {}: {error}", path.display()) }
}

/// Makes the directory, and makes it durable that it is there: an acknowledged event must not vanish with the directory that holds it.
pub(super) fn create(path: &Path) -> Result<(), Error> {
    let missing = path.ancestors().take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists()).count();
    fs::create_dir_all(path).map_err(|error| io("create", path, &error))?;
    let path = path.canonicalize().map_err(|error| io("find", path, &error))?;
    path.ancestors().skip(1).take(missing).try_for_each(sync)
}

/// Makes the directory's own entries durable.
pub(super) fn sync(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|error| io("sync", path, &error))
}
