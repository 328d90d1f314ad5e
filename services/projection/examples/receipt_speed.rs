//! How long a receipt takes in the server: `cargo run --release -p tandem-projection --example receipt_speed -- [entries] [receipts]`.
//!
//! A book of so many entries, recorded through the embedded log and published; then receipts of entries all over it, one after the other,
//! as `ProjectionService` answers them: waiting for positions, snapshot, proof out of the stored tiles, and the text. No network.

use prost::Message;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_book::key::{SigningKey, Use};
use tandem_log::{EmbeddedLog, EventLog, embedded};
use tandem_projection::{Options, Projection, ProjectionServer, Publisher};
use tandem_proto::internal::v1::GetReceiptRequest;
use tandem_proto::internal::v1::projection_service_server::ProjectionService;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{self, ContributionRecorded, Envelope, EvidenceGrade, Facts, Person, Record};
use tonic::{Code, Request};

const COUNCIL: &str = "E09000001";
/// Records of one append.
const APPENDED: u64 = 10_000;

fn id(n: u64) -> String {
    // Spread as random ones are.
    let high = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hex = format!("{high:016x}{n:016x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// It names a service that is not defined: what becomes of an entry does not matter to its receipt.
fn record(n: u64) -> bytes::Bytes {
    let envelope =
        Envelope { event_id: id(n), council: COUNCIL.into(), source: "crm".into(), occurred_start: "2025-03-01".into(), ..Envelope::default() };
    let given = ContributionRecorded {
        service: "waste/recycling".into(),
        measure: "paper".into(),
        quantity: 900,
        evidence: EvidenceGrade::Sensor.into(),
        ..Default::default()
    };
    let record = Record {
        envelope: envelope.encode_to_vec(),
        facts: Facts { body: Some(Body::ContributionRecorded(given)) }.encode_to_vec(),
        person: Person { actor: format!("p{}", n % 50_000), ..Person::default() }.encode_to_vec(),
        received_us: 1_700_000_000_000_000 + n,
        principal: "local".into(),
        officer: false,
        facts_salt: n.to_be_bytes().repeat(2),
        person_salt: (!n).to_be_bytes().repeat(2),
    };
    record.encode_to_vec().into()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let (entries, receipts) = (arguments.next().unwrap_or(1_000_000), arguments.next().unwrap_or(10_000));
    let home = tempfile::tempdir().expect("a temporary directory");
    let log = Arc::new(EmbeddedLog::open(home.path().join("log"), embedded::Options::default()).expect("a new log"));
    let key = SigningKey::from_seed("speed", Use::Note, &[1; 32]).expect("a name");
    let publisher = Arc::new(Publisher::new("speed", &key, &home.path().join("checkpoints")).expect("a directory"));
    let options = Options { publisher: Some(publisher), ..Options::default() };
    let projection = Projection::open(&home.path().join("projection"), log.clone(), options).expect("a new projection");
    let mut n = 0;
    while n < entries {
        let end = (n + APPENDED).min(entries);
        log.append(COUNCIL, (n..end).map(record).collect()).await.expect("it is appended");
        n = end;
    }
    let server = ProjectionServer::new(projection);
    let ask = |n: u64| {
        let request = v1::GetReceiptRequest { council: COUNCIL.into(), event_id: id(n), ..Default::default() };
        server.get_receipt(Request::new(GetReceiptRequest { request: Some(request) }))
    };
    // Until the last entry is folded and published.
    while let Err(status) = ask(entries - 1).await {
        assert!(matches!(status.code(), Code::NotFound | Code::FailedPrecondition | Code::Unavailable), "{status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut took: Vec<Duration> = Vec::new();
    for n in 0..receipts {
        let start = Instant::now();
        std::hint::black_box(ask(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % entries).await.expect("a receipt"));
        took.push(start.elapsed());
    }
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 1_000].as_secs_f64() * 1e3;
    println!("{receipts} receipts out of {entries} entries: p50 {:.3} ms, p99 {:.3} ms, largest {:.3} ms", at(500), at(990), at(1_000));
}
