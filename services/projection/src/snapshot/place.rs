//! Where snapshots are kept: a local directory or a bucket, named by a URL.

use super::http::Connector;
use super::manifest::Named;
use super::{Error, send::Hashes};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Directory of files by their hashes.
pub(super) const FILES: &str = "files";
/// Directory of manifests.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// Directory of marks.
pub(super) const MARKS: &str = "marks";

/// How long a bucket that cannot be reached is tried again.
const RETRY: Duration = Duration::from_secs(30);
const RETRIES_MAX: usize = 6;

/// An open snapshot store. Its documentation is that of the [module](super).
pub struct SnapshotStore {
    pub(super) url: String,
    pub(super) store: Arc<dyn ObjectStore>,
    /// Where it is, if it is a local directory.
    pub(super) directory: Option<PathBuf>,
    pub(super) hashes: Hashes,
}

impl std::fmt::Debug for SnapshotStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotStore").field("url", &self.url).finish_non_exhaustive()
    }
}

impl SnapshotStore {
    /// Opens what a URL names: a directory's path, `file:///DIRECTORY`, or `s3://BUCKET/PREFIX` with the usual variables `AWS_*`
    /// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`; `AWS_ENDPOINT` and, for one without TLS, `AWS_ALLOW_HTTP=true`).
    /// A bucket is not asked for before it is used.
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(url, false)
    }

    /// The same; makes a directory that is not there.
    pub fn open_or_make(url: &str) -> Result<Self, Error> {
        Self::open_with(url, true)
    }

    fn open_with(url: &str, makes: bool) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Url { url: url.into(), why: why.into() };
        let (store, directory): (Arc<dyn ObjectStore>, _) = match url.split_once("://") {
            None if url.is_empty() => return Err(wrong("it is empty")),
            None => local(Path::new(url), makes)?,
            Some(("file", path)) if path.starts_with('/') => local(Path::new(path), makes)?,
            Some(("file", _)) => return Err(wrong("file:// takes an absolute path")),
            Some(("s3", rest)) => (bucket(url, rest)?, None),
            Some((scheme, _)) => return Err(wrong(&format!("the scheme {scheme} is not known"))),
        };
        Ok(Self { url: url.into(), store, directory, hashes: Hashes::default() })
    }

    /// What it was opened by.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn failed(&self, path: impl std::fmt::Display, error: &object_store::Error) -> Error {
        Error::store(&self.url, path, error)
    }

    /// Names of all snapshots, oldest first. Refuses what is no snapshot.
    pub async fn list(&self) -> Result<Vec<Named>, Error> {
        let mut names = Vec::new();
        for object in self.objects(SNAPSHOTS).await? {
            let file = object.location.filename().unwrap_or_default();
            let named = Named::parse(file).ok_or_else(|| Error::Foreign { url: self.url.clone(), path: object.location.to_string() })?;
            names.push(named);
        }
        names.sort();
        Ok(names)
    }

    /// Everything in one of its directories.
    pub(super) async fn objects(&self, directory: &str) -> Result<Vec<ObjectMeta>, Error> {
        let objects = self.store.list(Some(&Key::from(directory)));
        objects.try_collect().await.map_err(|error| self.failed(directory, &error))
    }

    pub(super) async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        self.store.put(key, bytes.into()).await.map_err(|error| self.failed(key, &error))?;
        Ok(())
    }

    /// A whole object; `None`: there is none.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Bytes>, Error> {
        let object = match self.store.get(key).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            object => object.map_err(|error| self.failed(key, &error))?,
        };
        Ok(Some(object.bytes().await.map_err(|error| self.failed(key, &error))?))
    }

    /// Removes objects, those that are gone already too; says how many.
    pub(super) async fn delete(&self, keys: Vec<Key>) -> Result<u64, Error> {
        let keys = futures::stream::iter(keys.into_iter().map(Ok)).boxed();
        let mut results = self.store.delete_stream(keys);
        let mut deleted = 0;
        while let Some(result) = results.next().await {
            match result {
                Ok(_) => deleted += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed(FILES, &error)),
            }
        }
        Ok(deleted)
    }
}

/// The key of a file by its hash.
pub(super) fn file_key(hash: &str) -> Key {
    Key::from(format!("{FILES}/{}/{hash}", hash.get(..2).unwrap_or_default()))
}

fn local(path: &Path, makes: bool) -> Result<(Arc<dyn ObjectStore>, Option<PathBuf>), Error> {
    if makes {
        std::fs::create_dir_all(path).map_err(|error| Error::local("make", path, &error))?;
    }
    let path = path.canonicalize().map_err(|error| Error::local("open the snapshot store", path, &error))?;
    let store = LocalFileSystem::new_with_prefix(&path).map_err(|error| Error::store(&path.to_string_lossy(), "/", &error))?;
    // A snapshot is there for the day on which a machine has stopped.
    Ok((Arc::new(store.with_fsync(true)), Some(path)))
}

fn bucket(url: &str, rest: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(Error::Url { url: url.into(), why: "it names no bucket".into() });
    }
    let retry = RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRY, ..RetryConfig::default() };
    let builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_http_connector(Connector).with_retry(retry);
    let store = builder.build().map_err(|error| Error::Url { url: url.into(), why: error.to_string() })?;
    let prefix = prefix.trim_matches('/');
    Ok(if prefix.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_store_is_refused() {
        for (url, why) in [("", "empty"), ("file://relative", "absolute"), ("ftp://x/y", "scheme ftp"), ("s3:///prefix", "no bucket")] {
            let error = SnapshotStore::open(url).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains('\n'), "{url}: {error}");
        }
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        let error = SnapshotStore::open(missing.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains("missing"), "{error}");
        SnapshotStore::open_or_make(&format!("file://{}", missing.display())).unwrap();
        SnapshotStore::open(missing.to_str().unwrap()).unwrap();
    }
}
