//! The one thread that appends. It takes whatever has come in, makes frames of it, and hands them to librdkafka, which keeps their order in
//! each partition, sends them again if it has to, and says what became of each.
//!
//! ```text
//!  queue ─▶ round: one frame or more for each council ─▶ librdkafka ─▶ brokers ─▶ delivery reports ─▶ ends move, answers
//!             ▲                                                                        │
//!             └── waits while several rounds are on their way ◀────────────────────────┘
//! ```
//!
//! The more come at once, the larger the rounds: what comes in while some are on their way shares frames in the next one.
//!
//! **After a frame failed** (the brokers did not take it in time, or refused it) nothing that was handed over behind it is sent any more: all
//! of it fails, its outcome is unknown, and a new producer takes its place. So an append of which a middle part is missing cannot be.

use super::bounds::Bounds;
use super::client::{Heard, one_line, reason};
use super::format::{Identity, from_kafka};
use super::options::Options;
use super::round::{Flow, OnItsWay, Round};
use crate::assembly::{Assembly, Building};
use crate::queue::{Append, Queue, Taken};
use crate::{Error, lock};
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Bytes of a round, about.
const ROUND_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Rounds on their way: one that the brokers write, one on the wire, and one that waits for them.
const ROUNDS_MAX: usize = 3;
/// How long to wait for fewer: if some partition has no leader, others' appends go on.
const ROUND_WAIT: Duration = Duration::from_millis(10);
/// Buffers kept for the next round, and their bytes.
const SPARE_BUFFERS_MAX: usize = 1_024;
const SPARE_BYTES_MAX: usize = 2 * ROUND_BYTES_MAX;

/// What was done since the log was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub rounds: AtomicU64,
    pub frames: AtomicU64,
    pub records: AtomicU64,
    pub bytes: AtomicU64,
}

/// What the handle, the writer and the delivery reports share.
#[derive(Debug)]
pub(super) struct Appending {
    pub queue: Arc<Queue>,
    pub counters: Counters,
    pub bounds: Arc<Bounds>,
    flow: Arc<Flow>,
    /// A frame failed since the producer was made.
    broken: AtomicBool,
    /// Why the first of them did.
    why: Mutex<Option<String>>,
}

impl Appending {
    pub fn new(options: &Options, bounds: Arc<Bounds>) -> Self {
        let queue = Arc::new(Queue::new(options.queue_bytes_max, options.queue_appends_max));
        Self { queue, counters: Counters::default(), bounds, flow: Arc::default(), broken: AtomicBool::new(false), why: Mutex::default() }
    }
}

/// The producer's context: takes its reports.
struct Reports {
    shared: Arc<Appending>,
    heard: Heard,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.heard.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<OnItsWay>;

    fn delivery(&self, result: &DeliveryResult<'_>, frame: Box<OnItsWay>) {
        frame.done(match result {
            Ok(message) => self.shared.bounds.appended(message.partition(), from_kafka(message.offset())),
            Err((error, _)) => Err(Error::OutcomeUnknown { why: self.failed(error) }),
        });
    }
}

impl Reports {
    fn failed(&self, error: &KafkaError) -> String {
        let mut why = lock(&self.shared.why);
        self.shared.broken.store(true, SeqCst);
        // What comes behind the first failure was given up because of it.
        why.get_or_insert_with(|| format!("{}{}", one_line(&reason(error)), self.heard.0.told())).clone()
    }
}

type Client = ThreadedProducer<Reports>;

/// The thread's own state.
pub(super) struct Writer {
    shared: Arc<Appending>,
    options: Options,
    identity: Identity,
    heard: Heard,
    client: Client,
    spare: Vec<Vec<u8>>,
}

/// If the thread dies of a fault of ours, nobody may wait for it for ever.
struct Watch<'a>(&'a Appending);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.queue.fail(Error::Failed { why: "the log's writer died".into() });
        }
    }
}

fn connect(shared: &Arc<Appending>, options: &Options, heard: &Heard) -> Result<Client, Error> {
    let reports = Reports { shared: shared.clone(), heard: heard.clone() };
    Client::from_config_and_context(&options.producer(), reports)
        .map_err(|error| Error::Invalid(format!("no producer can be made of the Kafka settings: {}", one_line(&error.to_string()))))
}

impl Writer {
    pub fn new(shared: Arc<Appending>, options: Options, identity: Identity, heard: Heard) -> Result<Self, Error> {
        let client = connect(&shared, &options, &heard)?;
        Ok(Self { shared, options, identity, heard, client, spare: Vec::new() })
    }

    /// Runs until the queue is closed and empty.
    pub fn run(mut self) {
        let shared = self.shared.clone();
        let _watch = Watch(&shared);
        let mut taken = Taken::default();
        loop {
            shared.flow.wait(ROUNDS_MAX - 1, ROUND_WAIT);
            if !shared.queue.take(&mut taken, ROUND_BYTES_MAX) {
                break;
            }
            let appends = taken.hold();
            if shared.broken.load(SeqCst)
                && let Err(error) = self.mend()
            {
                return appends.into_iter().for_each(|append| append.refuse(error.clone()));
            }
            self.send(appends);
        }
        self.finish();
    }

    /// Hands a round to the client.
    fn send(&mut self, appends: Vec<Append>) {
        let mut assembly = Assembly::new(self.identity.partitions, 0, &mut self.spare);
        let placed = appends.iter().map(|append| assembly.add(append)).collect();
        let frames = assembly.finish();
        let round = Arc::new(Round::new(self.identity.id, appends, placed, frames.iter().map(|frame| frame.partition)));
        self.count(&frames);
        self.shared.flow.begin(&round, frames.len());
        for (number, frame) in frames.iter().enumerate() {
            let (flow, queue) = (self.shared.flow.clone(), self.shared.queue.clone());
            self.hand_over(frame, Box::new(OnItsWay { round: round.clone(), frame: number, flow, queue }));
        }
        self.keep(frames);
    }

    fn hand_over(&self, frame: &Building, on_its_way: Box<OnItsWay>) {
        let key = self.identity.key();
        let record = BaseRecord::with_opaque_to(&self.options.topic, on_its_way);
        let mut record = record.partition(i32::try_from(frame.partition).unwrap_or(i32::MAX)).key(&key).payload(&frame.value);
        loop {
            match self.client.send(record) {
                Ok(()) => return,
                // It is larger than our own queue, but who knows what it counts.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    self.client.poll(Duration::from_millis(1));
                    record = again;
                }
                // A producer that takes no more since a frame before failed: what it was, is known by then.
                Err((error, refused)) => {
                    let why = self.client.context().failed(&error);
                    return refused.delivery_opaque.done(Err(Error::OutcomeUnknown { why }));
                }
            }
        }
    }

    fn count(&self, frames: &[Building]) {
        let counters = &self.shared.counters;
        counters.rounds.fetch_add(1, Relaxed);
        counters.frames.fetch_add(frames.len() as u64, Relaxed);
        counters.records.fetch_add(frames.iter().map(|frame| u64::from(frame.records)).sum(), Relaxed);
        counters.bytes.fetch_add(frames.iter().map(|frame| frame.value.len() as u64).sum(), Relaxed);
    }

    /// Keeps some of the buffers for the next round: the client has copied what is in them.
    fn keep(&mut self, frames: Vec<Building>) {
        let mut bytes: usize = self.spare.iter().map(Vec::capacity).sum();
        for Building { value, .. } in frames {
            bytes += value.capacity();
            if bytes > SPARE_BYTES_MAX || self.spare.len() >= SPARE_BUFFERS_MAX {
                return;
            }
            self.spare.push(value);
        }
    }

    /// Gives up what the broken producer holds and makes a new one. If that cannot be, the log has failed.
    fn mend(&mut self) -> Result<(), Error> {
        self.give_up();
        let why = lock(&self.shared.why).take().unwrap_or_default();
        tracing::error!(topic = self.options.topic, why, "appends failed, their outcome is unknown; going on with a new producer");
        match connect(&self.shared, &self.options, &self.heard) {
            Ok(client) => {
                self.client = client;
                self.shared.broken.store(false, SeqCst);
                Ok(())
            }
            Err(error) => {
                let failed = Error::Failed { why: error.to_string() };
                self.shared.queue.fail(failed.clone());
                Err(failed)
            }
        }
    }

    /// Waits until every frame is done, giving up those that the brokers have not taken.
    fn give_up(&self) {
        while !self.shared.flow.wait(0, Duration::ZERO) {
            self.client.purge(PurgeConfig::default().queue().inflight());
            self.client.poll(Duration::from_millis(10));
        }
    }

    /// The last frames; those that the brokers do not take in time are given up.
    fn finish(&self) {
        let deadline = Instant::now() + self.options.delivery_timeout;
        while !self.shared.flow.wait(0, Duration::from_millis(20)) && Instant::now() < deadline && !self.shared.broken.load(SeqCst) {}
        self.give_up();
    }
}
