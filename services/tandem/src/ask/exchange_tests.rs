use super::*;
use crate::output::Format;
use tandem_proto::v1::{CouncilReflected, EvidenceGrade, Side};

fn exchange() -> v1::Exchange {
    let account = |measure: &str, side: Side, quantity: &str, unit: &str| v1::Account {
        measure: measure.into(),
        side: side.into(),
        quantity: quantity.into(),
        unit: unit.into(),
        count: 1,
    };
    v1::Exchange {
        id: "plan-7".into(),
        state: ExchangeState::TwoSided.into(),
        home_service: "tutoring".into(),
        home_area: String::new(),
        home_month: "2025-03".into(),
        first_citizen_day: "2025-03-01".into(),
        first_state_day: String::new(),
        accounts: vec![account("homework", Side::Citizen, "90", "min"), account("grant", Side::State, "1234", "GBP")],
        live_entries: 2,
    }
}

fn posting(sequence: u64, reversed_by: Option<u64>) -> v1::Posting {
    v1::Posting {
        sequence,
        service: "tutoring".into(),
        measure: "homework".into(),
        side: Side::Citizen.into(),
        quantity: 90,
        unit: "min".into(),
        occurred_start: "2025-03-01".into(),
        occurred_end: if reversed_by.is_some() { "2025-03-02".into() } else { String::new() },
        evidence: EvidenceGrade::PeerConfirmed.into(),
        reversed_by,
        exchange: "plan-7".into(),
        measure_name: "Homework done".into(),
        ..Default::default()
    }
}

fn reflects() -> CouncilReflected {
    CouncilReflected { council: "E09000001".into(), position: "token".into(), entries: 7, book_time_us: 1_740_830_400_000_000 }
}

#[test]
fn an_exchange_shows_both_sides() {
    let answer = GetExchangeResponse {
        exchange: Some(exchange()),
        postings: vec![posting(3, None), posting(4, Some(6))],
        next_page_token: String::new(),
        reflects: Some(reflects()),
    };
    let document = OneExchange::try_from(answer).unwrap();
    let expected = "\
plan-7  TWO_SIDED
home tutoring, 2025-03
first day: citizens 2025-03-01, state —

side     measure   quantity  entries
───────  ────────  ────────  ───────
CITIZEN  homework    90 min        1
STATE    grant       £12.34        1

entry  occurred                 side     measure        quantity  evidence
─────  ───────────────────────  ───────  ─────────────  ────────  ──────────────  ─────────────
    3  2025-03-01               CITIZEN  Homework done    90 min  PEER_CONFIRMED
    4  2025-03-01 – 2025-03-02  CITIZEN  Homework done    90 min  PEER_CONFIRMED  reversed by 6

reflects 7 entries of E09000001, to 2025-03-01T12:00:00Z
";
    assert_eq!(Format::default().render(&document).unwrap(), expected);
    let expected = "\
sequence,occurred_start,occurred_end,service,measure,measure_name,side,quantity,unit,area,exchange,evidence,reversed_by
3,2025-03-01,,tutoring,homework,Homework done,CITIZEN,90,min,,plan-7,PEER_CONFIRMED,
4,2025-03-01,2025-03-02,tutoring,homework,Homework done,CITIZEN,90,min,,plan-7,PEER_CONFIRMED,6
";
    assert_eq!(Format { json: false, csv: true }.render(&document).unwrap(), expected);
}

#[test]
fn a_list_says_that_there_is_more() {
    let document = Exchanges { exchanges: vec![exchange().into()], more: true, reflects: Some(reflects().into()) };
    let expected = "\
exchange  state      home      month    citizens  state gave  entries
────────  ─────────  ────────  ───────  ────────  ──────────  ───────
plan-7    TWO_SIDED  tutoring  2025-03    90 min      £12.34        2

there may be more: raise --limit
reflects 7 entries of E09000001, to 2025-03-01T12:00:00Z
";
    assert_eq!(Format::default().render(&document).unwrap(), expected);
    let json = Format { json: true, csv: false }.render(&document).unwrap();
    assert!(json.contains("\"home_area\": null") && json.contains("\"quantity\": \"1234\"") && json.contains("\"more\": true"), "{json}");
}
