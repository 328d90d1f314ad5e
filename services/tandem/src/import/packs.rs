//! Rows gathered into batches, on a thread of its own: reading and mapping block, sending does not.

use super::gateway::{BATCH_BYTES, BATCH_EVENTS, encoded_bytes};
use super::plan::Outcome;
use super::rows::{MappedRow, Rows};
use std::collections::BTreeMap;
use tandem_proto::v1::Event;
use tokio::sync::mpsc;

/// Rows after which a pack goes even if they had few events, so that progress shows.
const PACK_ROWS: u64 = 20_000;
/// Packs that may wait for the sender.
const PACKS: usize = 4;

/// A batch of events and the rows that they come from.
#[derive(Default)]
pub struct Pack {
    /// The events, in order; all of a row's are in one pack.
    pub events: Vec<Event>,
    /// What is to be counted once they are durable.
    pub of: PackRows,
}

/// The rows of a pack.
#[derive(Default)]
pub struct PackRows {
    /// Rows of the file up to the end of this pack.
    pub rows_through: u64,
    /// For each event the index of its row in `sources`.
    pub row_of_event: Vec<usize>,
    /// Line and values of the rows that have events.
    pub sources: Vec<(u64, Vec<String>)>,
    /// Rows that are no events, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Rows that cannot be right: line, reason, values.
    pub rejected: Vec<(u64, String, Vec<String>)>,
    /// Rows that an earlier run has sent.
    pub done_before: u64,
    /// Rejected rows among those.
    pub rejected_before: u64,
}

/// What comes of reading.
pub type Read = std::io::Result<Pack>;

/// Starts to read and map; rows up to `done` are mapped, since later ones may depend on them, and not sent.
pub fn start(mut rows: Rows, done: u64) -> mpsc::Receiver<Read> {
    let (sender, receiver) = mpsc::channel(PACKS);
    tokio::task::spawn_blocking(move || {
        let mut gathering = Gathering { done, ..Gathering::default() };
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => {
                    // What was read before the break is sent; a receiver that is gone needs neither.
                    if sender.blocking_send(Ok(gathering.take())).is_ok() {
                        let _ = sender.blocking_send(Err(error));
                    }
                    return;
                }
            };
            gathering.add(row);
            if gathering.is_full() && sender.blocking_send(Ok(gathering.take())).is_err() {
                return;
            }
        }
        let _ = sender.blocking_send(Ok(gathering.take()));
    });
    receiver
}

#[derive(Default)]
struct Gathering {
    pack: Pack,
    done: u64,
    rows: u64,
    rows_in_pack: u64,
    bytes: usize,
}

impl Gathering {
    fn add(&mut self, row: MappedRow) {
        self.rows += 1;
        self.rows_in_pack += 1;
        let (of, is_done) = (&mut self.pack.of, self.rows <= self.done);
        of.rows_through = self.rows;
        match row.outcome {
            Outcome::Skipped(reason) => *of.skipped.entry(reason).or_default() += 1,
            Outcome::Rejected(_) if is_done => of.rejected_before += 1,
            Outcome::Rejected(reason) => of.rejected.push((row.line, reason, row.values)),
            Outcome::Events(_) if is_done => of.done_before += 1,
            Outcome::Events(events) => {
                self.bytes += events.iter().map(encoded_bytes).sum::<usize>();
                of.row_of_event.extend(std::iter::repeat_n(of.sources.len(), events.len()));
                of.sources.push((row.line, row.values));
                self.pack.events.extend(events);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.pack.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES || self.rows_in_pack >= PACK_ROWS
    }

    fn take(&mut self) -> Pack {
        (self.rows_in_pack, self.bytes) = (0, 0);
        let rows_through = self.rows;
        let pack = std::mem::take(&mut self.pack);
        Pack { of: PackRows { rows_through, ..pack.of }, ..pack }
    }
}
