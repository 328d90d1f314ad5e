//! Logs in topics of their own.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tandem_log::conformance::Setup;
use tandem_log::kafka::{Create, Options};
use tandem_log::{Error, EventLog, KafkaLog, StoredFrame};
use tandem_tests::kafka;

/// A name that no other topic has, of this run or of one before.
pub fn topic() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    format!("tandem-test.{now}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed))
}

/// Options of a log in a topic of one replica, which may be made.
pub fn options(brokers: &str, topic: &str, partitions: u32) -> Options {
    Options {
        brokers: vec![brokers.into()],
        topic: topic.into(),
        create: Some(Create { partitions }),
        replication_factor: 1,
        min_insync_replicas: 1,
        request_timeout: Duration::from_secs(30),
        ..Options::default()
    }
}

/// A new place for a log; none without a broker.
pub fn place() -> Option<impl Fn(&Setup) -> KafkaLog> {
    let (brokers, topic) = (kafka::shared()?, topic());
    Some(move |setup: &Setup| {
        let options = Options { queue_bytes_max: setup.queue_bytes_max, ..options(brokers, &topic, setup.partitions) };
        KafkaLog::open(options).unwrap()
    })
}

/// Lets a future run to its end.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Everything that can be read; the first thing that cannot is the error.
pub fn read_all(log: &KafkaLog) -> Result<Vec<StoredFrame>, Error> {
    let mut frames = Vec::new();
    for partition in 0..log.partitions() {
        let mut from = log.start(partition)?;
        while from < log.end_now(partition)? {
            let part = log.read(partition, from, 1_000_000)?;
            from = part.last().map_or(from, |frame| frame.offset + 1);
            frames.extend(part);
        }
    }
    Ok(frames)
}
