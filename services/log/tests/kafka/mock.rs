//! The same against librdkafka's mock cluster, which is there without a broker. It keeps 5 MiB of a partition and can neither trim nor tell a
//! topic's settings: those points of the contract are for a real broker. But it fails when told to.

use crate::support::{read_all, run};
use bytes::Bytes;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::time::Duration;
use tandem_log::conformance::{self, Setup};
use tandem_log::kafka::Options;
use tandem_log::{Error, EventLog, KafkaLog};

const TOPIC: &str = "mock";

type Mock = MockCluster<'static, DefaultProducerContext>;

fn options(mock: &Mock) -> Options {
    Options { brokers: vec![mock.bootstrap_servers()], topic: TOPIC.into(), replication_factor: 1, min_insync_replicas: 1, ..Options::default() }
}

/// A place for a log, whose topic is made when it is opened first.
fn place() -> impl Fn(&Setup) -> KafkaLog {
    let mock = Mock::new(3).unwrap();
    let made = std::cell::Cell::new(false);
    move |setup: &Setup| {
        if !made.replace(true) {
            mock.create_topic(TOPIC, setup.partitions as i32, 3).unwrap();
        }
        KafkaLog::open_on_mock(Options { queue_bytes_max: setup.queue_bytes_max, ..options(&mock) }).unwrap()
    }
}

macro_rules! on_mock {
    ($($check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                conformance::$check(place());
            }
        )*
    };
}

on_mock! {
    a_new_log_is_empty,
    a_record_is_read_where_its_position_says,
    a_council_keeps_the_order_of_its_appends,
    appends_from_many_threads_are_all_there_once,
    append_times_never_go_back,
    copies_keep_the_time_they_had,
    what_cannot_be_recorded_is_refused,
    abandoned_appends_disturb_no_other,
    frames_are_read_from_anywhere_in_parts,
    waiting_ends_when_there_is_something_to_read,
    a_reopened_log_is_the_same,
    a_full_queue_refuses_who_does_not_wait,
    closing_finishes_what_was_taken_and_refuses_the_rest,
}

fn failing(errors: &[RDKafkaRespErr]) -> (Mock, KafkaLog) {
    let mock = Mock::new(1).unwrap();
    mock.create_topic(TOPIC, 2, 1).unwrap();
    let log = KafkaLog::open_on_mock(options(&mock)).unwrap();
    mock.request_errors(RDKafkaApiKey::Produce, errors);
    (mock, log)
}

fn records(tag: u8) -> Vec<Bytes> {
    vec![Bytes::from(vec![tag; 100])]
}

fn found(log: &KafkaLog) -> Vec<u8> {
    read_all(log).unwrap().iter().flat_map(|stored| stored.parse().unwrap().records.iter().map(|record| record[0]).collect::<Vec<_>>()).collect()
}

#[test]
fn errors_that_pass_are_passed_over() {
    use RDKafkaRespErr::*;
    let (_mock, log) = failing(&[
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ]);
    for tag in 1..4 {
        run(log.append("AA", records(tag))).unwrap();
    }
    assert_eq!(found(&log), [1, 2, 3]);
}

#[test]
fn after_an_error_that_stays_the_outcome_is_unknown_and_it_goes_on() {
    let (_mock, log) = failing(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Those behind it, of the same council and of others, are not recorded in its stead.
    let appends = (1..30).map(|tag| log.append(if tag % 2 == 0 { "AA" } else { "BB" }, records(tag)));
    let outcomes = runtime.block_on(futures::future::join_all(appends));
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(Error::OutcomeUnknown { .. }))), "{outcomes:?}");
    let acknowledged: Vec<u8> = (1..30).zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(tag, _)| tag).collect();
    assert!(outcomes.iter().flat_map(|outcome| outcome.as_ref().err()).all(|error| !error.nothing_recorded()));
    run(log.append("AA", records(99))).unwrap();
    let found = found(&log);
    assert!(acknowledged.iter().all(|tag| found.contains(tag)) && found.contains(&99), "{found:?} {acknowledged:?}");
    assert!(!log.statistics().failed);
}

#[test]
fn a_broker_that_is_away_holds_appends_up_no_longer_than_it_may() {
    let mock = Mock::new(1).unwrap();
    mock.create_topic(TOPIC, 2, 1).unwrap();
    let log = KafkaLog::open_on_mock(Options { delivery_timeout: Duration::from_secs(3), ..options(&mock) }).unwrap();
    run(log.append("AA", records(1))).unwrap();
    mock.broker_down(1).unwrap();
    assert!(matches!(run(log.append("AA", records(2))), Err(Error::OutcomeUnknown { .. })));
    mock.broker_up(1).unwrap();
    while run(log.append("AA", records(3))).is_err() {}
    let found = found(&log);
    assert_eq!((found.first(), found.last()), (Some(&1), Some(&3)));
}
