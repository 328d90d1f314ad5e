//! Goes over the rows of a table that may matter: reads on over a few that do not, and seeks over many.

use super::scope::Scope;
use super::{Error, corrupt, read};
use crate::bytes::{Corrupt, Take};
use crate::date::{Date, Grain, Period};
use crate::sheet::{AREA_BITS, UNIT_BITS};
use crate::tables::{Key, Rows, Table};

/// Rows to read over before it is cheaper to seek.
const READ_OVER: u32 = 16;

/// The front of a key, in the order of the stored bytes.
pub(super) trait Front: Copy + Ord {
    /// The least one.
    const LEAST: Self;
    /// Reads it from what follows the council.
    fn take(take: &mut Take<'_>) -> Result<Self, Corrupt>;
    /// Appends it.
    fn put(&self, key: &mut Key);
    /// The least front that is not less and that the scope may let through. It may turn out on the next call that it does not.
    fn least(&self, scope: &Scope) -> Option<Self>;
}

/// Visits the rows that the scope lets through, with their front, the rest of their key, and their value.
pub(super) fn walk<R: Rows, F: Front>(
    rows: &R,
    table: Table,
    council: &str,
    scope: &Scope,
    mut visit: impl FnMut(F, &mut Take<'_>, &[u8]) -> Result<bool, Error<R::Error>>,
) -> Result<(), Error<R::Error>> {
    let prefix = Key::of(table, council);
    let start = prefix.as_slice().len();
    let mut target = F::LEAST.least(scope);
    while let Some(from) = target.take() {
        let mut key = prefix.clone();
        from.put(&mut key);
        let (mut wanted, mut over, mut failure) = (from, 0u32, None);
        let mut see = |key: &[u8], value: &[u8]| -> Result<bool, Error<R::Error>> {
            let mut take = Take::new("key", &key[start..]);
            let front = F::take(&mut take).map_err(corrupt)?;
            if front >= wanted {
                match front.least(scope) {
                    None => return Ok(false),
                    Some(least) if least > front => wanted = least,
                    Some(_) => {
                        over = 0;
                        return visit(front, &mut take, value);
                    }
                }
            }
            over += 1;
            if over > READ_OVER {
                target = Some(wanted);
            }
            Ok(target.is_none())
        };
        let result = rows.scan(table, prefix.as_slice(), key.as_slice(), &mut |key, value| match see(key, value) {
            Ok(go_on) => go_on,
            Err(error) => {
                failure = Some(error);
                false
            }
        });
        read(result)?;
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    Ok(())
}

const LEAST_UNIT: Period = Period { grain: Grain::Day, index: i32::MIN };

/// The least service, measure and evidence that are not less and that the scope may let through.
fn least_what(scope: &Scope, (service, measure, evidence): (u32, u32, u8)) -> Option<(u32, u32, u8)> {
    let least = scope.services().least(service)?;
    if least > service {
        return Some((least, 0, 0));
    }
    let next_service = || service.checked_add(1).map(|service| (service, 0, 0));
    let Some(least) = scope.least_measure(measure) else {
        return next_service();
    };
    if least > measure {
        return Some((service, least, 0));
    }
    match scope.least_evidence(evidence) {
        Some(evidence) => Some((service, measure, evidence)),
        None => measure.checked_add(1).map_or_else(next_service, |measure| Some((service, measure, 0))),
    }
}

/// The same of service and measure alone.
fn least_pair(scope: &Scope, (service, measure): (u32, u32)) -> Option<(u32, u32)> {
    let least = scope.services().least(service)?;
    if least > service {
        return Some((least, 0));
    }
    match scope.least_measure(measure) {
        Some(measure) => Some((service, measure)),
        None => service.checked_add(1).map(|service| (service, 0)),
    }
}

/// An area, but for the bits that are in a sheet's items.
fn take_block(take: &mut Take<'_>) -> Result<u32, Corrupt> {
    Ok(take.bytes(3)?.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

fn put_block(key: &mut Key, block: u32) {
    key.bytes(&block.to_be_bytes()[1..]);
}

/// The least block that is not less and may hold an area that is let through.
fn least_block(scope: &Scope, block: u32) -> Option<u32> {
    scope.areas().least(block << AREA_BITS).map(|area| area >> AREA_BITS)
}

/// The unit after all areas of this one. Units are far from the ends of their numbers.
fn next_unit(unit: Period) -> Period {
    Period { index: unit.index.saturating_add(1), ..unit }
}

/// Of the cube by month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MonthsFront {
    pub service: u32,
    pub measure: u32,
}

impl Front for MonthsFront {
    const LEAST: Self = Self { service: 0, measure: 0 };

    fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        Ok(Self { service: take.be32()?, measure: take.be32()? })
    }

    fn put(&self, key: &mut Key) {
        key.be32(self.service).be32(self.measure);
    }

    fn least(&self, scope: &Scope) -> Option<Self> {
        least_pair(scope, (self.service, self.measure)).map(|(service, measure)| Self { service, measure })
    }
}

/// Of the cube by day: 32 units in a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DaysFront {
    pub service: u32,
    pub measure: u32,
    pub evidence: u8,
    /// The grain, and the index of the unit but for its lower bits.
    pub block: Period,
}

impl DaysFront {
    /// The unit of an item.
    pub fn unit(&self, low: u8) -> Period {
        Period { index: self.block.index << UNIT_BITS | i32::from(low), ..self.block }
    }
}

impl Front for DaysFront {
    const LEAST: Self = Self { service: 0, measure: 0, evidence: 0, block: LEAST_UNIT };

    fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        Ok(Self { service: take.be32()?, measure: take.be32()?, evidence: take.byte()?, block: take.period()? })
    }

    fn put(&self, key: &mut Key) {
        key.be32(self.service).be32(self.measure).byte(self.evidence).period(self.block);
    }

    fn least(&self, scope: &Scope) -> Option<Self> {
        let what = (self.service, self.measure, self.evidence);
        let least = least_what(scope, what)?;
        let (service, measure, evidence) = least;
        if least > what {
            return Some(Self { service, measure, evidence, ..Self::LEAST });
        }
        match scope.least_block(self.block, UNIT_BITS) {
            Some(block) => Some(Self { block, ..*self }),
            // Evidence has five grades.
            None => Some(Self { service, measure, evidence: evidence + 1, ..Self::LEAST }),
        }
    }
}

/// Of the cube by area and month: 256 areas in a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AreasFront {
    pub service: u32,
    pub measure: u32,
    pub unit: Period,
    pub block: u32,
}

impl Front for AreasFront {
    const LEAST: Self = Self { service: 0, measure: 0, unit: LEAST_UNIT, block: 0 };

    fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        Ok(Self { service: take.be32()?, measure: take.be32()?, unit: take.period()?, block: take_block(take)? })
    }

    fn put(&self, key: &mut Key) {
        key.be32(self.service).be32(self.measure).period(self.unit);
        put_block(key, self.block);
    }

    fn least(&self, scope: &Scope) -> Option<Self> {
        let what = (self.service, self.measure);
        let least = least_pair(scope, what)?;
        let (service, measure) = least;
        if least > what {
            return Some(Self { service, measure, ..Self::LEAST });
        }
        let Some(unit) = scope.least_unit(self.unit) else {
            // The next measure, which may be of no interest: that shows on the next call.
            return least_pair(scope, (service, measure.checked_add(1)?)).map(|(service, measure)| Self { service, measure, ..Self::LEAST });
        };
        if unit > self.unit {
            return Some(Self { unit, block: 0, ..*self });
        }
        match least_block(scope, self.block) {
            Some(block) => Some(Self { block, ..*self }),
            None => Some(Self { unit: next_unit(unit), block: 0, ..*self }),
        }
    }
}

/// Of the cells of the cube by exact span. The days are not sought: what lies in the period, the span's unit says, not its days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SpanFront {
    pub service: u32,
    pub measure: u32,
    pub evidence: u8,
    pub area: u32,
    pub start: Date,
    pub end: Date,
}

impl Front for SpanFront {
    const LEAST: Self = Self { service: 0, measure: 0, evidence: 0, area: 0, start: Date(i32::MIN), end: Date(i32::MIN) };

    fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        let (service, measure, evidence, area) = (take.be32()?, take.be32()?, take.byte()?, take.be32()?);
        Ok(Self { service, measure, evidence, area, start: take.ordered_day()?, end: take.ordered_day()? })
    }

    fn put(&self, key: &mut Key) {
        key.be32(self.service).be32(self.measure).byte(self.evidence).be32(self.area).day(self.start.0).day(self.end.0);
    }

    fn least(&self, scope: &Scope) -> Option<Self> {
        let what = (self.service, self.measure, self.evidence);
        let least = least_what(scope, what)?;
        let (service, measure, evidence) = least;
        if least > what {
            return Some(Self { service, measure, evidence, ..Self::LEAST });
        }
        match scope.areas().least(self.area) {
            Some(area) if area == self.area => Some(*self),
            Some(area) => Some(Self { service, measure, evidence, area, ..Self::LEAST }),
            // Evidence has five grades.
            None => Some(Self { service, measure, evidence: evidence + 1, ..Self::LEAST }),
        }
    }
}

/// Of the counts of exchanges by home, without its area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HomeFront {
    pub service: u32,
    pub unit: Period,
}

impl Front for HomeFront {
    const LEAST: Self = Self { service: 0, unit: LEAST_UNIT };

    fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        Ok(Self { service: take.be32()?, unit: take.period()? })
    }

    fn put(&self, key: &mut Key) {
        key.be32(self.service).period(self.unit);
    }

    fn least(&self, scope: &Scope) -> Option<Self> {
        let service = scope.services().least(self.service)?;
        if service > self.service {
            return Some(Self { service, ..Self::LEAST });
        }
        match scope.least_unit(self.unit) {
            Some(unit) => Some(Self { service, unit }),
            None => service.checked_add(1).map(|service| Self { service, ..Self::LEAST }),
        }
    }
}

/// Of the counts of exchanges by home: 256 areas in a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HomeAreaFront {
    pub home: HomeFront,
    pub block: u32,
}

impl Front for HomeAreaFront {
    const LEAST: Self = Self { home: HomeFront::LEAST, block: 0 };

    fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        Ok(Self { home: HomeFront::take(take)?, block: take_block(take)? })
    }

    fn put(&self, key: &mut Key) {
        self.home.put(key);
        put_block(key, self.block);
    }

    fn least(&self, scope: &Scope) -> Option<Self> {
        let home = self.home.least(scope)?;
        if home > self.home {
            return Some(Self { home, block: 0 });
        }
        match least_block(scope, self.block) {
            Some(block) => Some(Self { home, block }),
            None => Some(Self { home: HomeFront { unit: next_unit(home.unit), ..home }, block: 0 }),
        }
    }
}

/// Of participants: one of the two roll-ups, which a scope does not know; see [`super::participants`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RollFront<const ROLL: u8> {
    pub service: u32,
    pub roll: u8,
    pub unit: Period,
}

impl<const ROLL: u8> Front for RollFront<ROLL> {
    const LEAST: Self = Self { service: 0, roll: ROLL, unit: LEAST_UNIT };

    fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        Ok(Self { service: take.be32()?, roll: take.byte()?, unit: take.period()? })
    }

    fn put(&self, key: &mut Key) {
        key.be32(self.service).byte(self.roll).period(self.unit);
    }

    fn least(&self, scope: &Scope) -> Option<Self> {
        let service = scope.services().least(self.service)?;
        if service > self.service {
            return Some(Self { service, ..Self::LEAST });
        }
        let next = || service.checked_add(1).map(|service| Self { service, ..Self::LEAST });
        match self.roll.cmp(&ROLL) {
            std::cmp::Ordering::Less => Some(Self { service, ..Self::LEAST }),
            std::cmp::Ordering::Greater => next(),
            std::cmp::Ordering::Equal => scope.least_unit(self.unit).map_or_else(next, |unit| Some(Self { unit, ..*self })),
        }
    }
}
