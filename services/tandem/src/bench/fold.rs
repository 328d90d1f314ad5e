//! `tandem bench fold`: a council-year recorded as fast as it is taken, and what it costs to fold it.

use super::council::{self, CouncilArgs};
use super::drive::{Newest, drive};
use super::load::{self, Encoded};
use super::pace::Pace;
use super::process::{Memory, disk_bytes};
use super::record::HowArgs;
use super::report::{Report, per_second, seconds, thousands};
use crate::client::Servers;
use crate::generate::folded::until_folded;
use anyhow::{Context, bail};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nobody waits longer than a day.
const DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// What to record, and where to look.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    how: HowArgs,
    /// Events besides the catalogue (230 bytes of memory each)
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// The server's data directory, to measure what it takes on disk
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// The server's process, to measure its memory
    #[arg(long, value_name = "PID", conflicts_with = "server_pid_file")]
    server_pid: Option<u32>,
    /// File with the server's process id
    #[arg(long, value_name = "FILE")]
    server_pid_file: Option<PathBuf>,
    /// Seconds after the last fold until disk is measured a second time
    #[arg(long, default_value_t = 15)]
    settle_seconds: u64,
    #[command(flatten)]
    council: CouncilArgs,
}

#[derive(Debug, Serialize)]
struct Folding {
    council: String,
    events: u64,
    /// Bytes of the events as they were sent.
    sent_bytes: u64,
    /// Until all was acknowledged, milliseconds.
    acknowledged_ms: u64,
    acknowledged_per_second: u64,
    /// Until all was folded, milliseconds.
    folded_ms: u64,
    folded_per_second: u64,
    /// What the data directory grew by until all was folded, bytes.
    disk_bytes: Option<u64>,
    /// And until some seconds later.
    settled_disk_bytes: Option<u64>,
    memory: Option<Memory>,
}

/// Runs it.
pub async fn run(servers: &Servers, args: Args) -> anyhow::Result<Report> {
    let pid = args.pid()?;
    let disk = || args.data_dir.as_deref().map(disk_bytes).transpose();
    let (how, batch) = args.how.check()?;
    let mut generator = args.council.generator(args.events, 0)?;
    let council = generator.world().shape.council.clone();
    council::define(servers, &mut generator).await?;
    let connection = servers.query().connect().await?;
    eprintln!("{council}: encoding {} events", thousands(args.events));
    let requests: Arc<[Encoded]> = load::encode(&mut generator, u64::MAX, batch).into();
    let (events, sent_bytes) = (load::events(&requests), requests.iter().map(|request| request.body.len() as u64).sum());
    let before = disk()?;
    eprintln!("{council}: recording");
    let (start, newest) = (Instant::now(), Newest::default());
    let outcome = drive(servers.gateway(), &requests, &Pace::unbounded(requests.len() as u64, DURATION), how, &newest).await?;
    if let Some(failure) = outcome.failure {
        bail!("{} of {events} events failed: {failure}", outcome.failed);
    }
    let acknowledged = start.elapsed();
    eprintln!("{council}: all acknowledged, waiting until all is folded");
    until_folded(connection, &council, &outcome.positions).await?;
    let folded = start.elapsed();
    let growth = |now: Option<u64>| now.zip(before).map(|(now, before)| now.saturating_sub(before));
    let disk_bytes = growth(disk()?);
    let memory = pid.map(Memory::of).transpose()?;
    if args.data_dir.is_some() {
        tokio::time::sleep(Duration::from_secs(args.settle_seconds)).await;
    }
    let folding = Folding {
        council,
        events,
        sent_bytes,
        acknowledged_ms: acknowledged.as_millis() as u64,
        acknowledged_per_second: per_second(events, acknowledged.as_micros() as u64),
        folded_ms: folded.as_millis() as u64,
        folded_per_second: per_second(events, folded.as_micros() as u64),
        disk_bytes,
        settled_disk_bytes: growth(disk()?),
        memory,
    };
    folding.report()
}

impl Args {
    fn pid(&self) -> anyhow::Result<Option<u32>> {
        let Some(path) = &self.server_pid_file else { return Ok(self.server_pid) };
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(text.trim().parse().with_context(|| format!("{} holds no process id", path.display()))?))
    }
}

impl Folding {
    fn report(&self) -> anyhow::Result<Report> {
        let per_event = |bytes: Option<u64>| bytes.and_then(|bytes| bytes.checked_div(self.events)).map_or("–".into(), thousands);
        let mib = |bytes: Option<u64>| bytes.map_or("–".into(), |bytes| thousands(bytes / 1_024 / 1_024));
        let headers = [
            "events",
            "acknowledged after, s",
            "folded after, s",
            "folded/s",
            "bytes sent an event",
            "bytes on disk an event",
            "the same, settled",
            "peak memory, MiB",
            "of it not of files now, MiB",
        ];
        let row = vec![
            thousands(self.events),
            seconds(Some(self.acknowledged_ms)),
            seconds(Some(self.folded_ms)),
            thousands(self.folded_per_second),
            per_event(Some(self.sent_bytes)),
            per_event(self.disk_bytes),
            per_event(self.settled_disk_bytes),
            mib(self.memory.map(|memory| memory.peak_bytes)),
            mib(self.memory.map(|memory| memory.anonymous_bytes)),
        ];
        Report::new(&headers, vec![row], self)
    }
}
