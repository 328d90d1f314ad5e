//! The handle on a running projection.

use crate::metrics::Metrics;
use crate::progress::{Council, Progress};
use crate::store::Store;
use crate::tail::{self, source::Source};
use crate::{Error, Health, Known, Options, Partitions, book, maintain, rebuild};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tandem_log::EventLog;
use tokio::sync::watch;

/// A running projection: threads that fold the log into a store, and reads of that store. Clones are the same projection. Dropping the
/// last one stops it as [`Projection::stop`] does.
#[derive(Clone)]
pub struct Projection {
    pub(crate) shared: Arc<Shared>,
    threads: Arc<Threads>,
}

/// What threads and calls share.
pub(crate) struct Shared {
    pub store: Store,
    pub source: Box<dyn Source>,
    pub partitions: Partitions,
    pub options: Options,
    pub progress: watch::Sender<Progress>,
    /// Per partition the end of the log when this was opened; 0 where it is not held. Nothing is answered from less: a store that a crash took
    /// back, or a new one, first folds what was durable then.
    pub durable_at_open: Vec<u64>,
    pub metrics: Metrics,
    pub stopping: AtomicBool,
    /// Held while store and log are copied: the log may not lose in between what the copied store needs of it.
    pub trimming: Mutex<()>,
    health: watch::Sender<Health>,
}

impl Shared {
    pub fn stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Frames that were durable when this was opened and are not folded.
    pub fn missed_frames(&self, progress: &Progress) -> u64 {
        let missed = |(end, cursor): (&u64, &(u64, u32))| end.saturating_sub(cursor.0);
        self.durable_at_open.iter().zip(&progress.cursors).map(missed).sum()
    }

    /// Whether it can answer now.
    pub fn health_now(&self) -> watch::Ref<'_, Health> {
        self.health.borrow()
    }

    /// Says so to health checks, and to calls that wait. What has failed or stopped stays so.
    pub fn set_health(&self, health: Health) {
        let is_final = |health: &Health| matches!(health, Health::Failed(_) | Health::Stopped);
        let changed = self.health.send_if_modified(|old| {
            let changes = !is_final(old) && *old != health;
            if changes {
                *old = health.clone();
            }
            changes
        });
        if changed {
            self.progress.send_modify(|progress| progress.health = health);
        }
    }
}

#[derive(Default)]
struct Threads {
    handles: Mutex<Vec<JoinHandle<()>>>,
    shared: Option<Arc<Shared>>,
}

impl Threads {
    fn join(&self) {
        let Some(shared) = &self.shared else { return };
        shared.stopping.store(true, Relaxed);
        let handles = std::mem::take(&mut *self.handles.lock().unwrap_or_else(PoisonError::into_inner));
        let ran = !handles.is_empty();
        for handle in handles {
            if handle.join().is_err() {
                shared.set_health(Health::Failed("a thread panicked".into()));
            }
        }
        let is_well = matches!(*shared.health_now(), Health::Serving);
        if let Some(publisher) = shared.options.publisher.as_ref().filter(|_| ran && is_well) {
            book::publish::last(shared, publisher);
        }
        shared.set_health(Health::Stopped);
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.join();
    }
}

impl Projection {
    /// Opens or makes the projection in a directory and begins to fold the log: first, if this version folds otherwise than the one that
    /// made the views, the views again from the archive; until that is done, calls answer `UNAVAILABLE`.
    /// So they do, after waiting for a while, until what was durable in the log is folded: no answer is from less than was acknowledged before.
    ///
    /// Refuses partitions that the log does not have, and a directory that another process uses, that is damaged, of an unknown format, or made
    /// from another log. Blocks for as long as RocksDB needs to recover.
    pub fn open<L: EventLog>(path: &Path, log: Arc<L>, options: Options) -> Result<Self, Error> {
        let source: Box<dyn Source> = Box::new(log);
        let partitions = Partitions::new(options.partitions.as_ref(), source.partitions())?;
        let store = Store::open(path, &options)?;
        tail::check::same_log(&store, &*source, &partitions)?;
        book::check(&store)?;
        let stale = rebuild::drop_stale_views(&store)?;
        let progress = tail::check::progress(&store, &partitions)?;
        let end = |partition| if partitions.has(partition) { source.end_now(partition) } else { Ok(0) };
        let durable_at_open = (0..source.partitions()).map(end).collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared {
            durable_at_open,
            store,
            source,
            partitions,
            options,
            health: watch::Sender::new(progress.health.clone()),
            progress: watch::Sender::new(progress),
            metrics: Metrics::default(),
            stopping: AtomicBool::new(false),
            trimming: Mutex::new(()),
        });
        if stale {
            tracing::info!("the views are of another version of the fold: folding them again from the archive");
        }
        let handles = tail::start(&shared)?;
        // From here on, whatever fails stops the threads that run.
        let threads = Arc::new(Threads { handles: Mutex::new(handles), shared: Some(shared.clone()) });
        let keep = |handle| threads.handles.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        keep(maintain::start(&shared)?);
        if let Some(publisher) = &shared.options.publisher {
            // A standby has nothing to sign, and so nothing to have cosigned.
            if let Some(publishing) = book::publish::start(&shared, publisher) {
                keep(publishing?);
                for index in 0..publisher.witnesses().len() {
                    keep(book::witness::start(&shared, publisher, index)?);
                }
            }
        }
        Ok(Self { threads, shared })
    }

    /// Stops: the round under way is committed and synced, streams end, calls answer `UNAVAILABLE`. Blocks until that is done, mostly
    /// well below a second. The error is why it had stopped before, if it had.
    pub fn stop(&self) -> Result<(), Error> {
        self.threads.join();
        match &*self.shared.health.borrow() {
            Health::Failed(why) => Err(Error::Stopped(why.clone())),
            _ => Ok(()),
        }
    }

    /// Whether it can answer, now and from now on.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    /// Books whose checkpoints are not published further, and why, by council: somebody has to look. What was published is served on.
    pub fn unpublished(&self) -> Vec<(String, String)> {
        self.shared.options.publisher.as_ref().map_or_else(Vec::new, |publisher| publisher.refused())
    }

    /// Looks into the catalogues, for a gateway that is asked to refuse what is not defined.
    pub fn known(&self) -> Known {
        Known::new(self.shared.clone())
    }

    /// Appends counters and gauges in Prometheus' text format.
    pub fn render_metrics(&self, out: &mut String) {
        self.shared.metrics.render(&self.shared, out);
    }

    /// The partitions that it holds.
    pub fn partitions(&self) -> &Partitions {
        &self.shared.partitions
    }

    /// Frames that are durable in the log and not folded, over the partitions that it holds.
    pub fn lag_frames(&self) -> u64 {
        tail::lag_frames(&self.shared)
    }

    /// Entries in all books, and records that were exact duplicates.
    pub fn counts(&self) -> (u64, u64) {
        let progress = self.shared.progress.borrow();
        let sum = |of: fn(&Council) -> u64| progress.books.values().map(of).sum();
        (sum(|council| council.book.entries), sum(|council| council.book.duplicates))
    }
}
