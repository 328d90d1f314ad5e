//! Which topics are opened, and which are refused, with what to do.

use crate::support::{options, read_all, run, topic};
use bytes::Bytes;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::time::Duration;
use tandem_log::kafka::{Create, Options};
use tandem_log::{Error, EventLog, KafkaLog};
use tandem_tests::kafka;

const LONG: Duration = Duration::from_secs(60);

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    run(future)
}

/// Why a topic is refused.
fn refused(options: Options) -> String {
    match KafkaLog::open(options) {
        Err(error @ Error::Topic { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn append(log: &KafkaLog, council: &str, record: &'static [u8]) -> tandem_domain::position::Position {
    run(log.append(council, vec![Bytes::from_static(record)])).unwrap()
}

/// Writes a message past the log.
fn write(brokers: &str, topic: &str, partition: i32, key: Option<&[u8]>, value: &[u8]) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let mut record = BaseRecord::<[u8], [u8], ()>::to(topic).partition(partition).payload(value);
    if let Some(key) = key {
        record = record.key(key);
    }
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(LONG).unwrap();
}

#[test]
fn a_topic_is_made_only_if_that_is_asked_for() {
    let Some(brokers) = kafka::shared() else { return };
    let topic = topic();
    let absent = refused(Options { create: None, ..options(brokers, &topic, 3) });
    assert!(absent.contains("is not there") && absent.contains(&topic), "{absent}");
    let id = KafkaLog::open(options(brokers, &topic, 3)).unwrap().id();
    // Once it is there, nothing need be said.
    let log = KafkaLog::open(Options { create: None, ..options(brokers, &topic, 3) }).unwrap();
    assert_eq!((log.id(), log.partitions()), (id, 3));
}

#[test]
fn another_number_of_partitions_is_refused() {
    let Some(brokers) = kafka::shared() else { return };
    let topic = topic();
    drop(KafkaLog::open(options(brokers, &topic, 3)).unwrap());
    let other = refused(Options { create: Some(Create { partitions: 4 }), ..options(brokers, &topic, 3) });
    assert!(other.contains("has 3 partitions, not 4") && other.contains("tandem log copy"), "{other}");
    // Somebody adds one: a council's place would change.
    block_on(admin(brokers).create_partitions(&[NewPartitions::new(&topic, 4)], &AdminOptions::new())).unwrap();
    let added = refused(Options { request_timeout: Duration::from_secs(3), create: None, ..options(brokers, &topic, 3) });
    assert!(added.contains("has nothing in partition 3"), "{added}");
}

#[test]
fn settings_that_could_lose_or_misdate_events_are_refused_with_what_to_set() {
    let Some(brokers) = kafka::shared() else { return };
    let topic = topic();
    drop(KafkaLog::open(options(brokers, &topic, 1)).unwrap());
    let unsafe_settings = [
        ("cleanup.policy", "compact", "delete"),
        ("retention.ms", "604800000", "-1"),
        ("retention.bytes", "1000000", "-1"),
        ("message.timestamp.type", "CreateTime", "LogAppendTime"),
        ("unclean.leader.election.enable", "true", "false"),
        ("max.message.bytes", "900000", "1000000"),
    ];
    for (key, bad, good) in unsafe_settings {
        let set = |value: &str| {
            let change = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set(key, value);
            let results = block_on(admin(brokers).alter_configs(&[change], &AdminOptions::new())).unwrap();
            assert!(results.iter().all(Result::is_ok), "{results:?}");
        };
        set(bad);
        let mut why = refused(options(brokers, &topic, 1));
        // Setting one sets the others back to what the broker has for all topics, which does not keep for ever.
        assert!(why.contains(&format!("{key}={bad}")) && why.contains("kafka-configs.sh"), "{why}");
        why = why.split("--add-config ").nth(1).unwrap().to_owned();
        assert!(why.contains(&format!("{key}={good}")), "{why}");
        // What it says to set is enough.
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(&topic));
        for setting in why.split(',') {
            let (key, value) = setting.split_once('=').unwrap();
            change = change.set(key, value);
        }
        block_on(admin(brokers).alter_configs(&[all(change)], &AdminOptions::new())).unwrap();
        drop(KafkaLog::open(options(brokers, &topic, 1)).unwrap());
    }
}

/// What Kafka's older way of setting one thing forgets of the others.
fn all(change: AlterConfig<'_>) -> AlterConfig<'_> {
    let keep = [("retention.ms", "-1"), ("retention.bytes", "-1"), ("message.timestamp.type", "LogAppendTime"), ("cleanup.policy", "delete")];
    keep.into_iter().fold(change, |change, (key, value)| change.set(key, value))
}

#[test]
fn too_few_replicas_are_refused() {
    let Some(brokers) = kafka::shared() else { return };
    let topic = topic();
    if std::env::var_os("TANDEM_KAFKA_BROKERS").is_none() {
        let none = refused(Options { replication_factor: 3, min_insync_replicas: 2, ..options(brokers, &topic, 1) });
        assert!(none.contains("cannot have 3 replicas"), "{none}");
    }
    drop(KafkaLog::open(options(brokers, &topic, 1)).unwrap());
    let few = refused(Options { replication_factor: 2, ..options(brokers, &topic, 1) });
    assert!(few.contains("has 1 replicas, not 2"), "{few}");
}

#[test]
fn a_topic_that_is_no_log_is_refused() {
    let Some(brokers) = kafka::shared() else { return };
    for (value, expected) in [(Some(&b"whatever"[..]), "does not say which log it begins"), (None, "nothing in partition 0")] {
        let topic = topic();
        let mut new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
        for (key, value) in [("retention.ms", "-1"), ("message.timestamp.type", "LogAppendTime")] {
            new = new.set(key, value);
        }
        block_on(admin(brokers).create_topics(&[new], &AdminOptions::new())).unwrap();
        if let Some(value) = value {
            write(brokers, &topic, 0, None, value);
        }
        let why = refused(Options { request_timeout: Duration::from_secs(3), ..options(brokers, &topic, 1) });
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn what_somebody_else_writes_is_never_taken_for_a_frame() {
    let Some(brokers) = kafka::shared() else { return };
    let (topic, other) = (topic(), topic());
    let log = KafkaLog::open(options(brokers, &topic, 1)).unwrap();
    let foreign = KafkaLog::open(options(brokers, &other, 1)).unwrap();
    let at = append(&log, "AA", b"one");
    let frame = log.read(0, at.offset, 0).unwrap().remove(0).bytes;
    let key = [&foreign.id().0[..], &1u32.to_be_bytes()].concat();
    for (n, (key, expected)) in
        [(None, "does not say which log"), (Some(&b"a key"[..]), "none that a log writes"), (Some(&key), "is of the log")].into_iter().enumerate()
    {
        write(brokers, &topic, 0, key, &frame);
        let offset = at.offset + 1 + n as u64;
        assert_eq!(log.end_now(0), Ok(offset + 1));
        match log.read(0, offset, 0) {
            Err(Error::Corrupt { partition: 0, offset: found, what }) if found == offset => assert!(what.contains(expected), "{what}"),
            other => panic!("{other:?}"),
        }
        // What is before it can be read, and nothing beyond it is passed off as what comes next.
        assert_eq!(log.read(0, at.offset, usize::MAX).map(|frames| frames.len()), Ok(1), "{n}");
    }
}

#[test]
fn two_processes_see_what_the_other_one_appends() {
    let Some(brokers) = kafka::shared() else { return };
    let topic = topic();
    let one = KafkaLog::open(options(brokers, &topic, 2)).unwrap();
    let two = KafkaLog::open(Options { create: None, ..options(brokers, &topic, 2) }).unwrap();
    for n in 0..20 {
        let (from, to) = if n % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let at = append(from, "AA", b"a record");
        let mut next = [u64::MAX; 2];
        next[at.partition as usize] = at.offset;
        if n % 4 < 2 {
            assert_eq!(to.end_now(at.partition), Ok(at.offset + 1));
        }
        assert!(to.wait(&next, LONG));
        assert_eq!(to.read(at.partition, at.offset, 0).unwrap().len(), 1);
    }
    assert_eq!(read_all(&one).unwrap(), read_all(&two).unwrap());
}

#[test]
fn only_partitions_that_are_read_are_followed_and_others_can_be_asked_for() {
    let Some(brokers) = kafka::shared() else { return };
    let topic = topic();
    let log = KafkaLog::open(Options { read: Some(vec![1]), ..options(brokers, &topic, 4) }).unwrap();
    let (mut seen, councils) = ([0; 4], ["AA", "BB", "CC", "DD", "EE", "FF", "GG"]);
    for council in councils {
        let at = append(&log, council, b"a record");
        seen[at.partition as usize] += 1;
        assert_eq!(log.end(at.partition), Ok(seen[at.partition as usize]));
    }
    for (partition, seen) in (0..4).zip(seen) {
        assert_eq!(log.start(partition), Ok(0));
        assert_eq!(log.read(partition, 0, usize::MAX).unwrap().len() as u64, seen);
    }
    let beyond = KafkaLog::open(Options { read: Some(vec![4]), ..options(brokers, &topic, 4) });
    assert!(matches!(beyond, Err(Error::Invalid(why)) if why.contains("partition 4")));
}

#[test]
fn no_broker_is_an_error_that_says_which() {
    let options = Options { request_timeout: Duration::from_secs(2), ..options("127.0.0.1:1", "tandem.events", 1) };
    let error = KafkaLog::open(options).unwrap_err();
    assert!(error.retry_helps() && error.to_string().contains("127.0.0.1:1"), "{error}");
}
