//! Messages that are wrong.

use super::{Fresh, is_suspended};
use prost::Message;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{ContributionRecorded, EntryState, Envelope, Facts, Side, SuspenseReason};
use tandem_tests::client::{batch_request, record_request};
use tandem_tests::events::{Parts, put_field};
use tandem_tests::given::{ana, contributed, contribution, envelope, event_id, measure_defined, service_defined, taught};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The fields that a status of the standard kind blames.
fn blamed(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    details.bad_request().map(|bad| bad.field_violations.iter().map(|violation| violation.field.clone()).collect()).unwrap_or_default()
}

fn with_envelope(envelope: Envelope) -> Parts {
    Parts::new(&envelope, Body::ContributionRecorded(contribution()), &ana())
}

/// Every event that a gateway refuses, with the field that it must blame.
fn refused() -> Vec<(&'static str, &'static str, Parts)> {
    let quantity = |quantity| contributed(1, ContributionRecorded { quantity, ..contribution() });
    let dates = |start: &str, end: &str| with_envelope(Envelope { occurred_start: start.into(), occurred_end: end.into(), ..envelope(1) });
    let id = |event_id: &str| with_envelope(Envelope { event_id: event_id.into(), ..envelope(1) });
    let good = contributed(1, contribution());
    let mut bad_utf8 = Vec::new();
    put_field(&mut bad_utf8, 1, &[0x0a, 2, 0xff, 0xfe]);
    let mut two_bodies = good.facts.clone();
    two_bodies.extend_from_slice(&service_defined(1).facts);
    vec![
        ("zero", "facts.contribution_recorded.quantity", quantity(0)),
        ("negative", "facts.contribution_recorded.quantity", quantity(-1)),
        ("least of all", "facts.contribution_recorded.quantity", quantity(i64::MIN)),
        ("too large", "facts.contribution_recorded.quantity", quantity(1_000_000_000_000_001)),
        ("overflowing", "facts.contribution_recorded.quantity", quantity(i64::MAX)),
        ("too early", "envelope.occurred_start", dates("1899-12-31", "")),
        ("in the future", "envelope.occurred_start", dates("2999-01-01", "")),
        ("no such day", "envelope.occurred_start", dates("2025-02-29", "")),
        ("no day", "envelope.occurred_start", dates("", "")),
        ("ends before it starts", "envelope.occurred_end", dates("2025-03-01", "2025-02-28")),
        ("no UUID", "envelope.event_id", id("17")),
        ("upper-case UUID", "envelope.event_id", id("0000000A-0000-0000-0000-000000000001")),
        ("no id", "envelope.event_id", id("")),
        ("no council", "envelope.council", with_envelope(Envelope { council: "E".into(), ..envelope(1) })),
        ("no source", "envelope.source", with_envelope(Envelope { source: "a b".into(), ..envelope(1) })),
        ("no service", "facts.contribution_recorded.service", contributed(1, ContributionRecorded { service: String::new(), ..contribution() })),
        ("bad area", "facts.contribution_recorded.area", contributed(1, ContributionRecorded { area: "ward 1".into(), ..contribution() })),
        ("no evidence", "facts.contribution_recorded.evidence", contributed(1, ContributionRecorded { evidence: 0, ..contribution() })),
        ("not UTF-8 in facts", "facts.contribution_recorded.service", Parts { facts: bad_utf8, ..good.clone() }),
        ("not UTF-8 in person", "person.actor", Parts { person: vec![0x0a, 1, 0xff], ..good.clone() }),
        ("not a message", "facts", Parts { facts: vec![0xff; 3], ..good.clone() }),
        ("no facts", "facts", Parts { facts: vec![], ..good.clone() }),
        ("two bodies", "facts", Parts { facts: two_bodies, ..good.clone() }),
        ("no body", "facts", Parts { facts: Facts::default().encode_to_vec(), ..good.clone() }),
        ("17 KiB", "event", Parts { person: notes(17 * 1024), ..good }),
    ]
}

fn notes(length: usize) -> Vec<u8> {
    let mut person = Vec::new();
    put_field(&mut person, 6, &vec![b'x'; length]);
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_event_is_refused_with_its_field_and_the_others_are_recorded() {
    let fresh = Fresh::start().await;
    let gateway = fresh.gateway();
    for (what, field, parts) in refused() {
        let status = gateway.record(record_request(&parts.event(), false)).await.unwrap_err();
        assert_eq!((status.code(), blamed(&status)), (Code::InvalidArgument, vec![field.to_owned()]), "{what}: {status:?}");
    }
    let all = refused();
    let mut number = 100;
    for (what, field, parts) in &all {
        let batch = [contributed(number, contribution()), parts.clone(), contributed(number + 1, contribution())];
        number += 2;
        let answer = gateway.batch(batch_request(&batch, false)).await.unwrap();
        let refusals: Vec<_> = answer.refusals.iter().map(|refusal| (refusal.index, refusal.field.as_str())).collect();
        assert_eq!((answer.recorded, refusals), (2, vec![(1, *field)]), "{what}");
        assert!(!answer.refusals[0].description.is_empty());
    }
    let model = fresh.check().await;
    assert_eq!(model.councils["E09000001"].entries.len(), 2 * all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_a_status_and_costs_nothing() {
    let fresh = Fresh::start().await;
    let gateway = fresh.gateway();
    for garbage in [&[0xff; 40][..], &[0x0a, 0x7f, 1], &[0x08, 1]] {
        for status in [gateway.record(garbage.to_vec()).await.unwrap_err(), gateway.batch(garbage.to_vec()).await.unwrap_err()] {
            assert_eq!(status.code(), Code::InvalidArgument, "{garbage:?}: {status:?}");
        }
    }
    assert_eq!(gateway.batch(vec![]).await.unwrap_err().code(), Code::InvalidArgument, "a batch of nothing");
    let event = contributed(1, contribution());
    let many: Vec<_> = (0..10_001).map(|_| event.clone()).collect();
    assert_eq!(gateway.batch(batch_request(&many, false)).await.unwrap_err().code(), Code::InvalidArgument, "10,001 events");
    let large = Parts { person: notes(15 * 1024), ..event };
    for count in [275, 600, 3_000] {
        let status = gateway.batch(batch_request(std::iter::repeat_n(&large, count), false)).await.unwrap_err();
        assert!(matches!(status.code(), Code::InvalidArgument | Code::OutOfRange), "{count} large events: {status:?}");
    }
    let status = gateway.record(vec![0x0a; 300 * 1024]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "300 KiB in Record: {status:?}");

    let answer = gateway.batch(batch_request(std::iter::repeat_n(&large, 250), false)).await.unwrap();
    assert_eq!(answer.recorded, 250, "3.7 MiB are still in the limit");
    let model = fresh.check().await;
    assert_eq!(model.councils["E09000001"].entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unknown_waits_and_is_cured_and_may_be_refused() {
    let fresh = Fresh::start().await;
    let gateway = fresh.gateway();
    let record = async |parts: &Parts| gateway.record(record_request(&parts.event(), false)).await.unwrap().position;

    let refused = gateway.record(record_request(&contributed(1, contribution()).event(), true)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");

    let position = record(&contributed(1, contribution())).await;
    let entry = fresh.entry(1, &position).await;
    assert!(is_suspended(&entry));
    assert_eq!((entry.reason(), entry.waits_for.as_str()), (SuspenseReason::UnknownService, "school/tutoring"));

    let position = record(&service_defined(2)).await;
    let entry = fresh.entry(1, &position).await;
    assert_eq!((entry.reason(), entry.waits_for.as_str()), (SuspenseReason::UnknownMeasure, "tutoring"));

    let position = record(&measure_defined(3, "tutoring", Side::Citizen)).await;
    let entry = fresh.entry(1, &position).await;
    assert_eq!((entry.state(), entry.cured_by), (EntryState::Applied, Some(2)));

    // Of the other side: recorded, and waits for nothing.
    record(&measure_defined(4, "teaching", Side::State)).await;
    let position = record(&contributed(5, ContributionRecorded { measure: "teaching".into(), ..contribution() })).await;
    let entry = fresh.entry(5, &position).await;
    assert_eq!((entry.reason(), entry.waits_for.as_str()), (SuspenseReason::WrongSide, ""));

    // Known by now; in a batch each event is refused by itself.
    gateway.record(record_request(&taught(6).event(), true)).await.unwrap();
    let unknown = contributed(7, ContributionRecorded { measure: "gardening".into(), ..contribution() });
    let answer = gateway.batch(batch_request(&[taught(8), unknown], true)).await.unwrap();
    assert_eq!((answer.recorded, answer.refusals.len()), (1, 1));
    assert_eq!((answer.refusals[0].index, answer.refusals[0].event_id.as_str()), (1, event_id(7).as_str()));

    let model = fresh.check().await;
    assert_eq!(model.councils["E09000001"].entries.len(), 7);
}
