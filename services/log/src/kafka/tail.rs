//! Fetches ahead of who reads on: one consumer on a thread of its own, with a lane for each partition that is followed.
//!
//! ```text
//!  brokers ─▶ librdkafka's queue ─▶ this thread ─▶ lanes, bounded ─▶ `read` takes frames from the front
//!                                       │
//!                                       └─▶ ends move, `wait` wakes up
//! ```
//!
//! Only this thread touches the consumer. If the lanes hold enough it rests, unless somebody waits for a frame that is not there yet.

use super::bounds::Bounds;
use super::client::{Heard, io};
use super::fetched::{self, Fetched};
use super::format::{Identity, foreign, from_kafka, to_kafka};
use super::lookup::{Found, Wanted, late};
use super::options::Options;
use crate::{Error, StoredFrame, lock};
use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the thread may be deaf to who wants another lane, or wants to stop.
const POLL: Duration = Duration::from_millis(50);
/// Messages taken at once, under one lock.
const TAKE_MAX: usize = 128;
/// A lane that nobody read from for so long may be given to another reader.
const IDLE: Duration = Duration::from_secs(1);
/// A lane that a reader waits at for so long is set up again: its consumer may have lost its place.
const STUCK: Duration = Duration::from_secs(1);

/// The tail.
pub(super) struct Tail {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    timeout: Duration,
    topic: String,
    heard: Heard,
}

struct Shared {
    state: Mutex<State>,
    /// Frames came, or something failed.
    came: Condvar,
    /// There is room, somebody waits, or something is to be done.
    work: Condvar,
}

#[derive(Default)]
struct State {
    lanes: Vec<Option<Lane>>,
    /// Lanes to be set up by the thread.
    wanted: Vec<u32>,
    bytes: usize,
    /// Readers that wait for a frame.
    starving: usize,
    stop: bool,
}

struct Lane {
    frames: VecDeque<StoredFrame>,
    /// The offset that is fetched next.
    next: u64,
    used: Instant,
    error: Option<Error>,
}

impl Lane {
    /// The first offset that it can give.
    fn front(&self) -> u64 {
        self.frames.front().map_or(self.next, |frame| frame.offset)
    }
}

impl State {
    fn lane(&mut self, partition: u32) -> Option<&mut Lane> {
        self.lanes.get_mut(partition as usize)?.as_mut()
    }

    /// Takes from a lane what is wanted and there; says whether that is all.
    fn take(&mut self, partition: u32, found: &mut Found) -> bool {
        let mut freed = 0;
        let Some(lane) = self.lane(partition) else { return true };
        lane.used = Instant::now();
        let mut whole = found.is_whole();
        while let Some(frame) = lane.frames.front()
            && !whole
        {
            if frame.offset < found.next() {
                freed += lane.frames.pop_front().map_or(0, |frame| frame.bytes.len());
                continue;
            }
            if frame.offset > found.next() {
                break; // another reader took it, while this one waited
            }
            if !found.has_room(frame.offset, frame.bytes.len()) {
                whole = true;
            } else if let Some(frame) = lane.frames.pop_front() {
                freed += frame.bytes.len();
                found.push(frame);
                whole = found.is_whole();
            }
        }
        self.bytes -= freed;
        whole
    }
}

impl Tail {
    pub fn open(options: &Options, identity: Identity, bounds: Arc<Bounds>, heard: &Heard) -> Result<Self, Error> {
        let client = BaseConsumer::from_config_and_context(&options.consumer(), heard.clone());
        let client = client.map_err(|error| io("no consumer can be made of the Kafka settings", &error, &heard.0))?;
        let lanes = (0..identity.partitions).map(|_| None).collect();
        let state = State { lanes, ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), came: Condvar::new(), work: Condvar::new() });
        let topic = options.topic.clone();
        let fetcher = Fetcher {
            shared: shared.clone(),
            client,
            topic: topic.clone(),
            identity,
            bounds,
            bytes_max: options.fetched_bytes_max / 2,
            assigned: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("log-tail".into()).spawn(move || fetcher.run());
        let thread = thread.map_err(|error| Error::Io { what: format!("cannot start a thread of the log: {error}") })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), timeout: options.request_timeout, topic, heard: heard.clone() })
    }

    /// Gives a reader a partition's lane, from an offset on, unless another one uses it.
    pub fn follow(&self, partition: u32, from: u64) {
        let mut state = lock(&self.shared.state);
        if state.lane(partition).is_some_and(|lane| lane.used.elapsed() < IDLE) {
            return;
        }
        set_up(&mut state, partition, from);
        self.shared.work.notify_one();
    }

    /// Whether a partition has a lane.
    pub fn follows(&self, partition: u32) -> bool {
        lock(&self.shared.state).lane(partition).is_some()
    }

    /// Frames that are known to be there, if the lane is at them; `None` if it is not.
    pub fn read(&self, wanted: Wanted) -> Result<Option<Vec<StoredFrame>>, Error> {
        let Wanted { partition, from, .. } = wanted;
        let mut state = lock(&self.shared.state);
        let Some(lane) = state.lane(partition) else { return Ok(None) };
        if from < lane.front() || from > lane.next || lane.error.is_some() && lane.frames.is_empty() {
            return Ok(None);
        }
        let mut found = Found::new(wanted);
        let began = Instant::now();
        let mut stuck = began;
        while !state.take(partition, &mut found) {
            if state.lane(partition).is_none_or(|lane| lane.error.is_some() || lane.front() != found.next()) {
                break;
            }
            if began.elapsed() > self.timeout || state.stop {
                break;
            }
            let before = state.lane(partition).map(|lane| lane.next);
            state = self.await_more(state);
            if state.lane(partition).map(|lane| lane.next) != before {
                stuck = Instant::now();
            } else if stuck.elapsed() > STUCK {
                let next = found.next();
                set_up(&mut state, partition, next);
                stuck = Instant::now();
            }
        }
        self.shared.work.notify_one();
        drop(state);
        match found.frames {
            // The caller looks why, elsewhere; or says that it took too long.
            frames if frames.is_empty() && began.elapsed() > self.timeout => Err(late(&self.topic, partition, from, self.timeout, &self.heard)),
            frames if frames.is_empty() => Ok(None),
            frames => Ok(Some(frames)),
        }
    }

    fn await_more<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.starving += 1;
        self.shared.work.notify_one();
        let mut state = self.shared.came.wait_timeout(state, POLL).unwrap_or_else(PoisonError::into_inner).0;
        state.starving -= 1;
        state
    }

    /// Ends the thread.
    pub fn end(&self) {
        lock(&self.shared.state).stop = true;
        self.shared.work.notify_one();
        self.shared.came.notify_all();
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

/// Lets the thread begin a lane, anew, at an offset.
fn set_up(state: &mut State, partition: u32, from: u64) {
    let lane = Lane { frames: VecDeque::new(), next: from, used: Instant::now(), error: None };
    let old = state.lanes[partition as usize].replace(lane);
    state.bytes -= old.map_or(0, |lane| lane.frames.iter().map(|frame| frame.bytes.len()).sum());
    state.wanted.push(partition);
}

/// The thread's own state.
struct Fetcher {
    shared: Arc<Shared>,
    client: BaseConsumer<Heard>,
    topic: String,
    identity: Identity,
    bounds: Arc<Bounds>,
    bytes_max: usize,
    assigned: Vec<u32>,
}

impl Fetcher {
    fn run(mut self) {
        while let Some(wanted) = self.next_work() {
            for (partition, from) in wanted {
                if let Err(error) = self.assign(partition, from) {
                    self.fail(partition, from, io(&format!("cannot read the Kafka topic {}", self.topic), &error, &self.client.context().0));
                }
            }
            if self.assigned.is_empty() {
                continue;
            }
            self.fetch();
        }
    }

    /// Waits until there is something to do; `None`: stop.
    fn next_work(&self) -> Option<Vec<(u32, u64)>> {
        let mut state = lock(&self.shared.state);
        loop {
            if state.stop {
                return None;
            }
            if !state.wanted.is_empty() {
                let wanted = std::mem::take(&mut state.wanted);
                return Some(wanted.into_iter().filter_map(|partition| Some((partition, state.lane(partition)?.next))).collect());
            }
            let rests = self.assigned.is_empty() || state.bytes >= self.bytes_max && state.starving == 0;
            if !rests {
                return Some(Vec::new());
            }
            state = self.shared.work.wait_timeout(state, POLL).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn assign(&mut self, partition: u32, from: u64) -> Result<(), rdkafka::error::KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, partition as i32, Offset::Offset(to_kafka(from)))?;
        if self.assigned.contains(&partition) {
            self.client.incremental_unassign(&list)?;
            self.assigned.retain(|&assigned| assigned != partition);
        }
        self.client.incremental_assign(&list)?;
        self.assigned.push(partition);
        Ok(())
    }

    /// Takes what librdkafka has, or waits a little for it.
    fn fetch(&self) {
        let mut taken: Vec<(u32, u64, Result<Fetched, Error>)> = Vec::new();
        let mut timeout = POLL;
        while taken.len() < TAKE_MAX
            && let Some(polled) = self.client.poll(timeout)
        {
            timeout = Duration::ZERO;
            match polled {
                // The header comes first, at offset 0; the first frame has that offset too.
                Ok(message) if message.offset() == 0 => {}
                Ok(message) => taken.push((message.partition() as u32, from_kafka(message.offset()), fetched::read(&message, self.identity))),
                // Trouble that passes, or a place that is not there any more: who waits at a lane for too long has it set up again.
                Err(error) => {
                    tracing::debug!(%error, topic = self.topic, "fetching");
                    break;
                }
            }
        }
        if !taken.is_empty() {
            self.sort_in(taken);
        }
    }

    fn sort_in(&self, taken: Vec<(u32, u64, Result<Fetched, Error>)>) {
        let mut state = lock(&self.shared.state);
        for (partition, offset, fetched) in taken {
            let Some(lane) = state.lane(partition) else { continue };
            if offset < lane.next || lane.error.is_some() {
                continue; // of a lane that was set up again
            }
            let fetched = match fetched {
                _ if offset > lane.next => Err(foreign(partition, lane.next, "it is missing")),
                fetched => fetched,
            };
            match fetched {
                Ok(Fetched::Frame(frame)) => {
                    lane.next = offset + 1;
                    let bytes = frame.bytes.len();
                    lane.frames.push_back(frame);
                    self.bounds.fetched(partition, offset + 1);
                    state.bytes += bytes;
                }
                Ok(Fetched::Header) => {}
                Err(error) => lane.error = Some(error),
            }
        }
        self.shared.came.notify_all();
    }

    fn fail(&self, partition: u32, from: u64, error: Error) {
        tracing::warn!(%error, partition, from, "the log's tail");
        if let Some(lane) = lock(&self.shared.state).lane(partition) {
            lane.error = Some(error);
        }
        self.shared.came.notify_all();
    }
}
