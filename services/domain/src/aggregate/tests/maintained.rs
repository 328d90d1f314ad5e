//! Maintained valuations: their sums answer as a scan of every exchange does, at every moment, and are what they would be if they were
//! worked out from nothing.
//!
//! A failure prints its seed; `MAINTAINED_SEED=… cargo test -p tandem-domain maintained` runs that one.

use super::history::{COUNCIL, Event, Gift, Rate, TEN_DAYS_US, folded, record};
use super::random::Chance;
use crate::aggregate::maintained::{Bounds, MAINTAINED_MAX, State, states, step};
use crate::aggregate::{Question, ValuationAsked, aggregate};
use crate::date::{Date, Span};
use crate::event::Side;
use crate::fold::{Intake, fold, refold};
use crate::memory::Memory;
use crate::metrics::{self, Dimension, Needs};
use crate::tables::{Sink, Table};

const MAINTAINED: [Table; 3] = [Table::MaintainedWorth, Table::MaintainedSums, Table::MaintainedProgress];
const LARGE: Bounds = Bounds { entries: 1 << 20, exchanges: 1 << 20 };

/// One step; says whether there is more.
fn one_step(memory: &mut Memory, bounds: Bounds) -> bool {
    let rows = memory.clone();
    let stepped = step(&rows, COUNCIL, bounds, memory).unwrap();
    assert_eq!(stepped.too_large, 0);
    assert!(stepped.changed || (!stepped.more && *memory == rows), "what changes nothing writes nothing");
    stepped.more
}

fn catch_up(memory: &mut Memory, bounds: Bounds) {
    for steps in 0.. {
        if !one_step(memory, bounds) {
            return;
        }
        assert!(steps < 10_000, "it comes to an end");
    }
}

fn without_sums(memory: &Memory) -> Memory {
    let mut rows = memory.clone();
    for table in MAINTAINED {
        let keys: Vec<Vec<u8>> = memory.rows(table).map(|(key, _)| key.to_vec()).collect();
        keys.iter().for_each(|key| rows.delete(table, key));
    }
    rows
}

fn from_nothing(memory: &Memory) -> Memory {
    let mut rows = without_sums(memory);
    catch_up(&mut rows, LARGE);
    rows
}

/// A question that needs the worth of exchanges, by a maintained valuation.
fn question(chance: &mut Chance) -> Question {
    loop {
        let asked = chance.question();
        if asked.needs.exchanges && asked.valuation.is_some() {
            let needs = Needs { exchange_values: true, ..asked.needs };
            return Question { needs, ..asked };
        }
    }
}

/// Of how many questions there was what.
#[derive(Debug, Default)]
struct Asked {
    from_sums: u32,
    behind: u32,
    filling: u32,
}

fn ask_some(memory: &Memory, chance: &mut Chance, place: &str, asked: &mut Asked) {
    let scanned = without_sums(memory);
    for _ in 0..4 {
        let question = question(chance);
        // Early in a history the valuation may not be there.
        let (Ok(found), Ok(expected)) = (aggregate(memory, COUNCIL, &question), aggregate(&scanned, COUNCIL, &question)) else {
            continue;
        };
        assert_eq!(found, expected, "{place}: {question:?}");
        let used = found.valuation.unwrap();
        let state = states(memory, COUNCIL).unwrap().into_iter().find(|state| (&state.id, state.version) == (&used.id, used.version)).unwrap();
        match state.answers {
            true if state.entries < state.book_entries => asked.behind += 1,
            true => asked.from_sums += 1,
            false => asked.filling += 1,
        }
    }
}

/// Folds a history in commits and cures of chance sizes, with steps and questions in between, at times from a rebuild on.
fn follow(seed: u64, asked: &mut Asked) {
    let mut chance = Chance(seed);
    let place = format!("MAINTAINED_SEED={seed}");
    let events = chance.history();
    let records: Vec<_> = events.iter().enumerate().map(|(at, event)| record(at, event, TEN_DAYS_US)).collect();
    let intake: Vec<_> = (0u64..).zip(&records).map(|(at, record)| Intake { record, append_us: u64::MAX, offset: at, index: 0 }).collect();
    let (mut memory, mut taken, mut curing) = (Memory::new(), 0, false);
    while taken < intake.len() || curing {
        let end = intake.len().min(taken + 1 + chance.below(20));
        let cures_max = 1 + chance.below(4);
        let rows = memory.clone();
        let done = fold(&rows, COUNCIL, 0, &intake[taken..end], cures_max, &mut memory).unwrap();
        taken += done.taken;
        curing = done.cures_pending;
        let bounds = Bounds { entries: 1 + chance.below(30) as u64, exchanges: 1 + chance.below(12) };
        for _ in 0..chance.below(4) {
            one_step(&mut memory, bounds);
        }
        ask_some(&memory, &mut chance, &place, asked);
        if chance.one_in(40) && !curing {
            rebuild(&mut memory);
        }
    }
    catch_up(&mut memory, Bounds { entries: 7, exchanges: 5 });
    assert_eq!(memory, from_nothing(&memory), "{place}");
    assert_eq!(memory, from_nothing(&folded(&events)), "{place}: however it was cut");
    ask_some(&memory, &mut chance, &place, asked);
    let expected = memory.clone();
    rebuild(&mut memory);
    catch_up(&mut memory, LARGE);
    assert!(MAINTAINED.iter().all(|table| memory.rows(*table).eq(expected.rows(*table))), "{place}: after a rebuild");
}

fn rebuild(memory: &mut Memory) {
    memory.drop_views();
    assert!(MAINTAINED.iter().all(|table| memory.len(*table) == 0));
    loop {
        let rows = memory.clone();
        let done = refold(&rows, COUNCIL, usize::MAX, usize::MAX, memory).unwrap();
        if done.views.folded == done.book.entries && !done.cures_pending {
            return;
        }
    }
}

#[test]
fn sums_answer_as_a_scan_does() {
    let mut asked = Asked::default();
    match std::env::var("MAINTAINED_SEED") {
        Ok(seed) => follow(seed.parse().expect("a number"), &mut asked),
        Err(_) => {
            (1..=12).for_each(|seed| follow(seed, &mut asked));
            assert!(asked.from_sums > 100 && asked.behind > 100 && asked.filling > 20, "{asked:?}");
        }
    }
}

fn gift(id: u128, side: Side, measure: &'static str, quantity: i64, exchange: &str, day: &str) -> Event {
    let occurred = Span::day(Date::parse(day).unwrap());
    let (service, area, exchange) = ("tutoring", "ward:1", exchange.to_owned());
    Event::Gift(Gift { id, side, service, measure, quantity, area, exchange, evidence: 3, occurred, party: String::new() })
}

fn floor(version: i64, pence_an_hour: i64) -> Event {
    let rate = |measure, central| Rate { measure, per_quantity: 60, low: central, central, high: central, from: "" };
    Event::Valuation("floor", version, vec![rate("helping", pence_an_hour), rate("teaching", 3_000)])
}

fn reciprocity(memory: &Memory, version: u32) -> (i128, i128, u64) {
    let question = Question {
        needs: metrics::needs([metrics::find("reciprocity").unwrap()]),
        group_by: vec![Dimension::Service, Dimension::Month],
        valuation: Some(ValuationAsked { id: "floor".into(), version: Some(version) }),
        ..Question::default()
    };
    let total = aggregate(memory, COUNCIL, &question).unwrap().total.exchanges;
    (total.reciprocal.central, total.both_sides.central, total.priced)
}

/// ```text
/// plan-7   90 min helping   45 min teaching     c = 90 × 20p = 1800   g = 45 × 50p = 2250    2 × 1800 of 4050
/// plan-8   30 min helping                       c = 600               g = 0                         0 of  600
/// plan-9   12 min talking, of which nothing is known until its measure is defined, and then not its price
/// ```
/// In units of 1 ÷ 60 of a penny: D = 60.
#[test]
fn a_history_by_hand() {
    let mut events = vec![
        Event::Service("tutoring"),
        Event::Measure("helping", Side::Citizen, "min", ""),
        Event::Measure("teaching", Side::State, "min", ""),
        floor(1, 1_200),
        gift(1, Side::Citizen, "helping", 90, "plan-7", "2025-03-03"),
        gift(2, Side::State, "teaching", 45, "plan-7", "2025-03-05"),
        gift(3, Side::Citizen, "helping", 30, "plan-8", "2025-03-10"),
        gift(4, Side::Citizen, "talking", 12, "plan-9", "2025-03-10"),
    ];
    let mut memory = folded(&events);
    catch_up(&mut memory, LARGE);
    let worth = |memory: &Memory| memory.len(Table::MaintainedWorth);
    assert_eq!((reciprocity(&memory, 1), worth(&memory)), ((3_600 * 60, 4_650 * 60, 2), 2));
    // One home, with its area and without.
    assert_eq!(memory.len(Table::MaintainedSums), 2);
    // The measure cures plan-9, which then has no price; what was given to plan-8 is taken back.
    events.extend([Event::Measure("talking", Side::Citizen, "min", ""), Event::Reversal(3)]);
    let moved = |memory: &Memory, events: &[Event]| {
        let mut rows = folded(events);
        MAINTAINED.iter().for_each(|table| memory.rows(*table).for_each(|(key, row)| rows.put(*table, key, row)));
        rows
    };
    memory = moved(&memory, &events);
    let state = State { id: "floor".into(), version: 1, entries: 8, book_entries: 10, filling: None, answers: true };
    assert_eq!(states(&memory, COUNCIL).unwrap(), std::slice::from_ref(&state));
    assert_eq!((reciprocity(&memory, 1), worth(&memory)), ((3_600 * 60, 4_050 * 60, 1), 2), "behind, the new entries are taken on top");
    catch_up(&mut memory, LARGE);
    assert_eq!((reciprocity(&memory, 1), worth(&memory)), ((3_600 * 60, 4_050 * 60, 1), 2));
    assert_eq!(states(&memory, COUNCIL).unwrap(), [State { entries: 10, ..state }]);
    // Four more versions: the first goes, in as many steps as it takes, and is answered by a scan.
    events.extend((2..=5).map(|version| floor(version, 1_200 * version)));
    memory = moved(&memory, &events);
    catch_up(&mut memory, Bounds { entries: 1, exchanges: 1 });
    let versions: Vec<u32> = states(&memory, COUNCIL).unwrap().iter().map(|state| state.version).collect();
    assert_eq!((versions, worth(&memory)), (vec![5, 4, 3, 2], 2 * MAINTAINED_MAX));
    assert_eq!(reciprocity(&memory, 1), (3_600 * 60, 4_050 * 60, 1));
    // Twice the price: c = 3600, g = 2250.
    assert_eq!(reciprocity(&memory, 2), (4_500 * 60, 5_850 * 60, 1));
}

/// The sums are read, and not the exchanges: a falsified sum shows.
#[test]
fn answers_come_from_the_sums() {
    let mut events = vec![Event::Service("tutoring"), Event::Measure("helping", Side::Citizen, "min", ""), floor(1, 1_200)];
    events.push(gift(1, Side::Citizen, "helping", 60, "plan-1", "2025-03-03"));
    let mut memory = folded(&events);
    catch_up(&mut memory, LARGE);
    assert_eq!(reciprocity(&memory, 1), (0, 1_200 * 60, 1));
    let keys: Vec<Vec<u8>> = memory.rows(Table::MaintainedSums).map(|(key, _)| key.to_vec()).collect();
    keys.iter().for_each(|key| memory.delete(Table::MaintainedSums, key));
    assert_eq!(reciprocity(&memory, 1), (0, 0, 0));
}
