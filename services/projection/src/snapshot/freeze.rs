//! Copies of what runs, in hard links: taken in about the time of a flush, while the fold goes on.

use super::Error;
use super::manifest::{Cut, FORMAT};
use super::state::{self, State};
use crate::projection::Shared;
use crate::store::Store;
use crate::{Health, Options, Projection};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use tandem_log::{EmbeddedLog, embedded};

/// A consistent copy that is not sent yet. Dropping it removes it.
#[derive(Debug)]
pub struct Frozen {
    directory: PathBuf,
    pub(super) state: State,
    pub(super) held: Vec<u32>,
    pub(super) log_copy: Option<Vec<Cut>>,
    pub(super) taken: jiff::Timestamp,
    /// Where each file stands in a data directory, and where it is now; ascending.
    pub(super) files: Vec<(String, PathBuf)>,
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            tracing::warn!(%error, directory = %self.directory.display(), "a copy for a snapshot was not removed; the next snapshot removes it");
        }
    }
}

/// What of a one-machine ledger is copied with its store.
struct Around<'a> {
    log: &'a EmbeddedLog,
    checkpoints: &'a Path,
}

impl Projection {
    /// Copies the store as it is now into a directory that is made (and emptied, if a process left it behind), which has to be in the file
    /// system of the store. The fold goes on. Blocks.
    pub fn freeze(&self, directory: &Path) -> Result<Frozen, Error> {
        self.freeze_with(None, directory)
    }

    /// The same of a one-machine ledger: with the embedded log that this projection folds, and the directory of its published checkpoints.
    ///
    /// What is published is copied first, then the store, then the log, and nothing is trimmed meanwhile. So what was published is in the
    /// books of the store, and the log holds everything from the store's cursors on.
    pub fn freeze_ledger(&self, log: &EmbeddedLog, checkpoints: &Path, directory: &Path) -> Result<Frozen, Error> {
        self.freeze_with(Some(Around { log, checkpoints }), directory)
    }

    fn freeze_with(&self, around: Option<Around<'_>>, directory: &Path) -> Result<Frozen, Error> {
        if let Health::Failed(why) = &*self.shared.health_now() {
            return Err(crate::Error::Stopped(why.clone()).into());
        }
        let _gate = self.shared.trimming.lock().unwrap_or_else(PoisonError::into_inner);
        freeze(&self.shared.store, held(&self.shared), around, directory)
    }
}

/// Copies the ledger in a data directory that no server uses: `projection`, `log` and `checkpoints` in it.
pub fn freeze_stopped(data_dir: &Path, directory: &Path) -> Result<Frozen, Error> {
    let (log_dir, store_dir) = (data_dir.join("log"), data_dir.join("projection"));
    if !Store::exists(&store_dir) {
        return Err(crate::Error::Missing { path: store_dir }.into());
    }
    // First what shows whether a server uses it.
    let store = Store::open(&store_dir, &Options::default())?;
    let partitions = embedded::look(&log_dir)?.extents.len() as u32;
    let log = EmbeddedLog::open(&log_dir, embedded::Options { partitions, ..Default::default() })?;
    let around = Around { log: &log, checkpoints: &data_dir.join("checkpoints") };
    freeze(&store, (0..partitions).collect(), Some(around), directory)
}

/// Partitions that a projection folds.
fn held(shared: &Shared) -> Vec<u32> {
    shared.partitions.iter().collect()
}

fn freeze(store: &Store, held: Vec<u32>, around: Option<Around<'_>>, directory: &Path) -> Result<Frozen, Error> {
    make_empty(directory)?;
    let taken = jiff::Timestamp::now();
    // From here on whatever fails removes what was made.
    let state = State { log: String::new(), partitions: 0, store_format: 0, fold_version: 0, cursors: Vec::new(), books: Vec::new() };
    let mut frozen = Frozen { directory: directory.into(), state, held, log_copy: None, taken, files: Vec::new() };
    if let Some(Around { checkpoints, .. }) = &around {
        copy_checkpoints(checkpoints, &directory.join("checkpoints"))?;
    }
    store.copy(&directory.join("projection"))?;
    let copied = around.as_ref().map(|around| around.log.copy(&directory.join("log"))).transpose()?;
    frozen.state = State::read(&directory.join("projection"))?;
    if let Some(copied) = copied {
        let cuts = state::cuts(&copied);
        state::fits(&frozen.state, &copied.id.to_string(), &cuts)?;
        frozen.log_copy = Some(cuts);
    }
    for part in ["checkpoints", "log", "projection"] {
        frozen.add(part)?;
    }
    Ok(frozen)
}

impl Frozen {
    /// The format of its manifest.
    pub(super) const FORMAT: u32 = FORMAT;

    /// Notes the files of a part, if there is such a part.
    fn add(&mut self, part: &str) -> Result<(), Error> {
        let directory = self.directory.join(part);
        if !directory.exists() {
            return Ok(());
        }
        let mut names = names(&directory)?;
        // Opening a copy to read it writes a text log, and a lock may be there.
        names.retain(|name| !name.starts_with("LOG") && name != "LOCK");
        names.sort();
        self.files.extend(names.into_iter().map(|name| (format!("{part}/{name}"), directory.join(name))));
        Ok(())
    }
}

fn make_empty(directory: &Path) -> Result<(), Error> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(|error| Error::local("remove", directory, &error))?;
    }
    fs::create_dir_all(directory).map_err(|error| Error::local("make", directory, &error))
}

/// Each is replaced whole by its publisher, so each that is read is whole.
fn copy_checkpoints(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(|error| Error::local("make", to, &error))?;
    if !from.exists() {
        return Ok(());
    }
    for name in names(from)?.into_iter().filter(|name| name.ends_with(".checkpoint")) {
        fs::copy(from.join(&name), to.join(&name)).map_err(|error| Error::local("copy", &from.join(&name), &error))?;
    }
    Ok(())
}

fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let failed = |error: std::io::Error| Error::local("read", directory, &error);
    let name = |entry: std::io::Result<fs::DirEntry>| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    fs::read_dir(directory).map_err(failed)?.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{SnapshotStore, restore_ledger};
    use bytes::Bytes;
    use std::sync::Arc;
    use std::time::{Duration, Instant};
    use tandem_log::EventLog;

    const COUNCIL: &str = "E09000001";

    struct Ledger {
        log: Arc<EmbeddedLog>,
        projection: Projection,
    }

    impl Ledger {
        fn open(directory: &Path, trim_after_bytes: Option<u64>) -> Self {
            let options = embedded::Options { partitions: 2, ..Default::default() };
            let log = Arc::new(EmbeddedLog::open(directory.join("log"), options).unwrap());
            let options = Options { cache_bytes: 8 << 20, trim_after_bytes, ..Options::default() };
            let projection = Projection::open(&directory.join("projection"), log.clone(), options).unwrap();
            Self { log, projection }
        }

        /// A record that cannot be read is an entry too.
        fn append(&self, records: u8) {
            let records = (0..records).map(|number| Bytes::from(vec![b'?', number])).collect();
            futures::executor::block_on(self.log.append(COUNCIL, records)).unwrap();
        }

        fn settle(&self) {
            until("the fold", || self.projection.lag_frames() == 0);
        }

        fn starts(&self) -> Vec<u64> {
            (0..2).map(|partition| self.log.start(partition).unwrap()).collect()
        }
    }

    fn until(what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !is_so() {
            assert!(Instant::now() < deadline, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn while_a_copy_is_made_nothing_is_trimmed_and_the_fold_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path(), Some(1));
        let round = || {
            ledger.append(3);
            ledger.settle();
        };
        (0..4).for_each(|_| round());
        until("a trim", || ledger.starts() != [0, 0]);
        let gate = ledger.projection.shared.trimming.lock().unwrap();
        let before = ledger.starts();
        (0..8).for_each(|_| round());
        assert_eq!(ledger.starts(), before);
        drop(gate);
        until("a trim afterwards", || {
            round();
            ledger.starts() != before
        });
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_ledger_that_is_written_to_is_copied_as_of_one_moment() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path(), Some(200));
        let (log, stop) = (ledger.log.clone(), Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let stopped = stop.clone();
        let writer = std::thread::spawn(move || {
            let mut frames = 0u64;
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                futures::executor::block_on(log.append(COUNCIL, vec![Bytes::from(frames.to_be_bytes().to_vec())])).unwrap();
                frames += 1;
            }
            frames
        });
        let store = SnapshotStore::open_or_make(directory.path().join("store").to_str().unwrap()).unwrap();
        let mut last = 0;
        for round in 0..6 {
            until("some entries more", || ledger.projection.counts().0 > last + 20);
            let acknowledged = ledger.log.statistics().records;
            let frozen =
                ledger.projection.freeze_ledger(&ledger.log, &directory.path().join("checkpoints"), &directory.path().join("frozen")).unwrap();
            store.send(&frozen).await.unwrap();
            let into = directory.path().join(format!("restored {round}"));
            let restored = restore_ledger(&store, None, &into).await.unwrap();
            assert!(restored.manifest.entries() > last);
            last = restored.manifest.entries();
            let again = Ledger::open(&into, None);
            again.settle();
            let (entries, duplicates) = again.projection.counts();
            assert!(entries + duplicates >= acknowledged, "{entries} entries of {acknowledged} that were acknowledged before the copy");
            // It can be written to.
            again.append(1);
            again.settle();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let frames = writer.join().unwrap();
        println!("{frames} frames were written meanwhile, the last copy has {last}");
    }

    #[test]
    fn a_copy_of_a_stopped_ledger_needs_it_to_be_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path(), None);
        ledger.append(5);
        ledger.settle();
        let frozen = directory.path().join("frozen");
        let error = freeze_stopped(directory.path(), &frozen).unwrap_err();
        assert!(matches!(error, Error::Projection(crate::Error::InUse { .. })), "{error}");
        drop(ledger);
        let copy = freeze_stopped(directory.path(), &frozen).unwrap();
        assert_eq!(copy.state.books[0].size, 5);
        assert!(frozen.exists());
        drop(copy);
        assert!(!frozen.exists());
        let error = freeze_stopped(&directory.path().join("nowhere"), &frozen).unwrap_err();
        assert!(error.to_string().contains("there is no projection"), "{error}");
    }
}
