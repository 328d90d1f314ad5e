//! A question's filters as numbers, and what of the keys they let through.

use super::measures::Measures;
use super::{Error, Filters, corrupt, read};
use crate::date::{Date, Grain, Period};
use crate::event::{Evidence, Side};
use crate::rows::read_number;
use crate::tables::{Key, NameKind, Rows, Table};

/// Whether a unit counts in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Within,
    /// It reaches beyond the period.
    Overlaps,
    Outside,
}

pub(super) struct Scope {
    services: Numbers,
    areas: Numbers,
    /// Measures as entries name them.
    measure_numbers: Numbers,
    /// By place.
    measures: Vec<bool>,
    evidence: [bool; 6],
    pub start: Option<Date>,
    pub end: Option<Date>,
    /// First and last index of the units that are not outside, by grain.
    units: [(i32, i32); 5],
    /// The same of those within.
    within: [(i32, i32); 5],
}

/// Ascending numbers that are let through; `None`: all.
pub(super) struct Numbers(Option<Vec<u32>>);

impl Numbers {
    pub fn has(&self, number: u32) -> bool {
        self.0.as_ref().is_none_or(|all| all.binary_search(&number).is_ok())
    }

    /// The least one that is not less.
    pub fn least(&self, number: u32) -> Option<u32> {
        match &self.0 {
            None => Some(number),
            Some(all) => all.get(all.partition_point(|one| *one < number)).copied(),
        }
    }

    pub fn are_all(&self) -> bool {
        self.0.is_none()
    }
}

impl Scope {
    pub fn resolve<R: Rows>(rows: &R, council: &str, filters: &Filters, measures: &Measures) -> Result<Self, Error<R::Error>> {
        let let_through = |place: usize| {
            let measure = measures.get(place);
            let named = |place: usize| filters.measures.contains(&measures.get(place).id);
            (filters.measures.is_empty() || named(place) || named(measure.base))
                && (filters.sides.is_empty() || filters.sides.contains(&measure.side))
        };
        let by_place: Vec<bool> = (0..measures.all().len()).map(let_through).collect();
        let narrowed = !filters.measures.is_empty() || !filters.sides.is_empty();
        let mut numbers: Vec<u32> = measures.numbers().filter(|(_, place)| by_place[*place]).map(|(number, _)| number).collect();
        numbers.sort_unstable();
        let mut evidence = [filters.evidence.is_empty(); 6];
        filters.evidence.iter().for_each(|grade| evidence[*grade as usize] = true);
        Ok(Self {
            services: resolve(rows, council, NameKind::Service, &filters.services)?,
            areas: resolve(rows, council, NameKind::Area, &filters.areas)?,
            measure_numbers: Numbers(narrowed.then_some(numbers)),
            measures: by_place,
            evidence,
            start: filters.start,
            end: filters.end,
            units: GRAINS.map(|grain| indices(filters, grain, false)),
            within: GRAINS.map(|grain| indices(filters, grain, true)),
        })
    }

    pub fn services(&self) -> &Numbers {
        &self.services
    }

    pub fn areas(&self) -> &Numbers {
        &self.areas
    }

    /// Whether entries of the measure at this place are let through.
    pub fn has_measure(&self, place: usize) -> bool {
        self.measures[place]
    }

    pub fn has_evidence(&self, grade: Evidence) -> bool {
        self.evidence[grade as usize]
    }

    pub fn narrows_evidence(&self) -> bool {
        self.evidence[1..].contains(&false)
    }

    /// Whether any measure of a side is let through.
    pub fn has_side(&self, side: Side, measures: &Measures) -> bool {
        measures.all().iter().zip(&self.measures).any(|(measure, let_through)| *let_through && measure.side == side)
    }

    pub fn least_measure(&self, number: u32) -> Option<u32> {
        self.measure_numbers.least(number)
    }

    pub fn least_evidence(&self, grade: u8) -> Option<u8> {
        (grade.max(1)..6).find(|grade| self.evidence[usize::from(*grade)])
    }

    /// The least unit that is not outside the period and not before this one, in order of keys.
    pub fn least_unit(&self, unit: Period) -> Option<Period> {
        let (first, last) = self.units[unit.grain as usize];
        if unit.index <= last {
            return Some(Period { index: unit.index.max(first), ..unit });
        }
        let grain = Grain::from_number(unit.grain as u8 + 1)?;
        Some(Period { grain, index: self.units[grain as usize].0 })
    }

    /// The same for blocks of units, whose indices differ in so many lower bits only.
    pub fn least_block(&self, block: Period, bits: u32) -> Option<Period> {
        let (first, last) = self.units[block.grain as usize];
        if block.index <= last >> bits {
            return Some(Period { index: block.index.max(first >> bits), ..block });
        }
        let grain = Grain::from_number(block.grain as u8 + 1)?;
        Some(Period { grain, index: self.units[grain as usize].0 >> bits })
    }

    /// How a unit lies to the period.
    pub fn fit(&self, unit: Period) -> Fit {
        let lies = |(first, last): (i32, i32)| first <= unit.index && unit.index <= last;
        match (lies(self.within[unit.grain as usize]), lies(self.units[unit.grain as usize])) {
            (true, _) => Fit::Within,
            (false, true) => Fit::Overlaps,
            (false, false) => Fit::Outside,
        }
    }

    /// Whether each end of the period is open or lies between two units of this grain.
    pub fn is_bounded_by(&self, grain: Grain) -> bool {
        let begins = |day: Date| Period::of(day, grain).span().start == day;
        let ends = |day: Date| Period::of(day, grain).span().end == day;
        self.start.is_none_or(begins) && self.end.is_none_or(ends)
    }
}

const GRAINS: [Grain; 5] = [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year, Grain::Ever];

/// First and last index of the units of a grain that overlap the period, or lie within it. Beyond an open end is no unit.
fn indices(filters: &Filters, grain: Grain, within: bool) -> (i32, i32) {
    let first = filters.start.map(|day| (day, Period::of(day, grain)));
    let last = filters.end.map(|day| (day, Period::of(day, grain)));
    let cut = |is_cut: bool| i32::from(within && is_cut);
    (
        first.map_or(i32::MIN, |(day, unit)| unit.index + cut(unit.span().start < day)),
        last.map_or(i32::MAX, |(day, unit)| unit.index - cut(day < unit.span().end)),
    )
}

fn resolve<R: Rows>(rows: &R, council: &str, kind: NameKind, ids: &[String]) -> Result<Numbers, Error<R::Error>> {
    if ids.is_empty() {
        return Ok(Numbers(None));
    }
    let key = |id: &String| {
        let mut key = Key::of(Table::NameByText, council);
        key.byte(kind as u8).bytes(id.as_bytes());
        key.into_vec()
    };
    let mut keys: Vec<_> = ids.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    let found = read(rows.get_many(Table::NameByText, &keys))?;
    let mut numbers = found.iter().flatten().map(|row| read_number(row)).collect::<Result<Vec<_>, _>>().map_err(corrupt)?;
    numbers.sort_unstable();
    Ok(Numbers(Some(numbers)))
}
