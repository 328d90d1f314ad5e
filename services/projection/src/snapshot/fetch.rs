//! Restores snapshots. Everything is fetched aside and checked before it is put where a server looks for it.

use super::Error;
use super::manifest::{File, Manifest, Named, hex};
use super::place::{SnapshotStore, file_key};
use super::state::{self, State};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tandem_domain::position::LogId;
use tandem_log::embedded;
use tokio::task::spawn_blocking;

/// Files on their way at once.
const AT_ONCE: usize = 4;
/// Where files stand until all are found true.
const ASIDE: &str = "restoring";
/// The file without which RocksDB takes a directory for none of its own: it is put in its place last.
const LAST: &str = "CURRENT";

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Which snapshot.
    pub id: String,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Restores the newest snapshot of a projection of this log, this number of partitions, and just these of them (`held`, ascending), into
/// the directory of a store that is empty or not there. `None`: there is none of these; a new store has to fold the log from its start.
///
/// A snapshot that is altered, incomplete or of another format is refused, even if there are older ones: somebody should look. The store that is
/// then opened with the log catches up from the snapshot's cursors.
pub async fn restore(store: &SnapshotStore, log: LogId, partitions: u32, held: &[u32], into: &Path) -> Result<Option<Restored>, Error> {
    for named in store.list().await?.into_iter().rev() {
        let manifest = store.manifest(&named).await?;
        if manifest.log == log.to_string() && manifest.partitions == partitions && manifest.held == held {
            let part = Part { named, manifest, only: Some("projection/") };
            return part.restore(store, into).await.map(Some);
        }
    }
    Ok(None)
}

/// Restores a one-machine ledger into a data directory that is empty or not there: the snapshot that `meant` names, or the newest.
pub async fn restore_ledger(store: &SnapshotStore, meant: Option<&str>, into: &Path) -> Result<Restored, Error> {
    let named = store.find(meant).await?;
    let manifest = store.manifest(&named).await?;
    if manifest.log_copy.is_none() {
        let why = "is of a projection alone, without the log of a one-machine ledger".into();
        return Err(Error::Unusable { url: store.url.clone(), id: named.id(), path: named.key().to_string(), why });
    }
    Part { named, manifest, only: None }.restore(store, into).await
}

/// Reads every file of a snapshot and compares it with its hash, and writes nothing.
pub async fn check(store: &SnapshotStore, meant: Option<&str>) -> Result<Restored, Error> {
    let named = store.find(meant).await?;
    let manifest = store.manifest(&named).await?;
    let part = Part { named, manifest, only: None };
    let mut reads = Vec::new();
    for file in part.files() {
        reads.push(part.fetch(store, file, None));
    }
    futures::stream::iter(reads).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    Ok(Restored { id: part.named.id(), manifest: part.manifest })
}

/// A snapshot, or what is wanted of it.
struct Part {
    named: Named,
    manifest: Manifest,
    /// Only files below this, which is left out of their paths.
    only: Option<&'static str>,
}

impl Part {
    fn files(&self) -> impl Iterator<Item = &File> {
        self.manifest.files.iter().filter(|file| self.only.is_none_or(|only| file.path.starts_with(only)))
    }

    /// Where a file goes.
    fn path(&self, directory: &Path, file: &File) -> PathBuf {
        directory.join(self.only.and_then(|only| file.path.strip_prefix(only)).unwrap_or(&file.path))
    }

    fn unusable(&self, store: &SnapshotStore, path: impl Into<String>, why: impl Into<String>) -> Error {
        Error::Unusable { url: store.url.clone(), id: self.named.id(), path: path.into(), why: why.into() }
    }

    async fn restore(self, store: &SnapshotStore, into: &Path) -> Result<Restored, Error> {
        empty(into)?;
        let aside = into.join(ASIDE);
        let fetched = self.fetch_all(store, &aside).await;
        let placed = fetched.and_then(|()| place(&aside, into));
        if placed.is_err() {
            // What is left of it is no ledger, and is refused as not empty.
            let _ = fs::remove_dir_all(&aside);
        }
        placed?;
        Ok(Restored { id: self.named.id(), manifest: self.manifest })
    }

    async fn fetch_all(&self, store: &SnapshotStore, aside: &Path) -> Result<(), Error> {
        self.make_directories(aside)?;
        let mut fetches = Vec::new();
        for file in self.files() {
            fetches.push(self.fetch(store, file, Some(self.path(aside, file))));
        }
        futures::stream::iter(fetches).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.check(store, aside).await
    }

    fn make_directories(&self, aside: &Path) -> Result<(), Error> {
        let of_files = self.files().filter_map(|file| self.path(aside, file).parent().map(Path::to_owned));
        for directory in of_files.chain([aside.to_owned()]) {
            fs::create_dir_all(&directory).map_err(|error| Error::local("make", &directory, &error))?;
        }
        Ok(())
    }

    /// Reads a file, into a local one if one is named, and compares it with what the snapshot says.
    async fn fetch(&self, store: &SnapshotStore, file: &File, to: Option<PathBuf>) -> Result<(), Error> {
        let key = file_key(&file.sha256);
        let wrong = |why: String| self.unusable(store, format!("{} ({key})", file.path), why);
        let object = match store.store.get(&key).await {
            Err(object_store::Error::NotFound { .. }) => return Err(wrong("is missing".into())),
            object => object.map_err(|error| store.failed(&key, &error))?,
        };
        if object.meta.size != file.bytes {
            return Err(wrong(format!("has {} bytes and should have {}", object.meta.size, file.bytes)));
        }
        let failed = |path: &Path, error: &std::io::Error| Error::local("write", path, error);
        let mut out = match to {
            None => None,
            Some(path) => Some((fs::File::create_new(&path).map_err(|error| failed(&path, &error))?, path)),
        };
        let (mut hasher, mut parts) = (Sha256::new(), object.into_stream());
        while let Some(part) = parts.try_next().await.map_err(|error| store.failed(&key, &error))? {
            hasher.update(&part);
            if let Some((out, path)) = &mut out {
                out.write_all(&part).map_err(|error| failed(path, &error))?;
            }
        }
        if hex(&hasher.finalize()) != file.sha256 {
            return Err(wrong("is not what was written: its bytes do not have its hash".into()));
        }
        if let Some((out, path)) = out {
            out.sync_all().map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }

    /// Whether what was fetched is the state that the snapshot says it is.
    async fn check(&self, store: &SnapshotStore, aside: &Path) -> Result<(), Error> {
        let projection = if self.only.is_some() { aside.to_owned() } else { aside.join("projection") };
        let (log, said, cuts) = (aside.join("log"), State::of(&self.manifest), self.manifest.log_copy.clone());
        let (reads_log, log_id) = (self.only.is_none(), said.log.clone());
        let look = move || -> Result<Option<(&str, String)>, Error> {
            if let Some(differs) = State::read(&projection)?.differs(&said) {
                return Ok(Some(("its store", differs)));
            }
            let Some(cuts) = cuts.filter(|_| reads_log) else { return Ok(None) };
            let copied = embedded::look(&log)?;
            if state::cuts(&copied) != cuts || copied.id.to_string() != log_id {
                return Ok(Some(("its log", "is of another moment or another log than the snapshot says".into())));
            }
            state::fits(&said, &log_id, &cuts)?;
            Ok(None)
        };
        let looked = spawn_blocking(look).await.map_err(|_| Error::panicked("reading what was fetched"))?;
        match looked {
            Ok(None) => Ok(()),
            Ok(Some((what, differs))) => Err(self.unusable(store, what, differs)),
            Err(error) => Err(self.unusable(store, "what was fetched", format!("cannot be opened: {error}"))),
        }
    }
}

/// Makes the directory, or sees that it is empty.
fn empty(directory: &Path) -> Result<(), Error> {
    fs::create_dir_all(directory).map_err(|error| Error::local("make", directory, &error))?;
    let mut entries = fs::read_dir(directory).map_err(|error| Error::local("read", directory, &error))?;
    if entries.next().is_some() { Err(Error::NotEmpty { path: directory.into() }) } else { Ok(()) }
}

/// Puts what was fetched in its place. It is durable before, and a directory without the last piece is none that a server starts on.
fn place(aside: &Path, into: &Path) -> Result<(), Error> {
    let failed = |path: &Path, error: &std::io::Error| Error::local("move into its place", path, error);
    let entries = fs::read_dir(aside).map_err(|error| failed(aside, &error))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(|error| failed(aside, &error))?;
    paths.sort_by_key(|path| (path.file_name().is_some_and(|name| name == LAST), path.clone()));
    for path in &paths {
        if path.is_dir() {
            remove_text_logs(path);
            sync(path)?;
        }
    }
    remove_text_logs(aside);
    for path in paths.iter().filter(|path| path.exists()) {
        let name = path.file_name().unwrap_or_default();
        fs::rename(path, into.join(name)).map_err(|error| failed(path, &error))?;
    }
    fs::remove_dir(aside).map_err(|error| failed(aside, &error))?;
    sync(into)?;
    into.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync)
}

/// What opening the store to check it has written.
fn remove_text_logs(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with("LOG") {
            drop(fs::remove_file(entry.path()));
        }
    }
}

fn sync(directory: &Path) -> Result<(), Error> {
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| Error::local("sync", directory, &error))
}
