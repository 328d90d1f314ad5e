//! Brokers that are killed, stopped, paused and started again under load.

use crate::support::{options, read_all, run, topic};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::sleep;
use std::time::Duration;
use tandem_domain::position::Position;
use tandem_log::kafka::Options;
use tandem_log::{Error, EventLog, KafkaLog};
use tandem_tests::kafka::{self, Cluster};

const CALLERS: usize = 8;

/// What callers sent, one after the other each, and what they were told.
#[derive(Default)]
struct Told {
    by_caller: Vec<Vec<Result<Position, Error>>>,
}

fn record(caller: usize, n: usize) -> Bytes {
    Bytes::from(format!("caller {caller} record {n}"))
}

/// Callers that append until they are told to stop; `count` is how many appends were acknowledged so far.
async fn load(log: Arc<KafkaLog>, stop: Arc<AtomicBool>, count: Arc<AtomicUsize>) -> Told {
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (log, stop, count) = (log.clone(), stop.clone(), count.clone());
        tasks.spawn(async move {
            let (council, mut told) = (format!("C{}", caller % 3), Vec::new());
            while !stop.load(SeqCst) {
                let outcome = log.append(&council, vec![record(caller, told.len())]).await;
                count.fetch_add(usize::from(outcome.is_ok()), SeqCst);
                told.push(outcome);
            }
            (caller, told)
        });
    }
    let mut by_caller = tasks.join_all().await;
    by_caller.sort_by_key(|(caller, _)| *caller);
    Told { by_caller: by_caller.into_iter().map(|(_, told)| told).collect() }
}

/// Runs the load while something is done to the brokers, and until more is acknowledged after that.
fn under_load(log: &Arc<KafkaLog>, trouble: impl FnOnce(&dyn Fn(usize))) -> Told {
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let load = runtime.spawn(load(log.clone(), stop.clone(), count.clone()));
    let more = |appends: usize| {
        let before = count.load(SeqCst);
        while count.load(SeqCst) < before + appends {
            sleep(Duration::from_millis(5));
        }
    };
    more(100);
    trouble(&more);
    more(100);
    stop.store(true, SeqCst);
    runtime.block_on(load).unwrap()
}

/// All that was acknowledged is there, where it was said to be, once; what is unknown at most once; each caller's in its order.
fn assert_all_there(log: &KafkaLog, told: &Told) {
    let mut found: BTreeMap<Vec<u8>, Vec<(u32, u64, u32)>> = BTreeMap::new();
    for stored in read_all(log).unwrap() {
        for (index, record) in stored.parse().unwrap().records.iter().enumerate() {
            found.entry(record.to_vec()).or_default().push((stored.partition, stored.offset, index as u32));
        }
    }
    let mut total = 0;
    for (caller, told) in told.by_caller.iter().enumerate() {
        let mut last = None;
        for (n, outcome) in told.iter().enumerate() {
            let places = found.get(&record(caller, n).to_vec()).cloned().unwrap_or_default();
            assert!(places.len() <= 1, "record {n} of caller {caller} is there {} times", places.len());
            if let Ok(at) = outcome {
                assert_eq!(places, [(at.partition, at.offset, at.index)], "record {n} of caller {caller}");
            } else {
                assert!(matches!(outcome, Err(Error::OutcomeUnknown { .. })), "{outcome:?}");
            }
            if let Some(place) = places.first() {
                assert!(last < Some(*place), "record {n} of caller {caller} stands before the one before it");
                last = Some(*place);
                total += 1;
            }
        }
    }
    assert_eq!(total, found.len(), "nothing else is there");
}

fn assert_none_failed(told: &Told) {
    assert!(told.by_caller.iter().flatten().all(Result::is_ok), "a broker that comes back in time fails no append");
}

#[test]
fn one_broker_killed_stopped_or_paused_loses_nothing() {
    if !kafka::is_there() {
        return;
    }
    let mut cluster = Cluster::start(1);
    for trouble in ["kill", "stop", "pause"] {
        let options = options(&cluster.addresses(), &topic(), 4);
        let log = Arc::new(KafkaLog::open(options.clone()).unwrap());
        let broker = &mut cluster.brokers[0];
        let told = under_load(&log, |_| match trouble {
            "kill" => {
                broker.kill();
                broker.start();
            }
            "stop" => {
                broker.stop();
                broker.start();
            }
            _ => {
                broker.pause();
                sleep(Duration::from_secs(2));
                broker.resume();
            }
        });
        assert_none_failed(&told);
        assert_all_there(&log, &told);
        assert_eq!(read_all(&KafkaLog::open(options).unwrap()).unwrap(), read_all(&log).unwrap());
    }
}

#[test]
fn appends_that_no_broker_takes_in_time_are_unknown_and_then_it_goes_on() {
    if !kafka::is_there() {
        return;
    }
    let mut cluster = Cluster::start(1);
    let options = Options { delivery_timeout: Duration::from_secs(2), ..options(&cluster.addresses(), &topic(), 4) };
    let log = Arc::new(KafkaLog::open(options).unwrap());
    let broker = &mut cluster.brokers[0];
    let told = under_load(&log, |_| {
        broker.kill();
        sleep(Duration::from_secs(4));
        broker.start();
    });
    assert!(told.by_caller.iter().flatten().any(|outcome| matches!(outcome, Err(Error::OutcomeUnknown { .. }))));
    assert!(told.by_caller.iter().all(|told| told.last().is_some_and(Result::is_ok)), "it goes on");
    assert_all_there(&log, &told);
    log.close();
    let error = run(log.append("AA", vec![record(0, 0)])).unwrap_err();
    assert_eq!(error, Error::Closed);
}

#[test]
fn closing_ends_while_the_broker_is_away() {
    if !kafka::is_there() {
        return;
    }
    let mut cluster = Cluster::start(1);
    let options = Options { delivery_timeout: Duration::from_secs(2), ..options(&cluster.addresses(), &topic(), 4) };
    let log = Arc::new(KafkaLog::open(options).unwrap());
    cluster.brokers[0].kill();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let append = runtime.spawn({
        let log = log.clone();
        async move { log.append("AA", vec![record(0, 0)]).await }
    });
    while log.statistics().commits == 0 {
        sleep(Duration::from_millis(1));
    }
    log.close();
    assert!(matches!(runtime.block_on(append).unwrap(), Err(Error::OutcomeUnknown { .. })));
}

#[test]
fn of_three_brokers_each_can_be_killed() {
    if !kafka::is_there() {
        return;
    }
    let mut cluster = Cluster::start(3);
    let options = Options { replication_factor: 3, min_insync_replicas: 2, ..options(&cluster.addresses(), &topic(), 6) };
    let log = Arc::new(KafkaLog::open(options.clone()).unwrap());
    let told = under_load(&log, |more| {
        for broker in &mut cluster.brokers {
            // Whatever it leads, another one leads soon, and every caller goes on.
            broker.kill();
            more(CALLERS * 20);
            broker.start();
            more(CALLERS * 20);
        }
    });
    assert_none_failed(&told);
    assert_all_there(&log, &told);
    assert_all_there(&KafkaLog::open(options).unwrap(), &told);
}
