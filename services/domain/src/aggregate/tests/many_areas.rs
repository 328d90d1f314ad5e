//! More areas than a sheet holds: what is read from sheets of several blocks is what the entries say.

use super::history::{COUNCIL, Event, Gift, folded};
use crate::aggregate::source::{Actors, Plan, Source};
use crate::aggregate::{Filters, Question, ask};
use crate::date::{Date, Span};
use crate::event::Side;
use crate::memory::Memory;
use crate::metrics::{Answer, Dimension, Needs};
use crate::tables::Table;

const AREAS: usize = 700;

fn area(number: usize) -> &'static str {
    Box::leak(format!("lsoa21:E0100{number:04}").into_boxed_str())
}

/// One exchange an area, on both sides in every other area, in two months; and one exchange without any area.
fn history() -> Vec<Event> {
    let mut events = vec![Event::Service("care"), Event::Measure("help", Side::Citizen, "min", ""), Event::Measure("visits", Side::State, "min", "")];
    let gift = |id: usize, side, measure, area, day: usize| {
        let (exchange, occurred) = (format!("plan-{}", id / 2), Span::day(Date(20_100 + day as i32)));
        let quantity = 1 + id as i64 % 7;
        Event::Gift(Gift {
            id: id as u128 + 1,
            side,
            service: "care",
            measure,
            quantity,
            area,
            exchange,
            evidence: 1 + id as i64 % 5,
            occurred,
            party: String::new(),
        })
    };
    for number in 0..AREAS {
        events.push(gift(2 * number, Side::Citizen, "help", area(number), number % 50));
        if number % 2 == 0 {
            events.push(gift(2 * number + 1, Side::State, "visits", area(number), number % 50 + number % 3));
        }
    }
    events.push(gift(2 * AREAS, Side::Citizen, "help", "", 3));
    events
}

fn answer(rows: &Memory, quantities: Source, question: &Question) -> Answer {
    ask(rows, COUNCIL, question).unwrap().answer(Plan { quantities, actors: Actors::Lines }).unwrap()
}

#[test]
fn areas_beyond_a_sheet_are_told_apart() {
    let rows = folded(&history());
    assert!(rows.len(Table::CubeAreas) >= 2 * 3, "areas stand in several sheets: {}", rows.len(Table::CubeAreas));
    let needs = Needs { cells: true, measures: true, exchanges: true, ..Needs::default() };
    let ask = |group_by: &[Dimension], areas: &[usize]| {
        let filters = Filters { areas: areas.iter().map(|number| area(*number).to_owned()).collect(), ..Filters::default() };
        let question = Question { needs, group_by: group_by.to_vec(), filters, ..Question::default() };
        let read = answer(&rows, Source::Areas, &question);
        for source in [Source::AreaJournal, Source::Entries] {
            assert_eq!(answer(&rows, source, &question), read, "{source:?} {question:?}");
        }
        read
    };
    let all = ask(&[Dimension::Area], &[]);
    assert_eq!(all.groups.len(), AREAS + 1);
    for (number, group) in all.groups[1..].iter().enumerate() {
        assert_eq!(group.keys[0].value, area(number));
        let both = u64::from(number % 2 == 0);
        assert_eq!((group.citizen.count, group.exchanges.opened, group.exchanges.two_sided), (1, 1, both), "{number}");
        let latencies = if both == 1 { vec![(number as u32 % 3, 1)] } else { vec![] };
        assert_eq!(group.exchanges.latencies, latencies, "{number}");
    }
    assert_eq!((all.total.exchanges.opened, all.total.exchanges.two_sided), (AREAS as u64 + 1, AREAS as u64 / 2));
    // Areas of three blocks, and one that nothing is known of.
    for some in [vec![3, 256, 300, 698], vec![255, 9_999], vec![511, 512]] {
        let known: Vec<_> = some.iter().filter(|number| **number < AREAS).collect();
        assert_eq!(ask(&[Dimension::Area], &some).groups.iter().map(|group| group.keys[0].value.as_str()).collect::<Vec<_>>(), {
            known.iter().map(|number| area(**number)).collect::<Vec<_>>()
        });
        assert_eq!(ask(&[Dimension::Month], &some).total.exchanges.opened, known.len() as u64);
    }
}
