//! `tandem bench record`: acknowledgements at a rate, or as fast as they come, and how far the projection is behind.

use super::council::{self, CouncilArgs};
use super::drive::{How, Mode, Newest, Outcome, drive};
use super::load::{self, Encoded};
use super::pace::Pace;
use super::probe::{Probe, Seen};
use super::report::{Acknowledged, Report, millis, seconds, thousands};
use crate::client::Servers;
use crate::generate::folded::until_folded;
use anyhow::ensure;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What to offer, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    how: HowArgs,
    /// Events offered a second, whether or not earlier ones are answered
    #[arg(long, value_name = "R", conflicts_with = "max", required_unless_present = "max")]
    rate: Option<u64>,
    /// As fast as requests are answered
    #[arg(long)]
    max: bool,
    /// Seconds that are measured
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Events that are ready for --max; it ends early when they are used up (230 bytes of memory each)
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    #[command(flatten)]
    council: CouncilArgs,
}

/// How requests are sent.
#[derive(Clone, Debug, clap::Args)]
pub struct HowArgs {
    /// Which call
    #[arg(long, value_enum, default_value_t = Mode::Stream)]
    pub mode: Mode,
    /// Events a request: 1 to 10,000; 1 with --mode unary
    #[arg(long, value_name = "B")]
    pub batch: Option<u32>,
    /// TCP connections
    #[arg(long, default_value_t = 4)]
    pub connections: usize,
    /// Requests without an answer, over all connections [default: 256 unary, 32 otherwise]
    #[arg(long)]
    pub in_flight: Option<usize>,
    /// Seconds of load before anything is measured
    #[arg(long, default_value_t = 5)]
    pub warm_up_seconds: u64,
}

impl HowArgs {
    /// Checked: how, and events a request.
    pub fn check(&self) -> anyhow::Result<(How, u32)> {
        let batch = self.batch.unwrap_or(if self.mode == Mode::Unary { 1 } else { 1_000 });
        ensure!((1..=10_000).contains(&batch), "--batch is {batch}; the limits are 1 and 10000");
        ensure!(self.mode != Mode::Unary || batch == 1, "--mode unary records one event a call: leave --batch out");
        let in_flight = self.in_flight.unwrap_or(if self.mode == Mode::Unary { 256 } else { 32 });
        Ok((How { mode: self.mode, connections: self.connections, in_flight }, batch))
    }
}

/// What one run of load measured.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// The council that it recorded into.
    pub council: String,
    /// Which call.
    pub mode: String,
    /// Events a request.
    pub batch: u32,
    /// Requests without an answer at most.
    pub in_flight: usize,
    /// TCP connections.
    pub connections: usize,
    /// Events offered a second; none: as fast as they were taken.
    pub offered_per_second: Option<u64>,
    /// Seconds measured, without the warm-up.
    pub seconds: u64,
    /// What was acknowledged in them.
    pub acknowledged: Acknowledged,
    /// Events refused or failed, warm-up included.
    pub failed: u64,
    /// The first failure.
    pub failure: Option<String>,
    /// The projection's lag ten seconds after the warm-up, milliseconds; none if the load ended before.
    pub lag_10_s_ms: Option<u64>,
    /// Its lag at the end of the load, milliseconds.
    pub lag_end_ms: Option<u64>,
    /// Frames not folded ten seconds after the warm-up; none if the load ended before.
    pub frames_behind_10_s: Option<u64>,
    /// Frames not folded at the end of the load.
    pub frames_behind_end: Option<u64>,
    /// From the last acknowledgement until all is folded, milliseconds.
    pub catch_up_ms: u64,
    /// Everything that the probe saw.
    pub probe: Seen,
}

/// Runs it.
pub async fn run(servers: &Servers, args: Args) -> anyhow::Result<Report> {
    let (how, batch) = args.how.check()?;
    let rate = args.rate.filter(|_| !args.max);
    ensure!(rate != Some(0) && args.seconds >= 1, "--rate and --seconds must be at least 1");
    let all_seconds = args.how.warm_up_seconds + args.seconds;
    let trial = Trial { servers, how, batch, rate, seconds: args.seconds, warm_up_seconds: args.how.warm_up_seconds };
    let mut generator = args.council.generator(rate.map_or(args.events, |rate| rate * all_seconds), 0)?;
    let run = trial.run(&mut generator).await?;
    Report::new(&HEADERS, vec![row(&run)], &run)
}

/// One run of load.
pub struct Trial<'a> {
    /// Who takes the load, and who says how far it is.
    pub servers: &'a Servers,
    /// How to send.
    pub how: How,
    /// Events a request.
    pub batch: u32,
    /// Events offered a second; none: as fast as they are taken.
    pub rate: Option<u64>,
    /// Seconds measured.
    pub seconds: u64,
    /// Seconds before them.
    pub warm_up_seconds: u64,
}

impl Trial<'_> {
    /// Records everything that the generator has: the catalogue first, then the load.
    pub async fn run(&self, generator: &mut crate::generate::Generator) -> anyhow::Result<Run> {
        let council = generator.world().shape.council.clone();
        council::define(self.servers, generator).await?;
        let connection = self.servers.query().connect().await?;
        eprintln!("{council}: encoding {} events", thousands(generator.size_hint().0 as u64));
        let requests: Arc<[Encoded]> = load::encode(generator, u64::MAX, self.batch).into();
        let duration = Duration::from_secs(self.warm_up_seconds + self.seconds);
        eprintln!(
            "{council}: {} for {} seconds",
            self.rate.map_or("as fast as it goes".into(), |rate| format!("{} a second", thousands(rate))),
            duration.as_secs()
        );
        let newest = Newest::default();
        let pace = match self.rate {
            Some(rate) => Pace::at_rate(rate, self.batch, requests.len() as u64, duration),
            None => Pace::unbounded(requests.len() as u64, duration),
        };
        let probe = Probe::start(self.servers.query().connect().await?, council.clone(), Arc::clone(&newest), pace.start());
        let outcome = drive(self.servers.gateway(), &requests, &pace, self.how, &newest).await?;
        let acknowledged = Instant::now();
        drop(requests);
        until_folded(connection, &council, &outcome.positions).await?;
        let catch_up_ms = acknowledged.elapsed().as_millis() as u64;
        let seen = probe.end().await?;
        Ok(self.summary(council, outcome, seen, catch_up_ms))
    }

    fn summary(&self, council: String, outcome: Outcome, seen: Seen, catch_up_ms: u64) -> Run {
        let from_us = self.warm_up_seconds * 1_000_000;
        let last_us = outcome.samples.iter().map(|sample| sample.intended_us + sample.latency_us).max().unwrap_or(0);
        // Events may have been used up early; what is answered after the end is not counted.
        let to_us = last_us.clamp(from_us, from_us + self.seconds * 1_000_000);
        let (ten_ms, to_ms) = (from_us / 1_000 + 10_000, to_us / 1_000);
        Run {
            council,
            mode: format!("{:?}", self.how.mode).to_lowercase(),
            batch: self.batch,
            in_flight: self.how.in_flight,
            connections: self.how.connections,
            offered_per_second: self.rate,
            seconds: (to_us - from_us).div_ceil(1_000_000),
            acknowledged: Acknowledged::of(&outcome.samples, from_us, to_us),
            failed: outcome.failed,
            failure: outcome.failure,
            lag_10_s_ms: seen.lag_at(ten_ms).filter(|_| to_ms > ten_ms),
            // The last position that was the newest while load still came.
            lag_end_ms: seen.lag_at(to_ms.saturating_sub(1_000)),
            frames_behind_10_s: seen.frames_behind_at(ten_ms).filter(|_| to_ms > ten_ms),
            frames_behind_end: seen.frames_behind_at(to_ms.saturating_sub(1_000)),
            catch_up_ms,
            probe: seen,
        }
    }
}

/// Columns of [`row`].
pub const HEADERS: [&str; 12] = [
    "call",
    "batch",
    "in flight",
    "offered/s",
    "acknowledged/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "lag at 10 s, s",
    "lag at the end, s",
    "caught up after, s",
    "failed",
];

/// A run as a row of the table.
pub fn row(run: &Run) -> Vec<String> {
    let latency = run.acknowledged.latency;
    vec![
        run.mode.clone(),
        thousands(run.batch.into()),
        run.in_flight.to_string(),
        run.offered_per_second.map_or("all".into(), thousands),
        thousands(run.acknowledged.events_per_second),
        millis(latency.p50_us),
        millis(latency.p99_us),
        millis(latency.p99_9_us),
        seconds(run.lag_10_s_ms),
        seconds(run.lag_end_ms),
        seconds(Some(run.catch_up_ms)),
        run.failure.as_ref().map_or_else(|| run.failed.to_string(), |failure| format!("{} ({failure})", run.failed)),
    ]
}
