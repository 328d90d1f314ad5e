//! Which rows a question is answered from, and how many of them it reads.

use super::history::{COUNCIL, Event, FIRST_DAY, Gift, Rate, folded, folded_every};
use crate::aggregate::source::{Actors, Source, plan};
use crate::aggregate::{AsOf, Filters, Question, ValuationAsked, aggregate, ask};
use crate::bytes::Corrupt;
use crate::date::{DAY_US, Date, Span};
use crate::event::{self, Side};
use crate::memory::Memory;
use crate::metrics::{Dimension, Needs};
use crate::tables::{Rows, Table};
use std::collections::BTreeMap;
use std::sync::Mutex;

const SERVICES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A contribution to each service on each day of two years.
fn history() -> Vec<Event> {
    let rate = |from| Rate { measure: "helping", per_quantity: 60, low: 1, central: 1, high: 1, from };
    let mut events = vec![
        Event::Measure("helping", Side::Citizen, "min", ""),
        Event::Valuation("april", 1, vec![rate("2024-04-01"), rate("2025-04-01")]),
        Event::Valuation("october", 1, vec![rate("2024-04-01"), rate("2025-10-22")]),
    ];
    events.extend(SERVICES.map(Event::Service));
    for day in 0..730 {
        for (at, service) in SERVICES.into_iter().enumerate() {
            events.push(gift(1 + day * 10 + at as u128, service, Span::day(Date(19_723 + day as i32))));
        }
    }
    events
}

fn gift(id: u128, service: &'static str, occurred: Span) -> Event {
    let (side, measure, area, exchange, party) = (Side::Citizen, "helping", "ward:1", String::new(), "ana".to_owned());
    Event::Gift(Gift { id, side, service, measure, quantity: 1, area, exchange, evidence: 1, occurred, party })
}

fn question(group_by: &[Dimension], start: &str, end: &str) -> Question {
    let needs = Needs { cells: true, participants: true, ..Needs::default() };
    let filters = Filters { start: Date::parse(start), end: Date::parse(end), ..Filters::default() };
    Question { needs, group_by: group_by.to_vec(), filters, ..Question::default() }
}

#[test]
fn the_cheapest_exact_rows_are_chosen() {
    use Dimension::*;
    let rows = folded(&history()[..20]);
    let planned = |question: &Question| {
        let plan = plan(&ask(&rows, COUNCIL, question).unwrap());
        (plan.quantities, plan.actors)
    };
    let plain = |group_by: &[Dimension], start: &str, end: &str| planned(&question(group_by, start, end));
    assert_eq!(plain(&[Service, Month], "", ""), (Source::Months, Actors::Months));
    assert_eq!(plain(&[Council, Year, Side], "", ""), (Source::Months, Actors::Years));
    assert_eq!(plain(&[], "2025-01-01", "2025-12-31"), (Source::Months, Actors::Years));
    assert_eq!(plain(&[], "2025-01-01", "2025-03-31"), (Source::Months, Actors::Months));
    assert_eq!(plain(&[Measure, Evidence, Quarter], "", ""), (Source::Months, Actors::Lines));
    assert_eq!(plain(&[Service, Day], "", ""), (Source::Days, Actors::Lines));
    assert_eq!(plain(&[Service], "2025-01-02", ""), (Source::Days, Actors::Lines));
    assert_eq!(plain(&[Area, Month], "2025-02-01", "2025-02-28"), (Source::Areas, Actors::Lines));
    assert_eq!(plain(&[Area, Day], "", ""), (Source::Entries, Actors::Lines));
    assert_eq!(plain(&[Area], "", "2025-02-27"), (Source::Entries, Actors::Lines));

    let mut narrowed = question(&[Month], "", "");
    narrowed.filters.areas = vec!["ward:1".into()];
    assert_eq!(planned(&narrowed), (Source::Areas, Actors::Lines));
    narrowed.filters = Filters { evidence: vec![event::Evidence::Sensor], services: vec!["a".into()], ..Filters::default() };
    assert_eq!(planned(&narrowed), (Source::Months, Actors::Lines));

    let valued = |id: &str| Question { valuation: Some(ValuationAsked { id: id.into(), version: None }), ..question(&[Month], "", "") };
    assert_eq!(planned(&valued("april")).0, Source::Months);
    assert_eq!(planned(&valued("october")).0, Source::Days);
}

#[test]
fn whole_recorded_days_and_months_are_read_from_journals() {
    use Dimension::*;
    // Recorded every ten days: on 2024-10-04, 14, 24, on 2024-11-03 and so on.
    let rows = folded(&history()[..40]);
    let planned = |group_by: &[Dimension], valuation: &str, as_of: AsOf| {
        let valuation = (!valuation.is_empty()).then(|| ValuationAsked { id: valuation.into(), version: None });
        let plan = plan(&ask(&rows, COUNCIL, &Question { as_of: Some(as_of), valuation, ..question(group_by, "", "") }).unwrap());
        assert_eq!(plan.actors, Actors::Lines);
        plan.quantities
    };
    let day = |text: &str| AsOf::Recorded(Date::parse(text).unwrap());
    assert_eq!(planned(&[Service, Month, Evidence], "", day("2024-10-14")), Source::Days);
    assert_eq!(planned(&[Service, Day], "october", day("2024-10-15")), Source::Days);
    assert_eq!(planned(&[Service], "april", AsOf::Sequence(1)), Source::Days);
    // By area only months are told apart, and the next entry is of the next month.
    assert_eq!(planned(&[Area, Month], "", day("2024-10-31")), Source::AreaJournal);
    assert_eq!(planned(&[Area, Month], "", day("2024-10-24")), Source::AreaJournal);
    assert_eq!(planned(&[Area, Month], "", AsOf::Sequence(2)), Source::AreaJournal);
    assert_eq!(planned(&[Area, Month], "", day("2024-10-23")), Source::Entries);
    assert_eq!(planned(&[Area, Day], "", day("2024-10-31")), Source::Entries);
    // Before the first entry there is nothing to read.
    assert_eq!(planned(&[Service], "", day("2024-10-03")), Source::Entries);
    // Several were recorded on that day, and the point lies between them.
    let rows = folded_every(DAY_US / 3, &history()[..40]);
    let planned = |sequence| plan(&ask(&rows, COUNCIL, &Question { as_of: Some(AsOf::Sequence(sequence)), ..question(&[], "", "") }).unwrap());
    assert_eq!([0, 1, 2, 3].map(|sequence| planned(sequence).quantities), [Source::Entries, Source::Entries, Source::Days, Source::Entries]);
}

#[test]
fn as_of_a_day_no_entries_are_read_unless_a_span_must_be_priced() {
    let mut events = history();
    let span = Span { start: Date::parse("2025-01-01").unwrap(), end: Date::parse("2025-12-31").unwrap() };
    events.insert(30, gift(100_000, "a", span));
    let rows = folded(&events);
    let needs = Needs { cells: true, ..Needs::default() };
    // Through the 41st event, the 32nd gift.
    let as_of = Some(AsOf::Recorded(Date(FIRST_DAY + 10 * 40 + 9)));
    let read = |valuation: Option<&str>, end: &str| {
        let valuation = valuation.map(|id| ValuationAsked { id: id.into(), version: None });
        let asked = Question { needs, valuation, as_of, ..question(&[Dimension::Month], "", end) };
        let counted = Counted { rows: &rows, visited: Mutex::default() };
        let count = aggregate(&counted, COUNCIL, &asked).unwrap().total.citizen.count;
        let tables = counted.visited.into_inner().unwrap().into_keys().filter(|table| !matches!(table, Table::Definition | Table::NameByText));
        (count, tables.collect::<Vec<_>>())
    };
    assert_eq!(read(None, ""), (32, vec![Table::CubeDays]));
    assert_eq!(read(Some("april"), "2024-12-31"), (31, vec![Table::CubeDays]));
    // A year in which the rate changes: only entries, and what they stand in, say when in it they began.
    assert_eq!(read(Some("april"), ""), (32, vec![Table::Entry, Table::CubeDays]));
}

/// Rows that count how many of each table are visited.
struct Counted<'a> {
    rows: &'a Memory,
    visited: Mutex<BTreeMap<Table, u32>>,
}

impl Rows for Counted<'_> {
    type Error = Corrupt;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Corrupt> {
        self.rows.get(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), Corrupt> {
        self.rows.scan(table, prefix, from, &mut |key, value| {
            *self.visited.lock().unwrap().entry(table).or_default() += 1;
            visit(key, value)
        })
    }
}

/// Contributions counted, and rows visited of every table but catalogue and dictionary.
fn visited(rows: &Memory, question: &Question) -> (u64, BTreeMap<Table, u32>) {
    let counted = Counted { rows, visited: Mutex::default() };
    let entries = aggregate(&counted, COUNCIL, question).unwrap().total.contributions;
    let mut visited = counted.visited.into_inner().unwrap();
    visited.retain(|table, _| !matches!(table, Table::Definition | Table::NameByText));
    (entries, visited)
}

#[test]
fn what_is_read_grows_with_what_is_asked() {
    let rows = folded(&history());
    let visited = |question: &Question, table: Table| {
        let (entries, visited) = visited(&rows, question);
        (entries, visited.get(&table).copied().unwrap_or_default())
    };
    // 6 services with one measure: a sheet each for all months.
    assert_eq!(visited(&question(&[Dimension::Service, Dimension::Month], "", ""), Table::CubeMonths), (4_380, 6));
    // 10 days of 730: of each service those days, and the few rows that are read before it is sought again.
    let (entries, read) = visited(&question(&[Dimension::Day], "2025-05-11", "2025-05-20"), Table::CubeDays);
    assert!(entries == 60 && read < 6 * (10 + 2 * 20), "{entries} {read}");
    let mut narrowed = question(&[Dimension::Month], "2025-05-01", "");
    narrowed.filters.services = vec!["c".into(), "e".into()];
    let (entries, read) = visited(&narrowed, Table::CubeMonths);
    assert!(entries == 2 * 244 && read < 2 * (8 + 2 * 20), "{entries} {read}");
    // A day of an area is in no roll-up: all entries, the nine of the catalogue too, and the one that ends the first batch.
    assert_eq!(visited(&question(&[Dimension::Area, Dimension::Day], "2025-05-11", "2025-05-11"), Table::Entry), (6, 4_380 + 9 + 1));
}

#[test]
fn who_took_part_in_whole_months_is_read_from_roll_ups_only() {
    let rows = folded(&history());
    let needs = Needs { participants: true, ..Needs::default() };
    let ask = |question: Question| visited(&rows, &Question { needs, ..question });
    let (entries, months) = ask(question(&[Dimension::Service, Dimension::Month], "", ""));
    // Bitmaps of 24 months and, on the way to the next service, of 2 years.
    assert_eq!((entries, months), (4_380, BTreeMap::from([(Table::CubeMonths, 6), (Table::Participants, 6 * (24 + 2))])));
    let (entries, years) = ask(question(&[Dimension::Year], "2025-01-01", "2025-12-31"));
    assert_eq!((entries, years.keys().copied().collect::<Vec<_>>()), (6 * 364, vec![Table::Participants, Table::CubeMonths]));
    // Where bitmaps do not do, statements say who it was; how many had an actor, the cells still say.
    let (entries, areas) = ask(question(&[Dimension::Area, Dimension::Month], "", ""));
    assert_eq!((entries, areas.keys().copied().collect::<Vec<_>>()), (4_380, vec![Table::Statement, Table::CubeAreas]));
}

#[test]
fn what_is_longer_than_a_day_is_priced_by_its_span() {
    let mut events = history();
    let long = [("2024-01-01", "2024-12-31"), ("2025-01-01", "2025-12-31"), ("2025-09-30", "2025-10-30"), ("2025-10-20", "2025-10-25")];
    let span = |(start, end)| Span { start: Date::parse(start).unwrap(), end: Date::parse(end).unwrap() };
    events.extend((100_000..).zip(long).map(|(id, days)| gift(id, "a", span(days))));
    let rows = folded(&events);
    let needs = Needs { cells: true, participants: true, ..Needs::default() };
    let ask = |group_by: &[Dimension], id: &str| {
        let valuation = (!id.is_empty()).then(|| ValuationAsked { id: id.into(), version: None });
        let (entries, mut visited) = visited(&rows, &Question { needs, valuation, ..question(group_by, "", "") });
        assert_eq!(entries, 4_384);
        visited.retain(|table, _| !matches!(table, Table::Participants | Table::Statement));
        let spans = visited.remove(&Table::SpanCell).unwrap_or_default();
        (visited.into_keys().collect::<Vec<_>>(), spans)
    };
    use Dimension::*;
    // On first days of months: inside the years, and inside no month.
    assert_eq!(ask(&[Month], ""), (vec![Table::CubeMonths], 0));
    assert_eq!(ask(&[Month], "april"), (vec![Table::CubeMonths], 4));
    assert_eq!(ask(&[Area, Month], "april"), (vec![Table::CubeAreas], 4));
    // Inside October.
    assert_eq!(ask(&[Month], "october"), (vec![Table::CubeDays], 4));
    assert_eq!(ask(&[Day], "october"), (vec![Table::CubeDays], 4));
    // Days of an area, only entries tell.
    assert_eq!(ask(&[Area, Month], "october"), (vec![Table::Entry, Table::CubeAreas], 0));
}
