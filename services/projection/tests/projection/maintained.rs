//! Maintained valuations in a running projection: whatever befalls it, they come to the same rows, and answer as a scan does.

use crate::history::{COUNCILS, append, catalogue, gives, inputs, random, record, reverses, seed};
use crate::support::{Dump, MemoryLog, Running, assert_same, copy_directory, open, settle};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::path::Path;
use std::time::{Duration, Instant};
use tandem_projection::{Health, Projection, ProjectionServer, rebuild};
use tandem_proto::internal::v1::projection_service_server::ProjectionService;
use tandem_proto::internal::v1::{AggregateRequest, AggregateResponse};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{Dimension, Rate, Record, ValuationBasis, ValuationPublished, ValuationRef};
use tonic::Request;

const COUNCIL: &str = "E09000001";

fn valuation(council: &str, number: u64, id: &str, pence_an_hour: u64, maintained: bool) -> Record {
    let rate = |measure: &str, central: i64| Rate {
        measure: measure.into(),
        per_quantity: 60,
        central,
        low: Some(central),
        high: Some(2 * central),
        ..Default::default()
    };
    let body = Body::ValuationPublished(ValuationPublished {
        id: id.into(),
        version: 1,
        name: id.into(),
        currency: "GBP".into(),
        basis: ValuationBasis::Constant.into(),
        maintained,
        rates: vec![rate("homework", pence_an_hour as i64), rate("teaching", 3_000)],
        ..Default::default()
    });
    record(council, number, "2026-01-01", body, "", "")
}

async fn ask(server: &ProjectionServer, council: &str, valuation: &str) -> AggregateResponse {
    let request = AggregateRequest {
        council: council.into(),
        group_by: vec![Dimension::Service.into(), Dimension::Area.into(), Dimension::Month.into()],
        valuation: Some(ValuationRef { id: valuation.into(), version: 1 }),
        want_exchanges: true,
        want_exchange_values: true,
        ..Default::default()
    };
    server.aggregate(Request::new(request)).await.unwrap().into_inner()
}

/// Waits until the sums of a valuation are at the end of the book.
async fn caught_up(server: &ProjectionServer, council: &str, valuation: &str) -> AggregateResponse {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = ask(server, council, valuation).await;
        let maintained = answer.maintained.clone().unwrap();
        if maintained.answers && maintained.entries == maintained.book_entries {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {maintained:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maintained_valuation_answers_from_its_sums_and_any_other_from_a_scan() {
    let running = Running::start(1);
    let mut records = catalogue(COUNCIL);
    records.extend([valuation(COUNCIL, 2_000_000, "kept", 1_200, true), valuation(COUNCIL, 2_000_001, "other", 1_200, false)]);
    let gift = |number, body| record(COUNCIL, number, "2026-01-05", body, "", "");
    records.extend([gift(1, gives(90, "plan-7")), gift(2, inputs(45, "plan-7")), gift(3, gives(30, "plan-8"))]);
    running.log.push(COUNCIL, &records, 1);
    assert_eq!(settle(&running.projection), Health::Serving);
    let answer = caught_up(&running.server, COUNCIL, "kept").await;
    // plan-7: c = 90 × 20p, g = 45 × 50p; plan-8: c = 30 × 20p. In units of 1 ÷ 60 of a penny.
    let exchanges = |answer: &AggregateResponse| answer.total.clone().unwrap().exchanges.unwrap();
    let sums = exchanges(&answer);
    let central = |amount: Option<tandem_proto::internal::v1::Amount>| amount.unwrap().central;
    assert_eq!((central(sums.reciprocal), central(sums.both_sides), sums.priced), ("216000".into(), "279000".into(), 2));
    let other = ask(&running.server, COUNCIL, "other").await;
    assert_eq!((&other.maintained, exchanges(&other)), (&None, exchanges(&answer)));
    assert_eq!(other.groups, answer.groups);
    // What comes later is in every answer at once, taken on top or not.
    running.log.push(COUNCIL, &[record(COUNCIL, 4, "2026-01-09", reverses(3), "", "")], 2);
    assert_eq!(settle(&running.projection), Health::Serving);
    let answer = ask(&running.server, COUNCIL, "kept").await;
    assert_eq!(answer.groups, ask(&running.server, COUNCIL, "other").await.groups);
    assert_eq!((exchanges(&answer).priced, exchanges(&answer).opened), (1, 1));
}

/// Once all councils have caught up: stops the projection, and says what is in the tables.
async fn rows_at_the_end(projection: Projection, path: &Path) -> Dump {
    assert_eq!(settle(&projection), Health::Serving);
    let server = ProjectionServer::new(projection.clone());
    for council in COUNCILS {
        for id in ["early", "late"] {
            caught_up(&server, council, id).await;
        }
    }
    projection.stop().unwrap();
    drop((server, projection));
    let mut rows = Dump::new();
    tandem_projection::dump_maintained(path, |table, key, value| rows.push((table as u8, key.to_vec(), value.to_vec()))).unwrap();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_kills_and_rebuilds_come_to_the_same_sums() {
    let seed = seed();
    println!("SEED={seed}");
    let mut plan = random(seed, 200);
    let publish = |id: &str, number: u64, price: u64| -> Vec<_> {
        let planned = |council: &&'static str| crate::history::Planned { council, records: vec![valuation(council, number, id, price, true)] };
        COUNCILS.iter().map(planned).collect()
    };
    plan.splice(100..100, publish("late", 3_000_001, 1_321));
    plan.splice(0..0, publish("early", 3_000_000, 1_200));
    let (log, directory) = (MemoryLog::new(7, 3), tempfile::tempdir().unwrap());
    append(&log, &plan, 0);
    let expected = rows_at_the_end(open(directory.path(), &log), directory.path()).await;
    assert!(expected.len() > 50, "{} rows", expected.len());

    let mut random = StdRng::seed_from_u64(seed);
    let (log, parent) = (MemoryLog::new(7, 3), tempfile::tempdir().unwrap());
    let (mut at, mut path) = (0, parent.path().join("0"));
    while at < plan.len() {
        let projection = open(&path, &log);
        let frames = random.random_range(1..40).min(plan.len() - at);
        append(&log, &plan[at..at + frames], at);
        at += frames;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..40))).await;
        let next = parent.path().join(at.to_string());
        if random.random_bool(0.5) {
            projection.stop().unwrap();
            drop(projection);
            std::fs::rename(&path, &next).unwrap();
        } else {
            assert_eq!(settle(&projection), Health::Serving);
            copy_directory(&path, &next);
        }
        path = next;
    }
    assert_same(&rows_at_the_end(open(&path, &log), &path).await, &expected, "after restarts");
    rebuild(&path, |_| true).unwrap();
    assert_same(&rows_at_the_end(open(&path, &log), &path).await, &expected, "after a rebuild");
}
