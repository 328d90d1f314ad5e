//! What the projection counts.

use crate::progress::Progress;
use crate::projection::Shared;
use crate::{Health, tail};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    records: AtomicU64,
    rounds: AtomicU64,
    fold_nanos: AtomicU64,
    commit_nanos: AtomicU64,
}

/// Committed counts over all councils.
#[derive(Default)]
struct Totals {
    books: u64,
    entries: u64,
    duplicates: u64,
    suspended: u64,
    cures: u64,
}

impl Totals {
    fn of(progress: &Progress) -> Self {
        let mut totals = Self::default();
        for council in progress.books.values() {
            totals.books += 1;
            totals.entries += council.book.entries;
            totals.duplicates += council.book.duplicates;
            totals.suspended += council.suspended;
            totals.cures += council.cures;
        }
        totals
    }
}

impl Metrics {
    pub fn taken(&self, records: usize) {
        self.records.fetch_add(records as u64, Relaxed);
    }

    pub fn folded(&self, took: Duration) {
        self.fold_nanos.fetch_add(nanos(took), Relaxed);
    }

    pub fn committed(&self, took: Duration) {
        self.rounds.fetch_add(1, Relaxed);
        self.commit_nanos.fetch_add(nanos(took), Relaxed);
    }

    /// Appends them in Prometheus' text format.
    pub fn render(&self, shared: &Shared, out: &mut String) {
        let totals = Totals::of(&shared.progress.borrow());
        let (buffers, files) = shared.store.sizes();
        let serving = *shared.health_now() == Health::Serving;
        let mut family = |name: &str, kind: &str, help: &str, value: &dyn std::fmt::Display| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP tandem_projection_{name} {help}\n# TYPE tandem_projection_{name} {kind}\ntandem_projection_{name} {value}");
        };
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        family("serving", "gauge", "1 if it folds and answers, 0 if not.", &u8::from(serving));
        family("books", "gauge", "Councils that have a book.", &totals.books);
        family("entries", "gauge", "Entries in all books.", &totals.entries);
        family("duplicates", "gauge", "Records that were exact duplicates, in all books.", &totals.duplicates);
        family("suspended", "gauge", "Entries in suspense now.", &totals.suspended);
        family("cures_pending", "gauge", "Causes whose cures are due and not all carried out.", &totals.cures);
        let unpublished = shared.options.publisher.as_ref().map_or(0, |publisher| publisher.refused().len());
        family("books_unpublished", "gauge", "Books whose checkpoints are refused: see the log.", &unpublished);
        let (cosigned, uncosigned) = shared.options.publisher.as_ref().map_or((0, 0), |publisher| publisher.cosigned_counts());
        family("cosignatures_total", "counter", "Cosignatures of witnesses since the start.", &cosigned);
        family("cosignature_failures_total", "counter", "Times that a witness did not cosign: see the log.", &uncosigned);
        family("lag_frames", "gauge", "Frames that are durable in the log and not folded.", &tail::lag_frames(shared));
        family("records_folded_total", "counter", "Records folded since the start.", &read(&self.records));
        family("commits_total", "counter", "Commits since the start.", &read(&self.rounds));
        family("fold_seconds_total", "counter", "Time spent in the fold, its reads included.", &seconds(read(&self.fold_nanos)));
        family("commit_seconds_total", "counter", "Time spent in commits.", &seconds(read(&self.commit_nanos)));
        family("buffers_bytes", "gauge", "Memory in write buffers.", &buffers);
        family("files_bytes", "gauge", "Bytes of table files on disk.", &files);
    }
}

fn nanos(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

fn seconds(nanos: u64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}
