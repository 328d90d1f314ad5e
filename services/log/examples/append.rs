//! How many records a second a log takes, and gives to a reader:
//! `cargo run --release -p tandem-log --example append -- [DIRECTORY | kafka=HOST:PORT[,…]] [SECONDS]`.
//!
//! Each load runs for so many seconds (default 5) on a new log in DIRECTORY (default: the system's temporary one; a RAM disk would
//! measure nothing), or in a new topic of one replica, which stays. Callers are tasks of one runtime, each waiting for its answer before it
//! appends again; records have 200 bytes. Then all of it is read from its start, as a projection does.

use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tandem_log::embedded::Options;
use tandem_log::{AnyLog, EmbeddedLog, EventLog, KafkaLog, kafka};
use tokio::task::JoinSet;

const RECORD_BYTES: usize = 200;
/// One read of a projection.
const READ_BYTES: usize = 4 << 20;
const PARTITIONS: u32 = 16;

/// Records an append, callers at once, councils.
const LOADS: [(usize, usize, usize); 9] =
    [(1, 1, 1), (1, 8, 8), (1, 64, 16), (1, 256, 1), (1, 256, 256), (100, 32, 16), (1_000, 1, 1), (1_000, 8, 4), (1_000, 32, 16)];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap_or_else(|| std::env::temp_dir().display().to_string());
    let seconds = arguments.next().map_or(5, |seconds| seconds.parse().expect("SECONDS is a number"));
    println!(
        "{:>8} {:>8} {:>8} {:>12} {:>9} {:>9} {:>9} {:>12} {:>14}",
        "records", "callers", "councils", "records/s", "p50 ms", "p99 ms", "max ms", "per commit", "read records/s"
    );
    for load in LOADS {
        match place.strip_prefix("kafka=") {
            Some(brokers) => measure(kafka(brokers).into(), load, Duration::from_secs(seconds)),
            None => {
                let path = PathBuf::from(&place).join(format!("tandem-log-bench-{}", std::process::id()));
                measure(EmbeddedLog::open(&path, Options::default()).expect("a new log").into(), load, Duration::from_secs(seconds));
                std::fs::remove_dir_all(&path).expect("the log's directory can be removed");
            }
        }
    }
}

fn kafka(brokers: &str) -> KafkaLog {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_millis();
    let options = kafka::Options {
        brokers: vec![brokers.into()],
        topic: format!("tandem-log-bench-{now}"),
        create: Some(kafka::Create { partitions: PARTITIONS }),
        replication_factor: 1,
        min_insync_replicas: 1,
        ..kafka::Options::default()
    };
    KafkaLog::open(options).expect("a new topic")
}

fn measure(log: AnyLog, (records, callers, councils): (usize, usize, usize), time: Duration) {
    let log = Arc::new(log);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let begin = Instant::now();
    let mut latencies: Vec<Duration> = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for caller in 0..callers {
            let log = log.clone();
            let council = format!("council-{}", caller % councils);
            // Slices of one buffer, as the gateway's are; of bytes that do not compress to nothing.
            let buffer: Bytes = (0..records * RECORD_BYTES).map(|n| (((n * n) >> 3) ^ (n * 31)) as u8).collect::<Vec<_>>().into();
            let batch: Vec<Bytes> = (0..records).map(|n| buffer.slice(n * RECORD_BYTES..(n + 1) * RECORD_BYTES)).collect();
            tasks.spawn(async move {
                let mut latencies = Vec::new();
                while begin.elapsed() < time {
                    let start = Instant::now();
                    log.append(&council, batch.clone()).await.expect("an append");
                    latencies.push(start.elapsed());
                }
                latencies
            });
        }
        tasks.join_all().await.concat()
    });
    let elapsed = begin.elapsed();
    latencies.sort();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let statistics = log.statistics();
    let rate = statistics.records as f64 / elapsed.as_secs_f64();
    let per_commit = statistics.records / statistics.commits;
    let read = read(&log);
    println!(
        "{records:>8} {callers:>8} {councils:>8} {rate:>12.0} {:>9.2} {:>9.2} {:>9.2} {per_commit:>12} {read:>14.0}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Records a second that one reader gets, partition by partition in turn.
fn read(log: &AnyLog) -> f64 {
    let (begin, mut records) = (Instant::now(), 0);
    let mut next: Vec<u64> = (0..log.partitions()).map(|partition| log.start(partition).expect("a start")).collect();
    loop {
        let before = records;
        for (partition, next) in (0..).zip(&mut next) {
            for frame in log.read(partition, *next, READ_BYTES).expect("frames") {
                records += frame.parse().expect("a frame").records.len();
                *next = frame.offset + 1;
            }
        }
        if records == before {
            return records as f64 / begin.elapsed().as_secs_f64();
        }
    }
}
