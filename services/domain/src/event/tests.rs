//! Every refusal that the gateway gives for an event is here once.
use super::*;
use crate::protobuf::put_varint;

/// A value of a field, to be written or left out.
#[derive(Clone)]
enum Of {
    Text(String),
    Number(i64),
    Bytes(Vec<u8>),
    /// A fixed number of 4 bytes, which no field of an event is.
    Wrong,
    Unset,
}

type Message = Vec<(u32, Of)>;

fn text(text: &str) -> Of {
    Of::Text(text.to_owned())
}

fn long(length: usize) -> Of {
    Of::Text("x".repeat(length))
}

fn encode(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, value) in message {
        let (wire, bytes): (u64, &[u8]) = match value {
            Of::Text(text) => (2, text.as_bytes()),
            Of::Bytes(bytes) => (2, bytes),
            Of::Number(_) => (0, &[]),
            Of::Wrong => (5, &[0; 4]),
            Of::Unset => continue,
        };
        put_varint(&mut out, u64::from(*number) << 3 | wire);
        match value {
            Of::Number(number) => put_varint(&mut out, *number as u64),
            Of::Wrong => out.extend_from_slice(bytes),
            _ => {
                put_varint(&mut out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        }
    }
    out
}

/// A message with one field changed.
fn with(mut message: Message, number: u32, value: Of) -> Message {
    match message.iter_mut().find(|(field, _)| *field == number) {
        Some((_, old)) => *old = value,
        None => message.push((number, value)),
    }
    message
}

const ID: &str = "0192f0c1-0000-7000-8000-000000000001";
/// 2025-03-10 12:00 UTC.
const NOW_US: u64 = 1_741_608_000_000_000;

fn envelope() -> Message {
    vec![(1, text(ID)), (2, text("E09000001")), (3, text("desk")), (4, text("2025-03-01")), (5, text("2025-03-02"))]
}

fn contribution() -> Message {
    let given = vec![(1, text("waste/recycling")), (2, text("sorted")), (3, Of::Number(90)), (4, text("ward:1")), (5, text("plan:7"))];
    [given, vec![(6, Of::Number(1)), (7, text(ID)), (8, text("school"))]].concat()
}

fn state_input() -> Message {
    let given = vec![(1, text("waste/recycling")), (2, text("round")), (3, Of::Number(1)), (4, text("ward:1")), (5, text("plan:7"))];
    [given, vec![(6, Of::Number(5)), (7, text("depot")), (8, Of::Number(1)), (9, Of::Number(3))]].concat()
}

fn outcome() -> Message {
    let scope = vec![(1, text("tutoring")), (2, text("reading")), (3, text("ward:1")), (4, text("2025-01-01")), (5, text("2025-03-31"))];
    [scope, vec![(6, Of::Number(-5)), (7, Of::Number(100))]].concat()
}

fn pledge() -> Message {
    vec![(1, text("tutoring")), (2, text("helping")), (3, Of::Number(1)), (6, text("2026-01-01")), (7, text("9999-12-31"))]
}

fn reversal() -> Message {
    vec![(1, text(ID)), (2, text("desk")), (3, Of::Number(1))]
}

fn service() -> Message {
    vec![(1, text("tutoring")), (2, text("Tutoring")), (3, Of::Number(1)), (4, Of::Number(1_000))]
}

fn measure() -> Message {
    vec![(1, text("helping")), (2, text("Helping")), (3, Of::Number(1)), (4, text("min")), (5, Of::Number(4)), (6, text("base"))]
}

fn indicator() -> Message {
    vec![(1, text("reading")), (2, text("Reading")), (3, text("%")), (4, Of::Number(2)), (5, Of::Number(1))]
}

fn area() -> Message {
    let head = vec![(1, text("ward:1")), (2, text("2025")), (3, text("North")), (4, text("borough:1"))];
    [head, vec![(5, Of::Number(10)), (6, Of::Number(10_000))]].concat()
}

fn rate() -> Message {
    let amounts = vec![(2, Of::Number(60)), (3, Of::Number(1_221)), (4, Of::Number(1_000)), (5, Of::Number(2_000))];
    [vec![(1, text("helping"))], amounts, vec![(6, text("2025-04-01")), (7, text("ONS")), (8, text("OGL")), (9, Of::Number(1))]].concat()
}

fn valuation() -> Message {
    let names = vec![(1, text("wages")), (2, Of::Number(1)), (3, text("Wages")), (4, text("GBP")), (5, text("UK")), (6, Of::Number(1))];
    let said = (7..=10).map(|field| (field, text("said")));
    names.into_iter().chain(said).chain([(11, Of::Number(1)), (12, Of::Bytes(encode(&rate())))]).collect()
}

fn person() -> Message {
    vec![(1, text("ana")), (2, Of::Number(1)), (3, text("bo")), (4, text("row 7")), (5, text("a note"))]
}

fn check_parts(envelope: &Message, facts: &[u8], person: &Message) -> Result<(), Invalid> {
    let (envelope, person) = (encode(envelope), encode(person));
    check(&Parts { envelope: &envelope, facts, person: &person }, NOW_US).map(drop)
}

#[track_caller]
fn refused(found: Result<(), Invalid>, expected: &str) {
    assert_eq!(found.map_err(|invalid| invalid.to_string()), Err(expected.to_owned()));
}

/// A body that is fine, and everything that is refused in it: the field, what stands there, and the answer after the body's path.
#[track_caller]
fn body(number: u32, path: &str, fine: Message, refusals: Vec<(u32, Of, &str)>) {
    let facts = |message: &Message| encode(&vec![(number, Of::Bytes(encode(message)))]);
    assert_eq!(check_parts(&envelope(), &facts(&fine), &person()), Ok(()), "{path}");
    for (field, value, expected) in refusals {
        let expected = format!("facts.{path}.{expected}");
        refused(check_parts(&envelope(), &facts(&with(fine.clone(), field, value)), &person()), &expected);
    }
    let broken = encode(&vec![(number, Of::Bytes(vec![0xff]))]);
    refused(check_parts(&envelope(), &broken, &person()), &format!("facts.{path}: is not a protobuf message"));
}

fn fine_facts() -> Vec<u8> {
    encode(&vec![(1, Of::Bytes(encode(&contribution())))])
}

#[test]
fn an_event_is_three_parts_and_nothing_else() {
    let parts = |message: Message| split(&encode(&message)).map(drop);
    let bytes = || Of::Bytes(vec![1]);
    assert_eq!(parts(vec![(1, bytes()), (2, bytes()), (3, bytes())]), Ok(()));
    refused(parts(vec![(1, long(16_384))]), "event: is 16388 bytes; the limit is 16384");
    refused(split(&[0xff]).map(drop), "event: is not a protobuf message");
    refused(parts(vec![(4, bytes())]), "event: has an unknown field 4; only envelope, facts and person may be extended");
    refused(parts(vec![(1, Of::Number(1))]), "event: has an unknown field 1; only envelope, facts and person may be extended");
    refused(parts(vec![(2, bytes()), (2, bytes())]), "event: has field 2 twice");
}

#[test]
fn envelopes() {
    let refuse = |field, value, expected| refused(check_parts(&with(envelope(), field, value), &fine_facts(), &person()), expected);
    assert_eq!(check_parts(&with(envelope(), 9, text("unknown")), &fine_facts(), &person()), Ok(()));
    for id in [Of::Unset, text("0192F0C1-0000-7000-8000-000000000001"), text("0192f0c1000070008000000000000001"), long(36)] {
        refuse(1, id, "envelope.event_id: must be a UUID of 36 lower-case characters");
    }
    for council in [Of::Unset, text("E"), text("E 1"), long(33)] {
        refuse(2, council, "envelope.council: must be 2 to 32 bytes of [A-Za-z0-9_-]");
    }
    refuse(3, Of::Unset, "envelope.source: is required");
    refuse(3, text("a desk"), "envelope.source: must be at most 128 bytes of [A-Za-z0-9._/:-]");
    refuse(3, long(129), "envelope.source: must be at most 128 bytes of [A-Za-z0-9._/:-]");
    refuse(3, Of::Bytes(vec![0xff]), "envelope.source: is not UTF-8");
    refuse(3, Of::Wrong, "envelope.source: has the wrong wire type");
    refuse(4, Of::Unset, "envelope.occurred_start: is required");
    refuse(4, text("2025-02-29"), "envelope.occurred_start: must be a date \"YYYY-MM-DD\"");
    refuse(4, text("1899-12-31"), "envelope.occurred_start: is before 1900-01-01");
    refuse(5, text("2025-02-28"), "envelope.occurred_end: is before occurred_start");
    refuse(5, text("tomorrow"), "envelope.occurred_end: must be a date \"YYYY-MM-DD\"");
    let starts = |day: &str| with(with(envelope(), 4, text(day)), 5, Of::Unset);
    assert_eq!(check_parts(&starts("2025-03-11"), &fine_facts(), &person()), Ok(()), "24 hours ahead");
    refused(
        check_parts(&starts("2025-03-12"), &fine_facts(), &person()),
        "envelope.occurred_start: is more than 24 hours in the future (after 2025-03-11)",
    );
}

#[test]
fn facts_hold_exactly_one_body() {
    let refuse = |facts: &[u8], expected| refused(check_parts(&envelope(), facts, &person()), expected);
    let body = || Of::Bytes(encode(&contribution()));
    assert_eq!(check_parts(&envelope(), &encode(&vec![(99, body()), (200, Of::Number(1))]), &person()), Ok(()), "a body of a later version");
    refuse(&[], "facts: is required");
    refuse(&[0xff], "facts: is not a protobuf message");
    refuse(&encode(&vec![(200, body())]), "facts: has no body");
    refuse(&encode(&vec![(1, body()), (1, body())]), "facts: has more than one body");
    refuse(&encode(&vec![(7, Of::Number(1))]), "facts: field 7 has the wrong wire type");
}

#[test]
fn persons() {
    let refuse = |field, value, expected| refused(check_parts(&envelope(), &fine_facts(), &with(person(), field, value)), expected);
    refuse(1, text("Ana B"), "person.actor: must be at most 128 bytes of [A-Za-z0-9._/:-]");
    refuse(2, Of::Number(5), "person.actor_kind: is 5; the limits are 0 and 4");
    refuse(2, text("person"), "person.actor_kind: has the wrong wire type");
    refuse(3, text("Bo C"), "person.recipient: must be at most 128 bytes of [A-Za-z0-9._/:-]");
    refuse(4, long(129), "person.source_key: is 129 bytes; the limit is 128");
    refuse(5, long(4_097), "person.notes: is 4097 bytes; the limit is 4096");
}

#[test]
fn contributions_and_state_inputs() {
    let given = |more: Vec<(u32, Of, &'static str)>| {
        let mut refusals = vec![
            (1, Of::Unset, "service: is required"),
            (2, Of::Unset, "measure: is required"),
            (3, Of::Number(0), "quantity: is 0; the limits are 1 and 1000000000000000"),
            (3, Of::Number(-1), "quantity: is -1; the limits are 1 and 1000000000000000"),
            (3, Of::Number(1_000_000_000_000_001), "quantity: is 1000000000000001; the limits are 1 and 1000000000000000"),
            (4, text("ward"), "area: must be \"scheme:code\""),
            (4, text("ward:"), "area: must be \"scheme:code\""),
            (4, text(":1"), "area: must be \"scheme:code\""),
            (5, text("plan 7"), "exchange: must be at most 128 bytes of [A-Za-z0-9._/:-]"),
            (6, Of::Unset, "evidence: is required: 1 to 5"),
            (6, Of::Number(6), "evidence: is required: 1 to 5"),
        ];
        refusals.extend(more);
        refusals
    };
    let pledges = vec![
        (7, text("plan-7"), "pledge_event_id: must be a UUID of 36 lower-case characters"),
        (7, Of::Unset, "pledge_event_id: is required with pledge_source"),
        (8, text("a school"), "pledge_source: must be at most 128 bytes of [A-Za-z0-9._/:-]"),
    ];
    body(1, "contribution_recorded", contribution(), given(pledges));
    let budgets = vec![
        (7, text("the depot"), "providing_body: must be at most 128 bytes of [A-Za-z0-9._/:-]"),
        (8, Of::Unset, "chosen_by: needs individual_budget"),
        (9, Of::Number(4), "chosen_by: is 4; the limits are 0 and 3"),
    ];
    body(2, "state_input_recorded", state_input(), given(budgets));
}

#[test]
fn outcomes_pledges_and_reversals() {
    let refusals = vec![
        (1, Of::Unset, "service: is required"),
        (2, Of::Unset, "indicator: is required"),
        (3, text("ward"), "area: must be \"scheme:code\""),
        (4, Of::Unset, "period_start: is required"),
        (4, text("1899-12-31"), "period_start: is before 1900-01-01"),
        (5, text("2024-12-31"), "period_end: is before period_start"),
        (6, Of::Number(1_000_000_000_000_001), "numerator: is 1000000000000001; the limits are -1000000000000000 and 1000000000000000"),
        (7, Of::Number(0), "denominator: is 0; the limits are 1 and 1000000000000000"),
    ];
    body(3, "outcome_observed", outcome(), refusals);
    let refusals = vec![
        (3, Of::Number(0), "quantity: is 0; the limits are 1 and 1000000000000000"),
        (6, Of::Unset, "period_start: is required"),
        (6, text("1899-12-31"), "period_start: is before 1900-01-01"),
        (7, text("10000-01-01"), "period_end: must be a date \"YYYY-MM-DD\""),
    ];
    body(4, "pledge_made", pledge(), refusals);
    let refusals = vec![
        (1, Of::Unset, "target_event_id: must be a UUID of 36 lower-case characters"),
        (2, text("a desk"), "target_source: must be at most 128 bytes of [A-Za-z0-9._/:-]"),
        (3, Of::Unset, "reason: is required: 1 to 5"),
        (3, Of::Number(6), "reason: is required: 1 to 5"),
    ];
    body(5, "entry_reversed", reversal(), refusals);
}

#[test]
fn services_measures_indicators_and_areas() {
    let refusals = vec![
        (1, Of::Unset, "id: is required"),
        (2, Of::Unset, "name: is required"),
        (2, long(257), "name: is 257 bytes; the limit is 256"),
        (3, Of::Unset, "mode: is required: 1 to 3"),
        (4, Of::Number(-1), "lgsl_id: is -1; the limits are 0 and 4294967295"),
    ];
    body(16, "service_defined", service(), refusals);
    let refusals = vec![
        (2, Of::Unset, "name: is required"),
        (3, Of::Unset, "side: is required: 1 or 2"),
        (4, Of::Unset, "unit: is required"),
        (4, long(33), "unit: is 33 bytes; the limit is 32"),
        (5, Of::Number(5), "role: is required: 1 to 4"),
        (6, text("helping"), "contra_of: must be another measure"),
    ];
    body(17, "measure_defined", measure(), refusals);
    let refusals = vec![
        (3, Of::Unset, "unit: is required"),
        (4, Of::Number(7), "decimal_places: is 7; the limits are 0 and 6"),
        (5, Of::Unset, "direction: is required: 1 or 2"),
    ];
    body(18, "indicator_defined", indicator(), refusals);
    let refusals = vec![
        (1, Of::Unset, "area: is required"),
        (1, text("ward"), "area: must be \"scheme:code\""),
        (2, Of::Unset, "vintage: must be 1 to 32 bytes of [A-Za-z0-9._-]"),
        (2, text("20:25"), "vintage: must be 1 to 32 bytes of [A-Za-z0-9._-]"),
        (2, long(33), "vintage: must be 1 to 32 bytes of [A-Za-z0-9._-]"),
        (3, long(257), "name: is 257 bytes; the limit is 256"),
        (4, text("borough"), "parent: must be \"scheme:code\""),
        (5, Of::Number(0), "deprivation_decile: is 0; the limits are 1 and 10"),
        (6, Of::Number(-1), "population: is -1; the limits are 0 and 1000000000000"),
    ];
    body(19, "area_defined", area(), refusals);
}

#[test]
fn valuations() {
    let refusals = vec![
        (1, Of::Unset, "id: is required"),
        (2, Of::Unset, "version: must be 1 or more"),
        (3, Of::Unset, "name: is required"),
        (4, text("gbp"), "currency: must be an ISO 4217 code of three capital letters"),
        (4, text("POUND"), "currency: must be an ISO 4217 code of three capital letters"),
        (5, long(65), "region: is 65 bytes; the limit is 64"),
        (6, Of::Unset, "basis: is required: 1 or 2"),
        (7, long(257), "method: is 257 bytes; the limit is 256"),
        (8, long(257), "lens: is 257 bytes; the limit is 256"),
        (9, long(513), "source: is 513 bytes; the limit is 512"),
        (10, long(257), "licence: is 257 bytes; the limit is 256"),
        (12, Of::Unset, "rates: has 0 prices; the limits are 1 and 500"),
        (12, Of::Bytes(vec![0xff]), "rates: is not a protobuf message"),
        (12, Of::Bytes(encode(&with(rate(), 1, Of::Unset))), "rates.measure: is required"),
        (12, Of::Bytes(encode(&with(rate(), 2, Of::Number(0)))), "rates.per_quantity: is 0; the limits are 1 and 1000000000"),
        (12, Of::Bytes(encode(&with(rate(), 3, Of::Number(-1)))), "rates.central: is -1; the limits are 0 and 1000000000000"),
        (12, Of::Bytes(encode(&with(rate(), 4, Of::Number(1_222)))), "rates.central: must lie between low and high"),
        (12, Of::Bytes(encode(&with(rate(), 5, Of::Number(1_220)))), "rates.central: must lie between low and high"),
        (12, Of::Bytes(encode(&with(rate(), 6, Of::Unset))), "rates.effective_from: must be a date \"YYYY-MM-DD\""),
        (12, Of::Bytes(encode(&with(rate(), 7, long(513)))), "rates.source: is 513 bytes; the limit is 512"),
        (12, Of::Bytes(encode(&with(rate(), 8, long(257)))), "rates.licence: is 257 bytes; the limit is 256"),
    ];
    body(20, "valuation_published", valuation(), refusals);
    let prices = |rates: Vec<Message>, basis| {
        let rates = rates.iter().map(|rate| (12, Of::Bytes(encode(rate))));
        let message = with(with(valuation(), 12, Of::Unset), 6, Of::Number(basis)).into_iter().chain(rates).collect();
        check_parts(&envelope(), &encode(&vec![(20, Of::Bytes(encode(&message)))]), &person())
    };
    let per = |per, day: &str| with(with(rate(), 2, Of::Number(per)), 6, text(day));
    refused(prices(vec![rate()], 2), "facts.valuation_published.rates.effective_from: is for dated valuations only");
    refused(prices(vec![rate(), rate()], 1), "facts.valuation_published.rates: has two prices for helping from the same day");
    refused(
        prices(vec![per(999_999_937, "2025-01-01"), per(2, "2026-01-01")], 1),
        "facts.valuation_published.rates: per_quantity have a least common multiple above 1000000000",
    );
    let short = |day: i32| vec![(1, text("a")), (2, Of::Number(1)), (6, text(&crate::date::Date(day).to_string()))];
    assert_eq!(prices((0..500).map(short).collect(), 1), Ok(()));
    refused(prices((0..501).map(short).collect(), 1), "facts.valuation_published.rates: has 501 prices; the limits are 1 and 500");
}
