//! What is shown of a protected lattice: figures of published cells, and value that is made of nothing but these.
//!
//! **Value.** Price lists are public, so an amount tells as much as the quantity that it is made from. A measure's value is shown where its quantity is, and
//! only if whoever has the table and the price list could work it out: the price is the same throughout the unit, or the value is the sum of those of
//! the unit's parts, all of which are shown. (Else a year's value under a price of April would tell the first quarter's quantity.) The value of a side is the
//! sum of its measures' and is shown where all of these are. So no valuation, and no two of them, tell anything that the quantities do not; and since no
//! measure of the sum is dominated by one or two holders, neither is the sum.

use super::disclosure::{Rule, Why};
use super::lattice::{Lattice, LatticeCell, worth};
use crate::date::Grain;
use crate::event::Side;
use crate::metrics::Amount;
use crate::metrics::rounded;
use crate::valuation::Rate;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// Which levels of area are shown. What is suppressed does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Levels {
    /// The whole council.
    Council,
    /// The whole council and areas that have parts.
    Parents,
    /// All, and what is in none of an area's parts.
    All,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A measure, by its place.
    Measure(u32),
    /// Value of a side: the sum of its measures that have a price.
    Value(Side),
}

/// A row of the public table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Service.
    pub service: &'a str,
    /// What.
    pub subject: Subject,
    /// Place of the area.
    pub area: u32,
    /// Place of the unit.
    pub period: u32,
    /// Its figures, or why they are suppressed.
    pub figures: Result<Figures, Why>,
}

/// Figures of a published cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Sum of quantities; of the value of a side `None`.
    pub quantity: Option<i128>,
    /// Entries; of the value of a side those that have a price.
    pub entries: u64,
    /// Different people named; `None`: fewer than k.
    pub people: Option<u64>,
    /// Entries that name somebody, in whole per cent of all, rounded down; `None`: they name fewer than k people.
    pub named_percent: Option<u32>,
    /// What it is worth.
    pub worth: Worth,
    /// Of the value of a side: places of measures without a price.
    pub unpriced: Vec<u32>,
}

/// What a cell is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// No valuation was asked for.
    NotAsked,
    /// There is no price.
    Unpriced,
    /// The price changes within the unit, and not all of its parts are published.
    Changes,
    /// In whole minor units, each rounded once, half to even.
    Money(Amount),
}

/// An amount does not fit into 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// The worth of a cell before it is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exact {
    Suppressed,
    Unpriced,
    Changes,
    /// An amount, and the entries that it is of.
    Priced(Amount, u64),
}

/// The rows of a grain and of these levels of area, ascending by service; in a service measures first, then value; then by area and unit.
pub fn rows<'a>(lattice: &'a Lattice, why: &[Option<Why>], rule: Rule, grain: Grain, levels: Levels) -> Result<Vec<Row<'a>>, TooLarge> {
    let worths = worths(lattice, why)?;
    let with_parts: BTreeSet<u32> = lattice.areas.iter().filter_map(|node| node.parent).collect();
    let is_shown = |area: u32, period: u32| {
        let level = match levels {
            Levels::Council => area == 0,
            Levels::Parents => area == 0 || with_parts.contains(&area),
            Levels::All => true,
        };
        level && lattice.periods[period as usize].period.grain == grain
    };
    let mut rows = Vec::new();
    for (place, cell) in lattice.cells.iter().enumerate().filter(|(_, cell)| is_shown(cell.area, cell.period)) {
        let table = &lattice.tables[cell.table as usize];
        let figures = match why[place] {
            Some(why) => Err(why),
            None => Ok(figures(lattice, cell, rule, worths[place])),
        };
        let subject = Subject::Measure(table.measure);
        rows.push(Row { service: &table.service, subject, area: cell.area, period: cell.period, figures });
    }
    if lattice.valuation.is_some() {
        rows.extend(sides(lattice, &worths, is_shown)?);
    }
    rows.sort_by_key(|row| {
        let subject = match row.subject {
            Subject::Measure(measure) => (0, measure),
            Subject::Value(side) => (1, side as u32),
        };
        (row.service, subject, row.area, row.period)
    });
    Ok(rows)
}

fn figures(lattice: &Lattice, cell: &LatticeCell, rule: Rule, exact: Exact) -> Figures {
    let (named, entries) = (&cell.now.named, cell.now.entries());
    let may_be_known = named.holders == 0 || named.holders >= u64::from(rule.k);
    let percent = u32::try_from(u128::from(named.entries) * 100 / u128::from(entries.max(1))).unwrap_or(100);
    Figures {
        quantity: Some(cell.now.quantity),
        entries,
        people: Some(named.holders).filter(|people| *people >= u64::from(rule.k)),
        named_percent: may_be_known.then_some(percent),
        worth: round(lattice, exact),
        unpriced: Vec::new(),
    }
}

fn round(lattice: &Lattice, exact: Exact) -> Worth {
    match exact {
        _ if lattice.valuation.is_none() => Worth::NotAsked,
        Exact::Suppressed | Exact::Changes => Worth::Changes,
        Exact::Unpriced => Worth::Unpriced,
        Exact::Priced(amount, _) => {
            let minor = |amount| rounded(amount, lattice.denominator);
            Worth::Money(Amount { low: minor(amount.low), central: minor(amount.central), high: minor(amount.high) })
        }
    }
}

/// What each cell is worth, from published quantities alone.
fn worths(lattice: &Lattice, why: &[Option<Why>]) -> Result<Vec<Exact>, TooLarge> {
    let mut worths = vec![Exact::Unpriced; lattice.cells.len()];
    let mut parts: Vec<Vec<u32>> = vec![Vec::new(); lattice.periods.len()];
    for (place, node) in (0u32..).zip(&lattice.periods) {
        node.parent.iter().for_each(|parent| parts[*parent as usize].push(place));
    }
    let mut first = 0;
    for cells in lattice.cells.chunk_by(|a, b| (a.table, a.area) == (b.table, b.area)) {
        let at: FxHashMap<u32, usize> = cells.iter().zip(first..).map(|(cell, place)| (cell.period, place)).collect();
        // Parts before what they are parts of.
        let mut order: Vec<usize> = (first..first + cells.len()).collect();
        order.sort_by_key(|place| {
            let node = &lattice.periods[lattice.cells[*place].period as usize];
            (node.period.grain, !node.is_rest)
        });
        for place in order {
            let cell = &lattice.cells[place];
            let of_parts = || parts[cell.period as usize].iter().filter_map(|part| at.get(part)).map(|place| worths[*place]).collect::<Vec<_>>();
            worths[place] = exact(lattice, cell, why[place], of_parts)?;
        }
        first += cells.len();
    }
    Ok(worths)
}

fn exact(lattice: &Lattice, cell: &LatticeCell, why: Option<Why>, of_parts: impl Fn() -> Vec<Exact>) -> Result<Exact, TooLarge> {
    if why.is_some() {
        return Ok(Exact::Suppressed);
    }
    let measure = lattice.tables[cell.table as usize].measure;
    match lattice.rates.get(&(measure, cell.period)) {
        None | Some(Rate::Unpriced) => Ok(Exact::Unpriced),
        Some(Rate::One(rate)) => Ok(Exact::Priced(worth(cell.now.quantity, *rate).ok_or(TooLarge)?, cell.now.entries())),
        Some(Rate::Changes) => {
            let parts = of_parts();
            let is_known = !parts.is_empty() && parts.iter().all(|part| matches!(part, Exact::Priced(..) | Exact::Unpriced));
            if is_known { sum(parts.into_iter()).map(|sum| sum.unwrap_or(Exact::Unpriced)) } else { Ok(Exact::Changes) }
        }
    }
}

/// The sum of those that have a price; `None`: none has.
fn sum(parts: impl Iterator<Item = Exact>) -> Result<Option<Exact>, TooLarge> {
    let mut sum: Option<(Amount, u64)> = None;
    for part in parts {
        let Exact::Priced(amount, entries) = part else { continue };
        let (so_far, counted) = sum.unwrap_or_default();
        let add = |a: i128, b: i128| a.checked_add(b).ok_or(TooLarge);
        let all = Amount { low: add(so_far.low, amount.low)?, central: add(so_far.central, amount.central)?, high: add(so_far.high, amount.high)? };
        sum = Some((all, counted + entries));
    }
    Ok(sum.map(|(amount, entries)| Exact::Priced(amount, entries)))
}

/// Value of each side of a service, where something of it has a price.
fn sides<'a>(lattice: &'a Lattice, worths: &[Exact], is_shown: impl Fn(u32, u32) -> bool) -> Result<Vec<Row<'a>>, TooLarge> {
    type Place<'a> = (&'a str, u8, u32, u32);
    let mut groups: BTreeMap<Place<'a>, Vec<usize>> = BTreeMap::new();
    for (place, cell) in lattice.cells.iter().enumerate().filter(|(_, cell)| is_shown(cell.area, cell.period)) {
        let table = &lattice.tables[cell.table as usize];
        let side = lattice.measures[table.measure as usize].side;
        groups.entry((&table.service, side as u8, cell.area, cell.period)).or_default().push(place);
    }
    let mut rows = Vec::new();
    for ((service, side, area, period), places) in groups {
        let measure = |place: &usize| lattice.tables[lattice.cells[*place].table as usize].measure;
        let (priced, unpriced): (Vec<usize>, Vec<usize>) =
            places.into_iter().partition(|place| lattice.rates.contains_key(&(measure(place), period)));
        if priced.is_empty() {
            continue;
        }
        let parts: Vec<Exact> = priced.iter().map(|place| worths[*place]).collect();
        let figures = if parts.contains(&Exact::Suppressed) {
            Err(Why::Protects)
        } else {
            let exact = if parts.contains(&Exact::Changes) { Exact::Changes } else { sum(parts.into_iter())?.unwrap_or(Exact::Unpriced) };
            let entries = if let Exact::Priced(_, entries) = exact { entries } else { 0 };
            let (worth, unpriced) = (round(lattice, exact), unpriced.iter().map(measure).collect());
            Ok(Figures { quantity: None, entries, people: None, named_percent: None, worth, unpriced })
        };
        let subject = Subject::Value(if side == Side::Citizen as u8 { Side::Citizen } else { Side::State });
        rows.push(Row { service, subject, area, period, figures });
    }
    Ok(rows)
}
