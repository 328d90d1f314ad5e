//! `tandem bench watch`: how long after its acknowledgement an event is in the next answer of `WatchValue`.
//!
//! Watches the contributions of one council by measure, records one event after the other, and waits for the answer that reflects each.
//! Between two answers a server rests a tenth of a second: the next event comes after that, so that the rest is not measured.

use super::council::CouncilArgs;
use super::report::{Quantiles, Report, millis};
use crate::client::{Connection, Servers, explain};
use anyhow::{Context, ensure};
use serde::Serialize;
use std::time::{Duration, Instant};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::gateway_service_client::GatewayServiceClient;
use tandem_proto::v1::query_service_client::QueryServiceClient;
use tandem_proto::v1::{CouncilReflected, Dimension, Event, QueryValueRequest, RecordRequest, Scope, WatchValueRequest, WatchValueResponse};
use tonic::Streaming;

/// Longer than a server rests between two answers.
const PAUSE: Duration = Duration::from_millis(250);

/// Which council, and how often.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Events that are recorded and waited for
    #[arg(long, default_value_t = 100)]
    repeat: u32,
    #[command(flatten)]
    council: CouncilArgs,
}

#[derive(Debug, Serialize)]
struct Watched {
    /// From the acknowledgement of an event until an answer that reflects it.
    after_acknowledgement: Quantiles,
}

/// Runs it.
pub async fn run(servers: &Servers, args: Args) -> anyhow::Result<Report> {
    let council = args.council.council.clone();
    let council = council.context("--council is needed: the one that `tandem bench fold --council CODE` recorded")?;
    ensure!(args.repeat >= 1, "--repeat must be at least 1");
    let mut answers = watch(servers.query().connect().await?, &council).await?;
    let mut entries = entries(&mut answers).await?;
    let mut gateway = GatewayServiceClient::new(servers.gateway().connect().await?);
    let mut latencies_us = Vec::new();
    for event in contributions(&args)? {
        tokio::time::sleep(PAUSE).await;
        gateway.record(RecordRequest { event: Some(event), ..Default::default() }).await.map_err(|status| explain(&status))?;
        let acknowledged = Instant::now();
        let before = entries;
        while entries == before {
            entries = self::entries(&mut answers).await?;
        }
        latencies_us.push(acknowledged.elapsed().as_micros() as u64);
    }
    let watched = Watched { after_acknowledgement: Quantiles::of(latencies_us) };
    let latency = watched.after_acknowledgement;
    let row = vec![latency.count.to_string(), millis(latency.p50_us), millis(latency.p99_us), millis(latency.max_us)];
    Report::new(&["events", "p50 ms", "p99 ms", "slowest ms"], vec![row], &watched)
}

async fn watch(connection: Connection, council: &str) -> anyhow::Result<Streaming<WatchValueResponse>> {
    let query = QueryValueRequest {
        scope: Some(Scope { councils: vec![council.to_owned()], ..Default::default() }),
        metrics: vec!["quantity".into()],
        group_by: vec![Dimension::Measure as i32],
        ..Default::default()
    };
    let answers = QueryServiceClient::new(connection).watch_value(WatchValueRequest { query: Some(query) }).await;
    Ok(answers.map_err(|status| explain(&status))?.into_inner())
}

/// How many entries the next answer reflects.
async fn entries(answers: &mut Streaming<WatchValueResponse>) -> anyhow::Result<u64> {
    let answer = answers.message().await.map_err(|status| explain(&status))?.context("the server ended the watch")?;
    let reflects: Vec<CouncilReflected> = answer.answer.unwrap_or_default().reflects;
    Ok(reflects.first().map_or(0, |reflects| reflects.entries))
}

/// Contributions that the council does not have yet, of services and measures that it has defined: each changes the answer.
fn contributions(args: &Args) -> anyhow::Result<impl Iterator<Item = Event>> {
    let seconds = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH)?.as_secs();
    let generator = args.council.generator(u64::from(args.repeat) * 20, seconds as u32)?;
    let definitions = generator.world().shape.catalogue_events() as usize;
    let counts = |event: &Event| match event.facts.as_ref().and_then(|facts| facts.body.as_ref()) {
        Some(Body::ContributionRecorded(body)) => !body.service.starts_with("unlisted/") && !body.measure.starts_with("unlisted/"),
        _ => false,
    };
    Ok(generator.skip(definitions).filter(counts).take(args.repeat as usize))
}
