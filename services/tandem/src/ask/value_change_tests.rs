//! Explained changes, and valuations side by side, as they are shown.

use super::super::value_beside::Beside;
use super::*;
use crate::output::Format;
use tandem_proto::v1::{
    ChangeAmount, ChangeRow, CouncilAsOf, EffectDefinition, GroupKey, MetricChange, MetricDefinition, MetricValue, ValuationRef, ValueChange,
    ValueRow,
};

fn amount(central: i64) -> Option<ChangeAmount> {
    Some(ChangeAmount { central: central.to_string(), low: "1".into(), high: "2".into(), exact: format!("{central}0") })
}

fn change(from: Option<i64>, to: Option<i64>, parts: [i64; 5]) -> ChangeRow {
    let [change, quantity, correction, rate, coverage] = parts.map(amount);
    let (from, to) = (from.and_then(amount), to.and_then(amount));
    let metric = MetricChange { metric: "citizen_value".into(), unit: "GBP{minor}".into(), from, to, change, quantity, correction, rate, coverage };
    ChangeRow { metrics: vec![metric] }
}

fn point(sequence: Option<u64>) -> CouncilAsOf {
    let book_time_us = if sequence.is_some() { 1_740_830_400_000_000 } else { 0 };
    CouncilAsOf { council: "E09000001".into(), sequence, book_time_us }
}

fn row(service: &str, central: Option<&str>) -> ValueRow {
    let keys = [service].into_iter().filter(|id| !id.is_empty()).map(|id| GroupKey { dimension: 2, value: id.to_string(), ..Default::default() });
    let figure = |metric: &str, unit: &str, central: Option<&str>| MetricValue {
        metric: metric.into(),
        unit: unit.into(),
        central: central.map(String::from),
        ..Default::default()
    };
    ValueRow { keys: keys.collect(), values: vec![figure("citizen_value", "GBP{minor}", central)] }
}

fn answer() -> QueryValueResponse {
    let definition = |name: &str| MetricDefinition { name: name.into(), definition: "in words".into(), unit: "1".into(), denominator: "what".into() };
    QueryValueResponse {
        rows: vec![row("care", Some("1500")), row("parks", None)],
        total: Some(row("", Some("1500"))),
        definitions: vec![definition("citizen_value")],
        valuation: Some(ValuationRef { id: "market".into(), version: 2 }),
        currency: "GBP".into(),
        as_of: vec![point(Some(1_234))],
        change: Some(ValueChange {
            rows: vec![change(Some(1_000), Some(1_500), [500, 600, -150, 50, 0]), change(Some(200), None, [-200, 0, -200, 0, 0])],
            total: Some(change(Some(1_200), Some(1_500), [300, 600, -350, 50, 0])),
            from_valuation: Some(ValuationRef { id: "floor".into(), version: 1 }),
            from_as_of: vec![point(None)],
            effects: vec![EffectDefinition { name: "quantity".into(), definition: "what was recorded in between".into() }],
            amount_denominator: 10,
        }),
        ..Default::default()
    }
}

#[test]
fn a_change_has_a_line_for_each_value() {
    let text = Format::default().render(&ValueDocument::from(answer())).unwrap();
    let expected = "\
service  value            from      to  change  quantity  correction   rate  coverage
───────  ─────────────  ──────  ──────  ──────  ────────  ──────────  ─────  ────────
care     citizen_value  £10.00  £15.00   £5.00     £6.00      -£1.50  £0.50     £0.00
parks    citizen_value   £2.00       —  -£2.00     £0.00      -£2.00  £0.00     £0.00
all      citizen_value  £12.00  £15.00   £3.00     £6.00      -£3.50  £0.50     £0.00

— no value, which is not zero: nothing of it has a price, or there is nothing to divide by
valued by market@2, in GBP
from: before the first entry of E09000001, valued by floor@1
to: entry 1,234 of E09000001, recorded 2025-03-01T12:00:00Z, valued by market@2
quantity: what was recorded in between
each amount is rounded by itself, so that parts may not add up; the \"exact\" ones of --json do
";
    assert_eq!(text, expected);
}

#[test]
fn a_change_in_csv_and_json() {
    let csv = Format { json: false, csv: true }.render(&ValueDocument::from(answer())).unwrap();
    let expected = "\
row,keys,metric,unit,from,to,change,quantity,correction,rate,coverage
row,care,citizen_value,GBP{minor},1000,1500,500,600,-150,50,0
row,parks,citizen_value,GBP{minor},200,,-200,0,-200,0,0
total,,citizen_value,GBP{minor},1200,1500,300,600,-350,50,0
";
    assert_eq!(csv, expected);
    let json = serde_json::to_value(ValueDocument::from(answer())).unwrap();
    let change = serde_json::json!({
        "metric": "citizen_value",
        "unit": "GBP{minor}",
        "from": { "central": "200", "low": "1", "high": "2", "exact": "2000" },
        "to": null,
        "change": { "central": "-200", "low": "1", "high": "2", "exact": "-2000" },
        "quantity": { "central": "0", "low": "1", "high": "2", "exact": "00" },
        "correction": { "central": "-200", "low": "1", "high": "2", "exact": "-2000" },
        "rate": { "central": "0", "low": "1", "high": "2", "exact": "00" },
        "coverage": { "central": "0", "low": "1", "high": "2", "exact": "00" },
    });
    assert_eq!(json["change"]["rows"][1]["metrics"][0], change);
    assert_eq!(json["change"]["from_as_of"], serde_json::json!([{ "council": "E09000001", "sequence": null, "book_time": null }]));
    assert_eq!(json["change"]["effects"][0], serde_json::json!({ "name": "quantity", "definition": "what was recorded in between" }));
    assert_eq!((&json["change"]["amount_denominator"], &json["as_of"][0]["sequence"]), (&10.into(), &1_234.into()));
    assert!(json.get("explain").is_none(), "how it is printed is no part of the document");
}

#[test]
fn an_explanation_says_what_each_number_rests_on() {
    let mut answer = answer();
    answer.change = None;
    answer.total.as_mut().unwrap().values[0].coverage =
        Some(v1::Coverage { of: "entries with a price".into(), covered: 7, total: 9, unpriced_measures: vec!["sorting".into()] });
    let document = ValueDocument { explain: true, ..ValueDocument::from(answer) };
    let text = Format::default().render(&document).unwrap();
    let expected = "
how each number came about

citizen_value, in 1
  in words
  divided by what
  valued by market@2, in GBP
  rests on 7 of 9 entries with a price; without a price: sorting

as of entry 1,234 of E09000001, recorded 2025-03-01T12:00:00Z
";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn valuations_stand_side_by_side() {
    let by = |id: &str, rows: Vec<ValueRow>, total: &str| {
        let definitions = vec![MetricDefinition { name: "citizen_value".into(), ..Default::default() }];
        let valuation = Some(ValuationRef { id: id.into(), version: 1 });
        ValueDocument::from(QueryValueResponse { rows, total: Some(row("", Some(total))), definitions, valuation, ..Default::default() })
    };
    let (first, second) = (vec![row("care", Some("1000"))], vec![row("care", Some("1500")), row("parks", Some("20"))]);
    let beside = Beside { answers: vec![by("floor", first, "1000"), by("market", second, "1520")] };
    let expected = "\
service  citizen_value floor@1  citizen_value market@1
───────  ─────────────────────  ──────────────────────
care                    £10.00                  £15.00
parks                        —                   £0.20
───────  ─────────────────────  ──────────────────────
all                     £10.00                  £15.20

";
    assert_eq!(Format::default().render(&beside).unwrap(), expected);
    assert!(beside.reflect_the_same());
    let mut apart = beside;
    apart.answers[1].reflects = vec![Reflects { council: "E1".into(), position: None, entries: 3, book_time: None }];
    assert!(!apart.reflect_the_same() && Format::default().render(&apart).unwrap().contains("reflect different entries"));
}
