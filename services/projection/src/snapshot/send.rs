//! Sends a snapshot: the files that the store lacks, then the manifest.

use super::manifest::{File, Manifest, Named, hex};
use super::marks::{Doing, Mark};
use super::place::{FILES, SnapshotStore, file_key};
use super::{Error, Frozen};
use crate::Projection;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::task::spawn_blocking;

/// What is sent at once of a larger file: stores want parts of 5 MiB at least.
const PART_BYTES: usize = 8 << 20;
/// Files on their way at once; each takes a part of memory.
const AT_ONCE: usize = 4;
/// How often somebody who prunes is asked whether they are done, and how many times.
const ASK_EVERY: Duration = Duration::from_secs(1);
const ASK_TIMES: usize = 600;

/// Hashes of files that were read before, by what tells them apart. RocksDB's files never change once they are named.
#[derive(Default)]
pub(super) struct Hashes(Mutex<FxHashMap<Inode, String>>);

/// Device, inode, length, and time of the last change in nanoseconds.
type Inode = (u64, u64, u64, i64);

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The new snapshot.
    pub id: String,
    /// Entries of all its books.
    pub entries: u64,
    /// Its files, and their bytes.
    pub files: (u64, u64),
    /// Those of them that the store did not have, and their bytes.
    pub sent: (u64, u64),
}

impl Projection {
    /// Takes a snapshot of the store alone and sends it: a node that has it goes on from the log. The copy is made beside the store's own
    /// directory, in `<directory>.frozen`.
    pub async fn snapshot(&self, to: &SnapshotStore) -> Result<Sent, Error> {
        let projection = self.clone();
        let freeze = move || {
            let mut directory = projection.shared.store.path().as_os_str().to_owned();
            directory.push(".frozen");
            projection.freeze(&PathBuf::from(directory))
        };
        let frozen = spawn_blocking(freeze).await.map_err(|_| Error::panicked("copying the store"))??;
        to.send(&frozen).await
    }
}

impl SnapshotStore {
    /// Sends a copy as a new snapshot. If it fails, what was sent helps the next one.
    pub async fn send(&self, frozen: &Frozen) -> Result<Sent, Error> {
        let mark = Mark::put(self, Doing::Writing).await?;
        let sent = self.send_marked(frozen, &mark).await;
        mark.remove().await;
        sent
    }

    async fn send_marked(&self, frozen: &Frozen, mark: &Mark) -> Result<Sent, Error> {
        self.until_nobody_prunes(mark).await?;
        let files = self.hash(frozen).await?;
        let there: FxHashMap<String, u64> =
            self.objects(FILES).await?.into_iter().filter_map(|object| Some((object.location.filename()?.to_owned(), object.size))).collect();
        let mut missing: Vec<(&File, &Path)> = Vec::new();
        for (file, (_, path)) in files.iter().zip(&frozen.files) {
            // A file of another length was cut short when a disk was full, say: it is written over.
            let is_there = there.get(&file.sha256) == Some(&file.bytes) || missing.iter().any(|(other, _)| other.sha256 == file.sha256);
            if !is_there {
                missing.push((file, path));
            }
        }
        let sent = (missing.len() as u64, missing.iter().map(|(file, _)| file.bytes).sum());
        // A list of futures and not a closure that makes them: that could not go to another thread.
        let mut sending = Vec::with_capacity(missing.len());
        for (file, path) in missing {
            sending.push(self.send_file(file, path, mark));
        }
        futures::stream::iter(sending).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        let manifest = manifest(frozen, files);
        let bytes = manifest.encode();
        let named = Named::next(self.list().await?.last(), frozen.taken, &bytes);
        mark.check()?;
        self.put(&named.key(), bytes.into()).await?;
        Ok(Sent { id: named.id(), entries: manifest.entries(), files: (manifest.files.len() as u64, manifest.bytes()), sent })
    }

    async fn until_nobody_prunes(&self, mark: &Mark) -> Result<(), Error> {
        for _ in 0..ASK_TIMES {
            if mark.other(self, Doing::Pruning).await?.is_none() {
                return Ok(());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        match mark.other(self, Doing::Pruning).await? {
            None => Ok(()),
            Some(since) => Err(Error::Pruning { url: self.url.clone(), since }),
        }
    }

    /// Lengths and hashes of a copy's files.
    async fn hash(&self, frozen: &Frozen) -> Result<Vec<File>, Error> {
        let files = frozen.files.clone();
        let known = std::mem::take(&mut *self.hashes.0.lock().unwrap_or_else(PoisonError::into_inner));
        let hash_all = move || -> Result<_, Error> {
            let (mut hashes, mut hashed) = (FxHashMap::default(), Vec::with_capacity(files.len()));
            for (path, at) in files {
                let inode = inode(&at)?;
                let sha256 = known.get(&inode).map_or_else(|| hash_file(&at), |hash| Ok(hash.clone()))?;
                hashes.insert(inode, sha256.clone());
                hashed.push(File { path, bytes: inode.2, sha256 });
            }
            Ok((hashes, hashed))
        };
        let (hashes, hashed) = spawn_blocking(hash_all).await.map_err(|_| Error::panicked("hashing files"))??;
        *self.hashes.0.lock().unwrap_or_else(PoisonError::into_inner) = hashes;
        Ok(hashed)
    }

    /// Sends one file. What is sent is hashed once more: what is kept under a hash has that hash.
    async fn send_file(&self, file: &File, path: &Path, mark: &Mark) -> Result<(), Error> {
        mark.check()?;
        let key = file_key(&file.sha256);
        let failed = |error: &object_store::Error| self.failed(&key, error);
        let mut source = fs::File::open(path).map_err(|error| Error::local("open", path, &error))?;
        let mut hasher = Sha256::new();
        if file.bytes <= PART_BYTES as u64 {
            let (part, _) = read_part(&mut source, path)?;
            hasher.update(&part);
            unchanged(file, path, hasher)?;
            return self.put(&key, part).await;
        }
        let mut upload = self.store.put_multipart(&key).await.map_err(|error| failed(&error))?;
        let put = self.send_parts(&mut *upload, &mut source, path, &key, &mut hasher).await;
        if let Err(error) = put.and_then(|()| unchanged(file, path, hasher)) {
            // A store that cannot be told keeps the parts until its own rules remove them.
            let _ = upload.abort().await;
            return Err(error);
        }
        upload.complete().await.map_err(|error| failed(&error))?;
        Ok(())
    }

    async fn send_parts(
        &self,
        upload: &mut dyn MultipartUpload,
        source: &mut fs::File,
        path: &Path,
        key: &Key,
        hasher: &mut Sha256,
    ) -> Result<(), Error> {
        loop {
            let (part, is_last) = read_part(source, path)?;
            hasher.update(&part);
            if !part.is_empty() {
                upload.put_part(PutPayload::from(part)).await.map_err(|error| self.failed(key, &error))?;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

fn manifest(frozen: &Frozen, files: Vec<File>) -> Manifest {
    let state = frozen.state.clone();
    Manifest {
        format: Frozen::FORMAT,
        taken: frozen.taken.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        log: state.log,
        partitions: state.partitions,
        held: frozen.held.clone(),
        store_format: state.store_format,
        fold_version: state.fold_version,
        cursors: state.cursors,
        books: state.books,
        log_copy: frozen.log_copy.clone(),
        files,
    }
}

fn inode(path: &Path) -> Result<Inode, Error> {
    let of = fs::metadata(path).map_err(|error| Error::local("read", path, &error))?;
    Ok((of.dev(), of.ino(), of.len(), of.mtime().wrapping_mul(1_000_000_000).wrapping_add(of.mtime_nsec())))
}

fn hash_file(path: &Path) -> Result<String, Error> {
    let mut source = fs::File::open(path).map_err(|error| Error::local("open", path, &error))?;
    let mut hasher = Sha256::new();
    loop {
        let (part, is_last) = read_part(&mut source, path)?;
        hasher.update(&part);
        if is_last {
            return Ok(hex(&hasher.finalize()));
        }
    }
}

/// The next part of a file, and whether it is the last.
fn read_part(source: &mut fs::File, path: &Path) -> Result<(Bytes, bool), Error> {
    let mut part = Vec::new();
    source.take(PART_BYTES as u64).read_to_end(&mut part).map_err(|error| Error::local("read", path, &error))?;
    let is_last = part.len() < PART_BYTES;
    Ok((part.into(), is_last))
}

fn unchanged(file: &File, path: &Path, hasher: Sha256) -> Result<(), Error> {
    if hex(&hasher.finalize()) == file.sha256 {
        return Ok(());
    }
    Err(Error::Local { what: "send", path: path.into(), why: "it changed while it was read: see whether the disk is sound, then try again".into() })
}
