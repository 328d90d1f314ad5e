use super::*;
use prost::Message;
use tandem_domain::event::EVENT_BYTES_MAX;
use tandem_proto::v1::{ContributionRecorded, Envelope, Event, Facts, Person, Record, facts::Body};
use tandem_wire::auth::Authenticator;
use tonic::metadata::MetadataMap;

/// 2026-01-02 00:00 UTC.
const NOW_US: u64 = 1_767_312_000_000_000;

fn event(n: usize, council: &str) -> Event {
    let contribution = ContributionRecorded {
        service: "waste/recycling".into(),
        measure: "paper".into(),
        quantity: 1 + n as i64,
        area: "lsoa21:E01000001".into(),
        exchange: format!("round:{n}"),
        evidence: 4,
        ..Default::default()
    };
    Event {
        envelope: Some(Envelope {
            event_id: format!("0190a000-0000-7000-8000-{n:012x}"),
            council: council.into(),
            source: "bins/north".into(),
            occurred_start: "2026-01-01".into(),
            ..Default::default()
        }),
        facts: Some(Facts { body: Some(Body::ContributionRecorded(contribution)) }),
        person: n.is_multiple_of(2).then(|| Person { actor: format!("actor-{n}"), actor_kind: 1, ..Default::default() }),
    }
}

fn encode(events: &[Event]) -> Vec<Bytes> {
    events.iter().map(|event| event.encode_to_vec().into()).collect()
}

fn principal(toml: &str) -> std::sync::Arc<Principal> {
    // printf %s secret | sha256sum
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let authenticator = Authenticator::from_toml(&format!("[[principal]]\nname = \"somebody\"\ntoken_sha256 = \"{hash}\"\n{toml}")).unwrap();
    let mut metadata = MetadataMap::new();
    metadata.insert("authorization", "Bearer secret".parse().unwrap());
    authenticator.authenticate(&metadata).unwrap()
}

#[test]
fn a_record_is_what_prost_would_encode_around_untouched_bytes() {
    for officer in [false, true] {
        let roles = if officer { "roles = [\"officer\"]" } else { "roles = [\"writer\"]" };
        let principal = principal(&format!("councils = [\"*\"]\nsources = [\"*\"]\n{roles}"));
        let events: Vec<_> = (0..3).map(|n| event(n, "E09000001")).collect();
        let prepared = prepare(&encode(&events), &Rules { principal: &principal, known: None, now_us: NOW_US });
        assert!(prepared.refused.is_empty(), "{:?}", prepared.refused);
        assert_eq!((prepared.recorded, prepared.groups.len()), (3, 1));
        for (event, bytes) in events.iter().zip(&prepared.groups[0].records) {
            let record = Record::decode(bytes.clone()).unwrap();
            let expected = Record {
                envelope: event.envelope.as_ref().unwrap().encode_to_vec(),
                facts: event.facts.as_ref().unwrap().encode_to_vec(),
                person: event.person.as_ref().map(Message::encode_to_vec).unwrap_or_default(),
                received_us: NOW_US,
                principal: "somebody".into(),
                officer,
                facts_salt: record.facts_salt.clone(),
                person_salt: record.person_salt.clone(),
            };
            assert_eq!(record, expected);
            assert_eq!(expected.encode_to_vec(), *bytes);
            assert_eq!((record.facts_salt.len(), record.person_salt.len()), (16, 16));
            assert_ne!(record.facts_salt, record.person_salt);
        }
    }
}

#[test]
fn every_record_has_salts_of_its_own() {
    let principal = principal("councils = [\"*\"]\nsources = [\"*\"]");
    let same = encode(&vec![event(1, "E09000001"); 100]);
    let prepared = prepare(&same, &Rules { principal: &principal, known: None, now_us: NOW_US });
    let salts = prepared.groups[0]
        .records
        .iter()
        .map(|bytes| Record::decode(bytes.clone()).unwrap())
        .flat_map(|record| [record.facts_salt, record.person_salt]);
    assert_eq!(salts.collect::<std::collections::HashSet<_>>().len(), 200);
}

#[test]
fn councils_keep_their_own_order() {
    let principal = principal("councils = [\"*\"]\nsources = [\"*\"]");
    let councils = ["AA", "BB", "AA", "CC", "BB", "AA", "AA", "CC"];
    let events: Vec<_> = councils.iter().enumerate().map(|(n, council)| event(n, council)).collect();
    let prepared = prepare(&encode(&events), &Rules { principal: &principal, known: None, now_us: NOW_US });
    let ids = |group: &Group| group.records.iter().map(|bytes| Record::decode(bytes.clone()).unwrap().envelope).collect::<Vec<_>>();
    for (group, (council, indexes)) in prepared.groups.iter().zip([("AA", &[0, 2, 5, 6][..]), ("BB", &[1, 4]), ("CC", &[3, 7])]) {
        assert_eq!(group.council, council);
        assert_eq!(ids(group), indexes.iter().map(|&n: &usize| events[n].envelope.as_ref().unwrap().encode_to_vec()).collect::<Vec<_>>());
    }
    assert_eq!(prepared.groups.len(), 3);
}

#[test]
fn the_largest_event_fits_the_buffer_that_was_reserved() {
    let principal = principal("councils = [\"*\"]\nsources = [\"*\"]");
    let mut large = event(0, "E09000001").encode_to_vec();
    // An unknown field of the person part: kept like everything else in the three parts.
    let rest = EVENT_BYTES_MAX - Event { person: None, ..event(0, "E09000001") }.encode_to_vec().len() - 4;
    large.truncate(large.len() - event(0, "E09000001").person.unwrap().encode_to_vec().len() - 2);
    large.extend([0x1a, rest as u8 & 0x7f | 0x80, (rest >> 7) as u8 & 0x7f | 0x80, (rest >> 14) as u8]);
    let field = rest - 5;
    large.extend([0xfa, 0x01, field as u8 & 0x7f | 0x80, (field >> 7) as u8 & 0x7f | 0x80, (field >> 14) as u8]);
    large.resize(EVENT_BYTES_MAX, 7);
    let events = vec![Bytes::from(large); 10];
    let rules = Rules { principal: &principal, known: None, now_us: NOW_US };
    let prepared = prepare(&events, &rules);
    assert_eq!(prepared.recorded, 10, "{:?}", prepared.refused.first());
    let record = &prepared.groups[0].records[0];
    assert!(record.len() <= EVENT_BYTES_MAX + RECORD_OVERHEAD + stamp(&rules).len());
}

#[test]
fn a_refusal_names_the_event_if_it_can_be_read() {
    let named = event(7, "not a council!").encode_to_vec();
    let invalid = || Refused::Invalid(Invalid::new("f", "d"));
    assert_eq!(refusal(3, &named, invalid()).event_id, "0190a000-0000-7000-8000-000000000007");
    let long = Event { envelope: Some(Envelope { event_id: "x".repeat(10_000), ..Default::default() }), ..Default::default() };
    for unreadable in [vec![], vec![0xff; 9], vec![0x0a, 0x03, 0x0a, 0x01, 0xff], vec![0x08, 1], long.encode_to_vec()] {
        assert_eq!(refusal(0, &unreadable, invalid()).event_id, "", "{unreadable:?}");
    }
}

/// Not a check: prints what an event costs. `cargo test --release -p tandem-gateway -- --ignored --nocapture cost`.
#[test]
#[ignore = "a measurement"]
fn cost_of_an_event() {
    let principal = principal("councils = [\"E09000001\"]\nsources = [\"bins/*\"]");
    let events = encode(&(0..1_000).map(|n| event(n, "E09000001")).collect::<Vec<_>>());
    let bytes: usize = events.iter().map(Bytes::len).sum();
    let rules = Rules { principal: &principal, known: None, now_us: NOW_US };
    for _ in 0..5 {
        let start = std::time::Instant::now();
        let recorded: u32 = (0..1_000).map(|_| prepare(&events, &rules).recorded).sum();
        println!("{} bytes an event: {} ns an event", bytes / 1_000, start.elapsed().as_nanos() / u128::from(recorded));
    }
}
