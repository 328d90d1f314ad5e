//! Comparisons as of a point, of what residents and deciles are asked for, and beside an explained change.

use super::areas::AreaRow;
use super::history::{COUNCIL, Event, Gift, folded};
use crate::aggregate::{AsOf, Comparison, Error, Filters, Question, Start, explain};
use crate::date::{Date, Span};
use crate::event::Side;
use crate::metrics::{self, Answer, Dimension, Money, Partial};

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn gave(id: u128, party: &str, area: &'static str, quantity: i64, on: &str) -> Event {
    let (exchange, occurred) = (String::new(), Span::day(day(on)));
    let (side, service, measure, evidence) = (Side::Citizen, "care", "help", 1);
    Event::Gift(Gift { id, side, service, measure, quantity, area, exchange, evidence, occurred, party: party.to_owned() })
}

fn area(area: &'static str, decile: i64, population: i64) -> Event {
    Event::Area(AreaRow { area, vintage: "imd2025", parent: "", decile, population })
}

/// ```text
/// 0, 1     care, help
/// 2, 3     ward:9: 100 residents, decile 1; ward:10: 300 residents, decile 2
/// 4        ana    10 min in ward:9 in 2024
/// 5, 6     ana and ben 30 and 20 min in ward:9 in 2025
/// 7        cai     5 min in ward:10 in 2024
/// 8        the first is reversed
/// ```
fn history() -> Vec<Event> {
    vec![
        Event::Service("care"),
        Event::Measure("help", Side::Citizen, "min", ""),
        area("ward:9", 1, 100),
        area("ward:10", 2, 300),
        gave(1, "ana", "ward:9", 10, "2024-03-03"),
        gave(2, "ana", "ward:9", 30, "2025-03-03"),
        gave(3, "ben", "ward:9", 20, "2025-04-03"),
        gave(4, "cai", "ward:10", 5, "2024-05-05"),
        Event::Reversal(1),
    ]
}

/// 2025 beside 2024.
fn question(metric: &str, group_by: &[Dimension], as_of: Option<u64>) -> Question {
    let comparison = Some(Comparison::With { start: day("2024-01-01"), end: day("2024-12-31") });
    let filters = Filters { start: Some(day("2025-01-01")), end: Some(day("2025-12-31")), ..Filters::default() };
    let (needs, group_by) = (metrics::find(metric).unwrap().needs, group_by.to_vec());
    Question { filters, group_by, needs, comparison, as_of: as_of.map(AsOf::Sequence), ..Question::default() }
}

fn asked(question: &Question) -> Answer {
    let mut answer = explain(&folded(&history()), COUNCIL, question, None).unwrap().answer;
    answer.attach_residents().unwrap();
    answer
}

/// Each figure with its earlier one and the change.
fn shown(metric: &str, partial: &Partial) -> Vec<String> {
    let figures = metrics::find(metric).unwrap().evaluate(partial, Money { currency: "", denominator: 1 });
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".into());
    let line = |figure: metrics::Figure| {
        let earlier = figure.earlier.unwrap_or_default().central;
        format!("{} {} {} {}", figure.part, text(figure.central), text(earlier), text(figure.change))
    };
    figures.into_iter().map(line).collect()
}

#[test]
fn both_periods_are_as_of_the_point() {
    let at = |as_of| shown("quantity", &asked(&question("quantity", &[], as_of)).total);
    assert_eq!(at(Some(5)), ["help 30 10 20"]);
    assert_eq!(at(Some(7)), ["help 50 15 35"]);
    assert_eq!(at(Some(8)), ["help 50 5 45"]);
    assert_eq!(at(None), at(Some(8)));
    assert_eq!(at(Some(4)), ["help 0 10 -10"]);
}

#[test]
fn residents_are_those_of_both_periods() {
    let answer = asked(&question("participation_rate", &[Dimension::Area], None));
    let of = |answer: &Answer, value: &str| {
        let group = answer.groups.iter().find(|group| group.keys[0].value == value).unwrap();
        shown("participation_rate", group).remove(0)
    };
    // The first was reversed, so nobody took part in ward:9 in 2024; in ward:10 nobody did in 2025.
    assert_eq!(of(&answer, "ward:9"), " 0.020000 0.000000 0.020000");
    assert_eq!(of(&answer, "ward:10"), " 0.000000 0.003333 -0.003333");
    // Two of 400, and one.
    assert_eq!(shown("participation_rate", &answer.total), [" 0.005000 0.002500 0.002500"]);
}

#[test]
fn deciles_are_compared_one_by_one() {
    let answer = asked(&question("equity", &[Dimension::Service], None));
    let part = |partial: &Partial, name: &str| shown("equity", partial).into_iter().find(|line| line.starts_with(name)).unwrap();
    for partial in [&answer.total, &answer.groups[0]] {
        assert_eq!(part(partial, "help decile 1 "), "help decile 1 per head 0.500000 0.000000 0.500000");
        assert_eq!(part(partial, "help decile 2 "), "help decile 2 per head 0.000000 0.016667 -0.016667");
        // All from the quarter that is worst off: 1/4 - 1; all from the other three: 1/4.
        assert_eq!(part(partial, "help concentration"), "help concentration index -0.750000 0.250000 -1.000000");
    }
}

#[test]
fn a_unit_without_anything_is_dropped_though_it_has_deciles() {
    let filters = Filters { start: Some(day("2025-03-01")), end: Some(day("2025-05-31")), ..Filters::default() };
    let monthly = question("equity", &[Dimension::Month], None);
    let mut answer = asked(&Question { filters, comparison: Some(Comparison::Previous), ..monthly });
    let months = |answer: &Answer| answer.groups.iter().map(|group| group.keys[0].value.clone()).collect::<Vec<_>>();
    assert_eq!(months(&answer), ["2025-03", "2025-04", "2025-05"]);
    answer.keep_present();
    assert_eq!(months(&answer), ["2025-03", "2025-04"]);
}

#[test]
fn who_came_back_stands_beside_the_month_before() {
    let filters = Filters { start: Some(day("2025-03-01")), end: Some(day("2025-04-30")), ..Filters::default() };
    let monthly = question("retention", &[Dimension::Month], None);
    let mut answer = asked(&Question { filters, comparison: Some(Comparison::Previous), ..monthly });
    answer.keep_present();
    let months: Vec<_> = answer.groups.iter().map(|group| (group.keys[0].value.as_str(), shown("retention", group))).collect();
    // Ana came in March and not in April, when Ben did; nobody took part in February.
    let figures = |all: [&str; 3]| all.map(String::from).to_vec();
    assert_eq!(months[0], ("2025-03", figures([" none none none", "new 1 0 1", "lapsed 0 0 0"])));
    assert_eq!(months[1], ("2025-04", figures([" 0.000000 none none", "new 1 1 0", "lapsed 1 0 1"])));
    assert_eq!(months.len(), 2);
}

#[test]
fn a_change_is_not_explained_beside_a_comparison() {
    let fields = |comparison| {
        let question = Question { comparison: Some(comparison), ..question("citizen_value", &[], None) };
        match explain(&folded(&history()), COUNCIL, &question, Some(&Start { as_of: Some(AsOf::Sequence(4)), valuation: None })) {
            Err(Error::Refused(wrong)) => wrong.into_iter().map(|about| about.field).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fields(Comparison::With { start: day("2024-01-01"), end: day("2024-12-31") }), ["compare_start"]);
    assert_eq!(fields(Comparison::Previous), ["compare_previous"]);
}
