//! Areas joined to a small history, with figures that can be worked out with a pencil.
//!
//! ```text
//! area  imd2019             imd2025             residents (2025)   in exchanges        not
//! E1    decile 1            decile 1            100                ana 60, school 30   ben 40
//! E2    decile 1            decile 2            100                                    ana 100
//! E3    decile 10           decile 10           200                cat 400, school 90
//! E4    decile 10           decile 10           100
//! E5    decile 2            (not defined)       –
//! ward:7 (both)                                 9                                      dan 70
//! no area, and one nobody defined                                                      eve 1, fay 2
//! ```
//!
//! Minutes; a minute of help is worth 20p (low 10p, high 30p), one of teaching 50p. E1 and E2 are in north, the others in south.

use super::areas::AreaRow;
use super::history::{COUNCIL, Event, Gift, Rate, folded};
use crate::aggregate::{Error, Filters, Question, ValuationAsked, aggregate};
use crate::date::{Date, Span};
use crate::event::Side;
use crate::metrics::{self, Answer, Dimension, Figure, Money, Partial};

fn gift(id: u128, side: Side, quantity: i64, area: &'static str, exchange: &str, party: &str) -> Event {
    let measure = if side == Side::Citizen { "helping" } else { "teaching" };
    let occurred = Span::day(Date::parse("2025-03-03").unwrap());
    let (exchange, party) = (exchange.to_owned(), party.to_owned());
    Event::Gift(Gift { id, side, service: "tutoring", measure, quantity, area, exchange, evidence: 3, occurred, party })
}

fn area(area: &'static str, vintage: &'static str, parent: &'static str, decile: i64, population: i64) -> Event {
    Event::Area(AreaRow { area, vintage, parent, decile, population })
}

fn history() -> Vec<Event> {
    let rate = |measure, low, central, high| Rate { measure, per_quantity: 60, low, central, high, from: "" };
    vec![
        Event::Service("tutoring"),
        Event::Measure("helping", Side::Citizen, "min", ""),
        Event::Measure("teaching", Side::State, "min", ""),
        Event::Valuation("floor", 1, vec![rate("helping", 600, 1_200, 1_800), rate("teaching", 3_000, 3_000, 3_000)]),
        area("lsoa:E1", "imd2019", "ward:north", 1, -1),
        area("lsoa:E2", "imd2019", "ward:north", 1, -1),
        area("lsoa:E3", "imd2019", "ward:south", 10, -1),
        area("lsoa:E4", "imd2019", "ward:south", 10, -1),
        area("lsoa:E1", "imd2025", "ward:north", 1, 100),
        area("lsoa:E2", "imd2025", "ward:north", 2, 100),
        area("lsoa:E3", "imd2025", "ward:south", 10, 200),
        area("lsoa:E4", "imd2025", "ward:south", 10, 100),
        area("ward:7", "imd2025", "", 0, 9),
        gift(1, Side::Citizen, 60, "lsoa:E1", "plan-1", "ana"),
        gift(2, Side::State, 30, "lsoa:E1", "plan-1", ""),
        gift(3, Side::Citizen, 40, "lsoa:E1", "", "ben"),
        gift(4, Side::Citizen, 100, "lsoa:E2", "", "ana"),
        gift(5, Side::Citizen, 400, "lsoa:E3", "plan-2", "cat"),
        gift(6, Side::State, 90, "lsoa:E3", "plan-2", ""),
        gift(7, Side::Citizen, 70, "ward:7", "", "dan"),
        gift(8, Side::Citizen, 1, "", "", "eve"),
        gift(9, Side::Citizen, 2, "lsoa:E9", "", "fay"),
    ]
}

/// E5, which a newer vintage gave up.
fn given_up() -> Event {
    area("lsoa:E5", "imd2019", "ward:south", 2, -1)
}

fn question(name: &str, group_by: &[Dimension]) -> Question {
    let metric = metrics::find(name).unwrap();
    let asks_for_value = name == "equity" || metric.needs.valuation;
    let valuation = asks_for_value.then(|| ValuationAsked { id: "floor".into(), version: None });
    Question { needs: metric.needs, group_by: group_by.to_vec(), valuation, ..Question::default() }
}

fn answer(events: &[Event], question: &Question) -> Answer {
    let mut answer = aggregate(&folded(events), COUNCIL, question).unwrap();
    answer.attach_residents().unwrap();
    answer
}

fn figures(name: &str, answer: &Answer, partial: &Partial) -> Vec<Figure> {
    let currency = answer.valuation.as_ref().map_or("", |used| &used.currency);
    metrics::find(name).unwrap().evaluate(partial, Money { currency, denominator: answer.denominator })
}

/// Value and what it rests on.
fn shown(figure: &Figure) -> String {
    let coverage = figure.coverage.as_ref().map(|coverage| format!(", {} of {} {}", coverage.covered, coverage.total, coverage.of));
    format!("{}{}", figure.central.as_deref().unwrap_or("none"), coverage.unwrap_or_default())
}

/// Keys and first figure of each group, then of all.
fn rows(events: &[Event], name: &str, question: &Question) -> Vec<String> {
    let answer = answer(events, question);
    let row = |partial: &Partial| {
        let keys: Vec<_> = partial.keys.iter().map(|key| key.value.as_str()).collect();
        format!("{}: {}", keys.join(" | "), shown(&figures(name, &answer, partial)[0]))
    };
    answer.groups.iter().chain([&answer.total]).map(row).collect()
}

#[test]
fn entries_are_grouped_by_what_their_area_is_now() {
    let events = history();
    // £72.00 of E1 and E2 is 100 and 100 minutes; the keys stand in the order of their bytes, what is unknown first.
    let by_decile = question("citizen_value", &[Dimension::Decile]);
    let priced = "entries with a price";
    assert_eq!(
        rows(&events, "citizen_value", &by_decile),
        [
            format!(": 1460, 3 of 3 {priced}"),
            format!("1: 2000, 2 of 2 {priced}"),
            format!("10: 8000, 1 of 1 {priced}"),
            format!("2: 2000, 1 of 1 {priced}"),
            format!(": 13460, 7 of 7 {priced}"),
        ]
    );
    let in_2019 = Question { area_vintage: Some("imd2019".into()), ..by_decile };
    let expected = [": 1460, 3 of 3", "1: 4000, 3 of 3", "10: 8000, 1 of 1", ": 13460, 7 of 7"];
    assert_eq!(rows(&events, "citizen_value", &in_2019), expected.map(|row| format!("{row} {priced}")));
    let answer = answer(&events, &in_2019);
    assert_eq!(answer.area_vintages, ["imd2019"]);
    // Whole exchanges are grouped by their home's.
    let by_parent = question("response_rate", &[Dimension::ParentArea]);
    assert_eq!(rows(&events, "response_rate", &by_parent), ["ward:north: 1.000000", "ward:south: 1.000000", ": 1.000000"]);
}

#[test]
fn participants_of_merged_areas_are_distinct() {
    let events = history();
    let actors = |count: u32, of: u32| format!("{count}, {of} of {of} entries with an actor");
    let all: Vec<_> =
        rows(&events, "participants", &Question { area_vintage: Some("imd2019".into()), ..question("participants", &[Dimension::Decile]) });
    // Ana gave in E1 and in E2, both of decile 1 then: she is one of two.
    assert_eq!(all, [format!(": {}", actors(3, 3)), format!("1: {}", actors(2, 3)), format!("10: {}", actors(1, 1)), format!(": {}", actors(6, 7))]);
}

#[test]
fn participation_is_of_residents() {
    let events = history();
    let with = |rate: &str, of: u32| format!("{rate}, {of} of {of} entries with an actor");
    // E1: 2 of 100; E2: 1 of 100; E3 and E4: 1 of 300. All: 6 of 500, since of the two schemes lsoa has the more areas.
    assert_eq!(
        rows(&events, "participation_rate", &question("participation_rate", &[Dimension::Decile])),
        [
            ": none, 0 of 0 areas with a population".to_owned(),
            format!("1: {}", with("0.020000", 2)),
            format!("10: {}", with("0.003333", 1)),
            format!("2: {}", with("0.010000", 1)),
            format!(": {}", with("0.012000", 7)),
        ]
    );
    // An area's own residents, of whatever scheme; north has 2 of 200.
    let by_area = rows(&events, "participation_rate", &question("participation_rate", &[Dimension::Area]));
    assert!(by_area.contains(&format!("ward:7: {}", with("0.111111", 1))), "{by_area:?}");
    assert!(by_area.contains(&"lsoa:E9: none, 0 of 0 areas with a population".to_owned()), "{by_area:?}");
    let by_parent = rows(&events, "participation_rate", &question("participation_rate", &[Dimension::ParentArea]));
    assert!(by_parent.contains(&format!("ward:north: {}", with("0.010000", 3))), "{by_parent:?}");
    // Of the areas that are named: 2 of 200, whoever else lives elsewhere. One that is not defined leaves no value.
    let named = |areas: &[&str]| {
        let filters = Filters { areas: areas.iter().map(|area| area.to_string()).collect(), ..Filters::default() };
        rows(&events, "participation_rate", &Question { filters, ..question("participation_rate", &[]) }).pop().unwrap()
    };
    assert_eq!(named(&["lsoa:E1", "lsoa:E2"]), format!(": {}", with("0.010000", 3)));
    assert_eq!(named(&["lsoa:E1", "lsoa:E9"]), ": none, 1 of 2 areas with a population");
}

#[test]
fn a_missing_population_is_no_value_and_not_zero() {
    let mut events = history();
    let in_2019 = Question { area_vintage: Some("imd2019".into()), ..question("participation_rate", &[]) };
    assert_eq!(rows(&events, "participation_rate", &in_2019), [": none, 0 of 4 areas with a population"; 2]);
    // Of each area the newest vintage: the newest of E5 is the one before.
    events.insert(4, given_up());
    let newest = question("participation_rate", &[Dimension::Decile]);
    let all = rows(&events, "participation_rate", &newest);
    assert!(all.contains(&"2: none, 1 of 2 areas with a population".to_owned()), "{all:?}");
    assert_eq!(all.last().unwrap(), ": none, 4 of 5 areas with a population");
    assert_eq!(answer(&events, &newest).area_vintages, ["imd2019", "imd2025"]);
    // In one vintage it is not there.
    let in_2025 = Question { area_vintage: Some("imd2025".into()), ..question("participation_rate", &[]) };
    assert_eq!(rows(&events, "participation_rate", &in_2025).pop().unwrap(), ": 0.012000, 7 of 7 entries with an actor");
}

#[test]
fn equity_by_pencil() {
    let answer = answer(&history(), &question("equity", &[]));
    let figures = figures("equity", &answer, &answer.total);
    let part = |name: &str| figures.iter().find(|figure| figure.part == name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(figures.len(), 22);
    // Citizens: decile 1: 100 min × 20p ÷ 100 residents; decile 2 likewise; decile 10: 400 min × 20p ÷ 300 residents.
    for (decile, per_head) in [(1, "20.000000"), (2, "20.000000"), (10, "26.666667")] {
        assert_eq!(part(&format!("decile {decile} citizen per head")).central.as_deref(), Some(per_head));
    }
    let ten = part("decile 10 citizen per head");
    assert_eq!((ten.low.as_deref(), ten.high.as_deref(), ten.unit.as_str()), (Some("13.333333"), Some("40.000000"), "GBP{minor}/{resident}"));
    assert_eq!(shown(part("decile 3 citizen per head")), "none, 0 of 0 areas with a population");
    // The state: 30 min × 50p ÷ 100; nothing ÷ 100; 90 min × 50p ÷ 300.
    for (decile, per_head) in [(1, "15.000000"), (2, "0.000000"), (10, "15.000000")] {
        assert_eq!(part(&format!("decile {decile} state per head")).central.as_deref(), Some(per_head));
    }
    // Shares of value 1/6, 1/6, 4/6; ranks 1/10, 3/10, 7/10: C = 2·(1/60 + 3/60 + 28/60) − 1 = 4/60. Four of the seven entries count:
    // of the other three nobody knows in which decile.
    let index = part("citizen concentration index");
    assert_eq!(shown(index), "0.066667, 4 of 7 entries with a price in an area with a decile");
    assert_eq!(index.unit, "1");
    // Shares 1/4, 0, 3/4: C = 2·(1/40 + 21/40) − 1 = 4/40.
    assert_eq!(shown(part("state concentration index")), "0.100000, 2 of 2 entries with a price in an area with a decile");
}

#[test]
fn equity_of_quantities_needs_no_price() {
    let events = history();
    let answer = answer(&events, &Question { valuation: None, ..question("equity", &[Dimension::ParentArea]) });
    let of = |partial: &Partial, name: &str| {
        let figure = figures("equity", &answer, partial).into_iter().find(|figure| figure.part == name);
        figure.map(|figure| format!("{} {}", shown(&figure), figure.unit))
    };
    assert_eq!(of(&answer.total, "helping decile 1 per head").as_deref(), Some("1.000000 min/{resident}"));
    assert_eq!(of(&answer.total, "teaching decile 10 per head").as_deref(), Some("0.300000 min/{resident}"));
    let index = "helping concentration index";
    assert_eq!(of(&answer.total, index).as_deref(), Some("0.066667, 4 of 7 entries in an area with a decile 1"));
    let group = |parent: &str| answer.groups.iter().find(|group| group.keys[0].value == parent).unwrap();
    // Within north deciles 1 and 2 have the same per head; in south all live in one decile, and nothing can be compared.
    assert_eq!(of(group("ward:north"), index).as_deref(), Some("0.000000, 3 of 3 entries in an area with a decile 1"));
    assert_eq!(of(group("ward:south"), index).as_deref(), Some("none, 1 of 1 entries in an area with a decile 1"));
    assert_eq!(of(group(""), index).as_deref(), Some("none, 0 of 0 areas with a population 1"));
}

#[test]
fn questions_about_areas_that_cannot_be_asked() {
    let rows = folded(&history());
    let ask = |question: &Question| aggregate(&rows, COUNCIL, question);
    let unknown = ask(&Question { area_vintage: Some("imd2010".into()), ..question("entries", &[]) }).unwrap_err();
    assert_eq!(unknown.to_string(), "no area is defined in the vintage imd2010: there are imd2019, imd2025");
    let none = aggregate(&folded(&[]), COUNCIL, &Question { area_vintage: Some("imd2010".into()), ..question("entries", &[]) }).unwrap_err();
    assert_eq!(none.to_string(), "no area is defined in the vintage imd2010: no area is defined at all");
    let Err(Error::Refused(fields)) = ask(&question("equity", &[Dimension::Service, Dimension::Decile])) else { panic!() };
    assert_eq!((fields.len(), fields[0].field.as_str()), (1, "group_by[1]"));
    assert!(fields[0].description.starts_with("equity cannot be grouped by decile: it compares the deprivation deciles"), "{fields:?}");
}
