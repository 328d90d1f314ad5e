//! A small history whose every figure can be worked out with a pencil.
//!
//! ```text
//! plan-7  ana       90 min  helping    3 Mar     school  45 min  teaching  5 Mar
//! plan-8  ben       30 min  helping   10 Mar
//! plan-9                                         £100.00 cash 2 Apr, £25.00 of it back 12 Apr
//! –       somebody  60 min  helping   in 2025, nobody knows when
//! –       ana        7      reports    3 Mar     (no price)
//! –       cat      500 min  helping    3 Mar     reversed
//! ```
//!
//! A minute of help is worth 20p (low 10p, high 30p), one of teaching 50p.

use super::history::{COUNCIL, Event, Gift, Rate, folded};
use crate::aggregate::{Error, Filters, Question, ValuationAsked, aggregate};
use crate::date::{Date, Span};
use crate::event::Side;
use crate::metrics::{self, Answer, Dimension, Money, Partial};

/// The whole of 2025.
const YEAR: Span = Span { start: Date(20_089), end: Date(20_453) };

fn day(text: &str) -> Span {
    Span::day(Date::parse(text).unwrap())
}

fn gift(id: u128, side: Side, measure: &'static str, quantity: i64, exchange: &str, occurred: Span, party: &str) -> Event {
    let (service, exchange, party) = ("tutoring", exchange.to_owned(), party.to_owned());
    Event::Gift(Gift { id, side, service, measure, quantity, area: "ward:1", exchange, evidence: 3, occurred, party })
}

fn history() -> Vec<Event> {
    let rate = |measure, per_quantity, low, central, high| Rate { measure, per_quantity, low, central, high, from: "" };
    vec![
        Event::Service("tutoring"),
        Event::Measure("helping", Side::Citizen, "min", ""),
        Event::Measure("reports", Side::Citizen, "{item}", ""),
        Event::Measure("teaching", Side::State, "min", ""),
        Event::Measure("cash", Side::State, "GBP", ""),
        Event::Measure("cash-back", Side::State, "GBP", "cash"),
        Event::Valuation("floor", 1, vec![rate("helping", 60, 600, 1_200, 1_800), rate("teaching", 60, 3_000, 3_000, 3_000)]),
        gift(1, Side::Citizen, "helping", 90, "plan-7", day("2025-03-03"), "ana"),
        gift(2, Side::State, "teaching", 45, "plan-7", day("2025-03-05"), ""),
        gift(3, Side::Citizen, "helping", 30, "plan-8", day("2025-03-10"), "ben"),
        gift(4, Side::State, "cash", 10_000, "plan-9", day("2025-04-02"), ""),
        gift(5, Side::State, "cash-back", 2_500, "plan-9", day("2025-04-12"), ""),
        gift(6, Side::Citizen, "helping", 60, "", YEAR, ""),
        gift(7, Side::Citizen, "reports", 7, "", day("2025-03-03"), "ana"),
        gift(8, Side::Citizen, "helping", 500, "", day("2025-03-03"), "cat"),
        Event::Reversal(8),
    ]
}

fn question(names: &[&str], group_by: &[Dimension]) -> Question {
    let metrics: Vec<_> = names.iter().map(|name| metrics::find(name).unwrap()).collect();
    let valuation = Some(ValuationAsked { id: "floor".into(), version: None });
    Question { needs: metrics::needs(metrics), group_by: group_by.to_vec(), valuation, ..Question::default() }
}

fn money(answer: &Answer) -> Money<'_> {
    Money { currency: answer.valuation.as_ref().map_or("", |used| &used.currency), denominator: answer.denominator }
}

/// Figures of a group as lines: part, value with its unit, what it rests on.
fn figures(name: &str, partial: &Partial, money: Money<'_>) -> Vec<String> {
    let metric = metrics::find(name).unwrap();
    let shown = |figure: metrics::Figure| {
        let range = match (&figure.low, &figure.high) {
            (Some(low), Some(high)) => format!(" ({low} to {high})"),
            _ => String::new(),
        };
        let coverage = figure.coverage.map(|coverage| format!(", {} of {}", coverage.covered, coverage.total)).unwrap_or_default();
        let value = figure.central.unwrap_or_else(|| "none".into());
        format!("{} {value}{range} {}{coverage}", figure.part, figure.unit).trim().to_owned()
    };
    metric.evaluate(partial, money).into_iter().map(shown).collect()
}

fn total(name: &str) -> Vec<String> {
    let answer = aggregate(&folded(&history()), COUNCIL, &question(&[name], &[])).unwrap();
    figures(name, &answer.total, money(&answer))
}

#[test]
fn the_whole_scope_in_figures() {
    // C = (90 + 30 + 60) × 20p; G = 45 × 50p + £100 − £25; matched: 90 × 20p + 45 × 50p.
    assert_eq!(total("citizen_value"), ["3600 (1800 to 5400) GBP{minor}, 3 of 4"]);
    assert_eq!(total("state_value"), ["9750 (9750 to 9750) GBP{minor}, 3 of 3"]);
    assert_eq!(total("co_produced_value"), ["4050 (3150 to 4950) GBP{minor}, 2 of 2"]);
    // 3600 ÷ 13350 and 3600 ÷ 9750.
    assert_eq!(total("citizen_share"), ["0.269663 1, 6 of 7"]);
    assert_eq!(total("leverage"), ["0.369231 1, 6 of 7"]);
    // plan-7: c = 1800, g = 2250; plan-8: c = 600; plan-9: g = 7500. 2 × 1800 ÷ (4050 + 600 + 7500).
    assert_eq!(total("reciprocity"), ["0.296296 1, 3 of 3"]);
    assert_eq!(total("response_rate"), ["0.333333 1"]);
    assert_eq!(total("match_latency"), ["p50 2 d", "p90 2 d"]);
    let one_sided = ["citizen count 1 {exchange}", "citizen value 600 (300 to 900) GBP{minor}, 1 of 1"];
    assert_eq!(total("one_sided")[..2], one_sided);
    assert_eq!(total("one_sided")[2..], ["state count 1 {exchange}", "state value 7500 (7500 to 7500) GBP{minor}, 1 of 1"]);
    // Ana and Ben; the sixty minutes were somebody's.
    assert_eq!(total("participants"), ["2 {actor}, 3 of 4"]);
    assert_eq!(total("quantity"), ["cash 7500 GBP", "helping 180 min", "reports 7 {item}", "teaching 45 min"]);
    assert_eq!(total("entries"), ["7 {entry}"]);
}

#[test]
fn numerators_are_whole_and_the_unpriced_are_named() {
    let answer = aggregate(&folded(&history()), COUNCIL, &question(&["citizen_share", "reciprocity"], &[])).unwrap();
    let figure = |name: &str| metrics::find(name).unwrap().evaluate(&answer.total, money(&answer)).remove(0);
    let share = figure("citizen_share");
    assert_eq!((share.numerator.as_deref(), share.denominator.as_deref()), (Some("3600"), Some("13350")));
    assert_eq!(share.coverage.unwrap().unpriced_measures, ["reports"]);
    let reciprocity = figure("reciprocity");
    assert_eq!((reciprocity.numerator.as_deref(), reciprocity.denominator.as_deref()), (Some("3600"), Some("12150")));
}

/// Keys and one figure of each group.
fn rows(answer: &Answer, name: &str) -> Vec<String> {
    let key = |key: &metrics::GroupKey| {
        format!("{}{}{}", key.value, if key.coarser { " coarser" } else { "" }, if key.overlaps { " overlaps" } else { "" })
    };
    let row = |partial: &Partial| {
        let keys: Vec<_> = partial.keys.iter().map(key).collect();
        format!("{}: {}", keys.join(" | "), figures(name, partial, money(answer)).join("; "))
    };
    answer.groups.iter().map(row).collect()
}

#[test]
fn what_is_longer_than_a_month_is_a_row_of_its_own() {
    let answer = aggregate(&folded(&history()), COUNCIL, &question(&["citizen_value", "response_rate"], &[Dimension::Month])).unwrap();
    let values = [
        "2025 coarser: 1200 (600 to 1800) GBP{minor}, 1 of 1",
        "2025-03: 2400 (1200 to 3600) GBP{minor}, 2 of 3",
        "2025-04: none GBP{minor}, 0 of 0",
    ];
    assert_eq!(rows(&answer, "citizen_value"), values);
    assert_eq!(rows(&answer, "response_rate"), ["2025 coarser: none 1", "2025-03: 0.500000 1", "2025-04: 0.000000 1"]);
}

#[test]
fn what_only_overlaps_the_period_is_apart() {
    let rows_of = folded(&history());
    let ask = |group_by: &[Dimension], start: &str, end: &str| {
        let filters = Filters { start: Date::parse(start), end: Date::parse(end), ..Filters::default() };
        aggregate(&rows_of, COUNCIL, &Question { filters, ..question(&["quantity"], group_by) }).unwrap()
    };
    let march = ask(&[Dimension::Service], "2025-03-01", "2025-03-31");
    assert_eq!(
        rows(&march, "quantity"),
        ["tutoring: helping 120 min; reports 7 {item}; teaching 45 min", "tutoring | 2025 overlaps: helping 60 min"]
    );
    assert_eq!(march.total.measures.iter().map(|measure| measure.quantity).collect::<Vec<_>>(), [120, 7, 45]);
    let by_month = ask(&[Dimension::Month], "2025-03-10", "2025-04-30");
    assert_eq!(rows(&by_month, "quantity"), ["2025 coarser overlaps: helping 60 min", "2025-03: helping 30 min", "2025-04: cash 7500 GBP"]);
    let year = ask(&[], "2025-01-01", "2025-12-31");
    assert_eq!(rows(&year, "quantity"), [": cash 7500 GBP; helping 180 min; reports 7 {item}; teaching 45 min"]);
}

#[test]
fn only_old_one_sided_exchanges_are_counted() {
    let rows_of = folded(&history());
    let ask = |days, today: &str| {
        let question = Question { one_sided_older_than_days: days, today: Date::parse(today), ..question(&["one_sided"], &[]) };
        let exchanges = aggregate(&rows_of, COUNCIL, &question).unwrap().total.exchanges;
        (exchanges.one_sided_citizen, exchanges.one_sided_state)
    };
    // Their first days are 10 March and 2 April.
    assert_eq!([ask(0, "2025-03-01"), ask(30, "2025-04-08"), ask(30, "2025-04-09"), ask(30, "2025-05-02")], [(1, 1), (0, 0), (1, 0), (1, 1)]);
}

#[test]
fn questions_that_cannot_be_asked() {
    let rows_of = folded(&history());
    let refused = |question: &Question| match aggregate(&rows_of, COUNCIL, question) {
        Err(Error::Refused(fields)) => fields.into_iter().map(|about| about.field).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&question(&["response_rate"], &[Dimension::Service, Dimension::Measure])), ["group_by[1]"]);
    assert_eq!(refused(&Question { one_sided_older_than_days: 3, ..question(&["one_sided"], &[]) }), ["today"]);
    let (start, end) = (Date::parse("2025-03-02"), Date::parse("2025-03-01"));
    let filters = Filters { start, end, sides: vec![Side::State], ..Filters::default() };
    assert_eq!(refused(&Question { filters, ..question(&["reciprocity"], &[]) }), ["scope.sides", "scope.period_end"]);
    let valuation = Some(ValuationAsked { id: "floor".into(), version: Some(2) });
    let unknown = aggregate(&rows_of, COUNCIL, &Question { valuation, ..question(&["citizen_value"], &[]) }).unwrap_err();
    assert_eq!(unknown.to_string(), "the council has not published the valuation floor in version 2");
}

#[test]
fn amounts_that_do_not_fit_are_an_error_not_a_number() {
    let most = 1_000_000_000_000_000;
    let rate = |measure, per_quantity, central| Rate { measure, per_quantity, low: central, central, high: central, from: "" };
    // 10^15 × 10^12 × 10^9 = 10^36 each: 170 of them are more than 2^127.
    let mut events = vec![
        Event::Service("tutoring"),
        Event::Measure("helping", Side::Citizen, "min", ""),
        Event::Valuation("floor", 1, vec![rate("helping", 1, 1_000_000_000_000), rate("other", 1_000_000_000, 1)]),
    ];
    events.extend((0..171).map(|id| gift(id, Side::Citizen, "helping", most, "", day("2025-03-03"), "")));
    let answer =
        |events: &[Event]| aggregate(&folded(events), COUNCIL, &question(&["citizen_value"], &[])).map(|answer| answer.total.citizen.value.central);
    assert_eq!(answer(&events[..173]).unwrap(), 170 * 10i128.pow(36));
    assert!(matches!(answer(&events), Err(Error::Overflow)));
}
