//! One round of the fold: load → fold → commit, then publish. While a round is being committed, the next one's records are decoded: that
//! needs no rows. What the book's trees hold of records is hashed while they are folded, and the trees grow just before the commit.

use super::Ahead;
use super::lane::Lane;
use super::trim::Trim;
use crate::Error;
use crate::book::{Commitment, Grown, Noted, Noting, Trees, timeless};
use crate::progress::{At, Council};
use crate::projection::Shared;
use crate::store::Batch;
use crate::store::meta::Cursor;
use rocksdb::WriteBatch;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tandem_domain::fold::{Decoded, Folded, Intake, decode, fold_decoded};
use tandem_domain::rows::Book;
use tandem_domain::tables::{Sink, Table};
use tandem_log::{Frame, StoredFrame};

/// Records from which on committing the round before goes on a thread of its own: fewer are decoded sooner than a thread is started.
const ASIDE_FROM: usize = 1_000;
/// How long a stop may take to be noticed.
const WAIT: Duration = Duration::from_millis(100);

/// The folding thread's state: what it has read, and what it has committed.
pub(super) struct Tail<'a> {
    shared: &'a Shared,
    /// Of the partitions held, ascending.
    lanes: Vec<Lane>,
    /// What was read and is in no lane yet.
    ahead: VecDeque<StoredFrame>,
    books: FxHashMap<String, Council>,
    /// Councils with cures that are due. They go on in every round, with new records or without.
    curing: BTreeSet<String>,
    /// The trees as the commits leave them. Only who commits takes them; that may be another thread.
    trees: Mutex<Trees>,
    /// What the last round folded. The lanes and books are those after it.
    pending: Option<Pending>,
    trim: Trim,
}

/// A round that is folded and not committed.
struct Pending {
    /// All but what changes of the trees.
    batch: WriteBatch,
    grown: Vec<Grown>,
    councils: Vec<(String, Council)>,
    /// Bytes of frames that are done with.
    bytes: u64,
}

/// What a round gives one council.
#[derive(Default)]
struct Work<'a> {
    partition: u32,
    intake: Vec<Intake<'a>>,
}

/// What the fold of a round gives: how far each council is, and what it adds to the trees.
type FoldedAll = (Vec<(String, Folded)>, Vec<Grown>);

/// The same before its entries' commitments are known.
type FoldedNoted = (Vec<(String, Folded)>, Vec<Noted>);

/// Work of a round by council: ascending, so that the batch is as nearly sorted as it can be.
type Works<'a> = BTreeMap<&'a str, Work<'a>>;

impl<'a> Tail<'a> {
    /// Begins at what is committed.
    pub fn new(shared: &'a Shared) -> Result<Self, Error> {
        let books = shared.progress.borrow().books.clone();
        let curing = books.iter().filter(|(_, council)| council.cures > 0).map(|(name, _)| name.clone()).collect();
        let lane = |partition| -> Result<Lane, Error> {
            let cursor = Cursor::read(&shared.store, partition)?.unwrap_or_default();
            Ok(Lane { partition, cursor, frames: Default::default() })
        };
        let lanes = shared.partitions.iter().map(lane).collect::<Result<Vec<_>, _>>()?;
        let trim = Trim::new(shared.options.trim_after_bytes, &lanes);
        Ok(Self { shared, lanes, ahead: VecDeque::new(), books, curing, trees: Mutex::default(), pending: None, trim })
    }

    /// Waits for something to do, for a short while, and does it.
    pub fn round(&mut self, ahead: &Receiver<Ahead>) -> Result<(), Error> {
        self.take(ahead)?;
        let pending = self.pending.take();
        if self.has_nothing_to_fold() {
            return pending.map_or(Ok(()), |pending| self.commit(pending));
        }
        let parsed = self.lanes.iter().map(|lane| lane.parse(self.shared.partitions.of())).collect::<Result<Vec<_>, _>>()?;
        let works = self.load(&parsed);
        let committed = pending.as_ref().map_or(0, |pending| pending.bytes);
        let decoded = self.decode_while_committing(&works, pending)?;
        // Rows of an event take about twice its record.
        let frames_bytes: usize = self.lanes.iter().flat_map(|lane| &lane.frames).map(|frame| frame.bytes.len()).sum();
        let mut batch = self.shared.store.batch_of(2 * frames_bytes);
        let (folded, grown) = self.fold_while_hashing(&works, decoded, &mut batch)?;
        let advanced = self.advance(&parsed, &folded);
        self.put_cursors(&mut batch, &advanced);
        drop(works);
        drop(parsed);
        self.trim.after(committed, self.shared, &self.lanes)?;
        let bytes = self.drop_folded(&advanced);
        let councils = self.remember(folded);
        self.pending = Some(Pending { batch: batch.finish(), grown, councils, bytes });
        Ok(())
    }

    /// Commits what is folded: before a stop.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.pending.take().map_or(Ok(()), |pending| self.commit(pending))
    }

    fn commit(&mut self, Pending { batch, grown, councils, bytes }: Pending) -> Result<(), Error> {
        commit(self.shared, &self.trees, batch, &grown)?;
        self.publish(councils);
        self.trim.after(bytes, self.shared, &self.lanes)
    }

    /// Decodes what is to be folded next; what was folded before is then committed and published.
    fn decode_while_committing(&self, works: &Works<'_>, pending: Option<Pending>) -> Result<Vec<Decoded>, Error> {
        let decode_all = || works.iter().map(|(council, work)| decode(council, &work.intake)).collect();
        let Some(Pending { batch, grown, councils, .. }) = pending else {
            return Ok(decode_all());
        };
        let records: usize = works.values().map(|work| work.intake.len()).sum();
        let (shared, trees) = (self.shared, &self.trees);
        let (committed, decoded) = if records < ASIDE_FROM {
            (commit(shared, trees, batch, &grown), decode_all())
        } else {
            std::thread::scope(|scope| {
                let aside = scope.spawn(|| commit(shared, trees, batch, &grown));
                let decoded = decode_all();
                let committed = aside.join().unwrap_or_else(|_| Err(Error::Stopped("the thread that commits panicked".into())));
                (committed, decoded)
            })
        };
        committed?;
        self.publish(councils);
        Ok(decoded)
    }

    fn has_nothing_to_fold(&self) -> bool {
        self.curing.is_empty() && self.lanes.iter().all(|lane| lane.frames.is_empty())
    }

    fn is_idle(&self) -> bool {
        self.pending.is_none() && self.has_nothing_to_fold()
    }

    /// Moves frames that were read ahead into their lanes, up to the bounds of a round.
    fn take(&mut self, ahead: &Receiver<Ahead>) -> Result<(), Error> {
        // An event of the smallest useful kind takes about this much: no need to parse frames twice to bound a round.
        let records_bytes = self.shared.options.round_records.saturating_mul(128);
        let bytes_max = self.shared.options.round_bytes.min(records_bytes);
        let mut bytes: usize = self.lanes.iter().flat_map(|lane| &lane.frames).map(|frame| frame.bytes.len()).sum();
        while bytes < bytes_max {
            if self.ahead.is_empty() {
                self.ahead = self.receive(ahead)?.into();
            }
            let Some(frame) = self.ahead.pop_front() else { break };
            bytes += frame.bytes.len();
            // Only partitions that are held are read.
            let at = self.lanes.partition_point(|lane| lane.partition < frame.partition);
            self.lanes[at].frames.push_back(frame);
        }
        Ok(())
    }

    /// Frames that were read ahead. Waits a short while for some if there is nothing else to do.
    fn receive(&self, ahead: &Receiver<Ahead>) -> Result<Vec<StoredFrame>, Error> {
        match ahead.recv_timeout(if self.is_idle() { WAIT } else { Duration::ZERO }) {
            Ok(frames) => frames,
            Err(RecvTimeoutError::Timeout) => Ok(Vec::new()),
            // The reader has ended: it was told to stop, or it has said why before.
            Err(RecvTimeoutError::Disconnected) if self.shared.stopping() => Ok(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Stopped("the thread that reads the log ended".into())),
        }
    }

    /// Which records each council takes: all that its book does not have yet.
    fn load<'b>(&'b self, parsed: &'b [Vec<Frame<'b>>]) -> Works<'b> {
        let mut works = Works::new();
        for council in &self.curing {
            let partition = self.books.get(council).map_or(0, |own| own.book.partition);
            works.insert(council, Work { partition, intake: Vec::new() });
        }
        for (lane, frames) in self.lanes.iter().zip(parsed) {
            for (stored, frame) in lane.frames.iter().zip(frames) {
                let taken = self.books.get(frame.council).map(|own| own.book.at());
                if taken >= Some((stored.offset, frame.records.len() as u32 - 1)) {
                    continue;
                }
                let work = works.entry(frame.council).or_default();
                work.partition = lane.partition;
                let records = (0u32..).zip(&frame.records).filter(|(index, _)| taken < Some((stored.offset, *index)));
                work.intake.extend(records.map(|(index, record)| Intake { record, append_us: stored.append_us, offset: stored.offset, index }));
            }
        }
        works
    }

    /// Folds, and notes what the trees will hold of the entries.
    fn fold_while_hashing(&self, works: &Works<'_>, decoded: Vec<Decoded>, batch: &mut Batch<'_>) -> Result<FoldedAll, Error> {
        let hash_all = || -> Vec<Vec<Commitment>> { works.values().map(|work| timeless(&work.intake)).collect() };
        let records: usize = works.values().map(|work| work.intake.len()).sum();
        let ((folded, noted), hashed) = if records < ASIDE_FROM {
            (self.fold(works, decoded, batch)?, hash_all())
        } else {
            std::thread::scope(|scope| {
                let aside = scope.spawn(hash_all);
                let folded = self.fold(works, decoded, batch)?;
                let hashed = aside.join().map_err(|_| Error::Stopped("the thread that hashes panicked".into()))?;
                Ok::<_, Error>((folded, hashed))
            })?
        };
        let grown = folded.iter().zip(noted).zip(&hashed).map(|(((council, folded), noted), hashed)| {
            let commitments = noted.commitments(hashed)?;
            Ok(Grown { council: council.clone(), entries: folded.book.entries, commitments })
        });
        let grown = grown.collect::<Result<_, Error>>()?;
        Ok((folded, grown))
    }

    fn fold(&self, works: &Works<'_>, decoded: Vec<Decoded>, batch: &mut Batch<'_>) -> Result<FoldedNoted, Error> {
        let began = Instant::now();
        let (cures_max, metrics) = (self.shared.options.round_cures, &self.shared.metrics);
        let (mut all, mut noted) = (Vec::with_capacity(works.len()), Vec::with_capacity(works.len()));
        for ((council, work), decoded) in works.iter().zip(decoded) {
            let mut noting = Noting::new(batch, &work.intake);
            let folded = fold_decoded(&self.shared.store, council, work.partition, &work.intake, decoded, cures_max, &mut noting)?;
            noted.push(noting.finish());
            if folded.taken < work.intake.len() && !folded.cures_pending {
                return Err(Error::Stopped(format!("the fold left records of {council} without a cure to wait for")));
            }
            metrics.taken(folded.taken);
            all.push(((*council).to_owned(), folded));
        }
        metrics.folded(began.elapsed());
        Ok((all, noted))
    }

    /// Each lane's new cursor, and how many of its frames are done with.
    fn advance(&self, parsed: &[Vec<Frame<'_>>], folded: &[(String, Folded)]) -> Vec<(Cursor, usize)> {
        let new: FxHashMap<&str, Book> = folded.iter().map(|(council, folded)| (council.as_str(), folded.book)).collect();
        let book = |council: &str| new.get(council).copied().or_else(|| self.books.get(council).map(|own| own.book));
        self.lanes.iter().zip(parsed).map(|(lane, frames)| lane.advance(frames, book)).collect()
    }

    fn put_cursors(&self, batch: &mut Batch<'_>, advanced: &[(Cursor, usize)]) {
        for (lane, (cursor, _)) in self.lanes.iter().zip(advanced) {
            if *cursor != lane.cursor {
                batch.put(Table::Cursor, &Cursor::key(lane.partition), &cursor.encode());
            }
        }
    }

    /// Forgets frames that are folded; says how many bytes they were.
    fn drop_folded(&mut self, advanced: &[(Cursor, usize)]) -> u64 {
        let mut bytes = 0;
        for (lane, (cursor, done)) in self.lanes.iter_mut().zip(advanced) {
            lane.cursor = *cursor;
            bytes += lane.frames.drain(..done).map(|frame| frame.bytes.len() as u64).sum::<u64>();
        }
        bytes
    }

    /// Where books and cures stand for the next round.
    fn remember(&mut self, folded: Vec<(String, Folded)>) -> Vec<(String, Council)> {
        let councils: Vec<(String, Council)> = folded.into_iter().map(|(name, folded)| (name, Council::of(&folded))).collect();
        for (name, council) in &councils {
            self.books.insert(name.clone(), *council);
            if council.cures > 0 {
                self.curing.insert(name.clone());
            } else {
                self.curing.remove(name);
            }
        }
        councils
    }

    /// Wakes whoever waits. What they then read is committed; the lanes stand where that round left them.
    fn publish(&self, councils: Vec<(String, Council)>) {
        self.shared.progress.send_modify(|progress| {
            progress.books.extend(councils);
            for lane in &self.lanes {
                progress.cursors[lane.partition as usize] = (lane.cursor.next_offset, lane.cursor.next_index);
            }
        });
    }
}

/// The trees grow with the entries, in one batch.
fn commit(shared: &Shared, trees: &Mutex<Trees>, batch: WriteBatch, grown: &[Grown]) -> Result<(), Error> {
    let began = Instant::now();
    let mut batch = shared.store.batch_again(batch);
    trees.lock().unwrap_or_else(PoisonError::into_inner).grow(&shared.store, grown, &mut batch)?;
    shared.store.commit(batch.finish())?;
    shared.metrics.committed(began.elapsed());
    Ok(())
}
