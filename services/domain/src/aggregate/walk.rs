//! Goes over the rows of a table that may matter: reads on over a few that do not, and seeks over many.

use super::scope::Scope;
use super::{Error, corrupt, read};
use crate::bytes::{Corrupt, Take};
use crate::date::{Date, Grain, Period};
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

/// Of the cells of the cube. `area` is 0 in the roll-ups without areas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CubeFront {
    pub service: u32,
    pub measure: u32,
    pub evidence: u8,
    pub unit: Period,
    pub area: u32,
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

impl Front for CubeFront {
    const LEAST: Self = Self { service: 0, measure: 0, evidence: 0, unit: LEAST_UNIT, area: 0 };

    fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        let (service, measure, evidence, unit) = (take.be32()?, take.be32()?, take.byte()?, take.period()?);
        let area = if take.is_empty() { 0 } else { take.be32()? };
        Ok(Self { service, measure, evidence, unit, area })
    }

    fn put(&self, key: &mut Key) {
        key.be32(self.service).be32(self.measure).byte(self.evidence).period(self.unit);
        // Where there are no areas, a longer key would be behind the row.
        if self.area != 0 {
            key.be32(self.area);
        }
    }

    fn least(&self, scope: &Scope) -> Option<Self> {
        let what = (self.service, self.measure, self.evidence);
        let least = least_what(scope, what)?;
        let (service, measure, evidence) = least;
        if least > what {
            return Some(Self { service, measure, evidence, ..Self::LEAST });
        }
        let Some(unit) = scope.least_unit(self.unit) else {
            return Some(Self { service, measure, evidence: evidence + 1, ..Self::LEAST });
        };
        if unit > self.unit {
            return Some(Self { unit, area: 0, ..*self });
        }
        match scope.areas().least(self.area) {
            Some(area) => Some(Self { area, ..*self }),
            // The index after this one, or the next grain: units are far from the ends of their numbers.
            None => Some(Self { unit: Period { index: unit.index.saturating_add(1), ..unit }, area: 0, ..*self }),
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

/// Of the counts of exchanges by home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HomeFront {
    pub service: u32,
    pub unit: Period,
    pub area: u32,
}

impl Front for HomeFront {
    const LEAST: Self = Self { service: 0, unit: LEAST_UNIT, area: 0 };

    fn take(take: &mut Take<'_>) -> Result<Self, Corrupt> {
        Ok(Self { service: take.be32()?, unit: take.period()?, area: take.be32()? })
    }

    fn put(&self, key: &mut Key) {
        key.be32(self.service).period(self.unit).be32(self.area);
    }

    fn least(&self, scope: &Scope) -> Option<Self> {
        let service = scope.services().least(self.service)?;
        if service > self.service {
            return Some(Self { service, ..Self::LEAST });
        }
        let Some(unit) = scope.least_unit(self.unit) else {
            return service.checked_add(1).map(|service| Self { service, ..Self::LEAST });
        };
        if unit > self.unit {
            return Some(Self { service, unit, area: 0 });
        }
        match scope.areas().least(self.area) {
            Some(area) => Some(Self { area, ..*self }),
            None => Some(Self { service, unit: Period { index: unit.index.saturating_add(1), ..unit }, area: 0 }),
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
