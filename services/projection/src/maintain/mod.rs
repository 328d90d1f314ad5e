//! Keeps maintained valuations near the end of the views: a thread that reads what is committed and commits rows that only it writes, see
//! [`tandem_domain::aggregate::maintained`].
//!
//! It is never in the way of the fold: it works on snapshots, in short steps, and rests after each pass as long as the pass took, so that it
//! takes half of one processor at most; while the fold is behind the log it rests nine times as long. A step's rows and its position are one batch. What a crash loses of it is done again.

use crate::progress::Council;
use crate::projection::Shared;
use crate::{Error, Health, tail};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tandem_domain::aggregate::{self, maintained};

/// What one step does: some tens of milliseconds.
const BOUNDS: maintained::Bounds = maintained::Bounds { entries: 8_192, exchanges: 4_096 };
/// The shortest and the longest rest between two passes. A new valuation or entry is noticed, and a stop too, within the longest.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));
/// Frames that the fold may be behind before it needs the processors more than valuations do, and the longest rest then.
const BEHIND: (u64, Duration) = (2, Duration::from_millis(500));

/// Starts the thread.
pub(crate) fn start(shared: &Arc<Shared>) -> Result<JoinHandle<()>, Error> {
    let shared = shared.clone();
    let failed = |error: std::io::Error| Error::Stopped(format!("a thread could not be started: {error}"));
    Builder::new().name("tandem-maintain".into()).spawn(move || run(&shared)).map_err(failed)
}

/// A thread that panics has broken an invariant.
struct Alarm<'a>(&'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set_health(Health::Failed("maintaining valuations panicked; the log says where".into()));
        }
    }
}

fn run(shared: &Shared) {
    let _alarm = Alarm(shared);
    let mut keeper = Keeper { shared, seen: FxHashMap::default(), too_large: FxHashSet::default() };
    while !shared.stopping() && !matches!(&*shared.health_now(), Health::Failed(_) | Health::Stopped) {
        let began = Instant::now();
        if let Err(error) = keeper.pass() {
            tracing::error!(%error, "valuations are not maintained any more, and the projection stops: it answers nothing until it is restarted");
            shared.set_health(Health::Failed(error.to_string()));
            shared.stopping.store(true, Relaxed);
        }
        let took = began.elapsed();
        let rest = if tail::lag_frames(shared) > BEHIND.0 { (9 * took).clamp(REST.0, BEHIND.1) } else { took.clamp(REST.0, REST.1) };
        std::thread::sleep(rest);
    }
}

struct Keeper<'a> {
    shared: &'a Shared,
    /// What each council was at when its valuations had caught up.
    seen: FxHashMap<String, Council>,
    /// Councils of which it was said that amounts are too large.
    too_large: FxHashSet<String>,
}

impl Keeper<'_> {
    /// A step for each council whose valuations may be behind. While the views are made again there is nothing to follow.
    fn pass(&mut self) -> Result<(), Error> {
        if *self.shared.health_now() != Health::Serving {
            return Ok(());
        }
        for (council, at) in self.behind() {
            if self.shared.stopping() {
                return Ok(());
            }
            if !self.step(&council)? {
                self.seen.insert(council, at);
            }
        }
        Ok(())
    }

    /// Councils that were committed to since their valuations had caught up.
    fn behind(&self) -> Vec<(String, Council)> {
        let progress = self.shared.progress.borrow();
        let changed = progress.books.iter().filter(|(council, at)| self.seen.get(*council) != Some(*at));
        changed.map(|(council, at)| (council.clone(), *at)).collect()
    }

    /// Says whether there is more to do.
    fn step(&mut self, council: &str) -> Result<bool, Error> {
        let store = &self.shared.store;
        let mut batch = store.batch();
        let stepped = maintained::step(&store.snapshot(), council, BOUNDS, &mut batch).map_err(error)?;
        if stepped.changed {
            store.commit(batch.finish())?;
        }
        if stepped.too_large > 0 && self.too_large.insert(council.to_owned()) {
            tracing::warn!(council, "amounts by a maintained valuation do not fit into 128 bits: questions by it read every exchange");
        }
        Ok(stepped.more)
    }
}

fn error(error: aggregate::Error<Error>) -> Error {
    match error {
        aggregate::Error::Rows(error) => error,
        other => Error::Stopped(format!("valuations cannot be maintained: {other}")),
    }
}
