//! How a log in Kafka is set up, and what its clients are told.

use crate::{Error, PARTITIONS_MAX, queue};
use rdkafka::ClientConfig;
use std::time::Duration;

/// How a log in a topic of Apache Kafka is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Brokers to begin with, `HOST:PORT`, at least one; they name the others.
    pub brokers: Vec<String>,
    /// The topic.
    pub topic: String,
    /// Further settings of librdkafka, for all clients: mostly how to authenticate (`security.protocol`, `sasl.…`, `ssl.…`). Those that the
    /// log's promises rest on are refused.
    pub config: Vec<(String, String)>,
    /// How to make the topic if it is not there; `None`: it has to be.
    pub create: Option<Create>,
    /// Replicas that each partition must have at least; a topic with fewer is refused.
    pub replication_factor: u16,
    /// Replicas that must be in sync for an append to be taken; a topic that asks for fewer is refused.
    pub min_insync_replicas: u16,
    /// Partitions that are read, and whose ends are therefore followed; `None`: all. Others can be asked for, at the price of a round trip.
    pub read: Option<Vec<u32>>,
    /// Bytes, about, of appends that wait for a place or for the brokers' answer.
    pub queue_bytes_max: usize,
    /// The same in appends.
    pub queue_appends_max: usize,
    /// Bytes, about, of frames that are fetched ahead of who reads.
    pub fetched_bytes_max: usize,
    /// How long the brokers have to take an append; then its outcome is unknown, as is that of all behind it, and the producer is made anew.
    pub delivery_timeout: Duration,
    /// How long the brokers have to answer at the start, and for a frame that is known to be there.
    pub request_timeout: Duration,
}

/// How to make the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Create {
    /// Partitions, 1 to 65,536: fixed for ever.
    pub partitions: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            brokers: vec!["127.0.0.1:9092".into()],
            topic: "tandem.events".into(),
            config: Vec::new(),
            create: None,
            replication_factor: 3,
            min_insync_replicas: 2,
            read: None,
            queue_bytes_max: queue::BYTES_MAX,
            queue_appends_max: queue::APPENDS_MAX,
            fetched_bytes_max: 64 * 1024 * 1024,
            delivery_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(10),
        }
    }
}

/// Reads one `KEY=VALUE` of the command line.
pub fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("is not KEY=VALUE, as in security.protocol=SASL_SSL".into()),
    }
}

/// Settings that are the log's own: what it promises rests on them, or another option sets them.
const OWN: [&str; 28] = [
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "batch.size",
    "bootstrap.servers",
    "check.crcs",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "metadata.broker.list",
    "partitioner",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "request.required.acks",
    "retries",
    "transactional.id",
];

/// Largest batch of messages, bytes: brokers take 1,048,588 by default. A frame of 900 KiB and what is around it fits.
pub(super) const MESSAGE_BYTES_MAX: u32 = 1_000_000;

impl Options {
    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<(), Error> {
        let invalid = |what: String| Err(Error::Invalid(what));
        if self.brokers.iter().all(|broker| broker.trim().is_empty()) {
            return invalid("a log in Kafka needs at least one broker: HOST:PORT".into());
        }
        let named = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if self.topic.is_empty() || self.topic.len() > 249 || !self.topic.chars().all(named) || [".", ".."].contains(&&*self.topic) {
            return invalid(format!("{:?} is no name of a Kafka topic: 1 to 249 of letters, digits, '.', '_' and '-'", self.topic));
        }
        if let Some((key, _)) = self.config.iter().find(|(key, _)| OWN.contains(&&**key)) {
            return invalid(format!("the Kafka setting {key} is not for you to set: what the log promises rests on it"));
        }
        if let Some(Create { partitions }) = self.create
            && !(1..=PARTITIONS_MAX).contains(&partitions)
        {
            return invalid(format!("a log has 1 to {PARTITIONS_MAX} partitions, not {partitions}"));
        }
        if self.min_insync_replicas > self.replication_factor {
            let (least, replicas) = (self.min_insync_replicas, self.replication_factor);
            return invalid(format!("{least} replicas in sync cannot be had of {replicas}: ask for more replicas, or for fewer in sync"));
        }
        Ok(())
    }

    /// What all clients have in common.
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "tandem");
        // A broker that comes back is to be noticed soon.
        config.set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "1000");
        config.set("socket.keepalive.enable", "true").set("socket.nagle.disable", "true");
        // A broker that hangs is to be noticed too. No request is held longer than a tenth of a second on purpose.
        config.set("socket.timeout.ms", self.request_timeout.as_millis().max(2_000).to_string());
        for (key, value) in &self.config {
            config.set(key, value);
        }
        config.set("bootstrap.servers", self.brokers.join(","));
        config
    }

    /// The client that administers the topic.
    pub(super) fn admin(&self) -> ClientConfig {
        self.client()
    }

    /// The client that appends.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        // No duplicates, no gaps, in order, on all replicas in sync.
        config.set("enable.idempotence", "true").set("enable.gapless.guarantee", "true").set("acks", "all");
        // Frames of a round go out together; the writer gathers, not the client.
        config.set("compression.type", "lz4").set("linger.ms", "0");
        config.set("batch.size", MESSAGE_BYTES_MAX.to_string()).set("message.max.bytes", MESSAGE_BYTES_MAX.to_string());
        // The bound is the log's own queue: the client's is never full.
        let kbytes = (self.queue_bytes_max / 1024 * 2 + 256 * 1024).min(i32::MAX as usize);
        config.set("queue.buffering.max.kbytes", kbytes.to_string()).set("queue.buffering.max.messages", "10000000");
        config.set("message.timeout.ms", self.delivery_timeout.as_millis().max(1).to_string());
        let request = self.request_timeout.min(self.delivery_timeout).as_millis().max(1);
        config.set("request.timeout.ms", request.to_string());
        config.set("retry.backoff.ms", "50").set("retry.backoff.max.ms", "500");
        config
    }

    /// A client that reads from anywhere what is there. The brokers answer at once: a request that waits for more would hold up the next read.
    pub(super) fn lookup(&self) -> ClientConfig {
        let mut config = self.consumer();
        config.set("fetch.wait.max.ms", "5");
        config
    }

    /// A client that reads. It is a member of no group and keeps no offsets; librdkafka only wants a name.
    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("group.id", "tandem").set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        config.set("allow.auto.create.topics", "false").set("auto.offset.reset", "error").set("enable.partition.eof", "false");
        config.set("check.crcs", "true");
        // How much is fetched ahead: of this, and of what the tail holds, there is one each.
        let kbytes = (self.fetched_bytes_max / 1024 / 2).clamp(1_024, 1_024 * 1_024);
        config.set("queued.max.messages.kbytes", kbytes.to_string()).set("queued.min.messages", "100000");
        config.set("fetch.message.max.bytes", (2 * 1024 * 1024).to_string()).set("fetch.wait.max.ms", "100");
        // Librdkafka's second of rest, once enough is fetched, would be most of the time.
        config.set("fetch.queue.backoff.ms", "5").set("fetch.error.backoff.ms", "100");
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Options)) -> String {
        let mut options = Options::default();
        options.check().unwrap();
        change(&mut options);
        match options.check() {
            Err(Error::Invalid(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(refused(|options| options.brokers = vec![]).contains("HOST:PORT"));
        for topic in ["", "..", "a topic", &"x".repeat(250)] {
            assert!(refused(|options| options.topic = topic.into()).contains("no name of a Kafka topic"));
        }
        assert!(refused(|options| options.config = vec![("acks".into(), "1".into())]).contains("acks"));
        assert!(refused(|options| options.create = Some(Create { partitions: 0 })).contains("1 to 65536"));
        assert!(refused(|options| options.min_insync_replicas = 4).contains("of 3"));
    }

    #[test]
    fn settings_are_key_and_value() {
        assert_eq!(parse_setting("sasl.password=a=b"), Ok(("sasl.password".into(), "a=b".into())));
        assert!(parse_setting("sasl.password").is_err() && parse_setting("=x").is_err());
    }

    #[test]
    fn clients_can_be_made_of_all_of_it() {
        let options = Options { config: vec![("security.protocol".into(), "SASL_SSL".into())], ..Default::default() };
        for config in [options.admin(), options.producer(), options.consumer()] {
            config.create_native_config().unwrap();
            assert_eq!(config.get("security.protocol"), Some("SASL_SSL"));
        }
    }
}
