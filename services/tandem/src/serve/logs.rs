//! Which log, and how it is opened.

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use std::path::Path;
use tandem_log::{AnyLog, EmbeddedLog, EventLog, KafkaLog, embedded, kafka};

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// RocksDB, in this process
    Embedded,
    /// A topic of Apache Kafka
    Kafka,
}

/// Flags of a log in Kafka.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Kafka {
    /// Kafka brokers to begin with; they name the others
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    kafka_brokers: Vec<String>,
    /// Kafka topic that holds the log
    #[arg(long, value_name = "TOPIC", default_value = "tandem.events")]
    kafka_topic: String,
    /// A setting of librdkafka, as security.protocol=SASL_SSL; may be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = kafka::parse_setting)]
    kafka_config: Vec<(String, String)>,
    /// Make the topic, with so many partitions for ever, if it is not there
    #[arg(long, value_name = "COUNT")]
    kafka_partitions: Option<u32>,
    /// Replicas that each partition must have; a topic with fewer is refused
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    kafka_replicas: u16,
    /// Replicas that must have an event before it is acknowledged; a topic that asks for fewer is refused
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    kafka_min_insync_replicas: u16,
}

/// Which partitions this process reads.
pub(super) enum Reads<'a> {
    /// All.
    All,
    /// Those that are chosen when it is known how many there are.
    Some(&'a dyn Fn(u32) -> anyhow::Result<Vec<u32>>),
}

impl Kafka {
    /// Refuses flags of Kafka beside the embedded log, and a log in Kafka without brokers.
    pub fn check(&self, kind: Kind) -> anyhow::Result<()> {
        match kind {
            Kind::Embedded => ensure!(self.kafka_brokers.is_empty(), "--kafka-brokers goes with --log kafka"),
            Kind::Kafka => ensure!(!self.kafka_brokers.is_empty(), "--log kafka needs --kafka-brokers HOST:PORT"),
        }
        Ok(())
    }

    /// The same for a service by itself, which has no embedded log: that is one process's.
    pub fn check_alone(&self, kind: Kind) -> anyhow::Result<()> {
        ensure!(kind == Kind::Kafka, "the embedded log is of one process: use `tandem serve`, or --log kafka for services apart");
        self.check(kind)
    }

    fn options(&self, read: Option<Vec<u32>>) -> kafka::Options {
        kafka::Options {
            brokers: self.kafka_brokers.clone(),
            topic: self.kafka_topic.clone(),
            config: self.kafka_config.clone(),
            create: self.kafka_partitions.map(|partitions| kafka::Create { partitions }),
            replication_factor: self.kafka_replicas,
            min_insync_replicas: self.kafka_min_insync_replicas,
            read,
            ..kafka::Options::default()
        }
    }

    /// Opens the log in Kafka. Blocks until the brokers have answered.
    pub fn open(&self, reads: &Reads<'_>) -> anyhow::Result<AnyLog> {
        let read = match reads {
            Reads::All => None,
            // How many partitions there are is written in them.
            Reads::Some(choose) => Some(choose(KafkaLog::open(self.options(Some(Vec::new())))?.partitions())?),
        };
        Ok(KafkaLog::open(self.options(read))?.into())
    }
}

/// Opens the log of a server that does everything.
pub(super) fn open(kind: Kind, kafka: &Kafka, directory: &Path) -> anyhow::Result<AnyLog> {
    match kind {
        Kind::Embedded => Ok(EmbeddedLog::open(directory.join("log"), embedded::Options::default())?.into()),
        Kind::Kafka => kafka.open(&Reads::All),
    }
}

/// Partitions as they are named on the command line: "0-7,12".
pub(super) fn parse_partitions(text: &str) -> anyhow::Result<Vec<u32>> {
    let number = |text: &str| text.trim().parse::<u32>().with_context(|| format!("--partitions {text:?} is not like 0-7,12"));
    let mut partitions = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number(first)?, number(last)?);
        ensure!(first <= last, "--partitions {range:?} ends before it begins");
        ensure!(last < PARTITIONS_MAX, "--partitions {range:?} is beyond {}, the last that a log can have", PARTITIONS_MAX - 1);
        partitions.extend(first..=last);
    }
    partitions.sort_unstable();
    partitions.dedup();
    Ok(partitions)
}

/// The most partitions that a log can have.
const PARTITIONS_MAX: u32 = 65_536;

/// Which share of how many: "2/4" is the second of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    share: u32,
    of: u32,
}

impl std::str::FromStr for Shard {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let parsed = text.split_once('/').and_then(|(share, of)| Some((share.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((share, of)) if (1..=of).contains(&share) && of <= PARTITIONS_MAX => Ok(Self { share, of }),
            _ => bail!("is not like 2/4, the second of four: 1/4 is the first and 4/4 the last"),
        }
    }
}

impl Shard {
    /// Its partitions: neighbours, and the shares differ by one at most.
    pub fn partitions(self, of: u32) -> anyhow::Result<Vec<u32>> {
        let bound = |share: u32| (u64::from(of) * u64::from(share) / u64::from(self.of)) as u32;
        let partitions: Vec<u32> = (bound(self.share - 1)..bound(self.share)).collect();
        ensure!(!partitions.is_empty(), "--shard {}/{} is empty: the log has {of} partitions only", self.share, self.of);
        Ok(partitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_ranges() {
        assert_eq!(parse_partitions("0-2,7, 5").unwrap(), [0, 1, 2, 5, 7]);
        for text in ["", "a", "3-1", "1-", "-1", "0-65536"] {
            assert!(parse_partitions(text).unwrap_err().to_string().contains("--partitions"), "{text}");
        }
    }

    #[test]
    fn shards_are_all_of_it_once() {
        for (of, partitions) in [(1, 1), (2, 16), (3, 16), (5, 7), (16, 16)] {
            let all: Vec<u32> = (1..=of).flat_map(|share| Shard { share, of }.partitions(partitions).unwrap()).collect();
            assert_eq!(all, (0..partitions).collect::<Vec<_>>(), "{of} of {partitions}");
        }
        assert_eq!("2/4".parse::<Shard>().unwrap().partitions(16).unwrap(), [4, 5, 6, 7]);
        assert!("5/5".parse::<Shard>().unwrap().partitions(4).is_ok() && "1/5".parse::<Shard>().unwrap().partitions(4).is_err());
        for text in ["", "2", "0/4", "5/4", "a/b", "1/0", "-1/4"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
