//! The lattice from which tables for the public are made: for each service, measure, area and closed calendar unit the exact sum, and how it is
//! spread over the people that it is about.
//!
//! ```text
//!  statements ── person by person ─┐
//!                                  ├─▶ cells: service × measure × area level × unit ──▶ disclosure ──▶ published
//!  entries without a person ───────┘   now, and what changed since an earlier point
//! ```
//!
//! **Cells.** An entry counts in its base measure, at every level of its area (the area, its parents, the whole council) and in every closed
//! unit that contains it (month, quarter, year). What is in a parent but in none of its children has a cell of its own, the parent's
//! `rest`: entries that name the parent itself, or no area; spans longer than a month. So every parent is exactly the sum of its
//! children, and nothing is left that could be had by subtraction without being a cell. Spans that cross the turn of a year are in no
//! unit and not in the lattice. Years have nothing in common, so the cells of one year are the same whichever years are asked for.
//!
//! **Closed.** A unit is closed if it ended more than `grace_days` whole days before the UTC day of the book time of the last entry that counts.
//!
//! **People.** A contribution is about its actor, a state input about its recipient. Nothing is known of an entry that names nobody: such entries are
//! counted apart, each as one holder.
//!
//! **Memory.** Cells are held, at most as many as the question allows (about 350 bytes each while they are made), and the
//! lines of one person at a time. It does not grow with entries or people.

use super::areas::{Defined, defined};
use super::as_of::{AsOf, Counted, Point, Reach, Resolved, counted_at, is_live, resolve};
use super::entries::Found;
use super::{Asked, Error, Question, ValuationAsked, ask_at, corrupt, read};
use crate::bytes::Corrupt;
use crate::date::{Date, Grain, Period};
use crate::event::{Invalid, Side};
use crate::metrics::{Amount, Needs, ValuationUsed};
use crate::rows::{StatementLine, read_number};
use crate::tables::{Key, NameKind, Rows, Table};
use crate::valuation::Rate;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Cells that a lattice holds at most.
pub const CELLS_MAX: usize = 1_000_000;
/// Levels of areas above one that are looked at; parents beyond it, or in a circle, are left out.
const LEVELS_MAX: usize = 6;

/// What is asked of one council.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatticeQuestion {
    /// Vintage in which areas have their parents; none: of each area the newest.
    pub area_vintage: Option<String>,
    /// None: nothing is priced.
    pub valuation: Option<ValuationAsked>,
    /// Sequence of the last entry that counts; none: the last one folded.
    pub as_of: Option<u64>,
    /// Sequence of the last entry of an earlier publication; none: no change is counted.
    pub previous: Option<u64>,
    /// Whole days between the end of a unit and the day on which it is closed.
    pub grace_days: u32,
    /// First calendar year; none: no bound.
    pub first_year: Option<i32>,
    /// Last calendar year; none: no bound.
    pub last_year: Option<i32>,
    /// Cells that may be held.
    pub cells_max: usize,
}

/// A point up to which entries count, and the units that were closed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Entries up to it.
    pub entries: u64,
    /// Book time of the last of them, microseconds since 1970 UTC; 0: there is none.
    pub book_time_us: u64,
    /// Units whose last day is before this day are closed.
    pub closed_before: Date,
}

/// A level of area.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AreaNode {
    /// Its id; empty: the whole council.
    pub id: String,
    /// Place of the area that it is part of; `None`: it is the whole council.
    pub parent: Option<u32>,
    /// Whether it is what of the parent with this id is in none of its other children.
    pub is_rest: bool,
}

/// A closed calendar unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeriodNode {
    /// The unit.
    pub period: Period,
    /// Whether it is only what of this unit is in none of its parts: longer spans.
    pub is_rest: bool,
    /// Place of the unit that it is part of; `None`: that is not closed, or it is a year.
    pub parent: Option<u32>,
}

/// A base measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureNode {
    /// Its id.
    pub id: String,
    /// Its unit.
    pub unit: String,
    /// Its side.
    pub side: Side,
}

/// One service and one base measure: cells of two tables have nothing in common that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableNode {
    /// The service's id.
    pub service: String,
    /// Place of the measure.
    pub measure: u32,
}

/// How a quantity is spread over those who hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// How many there are.
    pub holders: u64,
    /// Their entries.
    pub entries: u64,
    /// Sum over holders of what each holds, contra measures subtracted within each, signs dropped.
    pub total: u128,
    /// The largest of these.
    pub largest: u128,
    /// The second largest.
    pub second: u128,
}

impl Holders {
    /// One more holder.
    pub fn add(&mut self, entries: u64, amount: u128) {
        self.join(&Self { holders: 1, entries, total: amount, largest: amount, second: 0 });
    }

    /// Others, none of them among these.
    pub fn join(&mut self, other: &Self) {
        self.holders += other.holders;
        self.entries += other.entries;
        self.total = self.total.saturating_add(other.total);
        let (high, low) = if self.largest >= other.largest { (&*self, other) } else { (other, &*self) };
        (self.largest, self.second) = (high.largest, high.second.max(low.largest));
    }
}

/// What stands in a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Sum of quantities, contra measures subtracted.
    pub quantity: i128,
    /// Of people named.
    pub named: Holders,
    /// Of entries that name nobody, each as one holder.
    pub unnamed: Holders,
}

impl Standing {
    /// Entries.
    pub fn entries(&self) -> u64 {
        self.named.entries + self.unnamed.entries
    }
}

/// One cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatticeCell {
    /// Place of its table.
    pub table: u32,
    /// Place of its area.
    pub area: u32,
    /// Place of its unit.
    pub period: u32,
    /// What counts. It has entries.
    pub now: Standing,
    /// Entries that count at one of both points and not at the other, if the unit was closed at the earlier one.
    pub change: Standing,
}

/// All cells of a council.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lattice {
    /// What counts; `None` only before it is asked.
    pub reached: Option<Reached>,
    /// The earlier point; `None`: none was asked for.
    pub previous: Option<Reached>,
    /// Areas: the whole council first.
    pub areas: Vec<AreaNode>,
    /// Units, ascending.
    pub periods: Vec<PeriodNode>,
    /// Base measures.
    pub measures: Vec<MeasureNode>,
    /// Tables, ascending by service and measure.
    pub tables: Vec<TableNode>,
    /// Cells that have entries, ascending by table, area and unit.
    pub cells: Vec<LatticeCell>,
    /// The valuation; `None`: none was asked for.
    pub valuation: Option<ValuationUsed>,
    /// Rates are in units of 1 ÷ this of the currency's minor unit.
    pub denominator: u64,
    /// What a unit of a measure is worth throughout a calendar unit, by their places. What is missing has no price.
    pub rates: BTreeMap<(u32, u32), Rate>,
    /// Vintages in which areas have their parents.
    pub vintages: Vec<String>,
}

/// The lattice of a council, from one snapshot of its rows.
pub fn lattice<R: Rows>(rows: &R, council: &str, asked: &LatticeQuestion) -> Result<Lattice, Error<R::Error>> {
    let needs = Needs { cells: true, ..Needs::default() };
    let question = Question { needs, valuation: asked.valuation.clone(), as_of: asked.as_of.map(AsOf::Sequence), ..Question::default() };
    let resolved = match question.as_of {
        Some(as_of) => resolve(rows, council, as_of, "")?,
        None => Reach::read(rows, council)?.end(rows, council)?,
    };
    let previous = asked.previous.map(|sequence| resolve(rows, council, AsOf::Sequence(sequence), "previous_")).transpose()?;
    if let (Some(previous), Some(sequence)) = (&previous, asked.previous)
        && previous.entries > resolved.entries
    {
        let wrong = format!("is {sequence}, after the last entry that counts: give an earlier one");
        return Err(Error::Refused(vec![Invalid::new("previous_sequence", wrong)]));
    }
    let reached = reached(&resolved, asked.grace_days);
    let then = previous.as_ref().map(|previous| self::reached(previous, asked.grace_days));
    let ask = ask_at(rows, council, &question, resolved.point)?;
    let areas = Areas::load(rows, council, asked.area_vintage.as_deref())?;
    let points = Points { now: reached, then, previous: previous.and_then(|previous| previous.point) };
    Making::new(&ask, asked, &areas, &points).make()
}

fn reached(resolved: &Resolved, grace_days: u32) -> Reached {
    let book_time_us = resolved.used.book_time_us;
    let day = Date::of_instant(book_time_us).0.saturating_sub_unsigned(grace_days);
    // A book without entries closes nothing.
    let closed_before = if resolved.entries == 0 { crate::date::EARLIEST } else { Date(day) };
    Reached { entries: resolved.entries, book_time_us, closed_before }
}

/// Both points.
struct Points {
    now: Reached,
    then: Option<Reached>,
    /// The earlier point, if it is not the end of the views.
    previous: Option<Point>,
}

/// Areas that entries name, with their parents.
struct Areas {
    nodes: Vec<AreaNode>,
    /// By the number that entries name an area by: the nodes that it counts in, the smallest first. 0 is no area.
    paths: Vec<Vec<u32>>,
    vintages: Vec<String>,
}

/// The area that an area is part of; none, too, if it would be part of itself, or of more than [`LEVELS_MAX`] areas one above another.
fn parent_of<'p>(id: &str, parents: &FxHashMap<&str, &'p str>) -> Option<&'p str> {
    let up = std::iter::successors(parents.get(id), |above| parents.get(*above));
    let above: Vec<&&str> = up.take(LEVELS_MAX + 1).take_while(|above| **above != id).collect();
    let ends = above.len() <= LEVELS_MAX && above.last().is_some_and(|last| !parents.contains_key(**last));
    // What is above may be a circle without this one: its areas have no parents then.
    let meets_a_circle = above.iter().enumerate().any(|(at, id)| above[..at].contains(id));
    if ends || meets_a_circle { parents.get(id).copied() } else { None }
}

impl Areas {
    fn load<R: Rows>(rows: &R, council: &str, vintage: Option<&str>) -> Result<Self, Error<R::Error>> {
        let all = defined(rows, council, vintage)?;
        let parents: FxHashMap<&str, &str> = all.iter().filter_map(|area| Some((area.id.as_str(), area.parent.as_deref()?))).collect();
        let mut ids: BTreeMap<u32, String> = BTreeMap::new();
        let mut prefix = Key::of(Table::NameByText, council);
        prefix.byte(NameKind::Area as u8);
        let start = prefix.as_slice().len();
        super::measures::scan(rows, Table::NameByText, &prefix, |key, row| {
            let id = std::str::from_utf8(&key[start..]).map_err(|_| Corrupt("NameByText"))?;
            ids.insert(read_number(row)?, id.to_owned());
            Ok(())
        })?;
        let vintages: BTreeSet<&String> = all.iter().map(|Defined { vintage, .. }| vintage).collect();
        Ok(Self::of(&ids, &parents, vintages.into_iter().cloned().collect()))
    }

    fn of(ids: &BTreeMap<u32, String>, parents: &FxHashMap<&str, &str>, vintages: Vec<String>) -> Self {
        let mut parent_by_id: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for id in ids.values() {
            let mut next = Some(id.as_str());
            while let Some(id) = next.filter(|id| !parent_by_id.contains_key(id)) {
                next = parent_of(id, parents);
                parent_by_id.insert(id, next);
            }
        }
        let mut nodes = vec![AreaNode::default()];
        let places: BTreeMap<&str, u32> = parent_by_id.keys().zip(1u32..).map(|(id, place)| (*id, place)).collect();
        let place = |id: Option<&str>| id.and_then(|id| places.get(id)).copied().unwrap_or(0);
        nodes.extend(parent_by_id.iter().map(|(id, parent)| AreaNode { id: (*id).to_owned(), parent: Some(place(*parent)), is_rest: false }));
        let with_children: BTreeSet<u32> = nodes.iter().filter_map(|node| node.parent).collect();
        let mut rests = BTreeMap::new();
        for parent in with_children {
            rests.insert(parent, nodes.len() as u32);
            nodes.push(AreaNode { id: nodes[parent as usize].id.clone(), parent: Some(parent), is_rest: true });
        }
        let path = |node: u32| -> Vec<u32> {
            let up = std::iter::successors(Some(node), |node| nodes[*node as usize].parent);
            rests.get(&node).copied().into_iter().chain(up).collect()
        };
        let last = ids.keys().last().copied().unwrap_or(0) as usize;
        let mut paths = vec![path(0); last + 1];
        ids.iter().for_each(|(number, id)| paths[*number as usize] = path(place(Some(id))));
        Self { nodes, paths, vintages }
    }

    fn path(&self, number: u32) -> Result<&[u32], Corrupt> {
        self.paths.get(number as usize).map(Vec::as_slice).ok_or(Corrupt("NameByText"))
    }
}

/// A cell by the numbers under which it is found while the lattice is made.
type CellKey = (u32, u32, u32);

/// What one holder has in a cell.
#[derive(Clone, Copy, Default)]
struct Share {
    now: i128,
    entries: u64,
    change: i128,
    changed: u64,
}

/// A lattice that is being made.
struct Making<'a, 'q, R> {
    ask: &'a Asked<'q, R>,
    asked: &'a LatticeQuestion,
    areas: &'a Areas,
    points: &'a Points,
    counted: Option<Counted<'a>>,
    counted_then: Option<Counted<'a>>,
    /// By number of the service and place of the base measure.
    tables: FxHashMap<(u32, u32), u32>,
    /// By unit and whether it is the rest.
    periods: FxHashMap<(Period, bool), u32>,
    /// The units that an entry's unit counts in, the smallest first, and whether they were closed at the earlier point.
    units: FxHashMap<Period, Rc<[(u32, bool)]>>,
    places: FxHashMap<CellKey, u32>,
    cells: Vec<LatticeCell>,
    /// Of one person, by place of the cell.
    shares: FxHashMap<u32, Share>,
}

/// One entry as the lattice sees it.
struct Seen {
    table: (u32, u32),
    area: u32,
    unit: Period,
    /// Contra measures count negative.
    quantity: i128,
    now: bool,
    then: bool,
}

impl<'a, 'q, R: Rows> Making<'a, 'q, R> {
    fn new(ask: &'a Asked<'q, R>, asked: &'a LatticeQuestion, areas: &'a Areas, points: &'a Points) -> Self {
        let (tables, periods, units, places) = Default::default();
        let (counted, counted_then, cells, shares) = (None, None, Vec::new(), FxHashMap::default());
        Self { ask, asked, areas, points, counted, counted_then, tables, periods, units, places, cells, shares }
    }

    fn make(mut self) -> Result<Lattice, Error<R::Error>> {
        self.counted = self.ask.counted()?;
        let then = self.points.previous.as_ref();
        self.counted_then = then.map(|point| counted_at(self.ask.rows, self.ask.council, point)).transpose()?;
        self.people()?;
        self.nobody()?;
        self.finish()
    }

    /// Lines of statements stand in order of people.
    fn people(&mut self) -> Result<(), Error<R::Error>> {
        let prefix = Key::of(Table::Statement, self.ask.council);
        let (mut failure, mut last) = (None, 0);
        let rows = self.ask.rows;
        let result = rows.scan(Table::Statement, prefix.as_slice(), prefix.as_slice(), &mut |_, row| {
            failure = self.line(row, &mut last).err();
            failure.is_none()
        });
        read(result)?;
        self.turn();
        failure.map_or(Ok(()), Err)
    }

    fn line(&mut self, row: &[u8], last: &mut u32) -> Result<(), Error<R::Error>> {
        let StatementLine { received, posting, .. } = StatementLine::decode(row).map_err(corrupt)?;
        let person = if received { posting.recipient } else { posting.actor };
        // What a line tells of somebody is theirs; a line of nobody says nothing here.
        if person == 0 {
            return Ok(());
        }
        if *last != person {
            self.turn();
            *last = person;
        }
        let at = self.ask.measures.place(posting.measure).map_err(corrupt)?;
        let measure = self.ask.measures.get(at);
        let quantity = if measure.negative { -i128::from(posting.quantity) } else { i128::from(posting.quantity) };
        let (now, then) = (is_live(self.counted, &posting), self.was_live(is_live(self.counted_then, &posting)));
        let (table, area, unit) = ((posting.service, measure.base as u32), posting.area, posting.occurred.unit(Grain::Month));
        let seen = Seen { table, area, unit, quantity, now, then };
        self.each(&seen, |making, cell, changed| {
            let share = making.shares.entry(cell).or_default();
            if seen.now {
                share.now += seen.quantity;
                share.entries += 1;
            }
            if changed {
                share.change += if seen.now { seen.quantity } else { -seen.quantity };
                share.changed += 1;
            }
        })
    }

    /// Whether something counted at the earlier point; without one nothing has changed.
    fn was_live(&self, is_live: bool) -> bool {
        self.points.then.is_some() && is_live
    }

    /// Another person's lines follow: this one's shares are what the cells need of them.
    fn turn(&mut self) {
        for (cell, share) in self.shares.drain() {
            let cell = &mut self.cells[cell as usize];
            if share.entries > 0 {
                cell.now.quantity += share.now;
                cell.now.named.add(share.entries, share.now.unsigned_abs());
            }
            if share.changed > 0 {
                cell.change.quantity += share.change;
                cell.change.named.add(share.changed, share.change.unsigned_abs());
            }
        }
    }

    /// Entries that name nobody.
    fn nobody(&mut self) -> Result<(), Error<R::Error>> {
        let (counted, counted_then) = (self.counted, self.counted_then);
        let live = |counted: Option<Counted<'_>>, sequence, reversed_by: Option<u64>| match counted {
            Some(counted) => counted.is_live(sequence, reversed_by),
            None => reversed_by.is_none(),
        };
        let (has_then, ask) = (self.points.then.is_some(), self.ask);
        let both = |sequence, by| (live(counted, sequence, by), has_then && live(counted_then, sequence, by));
        let is_gone = |sequence, verdict: crate::rows::Verdict| both(sequence, verdict.reversed_by) == (false, false);
        ask.each_entry(ask.entries_asked()?, is_gone, |found| {
            found.iter().filter(|entry| !entry.is_named).try_for_each(|entry| {
                let (now, then) = both(entry.sequence, entry.verdict.reversed_by);
                self.unnamed(entry, now, then)
            })
        })
    }

    fn unnamed(&mut self, entry: &Found, now: bool, then: bool) -> Result<(), Error<R::Error>> {
        let negative = self.ask.measures.get(entry.measure).negative;
        let quantity = if negative { -i128::from(entry.quantity) } else { i128::from(entry.quantity) };
        let table = (entry.place.service, entry.place.base as u32);
        let seen = Seen { table, area: entry.place.area, unit: entry.occurred.unit(Grain::Month), quantity, now, then };
        self.each(&seen, |making, cell, changed| {
            let cell = &mut making.cells[cell as usize];
            let amount = seen.quantity.unsigned_abs();
            if seen.now {
                cell.now.quantity += seen.quantity;
                cell.now.unnamed.add(1, amount);
            }
            if changed {
                cell.change.quantity += if seen.now { seen.quantity } else { -seen.quantity };
                cell.change.unnamed.add(1, amount);
            }
        })
    }

    /// Visits the cells in which an entry counts, and says whether it is a change of them.
    fn each(&mut self, seen: &Seen, mut visit: impl FnMut(&mut Self, u32, bool)) -> Result<(), Error<R::Error>> {
        let units = self.units_of(seen.unit);
        let differs = self.points.then.is_some() && seen.now != seen.then;
        if units.is_empty() || !(seen.now || differs) {
            return Ok(());
        }
        let tables = self.tables.len() as u32;
        let table = *self.tables.entry(seen.table).or_insert(tables);
        let areas: &'a Areas = self.areas;
        for area in areas.path(seen.area).map_err(corrupt)? {
            for (period, was_closed) in units.iter() {
                let changed = differs && *was_closed;
                if seen.now || changed {
                    let cell = self.cell((table, *area, *period))?;
                    visit(self, cell, changed);
                }
            }
        }
        Ok(())
    }

    fn cell(&mut self, key: CellKey) -> Result<u32, Error<R::Error>> {
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        if self.cells.len() >= self.asked.cells_max {
            return Err(Error::TooManyCells { max: self.asked.cells_max });
        }
        let place = self.cells.len() as u32;
        let (table, area, period) = key;
        self.cells.push(LatticeCell { table, area, period, ..LatticeCell::default() });
        self.places.insert(key, place);
        Ok(place)
    }

    /// The closed units that contain a unit, with whether they were closed at the earlier point.
    fn units_of(&mut self, unit: Period) -> Rc<[(u32, bool)]> {
        if let Some(known) = self.units.get(&unit) {
            return known.clone();
        }
        let then = self.points.then.map(|then| then.closed_before);
        let mut places = Vec::new();
        for node in containing(unit, self.asked, self.points.now.closed_before) {
            let next = self.periods.len() as u32;
            let was_closed = then.is_some_and(|then| node.0.span().end < then);
            places.push((*self.periods.entry(node).or_insert(next), was_closed));
        }
        self.units.entry(unit).or_insert(places.into()).clone()
    }

    fn finish(mut self) -> Result<Lattice, Error<R::Error>> {
        self.cells.retain(|cell| cell.now.entries() > 0);
        let (periods, period_places) = self.period_nodes();
        let (tables, measures, table_places) = self.table_nodes()?;
        for cell in &mut self.cells {
            (cell.period, cell.table) = (period_places[&cell.period], table_places[&cell.table]);
        }
        self.cells.sort_unstable_by_key(|cell| (cell.table, cell.area, cell.period));
        let rates = self.rates(&measures, &periods);
        let prices = self.ask.prices.as_ref();
        Ok(Lattice {
            reached: Some(self.points.now),
            previous: self.points.then,
            areas: self.areas.nodes.clone(),
            periods,
            measures: measures.into_iter().map(|(_, measure)| measure).collect(),
            tables,
            cells: self.cells,
            valuation: prices.map(|prices| prices.used.clone()),
            denominator: prices.map_or(1, |prices| prices.denominator),
            rates,
            vintages: self.areas.vintages.clone(),
        })
    }

    /// Units in order, and where each number stands among them.
    fn period_nodes(&self) -> (Vec<PeriodNode>, FxHashMap<u32, u32>) {
        let ordered: BTreeMap<_, _> =
            self.periods.iter().map(|(node, number)| ((node.0.span().start, u8::MAX - node.0.grain as u8, node.1), (*node, *number))).collect();
        let places: FxHashMap<(Period, bool), u32> = ordered.values().zip(0u32..).map(|((node, _), place)| (*node, place)).collect();
        let parent = |(period, is_rest): (Period, bool)| {
            let above = match period.grain {
                _ if is_rest => Some(period),
                Grain::Month => Some(Period::of(period.span().start, Grain::Quarter)),
                Grain::Quarter => Some(Period::of(period.span().start, Grain::Year)),
                _ => None,
            };
            above.and_then(|above| places.get(&(above, false))).copied()
        };
        let node = |node: (Period, bool)| PeriodNode { period: node.0, is_rest: node.1, parent: parent(node) };
        let nodes = ordered.values().map(|(one, _)| node(*one)).collect();
        (nodes, ordered.values().map(|(node, number)| (*number, places[node])).collect())
    }

    /// Tables in order, their measures with their places among all of the council's, and where each number of a table stands.
    #[allow(clippy::type_complexity, reason = "three lists that are made together")]
    fn table_nodes(&self) -> Result<(Vec<TableNode>, Vec<(usize, MeasureNode)>, FxHashMap<u32, u32>), Error<R::Error>> {
        let used: BTreeSet<u32> = self.cells.iter().map(|cell| cell.table).collect();
        let mut named: BTreeMap<(String, u32), u32> = BTreeMap::new();
        for ((service, base), number) in self.tables.iter().filter(|(_, number)| used.contains(number)) {
            named.insert((self.service(*service)?, *base), *number);
        }
        let bases: BTreeSet<u32> = named.keys().map(|(_, base)| *base).collect();
        let places: BTreeMap<u32, u32> = bases.iter().copied().zip(0..).collect();
        let measure = |base: &u32| {
            let measure = self.ask.measures.get(*base as usize);
            (*base as usize, MeasureNode { id: measure.id.clone(), unit: measure.unit.clone(), side: measure.side })
        };
        let tables = named.keys().map(|(service, base)| TableNode { service: service.clone(), measure: places[base] }).collect();
        Ok((tables, bases.iter().map(measure).collect(), named.values().copied().zip(0..).collect()))
    }

    fn service(&self, number: u32) -> Result<String, Error<R::Error>> {
        let mut key = Key::of(Table::NameByNumber, self.ask.council);
        key.byte(NameKind::Service as u8).be32(number);
        let row = read(self.ask.rows.get(Table::NameByNumber, key.as_slice()))?;
        row.and_then(|row| String::from_utf8(row).ok()).ok_or_else(|| corrupt(Corrupt("NameByNumber")))
    }

    /// What measures are worth in units. It changes within one, too, where a contra measure has another price than its base.
    fn rates(&self, measures: &[(usize, MeasureNode)], periods: &[PeriodNode]) -> BTreeMap<(u32, u32), Rate> {
        let mut rates = BTreeMap::new();
        let Some(prices) = &self.ask.prices else {
            return rates;
        };
        for (place, (base, _)) in (0u32..).zip(measures) {
            let all: Vec<usize> = (0..self.ask.measures.all().len()).filter(|at| self.ask.measures.get(*at).base == *base).collect();
            for (at, period) in (0u32..).zip(periods) {
                let rate = prices.over(*base, period.period);
                let same = all.iter().all(|measure| prices.over(*measure, period.period) == rate);
                match if same { rate } else { Rate::Changes } {
                    Rate::Unpriced => {}
                    rate => _ = rates.insert((place, at), rate),
                }
            }
        }
        rates
    }
}

/// The closed units that contain a unit, the smallest first, and whether each is only what is in none of its parts.
fn containing(unit: Period, asked: &LatticeQuestion, closed_before: Date) -> Vec<(Period, bool)> {
    let start = unit.span().start;
    let year = Period::of(start, Grain::Year);
    let in_years = asked.first_year.is_none_or(|first| year.index >= first) && asked.last_year.is_none_or(|last| year.index <= last);
    if unit.grain == Grain::Ever || !in_years {
        return Vec::new();
    }
    let above =
        [Grain::Month, Grain::Quarter, Grain::Year].into_iter().filter(|grain| *grain >= unit.grain).map(|grain| (Period::of(start, grain), false));
    let rest = (unit.grain > Grain::Month).then_some((unit, true));
    rest.into_iter().chain(above).filter(|(period, _)| period.span().end < closed_before).collect()
}

/// The amount of a quantity, in units of 1 ÷ denominator; `None`: it does not fit into 128 bits.
pub(super) fn worth(quantity: i128, rate: Amount) -> Option<Amount> {
    let (low, high) = (rate.low.checked_mul(quantity)?, rate.high.checked_mul(quantity)?);
    Some(Amount { low, central: rate.central.checked_mul(quantity)?, high })
}
