//! How many records a second the embedded log takes: `cargo run --release -p tandem-log --example append -- [DIRECTORY] [SECONDS]`.
//!
//! Each load runs for so many seconds (default 5) on a new log in DIRECTORY (default: the system's temporary one; a RAM disk would
//! measure nothing). Callers are tasks of one runtime, each waiting for its answer before it appends again; records have 200 bytes.

use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_log::embedded::Options;
use tandem_log::{EmbeddedLog, EventLog};
use tokio::task::JoinSet;

const RECORD_BYTES: usize = 200;

/// Records an append, callers at once, councils.
const LOADS: [(usize, usize, usize); 8] =
    [(1, 1, 1), (1, 8, 8), (1, 64, 16), (1, 256, 1), (1, 256, 256), (100, 32, 16), (1_000, 1, 1), (1_000, 8, 4)];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds = arguments.next().map_or(5, |seconds| seconds.parse().expect("SECONDS is a number"));
    println!(
        "{:>8} {:>8} {:>8} {:>12} {:>9} {:>9} {:>9} {:>12}",
        "records", "callers", "councils", "records/s", "p50 ms", "p99 ms", "max ms", "per commit"
    );
    for (records, callers, councils) in LOADS {
        let path = directory.join(format!("tandem-log-bench-{}", std::process::id()));
        measure(&path, records, callers, councils, Duration::from_secs(seconds));
        std::fs::remove_dir_all(&path).expect("the log's directory can be removed");
    }
}

fn measure(path: &std::path::Path, records: usize, callers: usize, councils: usize, time: Duration) {
    let log = Arc::new(EmbeddedLog::open(path, Options::default()).expect("a new log"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let begin = Instant::now();
    let mut latencies: Vec<Duration> = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for caller in 0..callers {
            let log = log.clone();
            let council = format!("council-{}", caller % councils);
            // Slices of one buffer, as the gateway's are.
            let buffer = Bytes::from(vec![7; records * RECORD_BYTES]);
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
    println!("{records:>8} {callers:>8} {councils:>8} {rate:>12.0} {:>9.2} {:>9.2} {:>9.2} {per_commit:>12}", at(0.5), at(0.99), at(1.0));
}
