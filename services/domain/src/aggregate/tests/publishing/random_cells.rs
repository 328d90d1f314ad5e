//! Lattices of random histories against a recount that goes over plain events and knows nothing of views.
//!
//! A failure prints its seed; `LATTICE_SEED=… cargo test -p tandem-domain recount_of_lattices` runs that one.

use crate::aggregate::Error;
use crate::aggregate::lattice::{Holders, Lattice, LatticeQuestion, Standing, lattice};
use crate::aggregate::tests::areas::AreaRow;
use crate::aggregate::tests::history::{COUNCIL, Event, FIRST_DAY, Gift, folded_every};
use crate::aggregate::tests::random::Chance;
use crate::date::{DAY_US, Date, Grain, Period};
use crate::event::Side;
use std::collections::{BTreeMap, BTreeSet};

const MEASURES: [(&str, Side, &str); 5] = [
    ("help", Side::Citizen, ""),
    ("help-back", Side::Citizen, "help"),
    ("sorted", Side::Citizen, ""),
    ("teaching", Side::State, ""),
    ("visits", Side::State, ""),
];
const AREAS: [&str; 6] = ["", "ward:1", "ward:2", "ward:3", "district:1", "elsewhere:1"];
/// The last two are part of each other: neither is part of anything.
const PARENTS: [(&str, &str); 5] =
    [("ward:1", "district:1"), ("ward:2", "district:1"), ("district:1", "county:1"), ("ward:3", "elsewhere:1"), ("elsewhere:1", "ward:3")];

/// Service, measure, area, whether it is its rest, unit, whether it is its rest.
type Key = (String, String, String, bool, String, bool);

fn history(chance: &mut Chance) -> Vec<Event> {
    let mut events: Vec<Event> = ["care", "parks"].map(Event::Service).into();
    events.extend(MEASURES.map(|(id, side, base)| Event::Measure(id, side, "min", base)));
    events.extend(PARENTS.map(|(area, parent)| Event::Area(AreaRow { area, vintage: "2025", parent, decile: 0, population: -1 })));
    let mut gone = BTreeSet::new();
    let many = 60 + chance.below(140) as u128;
    for id in 1..=many {
        let (measure, side, _) = chance.pick(&MEASURES);
        let party = if chance.one_in(3) { String::new() } else { format!("person-{}", chance.below(12)) };
        events.push(Event::Gift(Gift {
            id,
            side,
            service: chance.pick(&["care", "parks"]),
            measure,
            quantity: 1 + chance.below(90) as i64,
            area: chance.pick(&AREAS),
            exchange: String::new(),
            evidence: 3,
            occurred: chance.span(),
            party,
        }));
        let target = 1 + chance.below(id as usize) as u128;
        if chance.one_in(6) && gone.insert(target) {
            events.push(Event::Reversal(target));
        }
    }
    events
}

/// What counted after the first `entries` events.
fn live(events: &[Event], entries: usize) -> BTreeMap<u128, &Gift> {
    let mut live = BTreeMap::new();
    for event in &events[..entries] {
        match event {
            Event::Gift(gift) => _ = live.insert(gift.id, gift),
            Event::Reversal(target) => _ = live.remove(target),
            _ => {}
        }
    }
    live
}

/// The areas in which something counts, with whether it is only the rest.
fn areas_of(area: &str) -> Vec<(String, bool)> {
    let whole = || (String::new(), false);
    match area {
        "" => vec![(String::new(), true), whole()],
        "ward:1" | "ward:2" => vec![(area.into(), false), ("district:1".into(), false), ("county:1".into(), false), whole()],
        "district:1" => vec![(area.into(), true), (area.into(), false), ("county:1".into(), false), whole()],
        _ => vec![(area.into(), false), whole()],
    }
}

fn units_of(gift: &Gift, closed_before: Date) -> Vec<(String, bool, Date)> {
    let unit = gift.occurred.unit(Grain::Month);
    if unit.grain == Grain::Ever {
        return Vec::new();
    }
    let mut units: Vec<(Period, bool)> = [Grain::Month, Grain::Quarter, Grain::Year]
        .into_iter()
        .filter(|grain| *grain >= unit.grain)
        .map(|grain| (Period::of(gift.occurred.start, grain), false))
        .collect();
    if unit.grain != Grain::Month {
        units.push((unit, true));
    }
    let closed = units.into_iter().map(|(unit, is_rest)| (unit.to_string(), is_rest, unit.span().end));
    closed.filter(|(_, _, end)| *end < closed_before).collect()
}

fn keys(gift: &Gift, closed_before: Date) -> Vec<(Key, Date)> {
    let base = MEASURES.iter().find(|(id, ..)| *id == gift.measure).map(|(id, _, base)| if base.is_empty() { *id } else { *base }).unwrap();
    let mut keys = Vec::new();
    // A district has a rest only if a ward of it is named by somebody: names of areas stay, whoever was reversed.
    for (area, area_rest) in areas_of(gift.area) {
        for (unit, unit_rest, end) in units_of(gift, closed_before) {
            keys.push(((gift.service.into(), base.into(), area.clone(), area_rest, unit, unit_rest), end));
        }
    }
    keys
}

fn signed(gift: &Gift) -> i128 {
    if gift.measure == "help-back" { -i128::from(gift.quantity) } else { gift.quantity.into() }
}

/// Adds up gifts with their signs: by person, and one by one where nobody is named.
fn standing(gifts: &[(&Gift, i128)]) -> Standing {
    let mut people: BTreeMap<&str, (i128, u64)> = BTreeMap::new();
    let (mut standing, mut amounts): (Standing, Vec<u128>) = Default::default();
    for (gift, sign) in gifts {
        let amount = signed(gift) * sign;
        standing.quantity += amount;
        if gift.party.is_empty() {
            amounts.push(amount.unsigned_abs());
        } else {
            let share = people.entry(&gift.party).or_default();
            *share = (share.0 + amount, share.1 + 1);
        }
    }
    let holders = |mut amounts: Vec<u128>, entries| {
        amounts.sort_unstable_by(|a, b| b.cmp(a));
        let at = |place: usize| amounts.get(place).copied().unwrap_or(0);
        Holders { holders: amounts.len() as u64, entries, total: amounts.iter().sum(), largest: at(0), second: at(1) }
    };
    standing.named = holders(people.values().map(|share| share.0.unsigned_abs()).collect(), people.values().map(|share| share.1).sum());
    standing.unnamed = holders(amounts.clone(), amounts.len() as u64);
    standing
}

/// Gifts, each counted or taken back.
type Signed<'a> = Vec<(&'a Gift, i128)>;

fn recount(events: &[Event], now: usize, then: Option<usize>, days: [Date; 2]) -> BTreeMap<Key, (Standing, Standing)> {
    let counted = live(events, now);
    let before = then.map(|then| live(events, then)).unwrap_or_default();
    let mut cells: BTreeMap<Key, (Signed<'_>, Signed<'_>)> = BTreeMap::new();
    for gift in counted.values() {
        for (key, end) in keys(gift, days[0]) {
            let cell = cells.entry(key).or_default();
            cell.0.push((*gift, 1));
            if then.is_some() && end < days[1] && !before.contains_key(&gift.id) {
                cell.1.push((*gift, 1));
            }
        }
    }
    for gift in before.values().filter(|gift| !counted.contains_key(&gift.id)) {
        for (key, _) in keys(gift, days[0]).into_iter().filter(|(_, end)| *end < days[1]) {
            cells.entry(key).or_default().1.push((*gift, -1));
        }
    }
    cells.retain(|_, cell| !cell.0.is_empty());
    cells.into_iter().map(|(key, (now, change))| (key, (standing(&now), standing(&change)))).collect()
}

fn cells(lattice: &Lattice) -> BTreeMap<Key, (Standing, Standing)> {
    let of = |cell: &crate::aggregate::lattice::LatticeCell| {
        let (table, area) = (&lattice.tables[cell.table as usize], &lattice.areas[cell.area as usize]);
        let period = &lattice.periods[cell.period as usize];
        let measure = lattice.measures[table.measure as usize].id.clone();
        let key = (table.service.clone(), measure, area.id.clone(), area.is_rest, period.period.to_string(), period.is_rest);
        (key, (cell.now, cell.change))
    };
    lattice.cells.iter().map(of).collect()
}

/// Every published total is the sum of its parts, and every node but the top has a parent.
fn adds_up(lattice: &Lattice) {
    let at: BTreeMap<(u32, u32, u32), i128> = lattice.cells.iter().map(|cell| ((cell.table, cell.area, cell.period), cell.now.quantity)).collect();
    for ((table, area, period), quantity) in &at {
        let in_areas: Vec<u32> = (0u32..).zip(&lattice.areas).filter(|(_, node)| node.parent == Some(*area)).map(|(place, _)| place).collect();
        let in_periods: Vec<u32> = (0u32..).zip(&lattice.periods).filter(|(_, node)| node.parent == Some(*period)).map(|(place, _)| place).collect();
        let by_area: i128 = in_areas.iter().filter_map(|area| at.get(&(*table, *area, *period))).sum();
        let by_period: i128 = in_periods.iter().filter_map(|period| at.get(&(*table, *area, *period))).sum();
        assert!(in_areas.is_empty() || by_area == *quantity, "areas of {:?}", lattice.areas[*area as usize]);
        assert!(in_periods.is_empty() || by_period == *quantity, "units of {:?}", lattice.periods[*period as usize]);
    }
    assert!(lattice.areas.iter().skip(1).all(|node| node.parent.is_some()));
}

pub fn question() -> LatticeQuestion {
    LatticeQuestion {
        area_vintage: None,
        valuation: None,
        as_of: None,
        previous: None,
        grace_days: 30,
        first_year: None,
        last_year: None,
        cells_max: 100_000,
    }
}

#[test]
fn recount_of_lattices() {
    let seeds = match std::env::var("LATTICE_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=60).collect::<Vec<u64>>(),
    };
    let (mut changed, mut all) = (0, 0);
    for seed in seeds {
        let mut chance = Chance(seed);
        let events = history(&mut chance);
        // Some histories end before all that they tell of is closed.
        let step_us = DAY_US * chance.pick(&[1, 2, 4]);
        let memory = folded_every(step_us, &events);
        let now = if chance.one_in(2) { events.len() } else { 1 + chance.below(events.len()) };
        let then = (!chance.one_in(3)).then(|| 1 + chance.below(now));
        let as_of = (now < events.len() || chance.one_in(2)).then_some(now as u64 - 1);
        let grace_days = chance.pick(&[0, 30]);
        let asked = LatticeQuestion { as_of, previous: then.map(|then| then as u64 - 1), grace_days, ..question() };
        let made = lattice(&memory, COUNCIL, &asked).unwrap();
        let recorded = |entries: usize| Date::of_instant(FIRST_DAY as u64 * DAY_US + (entries as u64 - 1) * step_us).0;
        let closed = |entries: usize| Date(recorded(entries) - grace_days as i32);
        let expected = recount(&events, now, then, [closed(now), closed(then.unwrap_or(now))]);
        // An area that has parts only later has no rest yet; names that nobody has used have no cells at all.
        assert_eq!(cells(&made), expected, "LATTICE_SEED={seed}");
        adds_up(&made);
        changed += expected.values().filter(|cell| cell.1.entries() > 0).count();
        all += expected.len();
    }
    assert!(std::env::var("LATTICE_SEED").is_ok() || (changed > 500 && all > 10_000), "{changed} of {all}");
}

#[test]
fn years_are_the_same_whichever_are_asked_for_and_cells_are_bounded() {
    let events = history(&mut Chance(7));
    let memory = folded_every(4 * DAY_US, &events);
    let whole = lattice(&memory, COUNCIL, &question()).unwrap();
    let of = |year: i32| LatticeQuestion { first_year: Some(year), last_year: Some(year), ..question() };
    let mut years = BTreeMap::new();
    for year in [2024, 2025] {
        years.extend(cells(&lattice(&memory, COUNCIL, &of(year)).unwrap()));
    }
    assert_eq!(years, cells(&whole));
    let bounded = |cells_max| lattice(&memory, COUNCIL, &LatticeQuestion { cells_max, ..question() });
    assert_eq!(bounded(whole.cells.len()).unwrap(), whole);
    let Err(error @ Error::TooManyCells { .. }) = bounded(whole.cells.len() - 1) else { panic!() };
    assert!(error.to_string().ends_with("ask for fewer years"));
}

#[test]
fn a_point_that_is_not_there_is_refused() {
    let events = history(&mut Chance(8));
    let memory = folded_every(DAY_US, &events);
    let wrong = |asked: LatticeQuestion| match lattice(&memory, COUNCIL, &asked) {
        Err(Error::Refused(fields)) => fields[0].field.clone(),
        other => panic!("{other:?}"),
    };
    let beyond = events.len() as u64;
    assert_eq!(wrong(LatticeQuestion { as_of: Some(beyond), ..question() }), "as_of_sequence");
    assert_eq!(wrong(LatticeQuestion { previous: Some(beyond), ..question() }), "previous_as_of_sequence");
    assert_eq!(wrong(LatticeQuestion { as_of: Some(5), previous: Some(6), ..question() }), "previous_sequence");
}
