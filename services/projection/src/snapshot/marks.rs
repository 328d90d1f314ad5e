//! Marks: who writes and who prunes at this moment. See the [module](super) for why that suffices.

use super::Error;
use super::place::{MARKS, SnapshotStore};
use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How often a mark is put again.
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// A mark that was not renewed for so long, by the store's own clock, is of a process that died.
const DEAD_AFTER_SECONDS: i64 = 3_600;
/// Its owner relies on it for less than that.
const GOOD_FOR: Duration = Duration::from_secs(1_800);

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// A snapshot is written.
    Writing,
    /// Files are removed.
    Pruning,
}

impl Doing {
    fn name(self) -> &'static str {
        match self {
            Self::Writing => "writing-",
            Self::Pruning => "pruning-",
        }
    }
}

/// Our mark: renewed until it is dropped, and removed by [`Mark::remove`].
pub(super) struct Mark {
    key: Key,
    url: String,
    store: Arc<dyn ObjectStore>,
    renewed: Arc<Mutex<Instant>>,
    renewing: JoinHandle<()>,
    is_removed: bool,
}

impl Drop for Mark {
    /// One that was given up in the middle is removed if there is still time.
    fn drop(&mut self) {
        self.renewing.abort();
        if !self.is_removed
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (store, key) = (self.store.clone(), self.key.clone());
            runtime.spawn(async move { drop(store.delete(&key).await) });
        }
    }
}

impl Mark {
    /// Puts one there.
    pub async fn put(of: &SnapshotStore, doing: Doing) -> Result<Self, Error> {
        let key = Key::from(format!("{MARKS}/{}{:016x}", doing.name(), rand::random::<u64>()));
        let renewed = Arc::new(Mutex::new(Instant::now()));
        of.put(&key, Bytes::new()).await?;
        let (store, own, last) = (of.store.clone(), key.clone(), renewed.clone());
        let renewing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEW_EVERY).await;
                let began = Instant::now();
                match store.put(&own, Bytes::new().into()).await {
                    Ok(_) => *last.lock().unwrap_or_else(PoisonError::into_inner) = began,
                    Err(error) => tracing::warn!(%error, mark = %own, "a mark in the snapshot store was not renewed; it is tried again"),
                }
            }
        });
        Ok(Self { key, url: of.url.clone(), store: of.store.clone(), renewed, renewing, is_removed: false })
    }

    /// Fails if others may take us for dead.
    pub fn check(&self) -> Result<(), Error> {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        if renewed.elapsed() < GOOD_FOR { Ok(()) } else { Err(Error::MarkLost { url: self.url.clone() }) }
    }

    /// Takes it away. If that fails it ends by itself.
    pub async fn remove(mut self) {
        self.renewing.abort();
        self.is_removed = true;
        if let Err(error) = self.store.delete(&self.key).await {
            tracing::warn!(%error, mark = %self.key, "a mark in the snapshot store was not removed: it ends in an hour");
        }
    }

    /// When somebody else last said that they do this; `None`: nobody does.
    pub async fn other(&self, of: &SnapshotStore, doing: Doing) -> Result<Option<String>, Error> {
        let marks = of.objects(MARKS).await?;
        // The store's own clock, by the newest of what was put: ours is of a moment ago.
        let Some(now) = marks.iter().map(|mark| mark.last_modified).max() else { return Ok(None) };
        let others = marks.iter().filter(|mark| mark.location != self.key);
        let of_kind = others.filter(|mark| mark.location.filename().is_some_and(|name| name.starts_with(doing.name())));
        let alive = of_kind.filter(|mark| (now - mark.last_modified).num_seconds() < DEAD_AFTER_SECONDS);
        Ok(alive.map(|mark| mark.last_modified).max().map(|since| since.format("%Y-%m-%dT%H:%M:%SZ").to_string()))
    }
}
