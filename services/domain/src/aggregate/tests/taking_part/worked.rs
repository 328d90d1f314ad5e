//! Small histories whose every figure can be worked out with a pencil.

use super::super::history::COUNCIL;
use super::deeds::{Deed, Kind, VALUATION, figures, folded, shown, shown_keys};
use crate::aggregate::{Error, Filters, Question, ValuationAsked, aggregate};
use crate::date::{Date, Span};
use crate::event::Side;
use crate::metrics::{self, AMOUNTS_MAX, Answer, Dimension, Mismatch, Partial};

fn span(text: &str) -> Span {
    let (start, end) = text.split_once("..").unwrap_or((text, text));
    Span { start: Date::parse(start).unwrap(), end: Date::parse(end).unwrap() }
}

/// A contribution; `actor` may be empty.
fn gives(id: u128, actor: &str, quantity: i64, measure: &'static str, when: &str) -> Deed {
    Deed {
        id,
        kind: Kind::Gift(Side::Citizen),
        service: "care",
        measure,
        quantity,
        area: "",
        exchange: String::new(),
        evidence: 1,
        span: span(when),
        actor: actor.into(),
        pledge: 0,
        chooser: None,
    }
}

fn inputs(id: u128, quantity: i64, measure: &'static str, chooser: Option<i64>) -> Deed {
    Deed { kind: Kind::Gift(Side::State), chooser, ..gives(id, "", quantity, measure, "2025-03-03") }
}

fn question(name: &str, group_by: &[Dimension], is_valued: bool) -> Question {
    let valuation = is_valued.then(|| ValuationAsked { id: VALUATION.into(), version: None });
    Question { needs: metrics::find(name).unwrap().needs, group_by: group_by.to_vec(), valuation, ..Question::default() }
}

fn lines(name: &str, answer: &Answer, partial: &Partial) -> Vec<String> {
    figures(name, answer, partial).iter().map(|figure| format!("{} {}", figure.part, shown(figure)).trim().to_owned()).collect()
}

fn total(name: &str, deeds: &[Deed], is_valued: bool) -> Vec<String> {
    let answer = aggregate(&folded(deeds, "%", 2), COUNCIL, &question(name, &[], is_valued)).unwrap();
    lines(name, &answer, &answer.total)
}

/// ```text
///         2019      Jan   Feb   Mar
/// ana               x     x     x
/// ben               x
/// cat     x               x            once "in 2019", nobody knows when
/// dan               x           x
/// eve               ...........        once "from 15 January to 2 February": in no month
/// nobody                  x
/// ```
fn months() -> Vec<Deed> {
    vec![
        gives(1, "ana", 5, "help", "2025-01-03"),
        gives(2, "ana", 5, "help", "2025-02-03"),
        gives(3, "ana", 5, "help", "2025-03-03"),
        gives(4, "ben", 5, "help", "2025-01-31"),
        gives(5, "cat", 5, "help", "2019-01-01..2019-12-31"),
        gives(6, "cat", 5, "votes", "2025-02-28"),
        gives(7, "dan", 5, "help", "2025-01-05..2025-01-09"),
        Deed { service: "parks", ..gives(8, "dan", 5, "help", "2025-03-01") },
        gives(9, "eve", 5, "help", "2025-01-15..2025-02-02"),
        gives(10, "", 5, "help", "2025-02-10"),
    ]
}

#[test]
fn who_came_back() {
    let rows = folded(&months(), "%", 2);
    let ask = |group_by: &[Dimension], start: Option<&str>| {
        let filters = Filters { start: start.and_then(Date::parse), ..Filters::default() };
        let answer = aggregate(&rows, COUNCIL, &Question { filters, ..question("retention", group_by, false) }).unwrap();
        let row = |group: &Partial| format!("{}: {}", shown_keys(&group.keys), lines("retention", &answer, group).join("; "));
        let total = lines("retention", &answer, &answer.total).join("; ");
        (answer.groups.iter().map(row).collect::<Vec<_>>(), total)
    };
    let (by_month, all) = ask(&[Dimension::Month], None);
    let expected = [
        "2019 coarser: none 1, 0 of 1; new none {actor}, 0 of 1; lapsed none {actor}, 0 of 1",
        "2025-01: none 1, 3 of 3; new 3 {actor}, 3 of 3; lapsed 0 {actor}, 3 of 3",
        // Ana, not Ben nor Dan; Cat had given in 2019 and is not new.
        "2025-02: 0.333333 1, 2 of 3; new 0 {actor}, 2 of 3; lapsed 2 {actor}, 2 of 3",
        // Ana, not Cat; Dan had been there in January.
        "2025-03: 0.500000 1, 2 of 2; new 0 {actor}, 2 of 2; lapsed 1 {actor}, 2 of 2",
        "2025-Q1 coarser: none 1, 0 of 1; new none {actor}, 0 of 1; lapsed none {actor}, 0 of 1",
    ];
    assert_eq!(by_month, expected);
    // (1 + 1) ÷ (3 + 2).
    assert_eq!(all, "0.400000 1, 7 of 10; new 3 {actor}, 7 of 10; lapsed 3 {actor}, 7 of 10");
    // The month before the period's first, and all that was before, is read whatever the period.
    let (by_month, all) = ask(&[Dimension::Month], Some("2025-03-01"));
    assert_eq!(by_month, [expected[3].to_owned(), expected[4].replace("coarser", "coarser overlaps")]);
    assert_eq!(all, expected[3].trim_start_matches("2025-03: "));
    // In parks Dan is new, and nobody of care's is missed there.
    let (by_service, all) = ask(&[Dimension::Service, Dimension::Month], Some("2025-03-01"));
    assert_eq!(by_service[0], "care | 2025-03: 0.500000 1, 1 of 1; new 0 {actor}, 1 of 1; lapsed 1 {actor}, 1 of 1");
    assert_eq!(by_service[2], "parks | 2025-03: none 1, 1 of 1; new 1 {actor}, 1 of 1; lapsed 0 {actor}, 1 of 1");
    assert_eq!(all, expected[3].trim_start_matches("2025-03: "));
}

#[test]
fn whoever_gave_in_a_quarter_that_ended_before_is_not_new() {
    let of = |when: &str| {
        let deeds = [gives(1, "cat", 5, "help", when), gives(2, "cat", 5, "help", "2025-01-31")];
        let answer = aggregate(&folded(&deeds, "%", 2), COUNCIL, &question("retention", &[Dimension::Month], false)).unwrap();
        lines("retention", &answer, &answer.total)[1].clone()
    };
    // The quarter ends the day before January begins; the year 2025 does not, and "ever" never does.
    assert_eq!(of("2024-10-01..2024-12-31"), "new 0 {actor}, 1 of 2");
    assert_eq!(of("2025-01-01..2025-12-31"), "new 1 {actor}, 1 of 2");
    assert_eq!(of("2019-10-01..2020-12-31"), "new 1 {actor}, 1 of 2");
}

#[test]
fn how_unequally_they_gave() {
    let deeds = [
        gives(1, "ana", 10, "help", "2025-03-03"),
        gives(2, "ben", 15, "help", "2025-03-03"),
        gives(3, "ben", 5, "help", "2025-04-03"),
        gives(4, "cat", 70, "help", "2025-03-03"),
        // Dan took back more than he gave.
        gives(5, "dan", 50, "help", "2025-03-03"),
        gives(6, "dan", 60, "help-back", "2025-03-03"),
        gives(7, "", 900, "help", "2025-03-03"),
        gives(8, "ana", 3, "ideas", "2025-03-03"),
    ];
    // x = 0, 10, 20, 70: (−3·0 − 10 + 20 + 3·70) ÷ (4·100), and 70 ÷ 100. Six of seven entries of help have an actor. In value each
    // minute is worth the same, and ideas have no price.
    let of = |name: &str, covered: &str| {
        vec![
            format!("{name} gini 0.550000 1, {covered}"),
            format!("{name} top tenth 0.700000 1, {covered}"),
            format!("{name} actors 4 {{actor}}, {covered}"),
        ]
    };
    let ideas = ["ideas gini 0.000000 1, 1 of 1", "ideas top tenth 1.000000 1, 1 of 1", "ideas actors 1 {actor}, 1 of 1"].map(str::to_owned);
    assert_eq!(total("concentration", &deeds, false), [of("help", "6 of 7"), ideas.to_vec()].concat());
    assert_eq!(total("concentration", &deeds, true), [of("value", "6 of 8"), of("help", "6 of 7"), ideas.to_vec()].concat());
    let rows = folded(&deeds, "%", 2);
    let answer = aggregate(&rows, COUNCIL, &question("concentration", &[], true)).unwrap();
    let figure = &figures("concentration", &answer, &answer.total)[3];
    assert_eq!((figure.numerator.as_deref(), figure.denominator.as_deref()), (Some("220"), Some("400")));
    // Actors of another council are others: 0, 0, 10, 10, 20, 20, 70, 70, twice as many and as unequal.
    let mut both = answer.clone();
    both.merge(answer).unwrap();
    let help = ["help gini 0.550000 1, 12 of 14", "help top tenth 0.350000 1, 12 of 14", "help actors 8 {actor}, 12 of 14"];
    assert_eq!(lines("concentration", &both, &both.total)[3..6], help);
    // Nobody has nothing: no value, not equality.
    let nothing = [gives(1, "dan", 60, "help-back", "2025-03-03")];
    assert_eq!(total("concentration", &nothing, false)[..2], ["help gini none 1, 1 of 1", "help top tenth none 1, 1 of 1"]);
}

#[test]
fn one_of_ten_is_a_tenth_and_of_eleven_it_is_two() {
    let given =
        |many: u128| (1..=many).map(|id| gives(id, &format!("person-{id}"), if id == 1 { 91 } else { 1 }, "ideas", "2025-03-03")).collect::<Vec<_>>();
    // 91 ÷ 100; of eleven 92 ÷ 101.
    assert!(total("concentration", &given(10), false)[1].starts_with("ideas top tenth 0.910000"));
    assert!(total("concentration", &given(11), false)[1].starts_with("ideas top tenth 0.910891"));
    // One gave all but one each: (−9·1 − 7 − … + 7)·1 + 9·91 = 810 of 10·100.
    assert!(total("concentration", &given(10), false)[0].starts_with("ideas gini 0.810000"));
}

#[test]
fn what_is_known_how_well() {
    let deeds = [
        gives(1, "", 60, "help", "2025-03-03"),
        Deed { evidence: 4, ..gives(2, "", 120, "help", "2025-03-03") },
        Deed { evidence: 4, ..gives(3, "", 9, "ideas", "2025-03-03") },
        Deed { evidence: 3, ..inputs(4, 1_250, "budget", None) },
        Deed { evidence: 5, ..inputs(5, 7, "euros", None) },
    ];
    // £12.50, £25.00, nothing known of ideas, £12.50, and euros have no price: a quarter, a half and a quarter of £50.00.
    let expected = [
        "SELF_REPORTED entries 0.200000 1",
        "PEER_CONFIRMED entries 0.000000 1",
        "PROFESSIONAL entries 0.200000 1",
        "SENSOR entries 0.400000 1",
        "ASSUMED entries 0.200000 1",
        "SELF_REPORTED value 0.250000 1, 1 of 1",
        "PEER_CONFIRMED value 0.000000 1, 0 of 0",
        "PROFESSIONAL value 0.250000 1, 1 of 1",
        "SENSOR value 0.500000 1, 1 of 2",
        "ASSUMED value none 1, 0 of 1",
    ];
    assert_eq!(total("evidence_quality", &deeds, true), expected);
    assert_eq!(total("evidence_quality", &deeds, false), expected[..5]);
}

#[test]
fn who_decides() {
    let deeds = [
        inputs(1, 1_000, "budget", Some(1)),
        inputs(2, 200, "budget-back", Some(1)),
        inputs(3, 600, "budget", Some(2)),
        inputs(4, 400, "budget", Some(3)),
        // Who chose is not known; the next is no individual budget, the one after no money, and the last one is taken back.
        inputs(5, 500, "budget", Some(0)),
        inputs(6, 9_000, "budget", None),
        inputs(7, 9_000, "teaching", Some(1)),
        inputs(8, 9_000, "budget", Some(2)),
        Deed { kind: Kind::Reversal(8), ..inputs(9, 0, "", None) },
        gives(10, "", 90, "help", "2025-03-03"),
        gives(11, "", 30, "help-back", "2025-03-03"),
        gives(12, "", 1, "votes", "2025-03-03"),
    ];
    // Of 1,800 of which it is known: 800, 600 and 400. Help: 60 minutes; a vote: 33 ÷ 7 = 4.71.
    let expected = [
        "GBP chosen by citizen 0.444444 1, 4 of 5",
        "GBP chosen by council 0.333333 1, 4 of 5",
        "GBP chosen jointly 0.222222 1, 4 of 5",
        "role DELIVER entries 2 {entry}",
        "role DELIVER value 1250 GBP{minor}, 2 of 2",
        "role DESIGN entries 0 {entry}",
        "role DESIGN value none GBP{minor}, 0 of 0",
        "role GOVERN entries 1 {entry}",
        "role GOVERN value 5 GBP{minor}, 1 of 1",
        "role INFORM entries 0 {entry}",
        "role INFORM value none GBP{minor}, 0 of 0",
    ];
    assert_eq!(total("control", &deeds, true), expected);
}

fn pledges(id: u128, quantity: i64, measure: &'static str) -> Deed {
    Deed { kind: Kind::Pledge, ..gives(id, "ana", quantity, measure, "2025-03-01..2025-03-31") }
}

fn willing() -> Vec<Deed> {
    let fulfils = |pledge, deed: Deed| Deed { pledge, ..deed };
    let observed = |id, value: i64, asked| Deed { kind: Kind::Outcome(value * asked, asked), ..gives(id, "", 0, "", "2025-03-02") };
    vec![
        // 70.00 % of 50 people, then corrected: 80.00 %.
        observed(1, 7_000, 50),
        observed(2, 8_000, 50),
        pledges(3, 120, "help"),
        pledges(4, 80, "help"),
        fulfils(3, gives(5, "ana", 50, "help", "2025-06-01")),
        Deed { exchange: "plan-1".into(), ..fulfils(3, gives(6, "ana", 30, "help", "2025-06-02")) },
        Deed { exchange: "plan-1".into(), ..inputs(7, 45, "teaching", None) },
        // Of another measure, of no pledge, and of a pledge that is taken back.
        fulfils(4, gives(8, "ben", 9, "votes", "2025-03-03")),
        gives(9, "ben", 999, "help", "2025-03-03"),
        pledges(10, 500, "help"),
        fulfils(10, gives(11, "ben", 77, "help", "2025-03-03")),
        Deed { kind: Kind::Reversal(10), ..gives(12, "", 0, "", "2025-03-03") },
    ]
}

#[test]
fn from_support_to_what_was_done_together() {
    let ask = |unit: &str, places, support: Option<&str>| {
        let question = Question { support_indicator: support.map(str::to_owned), ..question("willingness_gap", &[], false) };
        aggregate(&folded(&willing(), unit, places), COUNCIL, &question).map(|answer| lines("willingness_gap", &answer, &answer.total))
    };
    // 80 % of 50 are 40 who support; 2 pledged 200 minutes; 80 were done, 30 of them matched.
    let steps = ["help done of pledged 0.400000 1, 2 of 3", "help matched of done 0.375000 1"];
    assert_eq!(ask("%", 2, Some("support")).unwrap(), [&["support 80.000000 %", "help pledged of support 0.050000 1"], &steps[..]].concat());
    assert_eq!(ask("%", 2, None).unwrap(), steps);
    // Nobody is counted in minutes.
    assert_eq!(ask("min", 0, Some("support")).unwrap()[..2], ["support 8000.000000 min", "help pledged of support none 1"]);
    let unknown = ask("%", 2, Some("suport")).unwrap_err();
    assert_eq!(unknown.to_string(), "the council has not defined the indicator suport; nearest to it are support");
}

#[test]
fn councils_that_count_support_differently_are_not_added() {
    let answer = |unit: &str| {
        let question = Question { support_indicator: Some("support".into()), ..question("willingness_gap", &[], false) };
        aggregate(&folded(&willing(), unit, 2), COUNCIL, &question).unwrap()
    };
    let mut both = answer("%");
    both.merge(answer("%")).unwrap();
    // Of 80 people four.
    assert_eq!(lines("willingness_gap", &both, &both.total)[..2], ["support 80.000000 %", "help pledged of support 0.050000 1"]);
    let mismatch = both.merge(answer("1")).unwrap_err();
    assert_eq!(mismatch, Mismatch::Indicators("% with 2 decimal places".into(), "1 with 2 decimal places".into()));
}

#[test]
fn questions_that_cannot_be_asked() {
    let rows = folded(&months(), "%", 2);
    let refused = |question: &Question| match aggregate(&rows, COUNCIL, question) {
        Err(Error::Refused(fields)) => fields.into_iter().map(|about| format!("{}: {}", about.field, about.description)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&question("retention", &[], false)), ["group_by: needs MONTH: retention has a figure for each month"]);
    let by_year = refused(&question("retention", &[Dimension::Year], false));
    assert!(by_year[0].starts_with("group_by[0]: retention cannot be grouped by year: it compares who took part in each month"), "{by_year:?}");
    let filters = Filters { start: Date::parse("2025-01-02"), end: Date::parse("2025-02-27"), ..Filters::default() };
    let cut = refused(&Question { filters, ..question("retention", &[Dimension::Month], false) });
    assert!(cut[0].starts_with("scope.period_start: must be the first day of a month") && cut[0].ends_with("2025-01-01 is"), "{cut:?}");
    assert!(cut[1].starts_with("scope.period_end: must be the last day of a month") && cut[1].ends_with("2025-02-28 is"), "{cut:?}");
    let filters = Filters { sides: vec![Side::Citizen], ..Filters::default() };
    let by_side = refused(&Question { filters, ..question("willingness_gap", &[Dimension::Measure], false) });
    assert!(by_side[0].starts_with("group_by[0]: willingness_gap") && by_side[1].starts_with("scope.sides: willingness_gap"), "{by_side:?}");
}

#[test]
fn amounts_that_cannot_be_compared_exactly_are_an_error() {
    let mut answer = aggregate(&folded(&months(), "%", 2), COUNCIL, &question("concentration", &[], false)).unwrap();
    let amounts = answer.total.taking_part.amounts.values_mut().next().unwrap();
    amounts.actors = [(i128::MAX / 2, 1)].into();
    let whole = answer.clone();
    assert_eq!(answer.merge(whole), Err(Mismatch::Overflow));
    let mut many = aggregate(&folded(&months(), "%", 2), COUNCIL, &question("concentration", &[], false)).unwrap();
    let amounts = many.groups[0].taking_part.amounts.values_mut().next().unwrap();
    amounts.actors = (0..=AMOUNTS_MAX as i128).map(|amount| (amount, 1)).collect();
    let none = Answer { groups: Vec::new(), total: Partial::default(), ..many.clone() };
    let error = many.merge(none).unwrap_err().to_string();
    assert!(error.contains("more than 1000000 different values") && error.contains("ask for a smaller scope"), "{error}");
}
