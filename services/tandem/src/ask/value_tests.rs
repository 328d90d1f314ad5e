use super::*;
use crate::output::Format;
use tandem_proto::v1::{CouncilReflected, GroupKey, MetricDefinition, MetricValue, ValuationRef, ValueRow};

fn key(dimension: Dimension, value: &str, label: &str) -> GroupKey {
    GroupKey { dimension: dimension.into(), value: value.into(), label: label.into(), coarser: false, overlaps: false }
}

fn value(central: Option<&str>, priced: (u64, u64), unpriced: &[&str]) -> MetricValue {
    MetricValue {
        metric: "citizen_value".into(),
        unit: "GBP{minor}".into(),
        central: central.map(String::from),
        low: central.map(|_| "100000".into()),
        high: central.map(|_| "150000".into()),
        coverage: Some(v1::Coverage {
            of: "entries with a price".into(),
            covered: priced.0,
            total: priced.1,
            unpriced_measures: unpriced.iter().map(|measure| measure.to_string()).collect(),
        }),
        ..Default::default()
    }
}

fn rate(central: Option<&str>) -> MetricValue {
    MetricValue {
        metric: "response_rate".into(),
        unit: "1".into(),
        central: central.map(String::from),
        numerator: Some("5".into()),
        denominator: Some("7".into()),
        ..Default::default()
    }
}

fn definition(name: &str) -> MetricDefinition {
    MetricDefinition { name: name.into(), definition: "in words".into(), unit: "1".into(), denominator: String::new() }
}

fn answer() -> QueryValueResponse {
    let mut year = key(Dimension::Month, "2019", "2019, whole year");
    year.coarser = true;
    QueryValueResponse {
        rows: vec![
            ValueRow {
                keys: vec![key(Dimension::Service, "tutoring", "Homework \u{1b}help"), key(Dimension::Month, "2025-03", "")],
                values: vec![value(Some("123450"), (71, 100), &["driving"]), rate(Some("0.714286"))],
            },
            ValueRow {
                keys: vec![key(Dimension::Service, "waste/recycling", ""), year],
                values: vec![value(None, (0, 9), &["sorting"]), rate(None)],
            },
        ],
        total: Some(ValueRow { keys: vec![], values: vec![value(Some("123450"), (71, 109), &["driving", "sorting"]), rate(Some("0.714286"))] }),
        definitions: vec![definition("citizen_value"), definition("response_rate")],
        valuation: Some(ValuationRef { id: "uk-floor".into(), version: 2 }),
        currency: "GBP".into(),
        reflects: vec![CouncilReflected {
            council: "E09000001".into(),
            position: "token".into(),
            entries: 1_234,
            book_time_us: 1_740_830_400_000_000,
        }],
        ..Default::default()
    }
}

#[test]
fn deciles_stand_by_their_number_and_what_is_per_head_has_its_unit() {
    let row = |decile: &str, central: Option<&str>, covered: u64| {
        let coverage = v1::Coverage { of: "areas with a population".into(), covered, total: 4, ..Default::default() };
        let figure = |part: &str, unit: &str| MetricValue {
            metric: "equity".into(),
            part: part.into(),
            unit: unit.into(),
            central: central.map(String::from),
            coverage: Some(coverage.clone()),
            ..Default::default()
        };
        let values = vec![figure("a", "GBP{minor}/{resident}"), figure("b", "min/{resident}")];
        ValueRow { keys: vec![key(Dimension::Decile, decile, "")], values }
    };
    let rows = vec![row("", None, 0), row("1", Some("20.000000"), 4), row("10", Some("1234.500000"), 4), row("2", None, 1)];
    let answer =
        QueryValueResponse { rows, definitions: vec![definition("equity")], area_vintages: vec!["imd2019".into(), "imd2025".into()], ..answer() };
    let document = ValueDocument::from(QueryValueResponse { total: None, valuation: None, ..answer });
    let expected = "\
decile      equity a                                           equity b
──────  ────────────  ───────────────────────────────  ────────────────  ───────────────────────────────
—                  —  0 % of areas with a population                  —  0 % of areas with a population
1        £0.20000000                                      20.000000 min
2                  —  25 % of areas with a population                 —  25 % of areas with a population
10      £12.34500000                                   1,234.500000 min

— no value, which is not zero: nothing of it has a price, or there is nothing to divide by
per head there is no value while an area has no population: `tandem catalogue import --population` records them
areas as in imd2019, imd2025
reflects 1,234 entries of E09000001, to 2025-03-01T12:00:00Z
";
    let text = Format::default().render(&document).unwrap();
    assert_eq!(text, expected);
}

#[test]
fn groups_are_a_table_with_its_footnotes() {
    let text = Format::default().render(&ValueDocument::from(answer())).unwrap();
    let expected = "\
service          month               citizen_value               response_rate
───────────────  ──────────────────  ─────────────  ───────────  ─────────────
Homework \u{FFFD}help   2025-03                 £1,234.50  71 % priced       0.714286
waste/recycling  2019, whole year *              —  0 % priced               —
───────────────  ──────────────────  ─────────────  ───────────  ─────────────
all                                      £1,234.50  65 % priced       0.714286

— no value, which is not zero: nothing of it has a price, or there is nothing to divide by
* entries whose own span is longer than the unit asked; they are not spread over it
without a price: driving, sorting
valued by uk-floor@2, in GBP
reflects 1,234 entries of E09000001, to 2025-03-01T12:00:00Z
";
    assert_eq!(text, expected);
}

#[test]
fn without_groups_it_is_a_list() {
    let mut answer = answer();
    answer.rows = vec![ValueRow { keys: vec![], ..answer.total.clone().unwrap() }];
    let text = Format::default().render(&ValueDocument::from(answer)).unwrap();
    let expected = "\
metric             value  range                  rests on
─────────────  ─────────  ─────────────────────  ───────────
citizen_value  £1,234.50  £1,000.00 – £1,500.00  65 % priced
response_rate   0.714286

without a price: driving, sorting
valued by uk-floor@2, in GBP
reflects 1,234 entries of E09000001, to 2025-03-01T12:00:00Z
";
    assert_eq!(text, expected);
}

#[test]
fn what_only_overlaps_the_period_is_a_row_of_its_own() {
    let mut answer = answer();
    let mut year = key(Dimension::Year, "2019", "");
    year.overlaps = true;
    answer.rows = vec![
        ValueRow { keys: vec![key(Dimension::Service, "a", "")], values: vec![rate(Some("0.500000"))] },
        ValueRow { keys: vec![key(Dimension::Service, "a", ""), year], values: vec![rate(Some("0.250000"))] },
    ];
    answer.total = None;
    answer.definitions.remove(0);
    let text = Format::default().render(&ValueDocument::from(answer)).unwrap();
    let expected = "\
service  year    response_rate
───────  ──────  ─────────────
a                     0.500000
a        2019 †       0.250000

† entries whose span reaches beyond the period asked
";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn json_keeps_every_field() {
    let mut answer = answer();
    answer.rows.truncate(1);
    answer.rows[0].values.truncate(1);
    answer.total = None;
    answer.definitions.truncate(1);
    let text = Format { json: true, csv: false }.render(&ValueDocument::from(answer)).unwrap();
    let expected = r#"{
  "rows": [
    {
      "keys": [
        {
          "dimension": "service",
          "value": "tutoring",
          "label": "Homework \u001bhelp",
          "coarser": false,
          "overlaps": false
        },
        {
          "dimension": "month",
          "value": "2025-03",
          "label": null,
          "coarser": false,
          "overlaps": false
        }
      ],
      "values": [
        {
          "metric": "citizen_value",
          "part": null,
          "unit": "GBP{minor}",
          "central": "123450",
          "low": "100000",
          "high": "150000",
          "numerator": null,
          "denominator": null,
          "coverage": {
            "of": "entries with a price",
            "covered": 71,
            "total": 100,
            "unpriced_measures": [
              "driving"
            ]
          }
        }
      ]
    }
  ],
  "total": null,
  "definitions": [
    {
      "name": "citizen_value",
      "definition": "in words",
      "unit": "1",
      "denominator": null
    }
  ],
  "valuation": {
    "id": "uk-floor",
    "version": 2
  },
  "currency": "GBP",
  "reflects": [
    {
      "council": "E09000001",
      "position": "token",
      "entries": 1234,
      "book_time": "2025-03-01T12:00:00Z"
    }
  ],
  "as_of": [],
  "change": null,
  "area_vintages": []
}
"#;
    assert_eq!(text, expected);
}

#[test]
fn csv_has_a_line_for_every_figure() {
    let text = Format { json: false, csv: true }.render(&ValueDocument::from(answer())).unwrap();
    let expected = "\
row,keys,labels,metric,part,unit,central,low,high,numerator,denominator,covered,covered_of
row,tutoring|2025-03,Homework \u{1b}help|,citizen_value,,GBP{minor},123450,100000,150000,,,71,100
row,tutoring|2025-03,Homework \u{1b}help|,response_rate,,1,0.714286,,,5,7,,
row,waste/recycling|2019,\"|2019, whole year\",citizen_value,,GBP{minor},,,,,,0,9
row,waste/recycling|2019,\"|2019, whole year\",response_rate,,1,,,,5,7,,
total,,,citizen_value,,GBP{minor},123450,100000,150000,,,71,109
total,,,response_rate,,1,0.714286,,,5,7,,
";
    assert_eq!(text, expected);
}

#[test]
fn quantities_by_group_have_a_line_each() {
    let figure = |metric: &str, part: &str, unit: &str, central: &str| MetricValue {
        metric: metric.into(),
        part: part.into(),
        unit: unit.into(),
        central: Some(central.into()),
        ..Default::default()
    };
    let mut answer = answer();
    answer.rows.truncate(1);
    answer.rows[0].values = vec![
        figure("quantity", "homework", "min", "1234"),
        figure("quantity", "grant", "GBP", "1234"),
        figure("quantity", "visits", "{visit}", "3"),
        figure("entries", "", "{entry}", "1234"),
    ];
    answer.total = None;
    answer.valuation = None;
    answer.definitions = vec![definition("quantity"), definition("entries")];
    let text = Format::default().render(&ValueDocument::from(answer)).unwrap();
    let expected = "\
service         month    entries
──────────────  ───────  ───────
Homework \u{FFFD}help  2025-03    1,234

service         month    measure    quantity
──────────────  ───────  ────────  ─────────
Homework \u{FFFD}help  2025-03  homework  1,234 min
Homework \u{FFFD}help  2025-03  grant        £12.34
Homework \u{FFFD}help  2025-03  visits      3 visit

reflects 1,234 entries of E09000001, to 2025-03-01T12:00:00Z
";
    assert_eq!(text, expected);
}

/// An answer with one compared figure, and one that is a comparison itself.
fn compared() -> QueryValueResponse {
    let mut answer = answer();
    answer.rows.truncate(1);
    let mut figure = value(Some("123450"), (100, 100), &[]);
    let earlier = v1::EarlierFigure { central: Some("120001".into()), coverage: figure.coverage.clone(), ..Default::default() };
    (figure.earlier, figure.change) = (Some(earlier), Some("3449".into()));
    let flag = MetricValue { metric: "cost_shift".into(), unit: "1".into(), central: Some("1".into()), ..Default::default() };
    answer.rows[0].values = vec![figure, flag];
    answer.total = None;
    answer.definitions = vec![definition("citizen_value"), definition("cost_shift")];
    let direction = v1::Direction::LowerIsBetter.into();
    answer.indicator = Some(v1::IndicatorUsed { id: "rough-sleepers".into(), unit: "{person}".into(), decimal_places: 0, direction });
    answer
}

#[test]
fn what_was_stands_beside_what_is() {
    let text = Format::default().render(&ValueDocument::from(compared())).unwrap();
    let expected = "\
service         month    citizen_value     before  change  cost_shift
──────────────  ───────  ─────────────  ─────────  ──────  ──────────
Homework \u{FFFD}help  2025-03      £1,234.50  £1,200.01  £34.49           1

outcomes of rough-sleepers, in {person}: lower is better
before: the same in the period or unit compared with; the change is rounded from exact amounts
";
    assert!(text.starts_with(expected), "{text}");
    let mut answer = compared();
    answer.rows[0].keys.clear();
    let text = Format::default().render(&ValueDocument::from(answer)).unwrap();
    assert!(text.contains("citizen_value  £1,234.50  £1,200.01  £34.49"), "{text}");
}

#[test]
fn csv_and_json_have_what_was_where_something_is_compared() {
    let text = Format { json: false, csv: true }.render(&ValueDocument::from(compared())).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("covered,covered_of,earlier,change"), "{text}");
    assert!(lines[1].ends_with("100,100,120001,3449") && lines[2].ends_with(",,,"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&Format { json: true, csv: false }.render(&ValueDocument::from(compared())).unwrap()).unwrap();
    assert_eq!(json["rows"][0]["values"][0]["earlier"]["change"], "3449");
    assert_eq!(json["rows"][0]["values"][0]["earlier"]["coverage"]["covered"], 100);
    assert_eq!((&json["rows"][0]["values"][1]["earlier"], &json["indicator"]["direction"]), (&serde_json::Value::Null, &"LOWER_IS_BETTER".into()));
}

#[test]
fn parts_of_measures_have_a_line_each_and_so_has_the_total() {
    let figure = |part: &str, central: Option<&str>, covered| MetricValue {
        metric: "concentration".into(),
        part: part.into(),
        unit: if part.ends_with("actors") { "{actor}".into() } else { "1".into() },
        central: central.map(String::from),
        coverage: Some(v1::Coverage { of: "entries with an actor".into(), covered, total: 10, unpriced_measures: vec![] }),
        ..Default::default()
    };
    let row = |keys: Vec<GroupKey>, gini: Option<&str>, covered| ValueRow {
        keys,
        values: vec![figure("help gini", gini, covered), figure("help actors", Some("1234"), covered)],
    };
    let answer = QueryValueResponse {
        rows: vec![row(vec![key(Dimension::Service, "care", "Care")], Some("0.550000"), 10)],
        total: Some(row(vec![], None, 9)),
        definitions: vec![definition("concentration")],
        ..Default::default()
    };
    let text = Format::default().render(&ValueDocument::from(answer)).unwrap();
    let expected = "\
service  metric                        value  rests on
───────  ─────────────────────────  ────────  ──────────────────
Care     concentration help gini    0.550000
Care     concentration help actors     1,234
all      concentration help gini           —  90 % with an actor
all      concentration help actors     1,234  90 % with an actor
";
    assert!(text.starts_with(expected), "{text}");
}
