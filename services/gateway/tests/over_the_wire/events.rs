//! Which events are refused, and for which field.

use crate::support::*;
use prost::Message;
use tandem_domain::event::EVENT_BYTES_MAX;
use tandem_gateway::Settings;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::*;
use tonic::Code;

fn contribution(event: &mut Event) -> &mut ContributionRecorded {
    match event.facts.as_mut().and_then(|facts| facts.body.as_mut()) {
        Some(Body::ContributionRecorded(contribution)) => contribution,
        other => panic!("not a contribution: {other:?}"),
    }
}

fn envelope(event: &mut Event) -> &mut Envelope {
    event.envelope.as_mut().unwrap()
}

fn with_body(event: &mut Event, body: Body) {
    event.facts = Some(Facts { body: Some(body) });
}

type Spoil = fn(&mut Event);

/// Every kind of fault: what is done to a good event, and the field that must be named.
const FAULTS: &[(Spoil, &str)] = &[
    (|e| e.envelope = None, "envelope.event_id"),
    (|e| envelope(e).event_id = String::new(), "envelope.event_id"),
    (|e| envelope(e).event_id = "0190A000-0000-7000-8000-000000000001".into(), "envelope.event_id"),
    (|e| envelope(e).event_id = "0190a00000007000800000000000001".into(), "envelope.event_id"),
    (|e| envelope(e).council = String::new(), "envelope.council"),
    (|e| envelope(e).council = "E 1".into(), "envelope.council"),
    (|e| envelope(e).council = "x".repeat(33), "envelope.council"),
    (|e| envelope(e).source = String::new(), "envelope.source"),
    (|e| envelope(e).source = "x".repeat(129), "envelope.source"),
    (|e| envelope(e).source = "a b".into(), "envelope.source"),
    (|e| envelope(e).occurred_start = String::new(), "envelope.occurred_start"),
    (|e| envelope(e).occurred_start = "1 May 2025".into(), "envelope.occurred_start"),
    (|e| envelope(e).occurred_start = "2025-02-29".into(), "envelope.occurred_start"),
    (|e| envelope(e).occurred_start = "1899-12-31".into(), "envelope.occurred_start"),
    (|e| envelope(e).occurred_start = "2026-01-04".into(), "envelope.occurred_start"),
    (|e| envelope(e).occurred_end = "2025-12-31".into(), "envelope.occurred_end"),
    (|e| envelope(e).occurred_end = "soon".into(), "envelope.occurred_end"),
    (|e| e.facts = None, "facts"),
    (|e| e.facts = Some(Facts::default()), "facts"),
    (|e| contribution(e).service = String::new(), "facts.contribution_recorded.service"),
    (|e| contribution(e).service = "ß".into(), "facts.contribution_recorded.service"),
    (|e| contribution(e).measure = String::new(), "facts.contribution_recorded.measure"),
    (|e| contribution(e).quantity = 0, "facts.contribution_recorded.quantity"),
    (|e| contribution(e).quantity = -1, "facts.contribution_recorded.quantity"),
    (|e| contribution(e).quantity = 1_000_000_000_000_001, "facts.contribution_recorded.quantity"),
    (|e| contribution(e).area = "E01000001".into(), "facts.contribution_recorded.area"),
    (|e| contribution(e).exchange = "a b".into(), "facts.contribution_recorded.exchange"),
    (|e| contribution(e).evidence = 0, "facts.contribution_recorded.evidence"),
    (|e| contribution(e).evidence = 99, "facts.contribution_recorded.evidence"),
    (|e| contribution(e).pledge_event_id = "x".into(), "facts.contribution_recorded.pledge_event_id"),
    (|e| with_body(e, Body::StateInputRecorded(StateInputRecorded::default())), "facts.state_input_recorded.service"),
    (|e| with_body(e, Body::OutcomeObserved(OutcomeObserved::default())), "facts.outcome_observed.service"),
    (|e| with_body(e, Body::PledgeMade(PledgeMade::default())), "facts.pledge_made"),
    (|e| with_body(e, Body::EntryReversed(EntryReversed::default())), "facts.entry_reversed"),
    (|e| with_body(e, Body::ServiceDefined(ServiceDefined::default())), "facts.service_defined"),
    (|e| with_body(e, Body::MeasureDefined(MeasureDefined::default())), "facts.measure_defined"),
    (|e| with_body(e, Body::IndicatorDefined(IndicatorDefined::default())), "facts.indicator_defined"),
    (|e| with_body(e, Body::AreaDefined(AreaDefined::default())), "facts.area_defined"),
    (|e| with_body(e, Body::ValuationPublished(ValuationPublished::default())), "facts.valuation_published"),
    (|e| e.person.as_mut().unwrap().actor = "Ana Smith".into(), "person.actor"),
    (|e| e.person.as_mut().unwrap().actor_kind = 99, "person.actor_kind"),
    (|e| e.person.as_mut().unwrap().notes = "x".repeat(4_097), "person.notes"),
    (|e| e.person.as_mut().unwrap().notes = "x".repeat(EVENT_BYTES_MAX), "event"),
];

fn spoiled(n: usize, spoil: Spoil) -> Event {
    let mut event = event(n, "E09000001");
    spoil(&mut event);
    event
}

#[tokio::test]
async fn every_fault_is_invalid_argument_with_its_field() {
    let running = Running::start(Settings::default()).await;
    for (n, (spoil, expected)) in FAULTS.iter().enumerate() {
        let status = running.client().record(RecordRequest { event: Some(spoiled(n, *spoil)), require_known: false }).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "fault {n}: {status:?}");
        assert!(field(&status).starts_with(expected), "fault {n}: {} is not {expected}", field(&status));
        assert_eq!(reason(&status), "INVALID_FIELD");
        assert!(!status.message().contains('\n'));
    }
    assert!(running.log.records("E09000001").is_empty());
    running.idle().await;
}

#[tokio::test]
async fn a_batch_records_the_others_and_says_which_were_not() {
    let running = Running::start(Settings::default()).await;
    let mut events = Vec::new();
    for (n, (spoil, _)) in FAULTS.iter().enumerate() {
        events.push(event(1_000 + n, "E09000001"));
        events.push(spoiled(n, *spoil));
    }
    let answer = running.client().record_batch(RecordBatchRequest { events: events.clone(), require_known: false }).await.unwrap().into_inner();
    assert_eq!(answer.recorded as usize, FAULTS.len());
    assert_eq!(answer.refusals.len(), FAULTS.len());
    for ((n, (_, expected)), refusal) in FAULTS.iter().enumerate().zip(&answer.refusals) {
        let sent = &events[refusal.index as usize];
        assert_eq!(refusal.index as usize, 2 * n + 1);
        assert!(refusal.field.starts_with(expected), "{} is not {expected}", refusal.field);
        assert!(!refusal.description.is_empty());
        assert_eq!(refusal.event_id, sent.envelope.as_ref().map(|envelope| envelope.event_id.clone()).unwrap_or_default());
    }
    let recorded = ids(&running.log.records("E09000001"));
    assert_eq!(recorded, (0..FAULTS.len()).map(|n| id(1_000 + n)).collect::<Vec<_>>());
    assert_eq!(answer.positions.len(), 1);
    let mut text = String::new();
    running.gateway.render_metrics(&mut text);
    assert!(text.contains(&format!("tandem_gateway_events_recorded_total {}\n", FAULTS.len())), "{text}");
    assert!(text.contains(&format!("tandem_gateway_events_refused_total{{reason=\"invalid\"}} {}\n", FAULTS.len())), "{text}");
}

#[tokio::test]
async fn a_day_ahead_and_1900_are_still_allowed() {
    let running = Running::start(Settings::default()).await;
    for (n, day) in ["1900-01-01", "2026-01-02", "2026-01-03"].into_iter().enumerate() {
        let mut event = event(n, "E09000001");
        envelope(&mut event).occurred_start = day.into();
        running.client().record(RecordRequest { event: Some(event), require_known: false }).await.unwrap();
    }
}

#[tokio::test]
async fn what_event_has_no_field_for_is_refused() {
    let running = Running::start(Settings::default()).await;
    // An unknown field 4 of Event, and field 1 a second time: no commitment would cover them.
    for extra in [&[0x22, 1, 7][..], &[0x0a, 0]] {
        let mut bytes = event(1, "E09000001").encode_to_vec();
        bytes.extend_from_slice(extra);
        let mut wire = vec![0x0a];
        prost::encoding::encode_varint(bytes.len() as u64, &mut wire);
        wire.extend(bytes);
        let status = running.send_bytes("Record", wire).await;
        assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "event"), "{status:?}");
    }
}
