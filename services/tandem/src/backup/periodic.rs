//! A server that backs itself up: a task that takes a snapshot every so often, and says how that went.

use super::{FROZEN, Told};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tandem_log::{AnyLog, EventLog};
use tandem_projection::Projection;
use tandem_projection::snapshot::{self, Error, SnapshotStore};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// Whether and how a server backs itself up.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// Where this server's ledger is backed up: a directory, file:///DIRECTORY or s3://BUCKET/PREFIX, see `tandem backup --help`
    #[arg(long, value_name = "URL")]
    backup_to: Option<String>,
    /// Seconds between two backups, from the beginning of one to the beginning of the next
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, requires = "backup_to", value_parser = clap::value_parser!(u64).range(1..))]
    backup_every: u64,
    /// After each backup only the newest of this ledger are kept, so many [default: all]
    #[arg(long, value_name = "N", requires = "backup_to", value_parser = clap::value_parser!(u32).range(1..))]
    backup_keep: Option<u32>,
}

impl BackupArgs {
    /// What they ask for; `None`: no backups. Opens the store, so that one that cannot be used is found at the start.
    pub fn open(&self, data_dir: &Path) -> anyhow::Result<Option<Backups>> {
        let Some(url) = &self.backup_to else { return Ok(None) };
        Ok(Some(Backups {
            store: SnapshotStore::open_or_make(url)?,
            data_dir: data_dir.into(),
            every: Duration::from_secs(self.backup_every),
            keep: self.backup_keep.map(|keep| keep as usize),
            counters: Counters::default(),
        }))
    }
}

/// Backups of this server.
#[derive(Debug)]
pub(crate) struct Backups {
    store: SnapshotStore,
    data_dir: PathBuf,
    every: Duration,
    keep: Option<usize>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    taken: AtomicU64,
    failed: AtomicU64,
    bytes_sent: AtomicU64,
    /// When the newest one that is complete was begun, seconds since 1970 UTC; 0: there is none of this process.
    newest_s: AtomicU64,
}

impl Backups {
    /// Takes one after the other until told to stop. One that fails is told, counted, and followed by the next.
    pub async fn run(&self, projection: Projection, log: Arc<AnyLog>, stopping: CancellationToken) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let one = async {
                ticks.tick().await;
                self.one(&projection, &log).await;
            };
            tokio::select! {
                () = one => {}
                () = stopping.cancelled() => return,
            }
        }
    }

    async fn one(&self, projection: &Projection, log: &Arc<AnyLog>) {
        let (began, began_s) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        match self.take(projection, log, began).await {
            Ok(told) => {
                self.counters.taken.fetch_add(1, Relaxed);
                self.counters.bytes_sent.fetch_add(told.bytes_sent, Relaxed);
                self.counters.newest_s.store(began_s, Relaxed);
                tracing::info!(
                    snapshot = told.snapshot,
                    entries = told.entries,
                    files = told.files,
                    bytes = told.bytes,
                    files_sent = told.files_sent,
                    bytes_sent = told.bytes_sent,
                    copied_ms = told.copied_ms,
                    taken_ms = told.taken_ms,
                    "backed up"
                );
                self.prune().await;
            }
            Err(error) => {
                self.counters.failed.fetch_add(1, Relaxed);
                tracing::error!(%error, "the ledger was not backed up; it is tried again next time");
            }
        }
    }

    /// A ledger is its store and its log. A log in Kafka is others' to keep: there it is the store alone, from which a new projection begins.
    async fn take(&self, projection: &Projection, log: &Arc<AnyLog>, began: Instant) -> Result<Told, Error> {
        let (projection, log, data_dir) = (projection.clone(), log.clone(), self.data_dir.clone());
        let freeze = move || match &*log {
            AnyLog::Embedded(log) => projection.freeze_ledger(log, &data_dir.join("checkpoints"), &data_dir.join(FROZEN)),
            AnyLog::Kafka(_) => projection.freeze(&data_dir.join(FROZEN)),
        };
        let frozen = spawn_blocking(freeze).await.map_err(|error| tandem_projection::Error::Stopped(error.to_string()))??;
        let copied = began.elapsed();
        let sent = self.store.send(&frozen).await?;
        Ok(Told::new(&sent, copied, began.elapsed()))
    }

    /// Lets a projection that has no store yet begin with the newest snapshot of the same partitions of the same log, if there is one.
    pub async fn begin_with_newest(&self, log: &AnyLog, held: &[u32]) -> anyhow::Result<()> {
        let into = self.data_dir.join("projection");
        if into.join("CURRENT").exists() {
            return Ok(());
        }
        match snapshot::restore(&self.store, log.id(), log.partitions(), held, &into).await? {
            Some(restored) => tracing::info!(snapshot = restored.id, "a new projection begins with a snapshot, and goes on from the log"),
            None => tracing::info!("there is no snapshot of these partitions: a new projection folds the log from its start"),
        }
        Ok(())
    }

    /// Room is made when it can be: another server that writes there comes first.
    async fn prune(&self) {
        let Some(keep) = self.keep else { return };
        match self.store.prune(keep).await {
            Ok(pruned) => tracing::debug!(snapshots = pruned.snapshots, files = pruned.files.0, bytes = pruned.files.1, "old backups removed"),
            Err(error @ (Error::Writing { .. } | Error::Pruning { .. })) => tracing::info!(%error, "old backups are removed next time"),
            Err(error) => tracing::warn!(%error, "old backups were not removed"),
        }
    }

    /// Appends counters in Prometheus' text format.
    pub fn render(&self, out: &mut String) {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let families = [
            ("tandem_backups_total", "counter", "Backups taken since the start.", read(&self.counters.taken)),
            ("tandem_backups_failed_total", "counter", "Backups that failed since the start: see the log.", read(&self.counters.failed)),
            ("tandem_backup_sent_bytes_total", "counter", "Bytes of files sent.", read(&self.counters.bytes_sent)),
            (
                "tandem_backup_newest_seconds",
                "gauge",
                "When the newest complete backup of this process was begun, Unix time; 0: none yet. What was acknowledged later is in none.",
                read(&self.counters.newest_s),
            ),
        ];
        for (name, kind, help, value) in families {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
    }
}
