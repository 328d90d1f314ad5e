//! `tandem log copy`.

use super::group::Batch;
use super::source::{Copied, Source};
use crate::output::number::grouped;
use anyhow::{Context, bail, ensure};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::task::Poll;
use std::time::{Duration, Instant};
use tandem_log::kafka::{self, Create, parse_setting};
use tandem_log::{AnyLog, Copying, EmbeddedLog, EventLog, KafkaLog, embedded};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// Copies a log to a new one: from this machine to Kafka, from Kafka to this machine, or to a topic with another number of partitions
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem log copy --from-data-dir ./tandem-data --to-topic tandem.events --partitions 16 --kafka-brokers 127.0.0.1:9092
  tandem log copy --from-topic tandem.events --to-topic tandem.events.64 --partitions 64 --kafka-brokers 127.0.0.1:9092
  tandem log copy --from-topic tandem.events --to-data-dir ./new-data --kafka-brokers 127.0.0.1:9092

Stop whatever writes to the source first. Every record keeps its bytes, its order in its council, and the append time it had, so that the books, their
roots and all answers are the same. Positions are not: they are of the new log. Frames that were trimmed are made again from the entries of a
projection's books; exact duplicates among them, which are no entries, are then not counted any more.
The target must be new or empty. If copying is interrupted, delete it (the topic, or the directory log in the data directory) and begin again.
Projections of the new log begin in empty directories. The checkpoints that were published (checkpoints in the data directory) stay true: keep them.")]
pub struct Args {
    /// Source: data directory of a server that is stopped
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "from_topic", required_unless_present = "from_topic")]
    from_data_dir: Option<PathBuf>,
    /// Source: Kafka topic
    #[arg(long, value_name = "TOPIC")]
    from_topic: Option<String>,
    /// Target: Kafka topic, made if it is not there
    #[arg(long, value_name = "TOPIC", conflicts_with = "to_data_dir", required_unless_present = "to_data_dir")]
    to_topic: Option<String>,
    /// Target: data directory, made if it is not there
    #[arg(long, value_name = "DIRECTORY")]
    to_data_dir: Option<PathBuf>,
    /// Directory of a projection of the source, for what is trimmed there; may be given several times [default: projection in the source's data directory]
    #[arg(long, value_name = "DIRECTORY")]
    projection: Vec<PathBuf>,
    /// Kafka brokers
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    kafka_brokers: Vec<String>,
    /// A setting for Kafka's clients, as in security.protocol=SASL_SSL; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    kafka_config: Vec<(String, String)>,
    /// Partitions of the target; a data directory has those that a server expects
    #[arg(long, value_name = "NUMBER", default_value_t = embedded::Options::default().partitions)]
    partitions: u32,
    /// Replicas of the target's partitions
    #[arg(long, value_name = "NUMBER", default_value_t = kafka::Options::default().replication_factor)]
    kafka_replicas: u16,
    /// Replicas that must be in sync for an append to be taken
    #[arg(long, value_name = "NUMBER", default_value_t = kafka::Options::default().min_insync_replicas)]
    kafka_min_insync_replicas: u16,
}

/// Appends on their way to the target; and batches that wait for them.
const APPENDS_MAX: usize = 256;
const BATCHES_MAX: usize = 64;
/// Between two lines about how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);

impl Args {
    fn kafka(&self, topic: &str) -> anyhow::Result<kafka::Options> {
        ensure!(!self.kafka_brokers.is_empty(), "a Kafka topic needs --kafka-brokers HOST:PORT");
        Ok(kafka::Options {
            brokers: self.kafka_brokers.clone(),
            topic: topic.into(),
            config: self.kafka_config.clone(),
            replication_factor: 1,
            min_insync_replicas: 1,
            ..kafka::Options::default()
        })
    }

    fn source(&self) -> anyhow::Result<Source> {
        let named: Vec<&Path> = self.projection.iter().map(PathBuf::as_path).collect();
        match (&self.from_data_dir, &self.from_topic) {
            (Some(directory), _) => {
                let (log, own) = (directory.join("log"), directory.join("projection"));
                ensure!(log.is_dir(), "there is no log in {}: name a server's data directory with --from-data-dir", directory.display());
                let log = EmbeddedLog::open(&log, embedded::Options::default())?;
                Source::new(log.into(), &if named.is_empty() { vec![&*own] } else { named })
            }
            // What is read is looked at with no eye to how safe it is kept.
            (None, Some(topic)) => Source::new(KafkaLog::open(self.kafka(topic)?)?.into(), &named),
            (None, None) => bail!("name what is to be copied: --from-data-dir or --from-topic"),
        }
    }

    fn target(&self) -> anyhow::Result<(AnyLog, String)> {
        let (log, name): (AnyLog, _) = match (&self.to_topic, &self.to_data_dir) {
            (Some(topic), _) => {
                ensure!(self.from_topic.as_ref() != Some(topic), "source and target are the same topic {topic}: name another target");
                let create = Some(Create { partitions: self.partitions });
                let (replication_factor, min_insync_replicas) = (self.kafka_replicas, self.kafka_min_insync_replicas);
                let options = kafka::Options { create, replication_factor, min_insync_replicas, read: Some(vec![]), ..self.kafka(topic)? };
                (KafkaLog::open(options)?.into(), format!("the Kafka topic {topic}"))
            }
            (None, Some(directory)) => {
                let expected = embedded::Options::default().partitions;
                ensure!(self.partitions == expected, "a data directory has {expected} partitions: leave out --partitions");
                let log = directory.join("log");
                (EmbeddedLog::open(&log, embedded::Options::default())?.into(), log.display().to_string())
            }
            (None, None) => bail!("name where to: --to-topic or --to-data-dir"),
        };
        for partition in 0..log.partitions() {
            ensure!(log.end_now(partition)? == 0, "{name} is not empty: delete it and begin again, or name another target");
        }
        Ok((log, name))
    }
}

/// Copies.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let opened = spawn_blocking(move || -> anyhow::Result<_> {
        let source = args.source()?;
        let (target, name) = args.target()?;
        Ok((source, target, name))
    });
    let (source, target, name) = opened.await.context("opening the logs panicked")??;
    let copied = copy(source, &target).await.with_context(|| format!("the copy is not whole: delete {name} and begin again"))?;
    spawn_blocking(move || target.close()).await.context("closing the target panicked")?;
    let count = |number: u64| grouped(&number.to_string());
    let from_books =
        if copied.entries > 0 { format!(", and {} entries of books whose frames were trimmed", count(copied.entries)) } else { String::new() };
    let seconds = started.elapsed().as_secs_f64();
    println!("copied {} records of {} frames{from_books} to {name} in {seconds:.1} s", count(copied.records), count(copied.frames));
    Ok(ExitCode::SUCCESS)
}

/// Copies all of a source to an empty target. The order of a council's records is that of the source.
pub async fn copy(source: Source, target: &AnyLog) -> anyhow::Result<Copied> {
    let (sender, mut batches) = mpsc::channel::<Batch>(BATCHES_MAX);
    let reading = spawn_blocking(move || {
        // A reader whose batches nobody takes any more need not go on.
        let copied = source.read(&mut |batch| sender.blocking_send(batch).map_err(|_| anyhow::anyhow!("the target takes no more")));
        source.log().close();
        copied
    });
    let written = write(&mut batches, target).await;
    drop(batches);
    let read = reading.await.context("reading panicked")?;
    // If writing failed, that is why reading did.
    let (records, copied) = (written?, read?);
    ensure!(records == copied.records + copied.entries, "of {} records {records} were written", copied.records + copied.entries);
    Ok(copied)
}

/// Appends what comes, many at once, in order; says how many records.
async fn write(batches: &mut mpsc::Receiver<Batch>, target: &AnyLog) -> anyhow::Result<u64> {
    let (mut appends, mut records, mut told) = (FuturesOrdered::new(), 0, Instant::now());
    loop {
        tokio::select! {
            // Answers first: they make room.
            biased;
            Some(done) = appends.next(), if !appends.is_empty() => {
                let _: tandem_domain::position::Position = done?;
            }
            batch = batches.recv(), if appends.len() < APPENDS_MAX => {
                let Some(Batch { council, records: some, append_us }) = batch else { break };
                records += some.len() as u64;
                let mut append = Box::pin(async move { target.append_copy(&council, some, append_us).await });
                // At its first poll it takes its place: before the next one is made.
                match futures::poll!(&mut append) {
                    Poll::Ready(done) => drop(done?),
                    Poll::Pending => appends.push_back(append),
                }
                if told.elapsed() >= TELL_EVERY {
                    told = Instant::now();
                    tracing::info!(records, "copying");
                }
            }
        }
    }
    while let Some(done) = appends.next().await {
        done?;
    }
    Ok(records)
}
