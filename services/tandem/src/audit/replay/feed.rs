//! A log of one book, in memory, that is read once: entries as they come from a server, in frames that give each its book time again.

use bytes::Bytes;
use prost::Message;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tandem_domain::position::{LogId, Position};
use tandem_log::{Error, EventLog, StoredFrame};
use tandem_proto::v1::{Frame, Record};

/// Bytes of frames that wait for the fold; whoever brings more waits.
const WAITING_BYTES_MAX: usize = 32 << 20;
/// A frame ends with the record that reaches this size: well below the largest.
const FRAME_BYTES: usize = 256 << 10;
/// There is nothing to tell it from.
const ID: LogId = LogId([0x0a; 16]);

/// The log. What was read is dropped: the store over it is never opened again.
#[derive(Debug)]
pub struct Feed {
    council: String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<StoredFrame>,
    bytes: usize,
    /// Offset of the first frame that is still here, and of the next.
    start: u64,
    end: u64,
    closed: bool,
    open: Open,
}

/// The frame that is being filled.
#[derive(Debug, Default)]
struct Open {
    records: Vec<Record>,
    bytes: usize,
    /// Append times by which all its records have the book times that they have: from, to.
    append: (u64, u64),
    /// Book time of the entry before the next.
    before: u64,
}

impl Open {
    /// Append times by which this entry, after one with book time `before`, has its own: max(before, min(received, append)).
    fn times(&self, received: u64, book_time: u64) -> (u64, u64) {
        match (received > book_time, book_time > self.before) {
            // The append time was the lesser one, and it was later than the entry before.
            (true, true) => (book_time, book_time),
            (true, false) => (0, book_time),
            (false, true) => (book_time, u64::MAX),
            (false, false) => (0, u64::MAX),
        }
    }

    /// Whether it can be in this frame.
    fn takes(&mut self, times: (u64, u64)) -> bool {
        let both = (self.append.0.max(times.0), self.append.1.min(times.1));
        let fits = self.records.is_empty() || both.0 <= both.1;
        if fits {
            self.append = if self.records.is_empty() { times } else { both };
        }
        fits
    }
}

impl Feed {
    /// Of a council.
    pub fn new(council: &str) -> Self {
        Self { council: council.to_owned(), state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the next entry. Blocks while too much waits. The book time has been checked: not before the entry before, and not after both
    /// that and when the record was received. False: the log is closed, since nobody reads it any more.
    pub fn push(&self, record: Record, book_time: u64) -> bool {
        let mut state = self.state();
        let times = state.open.times(record.received_us, book_time);
        if !state.open.takes(times) {
            self.finish_frame(&mut state);
            state.open.takes(times);
        }
        state.open.bytes += record.encoded_len();
        state.open.before = book_time;
        state.open.records.push(record);
        if state.open.bytes >= FRAME_BYTES {
            self.finish_frame(&mut state);
        }
        while state.bytes > WAITING_BYTES_MAX && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    /// What was pushed can be read from now on, all of it.
    pub fn flush(&self) {
        self.finish_frame(&mut self.state());
    }

    fn finish_frame(&self, state: &mut State) {
        if state.open.records.is_empty() {
            return;
        }
        let Open { records, append, before, .. } = std::mem::take(&mut state.open);
        state.open.before = before;
        // The latest of those that are possible, if that is a time at all: then a later frame's is not before it.
        let append_us = if append.1 == u64::MAX { append.0.max(before) } else { append.1 };
        let frame = Frame { version: 1, council: self.council.clone(), records, original_append_us: 0 };
        let bytes = Bytes::from(frame.encode_to_vec());
        state.bytes += bytes.len();
        state.frames.push_back(StoredFrame { partition: 0, offset: state.end, append_us, bytes });
        state.end += 1;
        self.changed.notify_all();
    }
}

fn closed() -> Error {
    Error::Closed
}

impl EventLog for Feed {
    fn id(&self) -> LogId {
        ID
    }

    fn partitions(&self) -> u32 {
        1
    }

    async fn append(&self, _council: &str, _records: Vec<Bytes>) -> Result<Position, Error> {
        Err(closed())
    }

    async fn try_append(&self, _council: &str, _records: Vec<Bytes>) -> Result<Position, Error> {
        Err(closed())
    }

    fn read(&self, _partition: u32, from: u64, bytes_max: usize) -> Result<Vec<StoredFrame>, Error> {
        let mut state = self.state();
        // Whoever reads on has what is before.
        while state.frames.front().is_some_and(|frame| frame.offset < from) {
            let bytes = state.frames.pop_front().map_or(0, |frame| frame.bytes.len());
            state.bytes -= bytes;
            state.start += 1;
        }
        self.changed.notify_all();
        let mut bytes = 0;
        let fits = |frame: &&StoredFrame| {
            bytes += frame.bytes.len();
            bytes == frame.bytes.len() || bytes <= bytes_max
        };
        Ok(state.frames.iter().take_while(fits).cloned().collect())
    }

    fn start(&self, _partition: u32) -> Result<u64, Error> {
        Ok(self.state().start)
    }

    fn end(&self, _partition: u32) -> Result<u64, Error> {
        Ok(self.state().end)
    }

    fn wait(&self, offsets: &[u64], timeout: Duration) -> bool {
        let (from, until) = (offsets.first().copied().unwrap_or(u64::MAX), Instant::now() + timeout);
        let mut state = self.state();
        loop {
            // What it reads next from, it has read before.
            if state.end > from {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.closed {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn trim(&self, _partition: u32, _before: u64) -> Result<(), Error> {
        Ok(())
    }

    fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the clocks of gateway and log did, the frames give every entry its book time again.
    #[test]
    fn frames_give_every_entry_the_book_time_that_it_has() {
        let mut random = tandem_tests::random::Random::new(tandem_tests::random::seeds(1)[0]);
        for _ in 0..200 {
            let feed = Feed::new("E09000001");
            let (mut book_time, mut expected) = (0, Vec::new());
            for _ in 0..60 {
                let (received, append) = (random.below(20) + 1, random.below(20) + 1);
                book_time = book_time.max(received.min(append));
                expected.push(book_time);
                assert!(feed.push(Record { received_us: received, ..Record::default() }, book_time));
            }
            feed.flush();
            let mut found = Vec::new();
            for frame in feed.read(0, 0, usize::MAX).unwrap() {
                for record in Frame::decode(&*frame.bytes).unwrap().records {
                    found.push(found.last().copied().unwrap_or(0).max(record.received_us.min(frame.append_us)));
                }
            }
            assert_eq!(found, expected);
        }
    }
}
