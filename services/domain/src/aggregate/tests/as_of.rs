//! An answer as of an entry is the answer of a ledger that was fed the records up to it and no others.
//!
//! A failure prints its seed; `AS_OF_SEED=… cargo test -p tandem-domain as_of` runs that one.

use super::history::{COUNCIL, Event, Gift, Rate, folded, folded_one_by_one};
use super::random::{Chance, valuations};
use crate::aggregate::{AsOf, Error, Question, Start, ValuationAsked, aggregate, explain};
use crate::date::{DAY_US, Date, Span};
use crate::event::Side;
use crate::memory::Memory;
use crate::metrics::{self, Amount, AsOfUsed, Effects, Needs, SidePartial};
use crate::rows::{Book, EXCHANGE_LIVE_MAX, Views, Wait};
use crate::tables::{Key, Rows, Sink, Table};

pub(super) fn entries(rows: &Memory) -> u64 {
    rows.get(Table::Book, Key::of(Table::Book, COUNCIL).as_slice()).unwrap().map_or(0, |row| Book::decode(&row).unwrap().entries)
}

/// Seeds to run: those given, or the one that is asked for.
pub(super) fn seeds(all: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    match std::env::var("AS_OF_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => all.collect(),
    }
}

#[test]
fn as_of_every_sequence_is_what_a_ledger_fed_so_far_answers() {
    for seed in seeds(1..=6) {
        let mut chance = Chance(seed);
        let events = chance.history();
        let prefixes = folded_one_by_one(&events);
        let whole = prefixes.last().unwrap();
        let (mut asked, mut compared, mut graded) = (0, 0, 0);
        // Valuations come first: those of today are used, whatever the point.
        for so_far in &prefixes[valuations().len() - 1..] {
            let sequence = entries(so_far) - 1;
            for _ in 0..4 {
                let mut question = chance.question_of_a_point();
                question.comparison = chance.comparison(&mut question.filters, &question.group_by);
                question.needs.taking_part.grades = chance.one_in(3);
                let expected = aggregate(so_far, COUNCIL, &question).unwrap();
                let answer = aggregate(whole, COUNCIL, &Question { as_of: Some(AsOf::Sequence(sequence)), ..question.clone() }).unwrap();
                assert_eq!(answer, expected, "AS_OF_SEED={seed}, as of {sequence}: {question:?}");
                asked += usize::from(!expected.groups.is_empty());
                graded += usize::from(expected.groups.iter().any(|group| !group.taking_part.grades.is_empty()));
                compared += usize::from(expected.groups.iter().any(|group| group.earlier.is_some()));
            }
        }
        assert!(asked > events.len(), "most questions have an answer: {asked}");
        assert!(compared > 20 && graded > 20, "some compare two periods, some tell grades apart: {compared}, {graded}");
    }
}

#[test]
fn metrics_that_cannot_be_asked_as_of_a_point_are_these() {
    let refused: Vec<_> = metrics::ALL.iter().filter(|metric| !metric.needs.have_as_of()).map(|metric| metric.name).collect();
    assert_eq!(
        refused,
        [
            "outcome",
            "outcome_per_pound",
            "effort_per_outcome",
            "cost_shift",
            "amenability",
            "participation_rate",
            "equity",
            "retention",
            "concentration",
            "control",
            "willingness_gap"
        ]
    );
    assert_eq!(metrics::check_as_of(&metrics::ALL.iter().collect::<Vec<_>>()).len(), refused.len());
    assert!(Needs::default().have_as_of());
}

fn gift(id: u128, measure: &'static str, side: Side, exchange: &str) -> Event {
    let (service, exchange, party) = ("care", exchange.to_owned(), "ana".to_owned());
    let occurred = Span::day(Date::parse("2025-03-03").unwrap());
    Event::Gift(Gift { id, side, service, measure, quantity: 10, area: "", exchange, evidence: 1, occurred, party })
}

/// One event every ten days from 2024-10-04 on, day 20,000 since 1970.
fn history() -> Vec<Event> {
    vec![
        Event::Service("care"),
        Event::Measure("help", Side::Citizen, "min", ""),
        gift(1, "help", Side::Citizen, "plan-7"),
        gift(2, "visits", Side::State, "plan-7"),
        Event::Measure("visits", Side::State, "min", ""),
        Event::Reversal(1),
    ]
}

#[test]
fn a_date_goes_through_the_last_entry_of_its_day() {
    let rows = folded(&history());
    let needs = Needs { cells: true, ..Needs::default() };
    let ask = |day: i32| {
        let question = Question { needs, as_of: Some(AsOf::Recorded(Date(day))), ..Question::default() };
        let answered = explain(&rows, COUNCIL, &question, None).unwrap();
        let total = answered.answer.total;
        (answered.as_of.unwrap(), [total.citizen.count, total.citizen.matched_count, total.state.count])
    };
    let used = |sequence: Option<u64>| AsOfUsed {
        council: COUNCIL.into(),
        sequence,
        book_time_us: sequence.map_or(0, |sequence| (20_000 + 10 * sequence) * DAY_US),
    };
    assert_eq!(ask(-1), (used(None), [0, 0, 0]));
    assert_eq!(ask(19_999), (used(None), [0, 0, 0]));
    assert_eq!(ask(20_000), (used(Some(0)), [0, 0, 0]));
    assert_eq!(ask(20_029), (used(Some(2)), [1, 0, 0]));
    // What was recorded before it was cured has no effect yet.
    assert_eq!(ask(20_030), (used(Some(3)), [1, 0, 0]));
    assert_eq!(ask(20_040), (used(Some(4)), [1, 1, 1]));
    assert_eq!(ask(20_049), (used(Some(4)), [1, 1, 1]));
    assert_eq!(ask(20_050), (used(Some(5)), [0, 0, 1]));
    // The book has not passed that day: through its last entry so far.
    assert_eq!(ask(90_000), (used(Some(5)), [0, 0, 1]));
}

#[test]
fn room_in_a_full_exchange_is_had_from_its_reversal_on() {
    let most = u128::from(EXCHANGE_LIVE_MAX);
    let mut events = vec![
        Event::Service("care"),
        Event::Measure("help", Side::Citizen, "min", ""),
        Event::Measure("visits", Side::State, "min", ""),
        Event::Valuation("floor", 1, vec![Rate { measure: "visits", per_quantity: 1, low: 3, central: 3, high: 3, from: "" }]),
    ];
    events.extend((1..=most).map(|id| gift(id, "help", Side::Citizen, "big")));
    // There is no room for it, until one of the others is reversed.
    events.extend([gift(most + 1, "visits", Side::State, "big"), Event::Reversal(7)]);
    let rows = folded(&events);
    let last = entries(&rows) - 1;
    let needs = Needs { cells: true, exchanges: true, ..Needs::default() };
    let at = |sequence| Question { needs, as_of: Some(AsOf::Sequence(sequence)), ..Question::default() };
    let counted = |sequence| {
        let total = aggregate(&rows, COUNCIL, &at(sequence)).unwrap().total;
        let SidePartial { count, matched_count, .. } = total.citizen;
        (count, matched_count, total.state.count, total.exchanges.one_sided_citizen, total.exchanges.two_sided)
    };
    let most = i64::from(EXCHANGE_LIVE_MAX);
    assert_eq!(counted(last - 2), (most, 0, 0, 1, 0));
    assert_eq!(counted(last - 1), (most, 0, 0, 1, 0));
    assert_eq!(counted(last), (most - 1, most - 1, 1, 0, 1));
    // Recorded before the first point and cured after it: a correction, and what it is matched with has no price.
    let valuation = Some(ValuationAsked { id: "floor".to_owned(), version: None });
    let question = Question { needs: Needs { cells: true, ..Needs::default() }, valuation, ..at(last) };
    let start = Start { as_of: Some(AsOf::Sequence(last - 1)), valuation: None };
    let (change, _) = explain(&rows, COUNCIL, &question, Some(&start)).unwrap().change.unwrap();
    let correction = Amount { low: 30, central: 30, high: 30 };
    let corrected = Effects { correction, ..Effects::default() };
    assert_eq!((change.total.citizen, change.total.state, change.total.matched), (Effects::default(), corrected, corrected));
}

#[test]
fn points_that_are_not_there_are_refused() {
    let refused = |rows: &Memory, as_of| match aggregate(rows, COUNCIL, &Question { as_of: Some(as_of), ..Question::default() }) {
        Err(Error::Refused(wrong)) => wrong.into_iter().map(|about| format!("{}: {}", about.field, about.description)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let rows = folded(&history());
    assert_eq!(refused(&rows, AsOf::Sequence(6)), ["as_of_sequence: is 6; the book ends with 5"]);
    assert_eq!(refused(&rows, AsOf::Sequence(u64::MAX)), [format!("as_of_sequence: is {}; the book ends with 5", u64::MAX)]);
    assert_eq!(refused(&Memory::new(), AsOf::Sequence(0)), ["as_of_sequence: is 0; the book has no entries yet"]);
    let question = Question { as_of: Some(AsOf::Recorded(Date(20_000))), ..Question::default() };
    let empty = explain(&Memory::new(), COUNCIL, &question, None).unwrap();
    assert_eq!(empty.as_of.unwrap().sequence, None);
}

#[test]
fn views_that_have_not_come_so_far_say_so() {
    let mut rows = folded(&history());
    let key = Key::of(Table::Views, COUNCIL);
    let mut views = Views::decode(&rows.get(Table::Views, key.as_slice()).unwrap().unwrap()).unwrap();
    let mut set = |views: &Views| {
        let mut row = Vec::new();
        views.encode(&mut row);
        rows.put(Table::Views, key.as_slice(), &row);
        let ask = |sequence| aggregate(&rows, COUNCIL, &Question { as_of: Some(AsOf::Sequence(sequence)), ..Question::default() });
        [2, 3, 5].map(|sequence| match ask(sequence) {
            Ok(_) => true,
            Err(Error::NotFolded { entries, .. }) if entries == sequence + 1 => false,
            Err(other) => panic!("{other:?}"),
        })
    };
    assert_eq!(set(&views), [true, true, true]);
    // A rebuild has made the views of four entries, and then what the last of them cures is still to be done.
    views.folded = 4;
    assert_eq!(set(&views), [true, true, false]);
    views.cures.push_back(crate::rows::Cure { wait: Wait::Service("care".into()), after: None });
    assert_eq!(set(&views), [true, false, false]);
}
