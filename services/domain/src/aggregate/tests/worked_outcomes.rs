//! A small history of outcomes whose every figure can be worked out with a pencil.
//!
//! ```text
//! tutoring   helping    600 min in 2024 (£120)     900 min in 2025 (£180)      20p a minute
//!            teaching 2,000 min in 2024 (£1,000) 1,800 min in 2025 (£900)      50p a minute
//!            attendance, %, higher is better:
//!               ward:1  90.0 of 100 pupils in 2024, 91.0 of 100 in 2025
//!               ward:2  80.0 of 300 pupils in 2024, 70.0 and then, replaced, 84.0 of 200 in 2025; 10.0 of 1,000 reversed
//!            exclusions, lower is better: 40 in 2024, 44 in 2025
//! parks      helping     60 min in 2025 (£12), and no more; attendance 50.0 of 1 in 2024, 60.0 of 1 in 2025
//! ```

use super::history::{COUNCIL, Event, Gift, Rate, Seen, folded};
use crate::aggregate::{Comparison, Error, Filters, Question, ValuationAsked, aggregate};
use crate::date::{Date, Span};
use crate::event::Side;
use crate::metrics::{self, Answer, Dimension, Money, Partial};

fn span(start: &str, end: &str) -> Span {
    Span { start: Date::parse(start).unwrap(), end: Date::parse(end).unwrap() }
}

fn year(number: i32) -> Span {
    span(&format!("{number}-01-01"), &format!("{number}-12-31"))
}

fn gave(id: u128, side: Side, service: &'static str, measure: &'static str, quantity: i64, day: &str) -> Event {
    let (exchange, party, occurred) = (String::new(), String::new(), span(day, day));
    Event::Gift(Gift { id, side, service, measure, quantity, area: "ward:1", exchange, evidence: 3, occurred, party })
}

fn saw(id: u128, service: &'static str, indicator: &'static str, area: &'static str, period: Span, numerator: i64, denominator: i64) -> Event {
    Event::Outcome(Seen { id, source: "office", service, indicator, area, period, numerator, denominator })
}

fn catalogue() -> Vec<Event> {
    let rate = |measure, central| Rate { measure, per_quantity: 60, low: central, central, high: central, from: "" };
    vec![
        Event::Service("tutoring"),
        Event::Service("parks"),
        Event::Measure("helping", Side::Citizen, "min", ""),
        Event::Measure("teaching", Side::State, "min", ""),
        Event::Measure("visits", Side::State, "{visit}", ""),
        Event::Valuation("floor", 1, vec![rate("helping", 1_200), rate("teaching", 3_000)]),
        Event::Indicator("attendance", "%", 1, 1),
        Event::Indicator("exclusions", "{exclusion}", 0, 2),
    ]
}

fn history() -> Vec<Event> {
    let mut events = catalogue();
    events.extend([
        gave(1, Side::Citizen, "tutoring", "helping", 600, "2024-03-01"),
        gave(2, Side::State, "tutoring", "teaching", 2_000, "2024-06-01"),
        gave(3, Side::Citizen, "tutoring", "helping", 900, "2025-03-01"),
        gave(4, Side::State, "tutoring", "teaching", 1_800, "2025-06-01"),
        gave(5, Side::Citizen, "parks", "helping", 60, "2025-03-01"),
        saw(11, "tutoring", "attendance", "ward:1", year(2024), 90_000, 100),
        saw(12, "tutoring", "attendance", "ward:2", year(2024), 240_000, 300),
        saw(13, "tutoring", "attendance", "ward:1", year(2025), 91_000, 100),
        saw(14, "tutoring", "attendance", "ward:2", year(2025), 140_000, 200),
        saw(15, "tutoring", "attendance", "ward:2", year(2025), 168_000, 200),
        saw(16, "tutoring", "attendance", "ward:2", year(2025), 100_000, 1_000),
        Event::OutcomeReversal(16, "office"),
        saw(17, "tutoring", "exclusions", "", year(2024), 40, 1),
        saw(18, "tutoring", "exclusions", "", year(2025), 44, 1),
        saw(19, "parks", "attendance", "", year(2024), 500, 1),
        saw(20, "parks", "attendance", "", year(2025), 600, 1),
    ]);
    events
}

/// One service's 2025 beside its 2024.
fn question(names: &[&str], service: &str, indicator: &str) -> Question {
    let metrics: Vec<_> = names.iter().map(|name| metrics::find(name).unwrap()).collect();
    let filters = Filters { services: vec![service.into()], start: Some(year(2025).start), end: Some(year(2025).end), ..Filters::default() };
    Question {
        filters,
        valuation: Some(ValuationAsked { id: "floor".into(), version: None }),
        needs: metrics::needs(metrics),
        indicator: Some(indicator.into()),
        comparison: Some(Comparison::With { start: year(2024).start, end: year(2024).end }),
        ..Question::default()
    }
}

/// Figures as lines: part, value with its unit, what it was and how it changed.
fn figures(name: &str, partial: &Partial, answer: &Answer) -> Vec<String> {
    let money = Money { currency: answer.valuation.as_ref().map_or("", |used| &used.currency), denominator: answer.denominator };
    let shown = |figure: metrics::Figure| {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".into());
        let range = match (&figure.low, &figure.high) {
            (Some(low), Some(high)) if low != high => format!(" ({low} to {high})"),
            _ => String::new(),
        };
        let earlier = figure.earlier.as_ref().map(|earlier| format!(", was {}, change {}", text(&earlier.central), text(&figure.change)));
        format!("{} {}{range} {}{}", figure.part, text(&figure.central), figure.unit, earlier.unwrap_or_default()).trim().to_owned()
    };
    metrics::find(name).unwrap().evaluate(partial, money).into_iter().map(shown).collect()
}

fn total(name: &str, service: &str, indicator: &str) -> Vec<String> {
    let answer = aggregate(&folded(&history()), COUNCIL, &question(&[name], service, indicator)).unwrap();
    figures(name, &answer.total, &answer)
}

#[test]
fn an_outcome_is_the_sum_of_numerators_by_that_of_denominators() {
    // (91,000 + 168,000) ÷ 300 = 863.33 tenths; (90,000 + 240,000) ÷ 400 = 825. The change is 3.83, not 86.3 - 82.5 by luck.
    assert_eq!(total("outcome", "tutoring", "attendance"), ["86.3 %, was 82.5, change 3.8"]);
    assert_eq!(total("outcome", "tutoring", "exclusions"), ["44 {exclusion}, was 40, change 4"]);
    let answer = aggregate(&folded(&history()), COUNCIL, &question(&["outcome"], "tutoring", "attendance")).unwrap();
    let figure = metrics::find("outcome").unwrap().evaluate(&answer.total, Money { currency: "", denominator: 1 }).remove(0);
    assert_eq!((figure.numerator.as_deref(), figure.denominator.as_deref()), (Some("259000"), Some("300")));
    assert_eq!(figure.earlier.unwrap().numerator.as_deref(), Some("330000"));
    assert_eq!(total("outcome", "nowhere", "attendance"), ["none %, was none, change none"]);
}

#[test]
fn money_and_ratios_are_compared_too() {
    assert_eq!(total("citizen_value", "tutoring", "attendance"), ["18000 GBP{minor}, was 12000, change 6000"]);
    // 180 ÷ 900 less 120 ÷ 1,000.
    assert_eq!(total("leverage", "tutoring", "attendance"), ["0.200000 1, was 0.120000, change 0.080000"]);
    assert_eq!(total("entries", "parks", "attendance"), ["1 {entry}, was 0, change 1"]);
    assert_eq!(total("quantity", "parks", "attendance"), ["helping 60 min, was 0, change 60"]);
    // Nothing was recorded of parks in 2024, so that nothing had a price: that is no value, and no change.
    assert_eq!(total("citizen_value", "parks", "attendance"), ["1200 GBP{minor}, was none, change none"]);
}

#[test]
fn improvement_for_money_and_effort_for_improvement() {
    // ΔO = 259,000 ÷ 3,000 - 330,000 ÷ 4,000 = 23/6 of a per cent. 23/6 ÷ 900 = 23/5,400; 180 ÷ 23/6 = 1,080/23.
    assert_eq!(total("outcome_per_pound", "tutoring", "attendance"), ["0.004259 %/GBP"]);
    assert_eq!(total("effort_per_outcome", "tutoring", "attendance"), ["46.956522 GBP/%"]);
    let answer = aggregate(&folded(&history()), COUNCIL, &question(&["outcome_per_pound"], "tutoring", "attendance")).unwrap();
    let figure =
        metrics::find("outcome_per_pound").unwrap().evaluate(&answer.total, Money { currency: "GBP", denominator: answer.denominator }).remove(0);
    assert_eq!((figure.numerator.as_deref(), figure.denominator.as_deref()), (Some("23"), Some("5400")));
    // Four more exclusions are an improvement of -4, and no effort buys that.
    assert_eq!(total("outcome_per_pound", "tutoring", "exclusions"), ["-0.004444 {exclusion}/GBP"]);
    assert_eq!(total("effort_per_outcome", "tutoring", "exclusions"), ["none GBP/{exclusion}"]);
    // The state gave parks nothing; £12 of help for ten per cent.
    assert_eq!(total("outcome_per_pound", "parks", "attendance"), ["none %/GBP"]);
    assert_eq!(total("effort_per_outcome", "parks", "attendance"), ["1.200000 GBP/%"]);
    // Nobody looked at exclusions in parks.
    assert_eq!(total("effort_per_outcome", "parks", "exclusions"), ["none GBP/{exclusion}"]);
}

#[test]
fn cost_is_shifted_where_the_state_gives_less_citizens_more_and_nothing_is_better() {
    let changes = ["citizen change 6000 GBP{minor}", "state change -10000 GBP{minor}"];
    let shift = total("cost_shift", "tutoring", "exclusions");
    assert_eq!((shift[0].as_str(), &shift[1..3], shift[3].as_str()), ("1 1", &changes.map(String::from)[..], "outcome change 4 {exclusion}"));
    let improved = total("cost_shift", "tutoring", "attendance");
    assert_eq!((improved[0].as_str(), improved[3].as_str()), ("0 1", "outcome change 3.8 %"));
    // Of parks the state gave nothing in both years: it did not fall.
    assert_eq!(total("cost_shift", "parks", "attendance")[..3], ["0 1", "citizen change 1200 GBP{minor}", "state change 0 GBP{minor}"]);
    let unknown = ["none 1", "citizen change 1200 GBP{minor}", "state change 0 GBP{minor}", "outcome change none {exclusion}"];
    assert_eq!(total("cost_shift", "parks", "exclusions"), unknown);
}

#[test]
fn cost_shift_does_not_guess_what_has_no_price() {
    let mut events = history();
    events.retain(|event| !matches!(event, Event::Gift(Gift { id: 4, .. })));
    let ask = |events: &[Event]| {
        let answer = aggregate(&folded(events), COUNCIL, &question(&["cost_shift"], "tutoring", "exclusions")).unwrap();
        figures("cost_shift", &answer.total, &answer)
    };
    // The state withdrew altogether.
    assert_eq!(ask(&events)[..3], ["1 1", "citizen change 6000 GBP{minor}", "state change -100000 GBP{minor}"]);
    // It gave visits, which nobody has a price for.
    events.push(gave(6, Side::State, "tutoring", "visits", 3, "2025-02-01"));
    assert_eq!(ask(&events)[..3], ["none 1", "citizen change 6000 GBP{minor}", "state change none GBP{minor}"]);
}

/// Keys and one figure of each group.
fn rows(answer: &Answer, name: &str) -> Vec<String> {
    let key = |key: &metrics::GroupKey| {
        format!("{}{}{}", key.value, if key.coarser { " coarser" } else { "" }, if key.overlaps { " overlaps" } else { "" })
    };
    let row = |partial: &Partial| {
        let keys: Vec<_> = partial.keys.iter().map(key).collect();
        format!("{}: {}", keys.join(" | "), figures(name, partial, answer).join("; "))
    };
    answer.groups.iter().map(row).collect()
}

#[test]
fn each_unit_is_compared_with_the_one_before() {
    let ask = |name: &str, by: Dimension, start: Option<&str>| {
        let filters = Filters { services: vec!["tutoring".into()], start: start.and_then(Date::parse), ..Filters::default() };
        let comparison = Some(Comparison::Previous);
        let asked = Question { filters, comparison, group_by: vec![by], ..question(&[name], "tutoring", "attendance") };
        let mut answer = aggregate(&folded(&history()), COUNCIL, &asked).unwrap();
        answer.keep_present();
        (rows(&answer, name), figures(name, &answer.total, &answer))
    };
    let (years, total) = ask("outcome", Dimension::Year, None);
    assert_eq!(years, ["2024: 82.5 %, was none, change none", "2025: 86.3 %, was 82.5, change 3.8"]);
    // All of both years: 589,000 ÷ 700. Before all of them there is no unit.
    assert_eq!(total, ["84.1 %"]);
    // The unit before the first of the period is looked up outside it.
    assert_eq!(ask("outcome", Dimension::Year, Some("2025-01-01")).0, ["2025: 86.3 %, was 82.5, change 3.8"]);
    assert_eq!(ask("cost_shift", Dimension::Year, Some("2025-01-01")).0[0].split("; ").next(), Some("2025: 0 1"));
    // Observations of a year are longer than a quarter, and are not compared with one. No quarter follows another here but those that are empty.
    let (quarters, _) = ask("entries", Dimension::Quarter, None);
    assert_eq!(quarters[0], "2024-Q1: 1 {entry}, was 0, change 1");
    let (months, _) = ask("outcome", Dimension::Month, None);
    assert_eq!(months, ["2024 coarser: 82.5 %", "2025 coarser: 86.3 %"]);
}

#[test]
fn what_only_overlaps_a_period_is_apart_in_both() {
    let mut half = question(&["outcome"], "tutoring", "attendance");
    half.filters.start = Date::parse("2025-07-01");
    half.comparison = Some(Comparison::With { start: Date::parse("2025-01-01").unwrap(), end: Date::parse("2025-06-30").unwrap() });
    let answer = aggregate(&folded(&history()), COUNCIL, &half).unwrap();
    assert_eq!(rows(&answer, "outcome"), ["2025 overlaps: 86.3 %, was 86.3, change 0.0"]);
    assert_eq!(figures("outcome", &answer.total, &answer), ["none %, was none, change none"]);
}

/// £0, £1, £2 and £3 of help in four months, and attendance of 1, 3, 2 and 6 per cent: the line of `metrics::association`'s own test.
fn months() -> Vec<Event> {
    let mut events = catalogue();
    for (month, attendance) in [10, 30, 20, 60].into_iter().enumerate() {
        let first = format!("2025-{:02}-01", month + 1);
        let last = ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30"][month];
        events.push(saw(100 + month as u128, "tutoring", "attendance", "ward:1", span(&first, last), attendance * 7, 7));
        if month > 0 {
            events.push(gave(200 + month as u128, Side::Citizen, "tutoring", "helping", 5 * month as i64, &first));
        }
    }
    events
}

#[test]
fn outcomes_move_with_what_citizens_give() {
    let ask = |events: &[Event], indicator: &str| {
        let asked = Question { filters: Filters::default(), comparison: None, ..question(&["amenability"], "", indicator) };
        let answer = aggregate(&folded(events), COUNCIL, &asked).unwrap();
        figures("amenability", &answer.total, &answer)
    };
    let expected = [
        "RELATIONAL citizen observations 4 {observation}",
        "RELATIONAL citizen slope, association only 1.40000 (-1.38844 to 4.18844) %/(GBP/mo)",
        "RELATIONAL state observations 4 {observation}",
        "RELATIONAL state slope, association only none %/(GBP/mo)",
    ];
    assert_eq!(ask(&months(), "attendance"), expected);
    // A month in which only visits were given, which have no price, is not £0 of the state's side.
    let mut events = months();
    events.push(gave(300, Side::State, "tutoring", "visits", 1, "2025-02-03"));
    assert_eq!(ask(&events, "attendance")[2], "RELATIONAL state observations 3 {observation}");
    assert!(ask(&months(), "exclusions").is_empty());
}

#[test]
fn questions_of_outcomes_that_cannot_be_asked() {
    let rows_of = folded(&history());
    let refused = |question: &Question| match aggregate(&rows_of, COUNCIL, question) {
        Err(Error::Refused(fields)) => fields.into_iter().map(|about| format!("{} {}", about.field, about.description)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let asked = || question(&["outcome"], "tutoring", "attendance");
    let by_side = refused(&Question { group_by: vec![Dimension::Side], ..asked() });
    assert!(by_side[0].starts_with("group_by[0] outcome cannot be grouped by side: it is about outcomes"), "{by_side:?}");
    assert!(refused(&Question { indicator: None, ..asked() })[0].starts_with("indicator is required"));
    let unknown = aggregate(&rows_of, COUNCIL, &Question { indicator: Some("exclusion".into()), ..asked() }).unwrap_err();
    assert_eq!(unknown.to_string(), "the council has not defined the indicator exclusion; nearest to it are exclusions, attendance");
    let unknown = aggregate(&folded(&[]), COUNCIL, &Question { valuation: None, ..asked() }).unwrap_err();
    assert_eq!(unknown.to_string(), "the council has not defined the indicator attendance and no other");
}
