//! What stands in the rows of maintained valuations. Equal rows have equal bytes.

use super::Overflow;
use crate::aggregate::exchanges::reciprocal;
use crate::bytes::{Corrupt, Take, put_signed, put_unsigned};
use crate::date::{Date, Period};
use crate::metrics::Amount;
use crate::rows::{self, ExchangeState};
use crate::tables::Key;
use std::collections::BTreeMap;

/// Version of these rows. Those of another one are dropped and filled again.
const VERSION: u32 = 1;

/// A moment of the views: their effects are told apart by how many entries are folded and how many of them have taken effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Point {
    pub folded: u64,
    pub applied: u64,
    /// Whether entries below may yet take effect without a new one.
    pub cures_pending: bool,
}

/// What a valuation is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Every exchange has its worth; the entries from its point on are to be taken.
    Following,
    /// The exchanges up to an id have theirs: so many.
    Filling { after: Vec<u8>, exchanges: u64 },
    /// Its rows go.
    Dropping,
}

/// How far a valuation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub point: Point,
    pub phase: Phase,
}

impl Progress {
    /// At the start of filling.
    pub fn new(point: Point) -> Self {
        Self { point, phase: Phase::Filling { after: Vec::new(), exchanges: 0 } }
    }

    /// Whose rows go.
    pub fn dropping() -> Self {
        Self { point: Point::default(), phase: Phase::Dropping }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let Point { folded, applied, cures_pending } = self.point;
        for value in [u64::from(VERSION), folded, applied, u64::from(cures_pending)] {
            put_unsigned(&mut out, value.into());
        }
        match &self.phase {
            Phase::Following => out.push(0),
            Phase::Filling { after, exchanges } => {
                out.push(1);
                put_unsigned(&mut out, (*exchanges).into());
                out.extend_from_slice(after);
            }
            Phase::Dropping => out.push(2),
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("MaintainedProgress", bytes);
        if take.number::<u32>()? != VERSION {
            return Ok(Self::dropping());
        }
        let point = Point { folded: take.number()?, applied: take.number()?, cures_pending: take.number::<u8>()? != 0 };
        let phase = match take.byte()? {
            0 => Phase::Following,
            1 => Phase::Filling { exchanges: take.number()?, after: take.rest().to_vec() },
            2 => Phase::Dropping,
            _ => return Err(take.corrupt()),
        };
        Ok(Self { point, phase })
    }
}

/// What one exchange adds to its home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub state: ExchangeState,
    pub first_day: Date,
    /// Value of both sides; `None`: a measure has no price.
    pub priced: Option<[Amount; 2]>,
    /// Numbers of measures, as recorded, of which a live posting has no price, ascending.
    pub unpriced: Vec<u32>,
}

impl Standing {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.state as u8];
        put_signed(&mut out, self.first_day.0.into());
        put_unsigned(&mut out, self.unpriced.len() as u128);
        self.unpriced.iter().for_each(|number| put_unsigned(&mut out, (*number).into()));
        self.priced.iter().flatten().for_each(|amount| put_amount(&mut out, *amount));
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("MaintainedWorth", bytes);
        let (state, first_day) = (state(&mut take)?, take.day()?);
        let unpriced = (0..take.number::<u32>()?).map(|_| take.number()).collect::<Result<Vec<_>, _>>()?;
        let priced = if unpriced.is_empty() { Some([amount(&mut take)?, amount(&mut take)?]) } else { None };
        Ok(Self { state, first_day, priced, unpriced })
    }
}

fn state(take: &mut Take<'_>) -> Result<ExchangeState, Corrupt> {
    let number = take.byte()?;
    let all = [ExchangeState::OneSidedCitizen, ExchangeState::OneSidedState, ExchangeState::TwoSided];
    all.into_iter().find(|state| *state as u8 == number).ok_or(take.corrupt())
}

fn put_amount(out: &mut Vec<u8>, amount: Amount) {
    [amount.low, amount.central, amount.high].into_iter().for_each(|part| put_signed(out, part));
}

fn amount(take: &mut Take<'_>) -> Result<Amount, Corrupt> {
    Ok(Amount { low: take.signed()?, central: take.signed()?, high: take.signed()? })
}

/// A home, or all homes of a service and unit taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Home {
    /// Whether areas are told apart. Those that are not come first in the order of keys.
    pub by_area: bool,
    pub service: u32,
    pub unit: Period,
    /// 0: none, or not told apart.
    pub area: u32,
}

impl Home {
    /// Both rows in which an exchange counts.
    pub fn both(home: &rows::Home) -> [Self; 2] {
        let rows::Home { service, area, period: unit } = *home;
        [Self { by_area: false, service, unit, area: 0 }, Self { by_area: true, service, unit, area }]
    }

    pub fn put(&self, key: &mut Key) {
        key.byte(self.by_area.into()).be32(self.service).period(self.unit);
        if self.by_area {
            key.be32(self.area);
        }
    }

    pub fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        let by_area = take.byte()? != 0;
        Ok(Self { by_area, service: take.be32()?, unit: take.period()?, area: if by_area { take.be32()? } else { 0 } })
    }
}

/// What exchanges of a home add up to; or a difference of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HomeSums {
    /// Exchanges priced throughout.
    pub priced: i64,
    /// Sum over them of 2 × min(c, g).
    pub reciprocal: Amount,
    /// Sum over them of c + g.
    pub both_sides: Amount,
    /// How many exchanges want a price of a measure, by its number.
    pub unpriced: BTreeMap<u32, i64>,
    /// One-sided ones that are priced throughout, by state and first day: how many, and the value of their side.
    pub one_sided: BTreeMap<(ExchangeState, Date), (i64, Amount)>,
}

impl HomeSums {
    /// Adds an exchange, or takes it away (`sign` −1).
    pub fn add(&mut self, standing: &Standing, sign: i64) -> Result<(), Overflow> {
        for number in &standing.unpriced {
            count(&mut self.unpriced, *number, sign);
        }
        let Some([citizen, state]) = standing.priced else {
            return Ok(());
        };
        let signed = |amount: Amount| amount.times(sign.into()).ok_or(Overflow);
        let (twice_less, both) = reciprocal(citizen, state)?;
        self.priced += sign;
        add(&mut self.reciprocal, signed(twice_less)?)?;
        add(&mut self.both_sides, signed(both)?)?;
        let value = match standing.state {
            ExchangeState::OneSidedCitizen => citizen,
            ExchangeState::OneSidedState => state,
            _ => return Ok(()),
        };
        self.add_one_sided((standing.state, standing.first_day), (sign, signed(value)?))
    }

    /// Adds a difference.
    pub fn plus(&mut self, other: &Self) -> Result<(), Overflow> {
        self.priced += other.priced;
        add(&mut self.reciprocal, other.reciprocal)?;
        add(&mut self.both_sides, other.both_sides)?;
        other.unpriced.iter().for_each(|(number, by)| count(&mut self.unpriced, *number, *by));
        other.one_sided.iter().try_for_each(|(key, value)| self.add_one_sided(*key, *value))
    }

    fn add_one_sided(&mut self, key: (ExchangeState, Date), (count, value): (i64, Amount)) -> Result<(), Overflow> {
        let sum = self.one_sided.entry(key).or_default();
        sum.0 += count;
        add(&mut sum.1, value)?;
        if *sum == Default::default() {
            self.one_sided.remove(&key);
        }
        Ok(())
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_signed(&mut out, self.priced.into());
        put_amount(&mut out, self.reciprocal);
        put_amount(&mut out, self.both_sides);
        put_unsigned(&mut out, self.unpriced.len() as u128);
        for (number, count) in &self.unpriced {
            put_unsigned(&mut out, (*number).into());
            put_signed(&mut out, (*count).into());
        }
        for ((state, day), (count, value)) in &self.one_sided {
            out.push(*state as u8);
            put_signed(&mut out, day.0.into());
            put_signed(&mut out, (*count).into());
            put_amount(&mut out, *value);
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut take = Take::new("MaintainedSums", bytes);
        let mut sums = Self { priced: take.narrow()?, reciprocal: amount(&mut take)?, both_sides: amount(&mut take)?, ..Self::default() };
        for _ in 0..take.number::<u32>()? {
            sums.unpriced.insert(take.number()?, take.narrow()?);
        }
        while !take.is_empty() {
            sums.one_sided.insert((state(&mut take)?, take.day()?), (take.narrow()?, amount(&mut take)?));
        }
        Ok(sums)
    }
}

fn count(counts: &mut BTreeMap<u32, i64>, number: u32, by: i64) {
    let count = counts.entry(number).or_default();
    *count += by;
    if *count == 0 {
        counts.remove(&number);
    }
}

pub(super) fn add(to: &mut Amount, amount: Amount) -> Result<(), Overflow> {
    *to = to.plus(amount).ok_or(Overflow)?;
    Ok(())
}
