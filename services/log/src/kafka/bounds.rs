//! Where each partition begins and ends, as far as this process knows: cheap to ask, never too high.
//!
//! Ends move by what this process appends, by what it fetches, and by a thread that asks the brokers every now and then, with one request
//! for all partitions; but only while somebody wants to know.

use super::client::{Heard, Trouble, io};
use super::format::from_kafka;
use super::options::Options;
use crate::ends::Ends;
use crate::{Error, lock};
use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::Offset;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two questions, and how long after the last call that needs the answer they go on.
const ASK_EVERY: Duration = Duration::from_millis(100);
const ASK_FOR: Duration = Duration::from_secs(1);
/// After a question that was not answered.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// The starts move rarely.
const STARTS_EVERY: u32 = 10;

/// The bounds.
pub(super) struct Bounds {
    topic: String,
    /// Those that are followed.
    followed: Vec<u32>,
    is_followed: Vec<bool>,
    pub ends: Ends,
    starts: Vec<AtomicU64>,
    /// The offset after the newest frame of this process that was acknowledged.
    acknowledged: Vec<AtomicU64>,
    client: BaseConsumer<Heard>,
    trouble: Trouble,
    timeout: Duration,
    /// When the ends were known last, and wanted last.
    known: Mutex<Instant>,
    wanted: Mutex<Instant>,
    stop: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bounds").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Bounds {
    /// Asks the brokers for all of them, and follows those that are read.
    pub fn open(options: &Options, partitions: u32, heard: &Heard) -> Result<Arc<Self>, Error> {
        let client = BaseConsumer::from_config_and_context(&options.consumer(), heard.clone());
        let client = client.map_err(|error| io("no consumer can be made of the Kafka settings", &error, &heard.0))?;
        let followed: Vec<u32> = options.read.clone().unwrap_or_else(|| (0..partitions).collect());
        let bounds = Self {
            topic: options.topic.clone(),
            is_followed: (0..partitions).map(|partition| followed.contains(&partition)).collect(),
            followed,
            ends: Ends::new(&vec![0; partitions as usize]),
            starts: (0..partitions).map(|_| AtomicU64::new(0)).collect(),
            acknowledged: (0..partitions).map(|_| AtomicU64::new(0)).collect(),
            client,
            trouble: heard.0.clone(),
            timeout: options.request_timeout,
            known: Mutex::new(Instant::now()),
            wanted: Mutex::new(Instant::now()),
            stop: AtomicBool::new(false),
            thread: Mutex::default(),
        };
        let all: Vec<_> = (0..partitions).collect();
        bounds.ask_starts(&all)?;
        bounds.ask_ends(&all)?;
        let bounds = Arc::new(bounds);
        bounds.clone().follow()?;
        Ok(bounds)
    }

    fn follow(self: Arc<Self>) -> Result<(), Error> {
        if self.followed.is_empty() {
            return Ok(());
        }
        let bounds = self.clone();
        let thread = std::thread::Builder::new().name("log-ends".into()).spawn(move || bounds.keep_asking());
        let thread = thread.map_err(|error| Error::Io { what: format!("cannot start a thread of the log: {error}") })?;
        *lock(&self.thread) = Some(thread);
        Ok(())
    }

    fn keep_asking(&self) {
        let mut turn = 0;
        while !self.stop.load(SeqCst) {
            std::thread::sleep(ASK_EVERY);
            if lock(&self.wanted).elapsed() > ASK_FOR {
                continue;
            }
            turn += 1;
            // That it is not answered, the client says itself. What is known stays true.
            let asked = self.ask_ends(&self.followed);
            if turn % STARTS_EVERY == 0 && asked.is_ok() {
                let _ = self.ask_starts(&self.followed);
            }
        }
    }

    /// No more questions. Nothing more will come.
    pub fn close(&self) {
        self.ends.close();
    }

    /// Ends the thread.
    pub fn end(&self) {
        self.stop.store(true, SeqCst);
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }

    /// Asks until it is answered, or the time is up. After a change of leaders the first answer may be that they changed, again and again,
    /// until the client looks who leads now.
    fn ask(&self, partitions: &[u32], what: Offset) -> Result<Vec<(usize, u64)>, Error> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.ask_once(partitions, what) {
                Err(_) if Instant::now() < deadline && !self.stop.load(SeqCst) => {
                    // If that is not answered either, the next question says so.
                    let _ = self.client.fetch_metadata(Some(&self.topic), self.timeout);
                    std::thread::sleep(ASK_AGAIN);
                }
                answered => return answered,
            }
        }
    }

    fn ask_once(&self, partitions: &[u32], what: Offset) -> Result<Vec<(usize, u64)>, Error> {
        let failed = |error| io(&format!("cannot ask where the Kafka topic {} begins and ends", self.topic), &error, &self.trouble);
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for &partition in partitions {
            list.add_partition_offset(&self.topic, partition as i32, what).map_err(failed)?;
        }
        let found = self.client.offsets_for_times(list, self.timeout).map_err(failed)?;
        let of = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            element.error().map_err(failed)?;
            match element.offset() {
                Offset::Offset(offset) => Ok((element.partition() as usize, from_kafka(offset))),
                other => Err(Error::Io { what: format!("the brokers answer {other:?} when asked where partition {} is", element.partition()) }),
            }
        };
        found.elements().iter().map(of).collect()
    }

    fn ask_ends(&self, partitions: &[u32]) -> Result<(), Error> {
        let asked = Instant::now();
        self.ends.raise(self.ask(partitions, Offset::End)?);
        *lock(&self.known) = asked;
        Ok(())
    }

    fn ask_starts(&self, partitions: &[u32]) -> Result<(), Error> {
        for (partition, start) in self.ask(partitions, Offset::Beginning)? {
            self.starts[partition].fetch_max(start, SeqCst);
        }
        Ok(())
    }

    /// Somebody wants to know from now on.
    pub fn want(&self) {
        *lock(&self.wanted) = Instant::now();
    }

    /// A partition that exists.
    pub fn checked(&self, partition: u32) -> Result<usize, Error> {
        match self.starts.len() {
            partitions if (partition as usize) < partitions => Ok(partition as usize),
            partitions => Err(Error::Invalid(format!("partition {partition} does not exist: the log has {partitions}"))),
        }
    }

    /// See [`crate::EventLog::end`].
    pub fn end_of(&self, partition: u32) -> Result<u64, Error> {
        let at = self.checked(partition)?;
        self.want();
        if !self.is_followed[at] {
            return self.end_now(partition);
        }
        if lock(&self.known).elapsed() > ASK_FOR {
            // Nobody wanted to know for a while. If the brokers are away, what was known is still true.
            let _ = self.ask_ends(&self.followed);
        }
        Ok(self.ends.get(at))
    }

    /// See [`crate::EventLog::end_now`].
    pub fn end_now(&self, partition: u32) -> Result<u64, Error> {
        let at = self.checked(partition)?;
        self.ends.raise(self.ask(&[partition], Offset::End)?);
        Ok(self.ends.get(at))
    }

    /// See [`crate::EventLog::start`].
    pub fn start_of(&self, partition: u32) -> Result<u64, Error> {
        let at = self.checked(partition)?;
        if !self.is_followed[at] {
            self.ask_starts(&[partition])?;
        }
        Ok(self.starts[at].load(SeqCst))
    }

    /// The same, asked of the brokers.
    pub fn start_now(&self, partition: u32) -> Result<u64, Error> {
        let at = self.checked(partition)?;
        self.ask_starts(&[partition])?;
        Ok(self.starts[at].load(SeqCst))
    }

    /// A partition was trimmed.
    pub fn trimmed(&self, partition: usize, start: u64) {
        self.starts[partition].fetch_max(start, SeqCst);
    }

    /// A frame of this process was acknowledged at an offset, which is given back.
    pub fn appended(&self, partition: i32, offset: u64) -> Result<u64, Error> {
        let at = partition as usize;
        // Acknowledgements come in order. One that does not is of another topic of that name.
        if self.acknowledged[at].fetch_max(offset + 1, SeqCst) > offset {
            let why = format!("the Kafka topic {} was deleted and made again: nothing of this log is in it any more", self.topic);
            return Err(Error::OutcomeUnknown { why });
        }
        self.ends.raise([(at, offset + 1)]);
        Ok(offset)
    }

    /// Frames up to an end were fetched.
    pub fn fetched(&self, partition: u32, end: u64) {
        self.ends.raise([(partition as usize, end)]);
    }
}
