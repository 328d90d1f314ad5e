//! Rows through whole mappings.

use super::*;
use crate::import::mapping::Matching;
use std::collections::HashMap;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{ContributionRecorded, StateInputRecorded};

/// 2026-01-01 in UTC.
const NOW_US: u64 = 1_767_225_600_000_000;

const REQUESTS: &str = r#"
about = "requests"
source = "desk"
council = "c1"

[[skip]]
when = [{ column = "amount", zero = true }]
reason = "nothing"

[[event]]
name = "request"
kind = "contribution"
id = ["{number}"]
occurred = { from = "{opened}" }
service = "streets"
measure = "hours"
negative_measure = "hours-back"
quantity = "{amount}"
times = "60"
area = "ward:{ward}"
exchange = "desk:{number}"
evidence = "self-reported"
actor = "{who}"
actor_kind = "person"

[[event]]
name = "answer"
kind = "state-input"
when = [{ column = "closed", empty = false }]
id = ["{number}"]
occurred = { from = "{closed}" }
service = "streets"
measure = "answers"
quantity = "1"
exchange = "desk:{number}"
evidence = "professional"
"#;
const HEADER: [&str; 6] = ["number", "opened", "closed", "amount", "ward", "who"];

fn choices() -> Choices {
    Choices { council: None, only: Vec::new(), pseudonyms: Pseudonyms::Public, now_us: NOW_US, areas: None }
}

fn plan_of(mapping: &str, header: &[&str], tables: Vec<Table>, choices: Choices) -> Result<Plan, String> {
    let mapping: Mapping = toml::from_str(mapping).map_err(|error| error.to_string())?;
    Plan::new(&mapping, &header.iter().map(|name| name.to_string()).collect::<Vec<_>>(), tables, choices)
}

/// Maps rows in order.
fn map(plan: &Plan, rows: &[&[&str]]) -> Vec<Outcome> {
    let mut state = State::default();
    rows.iter().map(|row| plan.row(&mut row.iter().map(|value| value.to_string()).collect(), &mut state)).collect()
}

fn requests(rows: &[&[&str]]) -> Vec<Outcome> {
    map(&plan_of(REQUESTS, &HEADER, Vec::new(), choices()).unwrap(), rows)
}

fn events(outcome: &Outcome) -> &[Event] {
    match outcome {
        Outcome::Events(events) => events,
        other => panic!("{other:?}"),
    }
}

fn contribution(event: &Event) -> &ContributionRecorded {
    match event.facts.as_ref().unwrap().body.as_ref().unwrap() {
        Body::ContributionRecorded(body) => body,
        other => panic!("{other:?}"),
    }
}

fn state_input(event: &Event) -> &StateInputRecorded {
    match event.facts.as_ref().unwrap().body.as_ref().unwrap() {
        Body::StateInputRecorded(body) => body,
        other => panic!("{other:?}"),
    }
}

fn event_id(event: &Event) -> &str {
    &event.envelope.as_ref().unwrap().event_id
}

#[test]
fn one_row_becomes_both_sides_of_one_exchange() {
    let outcomes = requests(&[&["7", "2025-03-01", "2025-03-04", "1.5", "27", "ana"], &["8", "2025-03-02", "", "2", "", ""]]);
    let [request, answer] = events(&outcomes[0]) else { panic!() };
    assert_eq!((contribution(request).exchange.as_str(), state_input(answer).exchange.as_str()), ("desk:7", "desk:7"));
    assert_eq!((contribution(request).quantity, contribution(request).area.as_str()), (90, "ward:27"));
    assert_eq!(answer.envelope.as_ref().unwrap().occurred_start, "2025-03-04");
    assert_ne!(event_id(request), event_id(answer));
    let actor = &request.person.as_ref().unwrap().actor;
    assert!(actor.starts_with("desk:") && !actor.contains("ana"));
    let [open] = events(&outcomes[1]) else { panic!() };
    assert_eq!((contribution(open).area.as_str(), &open.person), ("", &None));
}

/// The id is a function of source, event and key, written down here so that it can never change unnoticed.
#[test]
fn ids_are_for_ever() {
    let outcomes = requests(&[&["7", "2025-03-01", "", "1", "", ""]]);
    let name = "5:event,4:desk,7:request,1:7,";
    assert_eq!(event_id(&events(&outcomes[0])[0]), uuid::Uuid::new_v5(&crate::import::ids::NAMESPACE, name.as_bytes()).to_string());
    assert_eq!(event_id(&events(&outcomes[0])[0]), "ffbcca7e-cdf2-5ed7-869f-52082c4b8818");
}

#[test]
fn the_same_key_with_other_content_is_the_same_event_with_other_bytes() {
    let outcomes = requests(&[&["7", "2025-03-01", "2025-03-04", "1", "", ""], &["7", "2025-03-01", "2025-09-04", "1", "", ""]]);
    let (first, second) = (events(&outcomes[0]), events(&outcomes[1]));
    assert_eq!(first[0], second[0]);
    assert_eq!(event_id(&first[1]), event_id(&second[1]));
    assert_ne!(first[1], second[1]);
}

#[test]
fn negative_amounts_go_to_the_contra_measure_and_zero_ones_nowhere() {
    let outcomes = requests(&[&["1", "2025-03-01", "", "-0.5", "", ""], &["2", "2025-03-01", "", "0.00", "", ""], &["3", "", "", "0", "", ""]]);
    let given = contribution(&events(&outcomes[0])[0]);
    assert_eq!((given.measure.as_str(), given.quantity), ("hours-back", 30));
    assert_eq!(outcomes[1], Outcome::Skipped("nothing".into()));
    // A row that is not wanted need not be right.
    assert_eq!(outcomes[2], Outcome::Skipped("nothing".into()));
}

#[test]
fn rejects_say_which_field_and_why() {
    let cases: [(&[&str], &str); 8] = [
        (&["1", "2025-02-30", "", "1", "", ""], "request: \"2025-02-30\" is not a date \"YYYY-MM-DD\""),
        (&["1", "2026-01-05", "", "1", "", ""], "request: envelope.occurred_start: is more than 24 hours in the future (after 2026-01-02)"),
        (&["1", "1899-12-31", "", "1", "", ""], "request: envelope.occurred_start: is before 1900-01-01"),
        (&["", "2025-03-01", "", "1", "", ""], "request: number is empty, which the event's id needs"),
        (
            &["1", "2025-03-01", "", "0.0001", "", ""],
            "request: quantity: 0.0060 is not a whole number of the measure's unit; declare `round = \"half-even\"` if it may be rounded",
        ),
        (
            &["1", "2025-03-01", "", "1e15", "", ""],
            "request: facts.contribution_recorded.quantity: is 60000000000000000; the limits are 1 and 1000000000000000",
        ),
        (&["1", "2025-03-01", "", "1e30", "", ""], "request: quantity is 60000000000000000000000000000000; the limit is 10^15"),
        (&["1", "2025-03-01", "", "some", "", ""], "amount: \"some\" is not a decimal number"),
    ];
    for (row, reason) in cases {
        assert_eq!(requests(&[row]), [Outcome::Rejected(reason.into())]);
    }
}

#[test]
fn equal_rows_without_a_key_are_different_events_and_stay_the_same_in_any_order() {
    let mapping = REQUESTS.replace("id = [\"{number}\"]\n", "");
    let plan = plan_of(&mapping, &HEADER, Vec::new(), choices()).unwrap();
    let (a, b): (&[&str], &[&str]) = (&["1", "2025-03-01", "", "1", "", ""], &["2", "2025-03-01", "", "1", "", ""]);
    let ids = |rows: &[&[&str]]| -> std::collections::BTreeSet<String> {
        map(&plan, rows).iter().flat_map(|outcome| events(outcome).iter().map(|event| event_id(event).to_string()).collect::<Vec<_>>()).collect()
    };
    assert_eq!(ids(&[a, a, b]).len(), 3);
    assert_eq!(ids(&[a, a, b]), ids(&[a, b, a]));
    assert_eq!(ids(&[a, a, b]), ids(&[b, a, a]));
}

const OUTCOMES: &str = r#"
about = "outcomes that are corrected"
source = "police"
council = "c1"

[previous]
key = "{id}"
columns = ["outcome"]

[[event]]
name = "correction"
kind = "reversal"
when = [{ column = "previous.outcome", empty = false }]
id = ["{id}", "{previous.outcome}"]
occurred = { from = "{day}" }
reverses = { event = "outcome", id = ["{id}", "{previous.outcome}"] }
reason = "superseded"

[[event]]
name = "outcome"
kind = "state-input"
id = ["{id}", "{outcome}"]
occurred = { from = "{day}" }
service = "policing"
measure = "outcome/{outcome|slug}"
quantity = "1"
evidence = "professional"
"#;

#[test]
fn a_correction_reverses_the_event_of_the_row_before() {
    let plan = plan_of(OUTCOMES, &["id", "day", "outcome"], Vec::new(), choices()).unwrap();
    let rows: [&[&str]; 3] = [&["1", "2025-01-01", "Under investigation"], &["2", "2025-01-01", "Charged"], &["1", "2025-02-01", "Charged"]];
    let outcomes = map(&plan, &rows);
    let [first] = events(&outcomes[0]) else { panic!() };
    let [reversal, second] = events(&outcomes[2]) else { panic!() };
    let Some(Body::EntryReversed(reversed)) = &reversal.facts.as_ref().unwrap().body else { panic!() };
    assert_eq!((reversed.target_event_id.as_str(), reversed.target_source.as_str()), (event_id(first), ""));
    assert_eq!(state_input(second).measure, "outcome/charged");
}

#[test]
fn running_totals_become_their_differences() {
    let mapping = r#"
about = "counters"
source = "counter"
council = "c1"

[previous]
key = "{bank}"
columns = ["total"]
when = [{ column = "total", empty = false }]

[[column]]
name = "more"
from = "{total}"
minus = "{previous.total}"

[[skip]]
when = [{ column = "more", empty = true }]
reason = "nothing to compare"

[[skip]]
when = [{ column = "more", zero = true }]
reason = "unchanged"

[[event]]
name = "more"
kind = "contribution"
id = ["{bank}", "{day}"]
occurred = { from = "{day}" }
service = "bank"
measure = "time"
negative_measure = "time-back"
quantity = "{more}"
evidence = "peer-confirmed"
"#;
    let plan = plan_of(mapping, &["bank", "day", "total"], Vec::new(), choices()).unwrap();
    let rows: [&[&str]; 6] = [
        &["a", "2025-01-01", "10"],
        &["b", "2025-01-01", ""],
        &["a", "2025-01-02", ""],
        &["a", "2025-01-03", "12.0"],
        &["a", "2025-01-04", "12"],
        &["a", "2025-01-05", "5"],
    ];
    let outcomes = map(&plan, &rows);
    for number in [0, 1, 2] {
        assert_eq!(outcomes[number], Outcome::Skipped("nothing to compare".into()));
    }
    assert_eq!(contribution(&events(&outcomes[3])[0]).quantity, 2);
    assert_eq!(outcomes[4], Outcome::Skipped("unchanged".into()));
    let back = contribution(&events(&outcomes[5])[0]);
    assert_eq!((back.measure.as_str(), back.quantity), ("time-back", 7));
}

#[test]
fn columns_of_other_files_are_known_before_they_are_used() {
    let mapping = r#"
about = "a lookup whose key is computed and whose result is used in another computed column"
source = "survey"
council = "{council}"

[[column]]
name = "council"
from = "{place.code}"
values = { "x" = "c1", "y" = "c2" }

[[lookup]]
name = "place"
file = "places.csv"
key = "name"
by = "{key}"
columns = ["code"]

[[column]]
name = "key"
from = "{name|lower}"

[[event]]
name = "e"
kind = "contribution"
id = ["{name}"]
occurred = { from = "2025", precision = "year" }
service = "s"
measure = "m"
quantity = "1"
evidence = "assumed"
"#;
    let table = || Table::new(HashMap::from([("leith".to_string(), vec!["x".to_string()]), ("ayr".into(), vec!["y".into()])]), Matching::Exact);
    let rows: [&[&str]; 3] = [&["Leith"], &["Ayr"], &["Mull"]];
    let plan = plan_of(mapping, &["name"], vec![table()], choices()).unwrap();
    let outcomes = map(&plan, &rows);
    assert_eq!(events(&outcomes[0])[0].envelope.as_ref().unwrap().council, "c1");
    assert_eq!(events(&outcomes[0])[0].envelope.as_ref().unwrap().occurred_end, "2025-12-31");
    assert_eq!(events(&outcomes[1])[0].envelope.as_ref().unwrap().council, "c2");
    assert_eq!(outcomes[2], Outcome::Rejected("place has no row for \"mull\"".into()));

    let only = Choices { only: vec!["c2".into()], ..choices() };
    let outcomes = map(&plan_of(mapping, &["name"], vec![table()], only).unwrap(), &rows);
    assert_eq!(outcomes[0], Outcome::Skipped(OTHER_COUNCIL.into()));
    let council = Choices { council: Some("c9".into()), ..choices() };
    let outcomes = map(&plan_of(mapping, &["name"], vec![table()], council).unwrap(), &rows);
    assert_eq!(events(&outcomes[1])[0].envelope.as_ref().unwrap().council, "c9");
}

#[test]
fn a_mapping_that_does_not_fit_fails_before_the_first_row() {
    let fails = |mapping: &str, header: &[&str]| plan_of(mapping, header, Vec::new(), choices()).unwrap_err();
    let renamed = ["number", "opened", "closed", "amount", "Wards", "who"];
    assert_eq!(
        fails(REQUESTS, &renamed),
        "event \"request\": there is no column \"ward\" in the file or the mapping; the nearest are \"Wards\", \"who\", \"closed\""
    );
    assert_eq!(fails(REQUESTS, &["number", "number"]), "there are two columns \"number\"");
    let without = |line: &str| fails(&REQUESTS.replacen(line, "", 1), &HEADER);
    assert_eq!(without("evidence = \"self-reported\"\n"), "event \"request\": needs `evidence`");
    assert_eq!(without("quantity = \"{amount}\"\n"), "event \"request\": needs `quantity`");
    let with = |line: &str| fails(&format!("{REQUESTS}{line}\n"), &HEADER);
    assert_eq!(with("vintage = \"x\""), "event \"answer\": has `vintage`, which an event of its kind does not have");
    assert_eq!(
        fails(&REQUESTS.replace("name = \"answer\"", "name = \"request\""), &HEADER),
        "two events are named \"request\"; the name is part of their ids"
    );
    let wrong = REQUESTS.replace("evidence = \"professional\"", "evidence = \"hearsay\"");
    assert_eq!(fails(&wrong, &HEADER), "event \"answer\": has an unknown `evidence` \"hearsay\"");
    let circle = format!("{REQUESTS}\n[[column]]\nname = \"a\"\nfrom = \"{{b}}\"\n\n[[column]]\nname = \"b\"\nfrom = \"{{a}}\"\n");
    assert_eq!(fails(&circle, &HEADER), "the columns a and b need each other");
}

#[test]
fn rules_take_the_first_that_fits_whatever_the_case() {
    let mapping = format!(
        "{REQUESTS}\n[[column]]\nname = \"kind\"\nfrom = \"{{ward}}\"\nrules = [[\"fly-tip\", \"a\"], [\"tip\", \"b\"]]\notherwise = \"c-{{ward|slug}}\"\n"
    );
    let mapping = mapping.replacen("service = \"streets\"", "service = \"{kind}\"", 1).replace("area = \"ward:{ward}\"\n", "");
    let plan = plan_of(&mapping, &HEADER, Vec::new(), choices()).unwrap();
    for (ward, service) in [("FLY-TIPPING", "a"), ("Tip of the iceberg", "b"), ("Dog Fouling", "c-dog-fouling")] {
        let outcomes = map(&plan, &[&["1", "2025-03-01", "", "1", ward, ""]]);
        assert_eq!(contribution(&events(&outcomes[0])[0]).service, service);
    }
}
