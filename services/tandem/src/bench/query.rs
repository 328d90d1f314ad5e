//! `tandem bench query`: how long the usual questions take, one after the other over one connection, alone or beside a load of writes.

use super::council::{self, CouncilArgs};
use super::drive::{How, Mode, Newest, Outcome, drive};
use super::load;
use super::pace::Pace;
use super::report::{Quantiles, Report, millis, thousands};
use crate::client::{Connection, Servers, explain};
use anyhow::{Context, bail, ensure};
use serde::Serialize;
use std::time::{Duration, Instant};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::query_service_client::QueryServiceClient;
use tandem_proto::v1::{
    Dimension, GetEntryRequest, GetExchangeRequest, GetStatementRequest, ListExchangesRequest, QueryValueRequest, Scope, ValuationRef,
};
use tonic::Status;

/// Calls of a question before it is timed.
const WARM_UP: u32 = 5;
/// Events a request of a load.
const LOAD_BATCH: u32 = 1_000;
/// Events from which actors, exchanges and ids are taken, and how many of each.
const SAMPLE_EVENTS: usize = 200_000;
const SAMPLE_MAX: usize = 1_000;

/// Which council to ask about: the one that `tandem bench fold` recorded with the same flags.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Calls of every question
    #[arg(long, default_value_t = 200)]
    repeat: u32,
    /// Events that `tandem bench fold` recorded
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Only questions whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Events recorded a second meanwhile, into a council of their own, in batches of 1,000; 230 bytes of memory each
    #[arg(long, value_name = "R")]
    load: Option<u64>,
    /// Seconds that this load lasts: long enough for all questions
    #[arg(long, default_value_t = 60, requires = "load")]
    load_seconds: u64,
    #[command(flatten)]
    council: CouncilArgs,
}

#[derive(Debug, Serialize)]
struct Timed {
    question: &'static str,
    /// Rows, postings, lines or entries of the last answer.
    rows: u64,
    /// True if that was a first page with more behind it.
    more: bool,
    latency: Quantiles,
}

/// Runs it.
pub async fn run(servers: &Servers, args: Args) -> anyhow::Result<Report> {
    ensure!(args.council.council.is_some(), "--council is needed: the one that `tandem bench fold --council CODE` recorded");
    ensure!(args.repeat >= 1, "--repeat must be at least 1");
    let sample = Sample::of(&args)?;
    let mut client = QueryServiceClient::new(servers.query().connect().await?);
    let load = Load::start(servers, &args).await?;
    let mut timed = Vec::new();
    for question in QUESTIONS.iter().filter(|question| question.name.contains(&args.only)) {
        timed.push(question.time(&mut client, &sample, args.repeat).await.with_context(|| question.name.to_owned())?);
    }
    if let Some(load) = load {
        load.end().await?;
    }
    let rows = timed.iter().map(|timed| {
        let (rows, latency) = (format!("{}{}", thousands(timed.rows), if timed.more { "+" } else { "" }), timed.latency);
        vec![timed.question.to_owned(), rows, millis(latency.p50_us), millis(latency.p99_us), millis(latency.max_us)]
    });
    Report::new(&["question", "rows", "p50 ms", "p99 ms", "slowest ms"], rows.collect(), &timed)
}

/// Writes that go on while questions are asked.
struct Load(tokio::task::JoinHandle<anyhow::Result<Outcome>>);

impl Load {
    /// Starts it, if one is asked for.
    async fn start(servers: &Servers, args: &Args) -> anyhow::Result<Option<Self>> {
        let Some(rate) = args.load else { return Ok(None) };
        ensure!(rate >= 1 && args.load_seconds >= 1, "--load and --load-seconds must be at least 1");
        let mut generator = CouncilArgs { council: None, ..args.council.clone() }.generator(rate * args.load_seconds, 0)?;
        council::define(servers, &mut generator).await?;
        let requests: std::sync::Arc<[_]> = load::encode(&mut generator, u64::MAX, LOAD_BATCH).into();
        let gateway = servers.gateway().clone();
        let pace = Pace::at_rate(rate, LOAD_BATCH, requests.len() as u64, Duration::from_secs(args.load_seconds));
        let how = How { mode: Mode::Stream, connections: 1, in_flight: 32 };
        Ok(Some(Self(tokio::spawn(async move { drive(&gateway, &requests, &pace, how, &Newest::default()).await }))))
    }

    /// Ends it. Questions that went on after it were not asked beside a load: that is an error.
    async fn end(self) -> anyhow::Result<()> {
        if !self.0.is_finished() {
            self.0.abort();
            return Ok(());
        }
        let outcome = self.0.await??;
        match outcome.failure {
            Some(failure) => bail!("the load failed: {failure}"),
            None => bail!("the load ended before the last question: ask for a longer one with --load-seconds, or fewer calls with --repeat"),
        }
    }
}

/// Things to ask about, as the council's events name them.
#[derive(Debug)]
struct Sample {
    council: String,
    actors: Vec<String>,
    exchanges: Vec<String>,
    /// Event id and source.
    entries: Vec<(String, String)>,
}

impl Sample {
    fn of(args: &Args) -> anyhow::Result<Self> {
        let generator = args.council.generator(args.events, 0)?;
        let (council, definitions) = (generator.world().shape.council.clone(), generator.world().shape.catalogue_events() as usize);
        let mut sample = Self { council, actors: Vec::new(), exchanges: Vec::new(), entries: Vec::new() };
        for event in generator.skip(definitions).take(SAMPLE_EVENTS).step_by(SAMPLE_EVENTS / SAMPLE_MAX) {
            let Some(Body::ContributionRecorded(contribution)) = event.facts.and_then(|facts| facts.body) else { continue };
            // Entries in suspense open no exchange.
            if contribution.service.starts_with("unlisted/") || contribution.measure.starts_with("unlisted/") {
                continue;
            }
            sample.exchanges.extend(Some(contribution.exchange).filter(|exchange| !exchange.is_empty()));
            sample.actors.extend(event.person.map(|person| person.actor).filter(|actor| !actor.is_empty()));
            sample.entries.extend(event.envelope.map(|envelope| (envelope.event_id, envelope.source)));
        }
        ensure!(!sample.actors.is_empty() && !sample.exchanges.is_empty(), "--events {} are too few to take a sample from", args.events);
        Ok(sample)
    }
}

/// Rows of an answer, and whether there are more.
type Answer = Result<(usize, bool), Status>;
type Client = QueryServiceClient<Connection>;

struct Question {
    name: &'static str,
    ask: Ask,
}

/// What is asked.
enum Ask {
    /// Metrics, dimensions, valuation.
    Value(&'static [&'static str], &'static [Dimension], &'static str),
    Statement,
    Exchange,
    Entry,
    Exchanges,
}

const CONSTANT: &str = "synthetic-constant";
const DATED: &str = "synthetic-dated";
const VALUES: &[&str] = &["citizen_value", "state_value", "co_produced_value"];

static QUESTIONS: [Question; 14] = [
    Question { name: "value by service and month", ask: Ask::Value(VALUES, &[Dimension::Service, Dimension::Month], CONSTANT) },
    Question { name: "value by service and month, dated prices", ask: Ask::Value(VALUES, &[Dimension::Service, Dimension::Month], DATED) },
    Question { name: "value by area and month", ask: Ask::Value(VALUES, &[Dimension::Area, Dimension::Month], CONSTANT) },
    Question { name: "value by measure", ask: Ask::Value(VALUES, &[Dimension::Measure], CONSTANT) },
    Question { name: "reciprocity by service and month", ask: Ask::Value(&["reciprocity"], &[Dimension::Service, Dimension::Month], CONSTANT) },
    Question {
        name: "response rate and latency by service and month",
        ask: Ask::Value(&["response_rate", "match_latency"], &[Dimension::Service, Dimension::Month], CONSTANT),
    },
    Question { name: "participants by month", ask: Ask::Value(&["participants"], &[Dimension::Month], CONSTANT) },
    Question { name: "retention by month", ask: Ask::Value(&["retention"], &[Dimension::Month], CONSTANT) },
    Question { name: "value by area and day", ask: Ask::Value(VALUES, &[Dimension::Area, Dimension::Day], CONSTANT) },
    Question { name: "participants by service and month", ask: Ask::Value(&["participants"], &[Dimension::Service, Dimension::Month], CONSTANT) },
    Question { name: "statement", ask: Ask::Statement },
    Question { name: "exchange", ask: Ask::Exchange },
    Question { name: "entry", ask: Ask::Entry },
    Question { name: "list of exchanges", ask: Ask::Exchanges },
];

impl Question {
    async fn time(&self, client: &mut Client, sample: &Sample, repeat: u32) -> anyhow::Result<Timed> {
        eprintln!("{}", self.name);
        let mut latencies_us = Vec::with_capacity(repeat as usize);
        let mut last = (0, false);
        for turn in 0..WARM_UP + repeat {
            let start = Instant::now();
            last = self.ask(client, sample, turn as usize).await.map_err(|status| explain(&status))?;
            if turn >= WARM_UP {
                latencies_us.push(start.elapsed().as_micros() as u64);
            }
        }
        Ok(Timed { question: self.name, rows: last.0 as u64, more: last.1, latency: Quantiles::of(latencies_us) })
    }

    async fn ask(&self, client: &mut Client, sample: &Sample, turn: usize) -> Answer {
        let council = sample.council.clone();
        match &self.ask {
            Ask::Value(metrics, group_by, valuation) => {
                let request = QueryValueRequest {
                    scope: Some(Scope { councils: vec![council], ..Default::default() }),
                    metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect(),
                    group_by: group_by.iter().map(|dimension| *dimension as i32).collect(),
                    valuation: Some(ValuationRef { id: (*valuation).into(), version: 0 }),
                    page_size: 10_000,
                    ..Default::default()
                };
                let answer = client.query_value(request).await?.into_inner();
                Ok((answer.rows.len(), !answer.next_page_token.is_empty()))
            }
            Ask::Statement => {
                let actor = sample.actors[turn % sample.actors.len()].clone();
                let answer = client.get_statement(GetStatementRequest { council, actor, ..Default::default() }).await?.into_inner();
                Ok((answer.lines.len(), !answer.next_page_token.is_empty()))
            }
            Ask::Exchange => {
                let exchange = sample.exchanges[turn % sample.exchanges.len()].clone();
                let answer = client.get_exchange(GetExchangeRequest { council, exchange, ..Default::default() }).await?.into_inner();
                Ok((answer.postings.len(), !answer.next_page_token.is_empty()))
            }
            Ask::Entry => {
                let (event_id, source) = sample.entries[turn % sample.entries.len()].clone();
                let answer = client.get_entry(GetEntryRequest { council, event_id, source, ..Default::default() }).await?.into_inner();
                Ok((answer.entries.len(), false))
            }
            Ask::Exchanges => {
                let answer = client.list_exchanges(ListExchangesRequest { council, ..Default::default() }).await?.into_inner();
                Ok((answer.exchanges.len(), !answer.next_page_token.is_empty()))
            }
        }
    }
}
