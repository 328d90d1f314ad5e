//! Tails the log: one thread reads ahead, one folds, round by round.
//!
//! A round loads what the lanes hold, folds it council by council, and commits the changes of all councils and the cursors of all
//! partitions in one batch; then it is published. See [`round`].

pub(crate) mod check;
mod lane;
mod reader;
mod round;
pub(crate) mod source;
mod trim;

use crate::projection::Shared;
use crate::{Error, Health, rebuild};
use round::Tail;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};
use tandem_log::StoredFrame;

/// Frames of one partition, or why there are none.
type Ahead = Result<Vec<StoredFrame>, Error>;

/// Reads that wait for the fold: enough to keep it busy while the next ones are made, at most [`reader::READ_BYTES`] each.
const AHEAD_MAX: usize = 4;

/// Starts both threads.
pub(crate) fn start(shared: &Arc<Shared>) -> Result<Vec<JoinHandle<()>>, Error> {
    let (sender, receiver) = sync_channel(AHEAD_MAX);
    let failed = |error: std::io::Error| Error::Stopped(format!("a thread could not be started: {error}"));
    let reading = shared.clone();
    let reader = Builder::new().name("tandem-ahead".into()).spawn(move || reader::run(&reading, &sender)).map_err(failed)?;
    let folding = shared.clone();
    let folder = Builder::new().name("tandem-fold".into()).spawn(move || fold(&folding, &receiver)).map_err(|error| {
        shared.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
        failed(error)
    })?;
    Ok(vec![reader, folder])
}

/// A thread that panics has broken an invariant: what it left half done was not committed, but nobody may think that it still folds.
struct Alarm<'a>(&'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set_health(Health::Failed("the fold panicked; the log says where".into()));
        }
    }
}

fn fold(shared: &Shared, ahead: &Receiver<Ahead>) {
    let _alarm = Alarm(shared);
    if let Err(error) = fold_until_stopped(shared, ahead) {
        tracing::error!(%error, "the projection stops: it answers nothing until it is restarted");
        shared.set_health(Health::Failed(error.to_string()));
    }
}

fn fold_until_stopped(shared: &Shared, ahead: &Receiver<Ahead>) -> Result<(), Error> {
    if *shared.health_now() != Health::Serving {
        let rebuilt = rebuild::refold_all(&shared.store, &mut |rebuilt| {
            shared.set_health(Health::Starting(format!("the views are folded again: {} entries so far", rebuilt.entries)));
            !shared.stopping()
        })?;
        tracing::info!(councils = rebuilt.councils, entries = rebuilt.entries, "the views are folded again");
        let books = check::books(&shared.store, &shared.partitions)?;
        shared.progress.send_modify(|progress| progress.books = books);
        if !shared.stopping() {
            shared.set_health(Health::Serving);
        }
    }
    let mut tail = Tail::new(shared)?;
    while !shared.stopping() {
        tail.round(ahead)?;
    }
    tail.finish()?;
    shared.store.sync()
}

/// Frames that are durable in the log and not folded. A partition whose end cannot be asked counts nothing.
pub(crate) fn lag_frames(shared: &Shared) -> u64 {
    let cursors = shared.progress.borrow().cursors.clone();
    let lag = |partition: u32| shared.source.end(partition).map_or(0, |end| end.saturating_sub(cursors[partition as usize].0));
    shared.partitions.iter().map(lag).sum()
}
