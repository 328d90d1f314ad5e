//! The bounded queue between those who append and the one writer.
//!
//! ```text
//!  append ─▶ room? ─ yes ─▶ accepted, in order ─▶ taken by the writer ─▶ committed, answered; its room is free again
//!              │                   ▲
//!              no ─▶ waiting, in order ─ as soon as there is room
//! ```
//!
//! Room is counted until the answer, so that what the writer holds in its hands counts too. A writer that answers all of what it took
//! before it takes more gives the room back by taking; one that has several lots on their way says which room is free again. A waiting append moves into the queue by
//! itself, not when its task next runs: that keeps the order in which appends were called, whatever the scheduler does.

use crate::{APPEND_BYTES_MAX, Error, RECORD_BYTES_MAX, lock};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex};
use tandem_domain::is_council;
use tandem_domain::position::Position;
use tokio::sync::oneshot;

/// What an append is charged beyond its records' bytes: about the memory of its own parts, and of the handle on each record.
const APPEND_OVERHEAD: usize = 192;
const RECORD_OVERHEAD: usize = 48;

/// Defaults of the backends' options.
pub(crate) const BYTES_MAX: usize = 128 * 1024 * 1024;
pub(crate) const APPENDS_MAX: usize = 65_536;

/// How an append is told what became of it.
pub(crate) type Answer = oneshot::Sender<Result<Position, Error>>;

/// One append on its way.
#[derive(Debug)]
pub(crate) struct Append {
    pub council: Box<str>,
    pub records: Vec<Bytes>,
    /// Of a copy from another log: the append time there, microseconds since 1970 UTC; 0: none.
    pub original_append_us: u64,
    pub answer: Answer,
    /// What it takes of the queue's room.
    charge: usize,
}

impl Append {
    /// Checks what the contract asks of a caller.
    pub fn new(council: &str, records: Vec<Bytes>, original_append_us: u64) -> Result<(Self, oneshot::Receiver<Result<Position, Error>>), Error> {
        if !is_council(council) {
            return Err(Error::Invalid(format!("{council:?} is not a council's code")));
        }
        if records.is_empty() {
            return Err(Error::Invalid("an append needs at least one record".into()));
        }
        if let Some(large) = records.iter().find(|record| record.len() > RECORD_BYTES_MAX) {
            return Err(Error::Invalid(format!("a record has {} bytes; the limit is {RECORD_BYTES_MAX}", large.len())));
        }
        let bytes: usize = records.iter().map(Bytes::len).sum();
        if bytes > APPEND_BYTES_MAX {
            return Err(Error::Invalid(format!("an append has {bytes} bytes; the limit is {APPEND_BYTES_MAX}")));
        }
        let charge = bytes + APPEND_OVERHEAD + RECORD_OVERHEAD * records.len();
        let (answer, receiver) = oneshot::channel();
        Ok((Self { council: council.into(), records, original_append_us, answer, charge }, receiver))
    }

    /// What it takes of the queue's room, bytes, about.
    pub fn charge(&self) -> usize {
        self.charge
    }

    /// Answers it. If nobody waits for the answer any more, nobody needs it.
    pub fn refuse(self, error: Error) {
        let _ = self.answer.send(Err(error));
    }
}

/// What the writer took, and the room that it gives back when all is answered.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// To be answered; the writer takes them out.
    pub appends: Vec<Append>,
    charge: usize,
    count: usize,
}

impl Taken {
    /// The appends; their room is not free again before [`Queue::release`] says so.
    pub fn hold(&mut self) -> Vec<Append> {
        (self.charge, self.count) = (0, 0);
        std::mem::take(&mut self.appends)
    }
}

#[derive(Debug, Default)]
struct State {
    accepted: VecDeque<Append>,
    waiting: BTreeMap<u64, Append>,
    next_ticket: u64,
    /// Room taken by what is accepted and not answered: a sum of charges, and how many.
    held_charge: usize,
    held_appends: usize,
    /// Why no more is taken.
    shut: Option<Error>,
    writer_sleeps: bool,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    bytes_max: usize,
    appends_max: usize,
}

/// The place of a waiting append, given up when this is dropped.
struct Ticket<'a> {
    queue: &'a Queue,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        // Nothing is there if it has moved on, which is the rule.
        drop(lock(&self.queue.state).waiting.remove(&self.number));
    }
}

impl Queue {
    pub fn new(bytes_max: usize, appends_max: usize) -> Self {
        Self { state: Mutex::default(), work: Condvar::new(), bytes_max, appends_max }
    }

    /// Queues an append and waits for its answer. It is queued at the first poll, before anything is waited for.
    pub async fn append(&self, council: &str, records: Vec<Bytes>, wait_for_room: bool) -> Result<Position, Error> {
        self.append_as(council, records, 0, wait_for_room).await
    }

    /// The same of a copy, if the original append time is not 0.
    pub async fn append_as(&self, council: &str, records: Vec<Bytes>, original_append_us: u64, wait_for_room: bool) -> Result<Position, Error> {
        let (append, answer) = Append::new(council, records, original_append_us)?;
        let _ticket = self.push(append, wait_for_room)?;
        // The sender is dropped unanswered only if the writer died.
        answer.await.unwrap_or_else(|_| Err(Error::OutcomeUnknown { why: "the log's writer died".into() }))
    }

    fn push(&self, append: Append, wait_for_room: bool) -> Result<Option<Ticket<'_>>, Error> {
        let mut state = lock(&self.state);
        if let Some(why) = &state.shut {
            return Err(why.clone());
        }
        if state.waiting.is_empty() && self.has_room(&state, &append) {
            state.accept(append);
            if state.writer_sleeps {
                self.work.notify_one();
            }
            return Ok(None);
        }
        if !wait_for_room {
            return Err(Error::Overloaded);
        }
        let number = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.insert(number, append);
        Ok(Some(Ticket { queue: self, number }))
    }

    /// An append larger than the whole queue gets all of it, rather than none for ever.
    fn has_room(&self, state: &State, append: &Append) -> bool {
        state.held_appends == 0 || state.held_charge + append.charge <= self.bytes_max && state.held_appends < self.appends_max
    }

    /// Gives back the room of what was taken last, then takes what is there, up to about `bytes_max`, waiting if there is nothing.
    /// False when the queue is closed and empty.
    pub fn take(&self, taken: &mut Taken, bytes_max: usize) -> bool {
        let mut state = lock(&self.state);
        state.held_charge -= taken.charge;
        state.held_appends -= taken.count;
        *taken = Taken { appends: std::mem::take(&mut taken.appends), ..Taken::default() };
        taken.appends.clear();
        self.admit(&mut state);
        while state.accepted.is_empty() {
            if state.shut.is_some() {
                return false;
            }
            state.writer_sleeps = true;
            state = self.work.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
            state.writer_sleeps = false;
        }
        while let Some(append) = state.accepted.pop_front_if(|append| taken.appends.is_empty() || taken.charge + append.charge <= bytes_max) {
            taken.charge += append.charge;
            taken.count += 1;
            taken.appends.push(append);
        }
        true
    }

    /// Gives back the room of so many appends that were held and are answered.
    pub fn release(&self, charge: usize, count: usize) {
        let mut state = lock(&self.state);
        state.held_charge -= charge;
        state.held_appends -= count;
        self.admit(&mut state);
        if state.writer_sleeps && !state.accepted.is_empty() {
            self.work.notify_one();
        }
    }

    /// Moves waiting appends into the queue, in order, while there is room.
    fn admit(&self, state: &mut State) {
        while let Some((&number, first)) = state.waiting.first_key_value()
            && self.has_room(state, first)
        {
            if let Some(append) = state.waiting.remove(&number) {
                state.accept(append);
            }
        }
    }

    /// Takes no more; what waits is refused, what is accepted stays for the writer.
    pub fn close(&self) {
        let waiting = {
            let mut state = lock(&self.state);
            state.shut.get_or_insert(Error::Closed);
            self.work.notify_one();
            std::mem::take(&mut state.waiting)
        };
        waiting.into_values().for_each(|append| append.refuse(Error::Closed));
    }

    /// Takes no more and refuses what is there.
    pub fn fail(&self, error: Error) {
        let (accepted, waiting) = {
            let mut state = lock(&self.state);
            state.shut = Some(error.clone());
            (std::mem::take(&mut state.accepted), std::mem::take(&mut state.waiting))
        };
        accepted.into_iter().chain(waiting.into_values()).for_each(|append| append.refuse(error.clone()));
    }

    /// Why no more is taken, if so.
    pub fn shut(&self) -> Option<Error> {
        lock(&self.state).shut.clone()
    }

    /// What is accepted and not answered: bytes, about, and how many appends; and how many more wait for room.
    pub fn load(&self) -> (usize, usize, usize) {
        let state = lock(&self.state);
        (state.held_charge, state.held_appends, state.waiting.len())
    }
}

impl State {
    fn accept(&mut self, append: Append) {
        self.held_charge += append.charge;
        self.held_appends += 1;
        self.accepted.push_back(append);
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
