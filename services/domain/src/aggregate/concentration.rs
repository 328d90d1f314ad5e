//! How much each actor gave, from the lines of statements, which stand in order of actors.

use super::group::{Group, Grouping, Place};
use super::scope::Fit;
use super::taking_part::TakingPartByGroup;
use super::{Asked, Error, corrupt, read};
use crate::date::Grain;
use crate::metrics::{AMOUNTS_MAX, TooManyAmounts};
use crate::rows::{Posting, StatementLine};
use crate::tables::{Key, Rows, Table};
use rustc_hash::FxHashMap;

/// Stands for value beside the places of measures.
const VALUE: u32 = u32::MAX;

/// A group (the whole scope has none), and the place of a base measure in it.
type Subject = (Option<Group>, u32);

/// Actors by what they gave, and the entries that they gave it in.
#[derive(Default)]
struct Distribution {
    actors: FxHashMap<i128, u64>,
    entries: u64,
}

/// What was read so far.
#[derive(Default)]
struct Tally {
    /// The actor whose lines are being read, and what they gave.
    actor: u32,
    given: FxHashMap<Subject, i128>,
    all: FxHashMap<Subject, Distribution>,
    /// Distinct amounts in the groups.
    distinct: usize,
}

/// Why the reading stopped.
enum Stop {
    Corrupt(crate::bytes::Corrupt),
    Overflow,
    TooMany,
}

impl Tally {
    /// Lines of another actor follow.
    fn turn_to(&mut self, actor: u32) -> Result<(), Stop> {
        self.actor = actor;
        for (subject, amount) in self.given.drain() {
            // Whoever had more back than they gave gave nothing.
            let actors = self.all.entry(subject).or_default().actors.entry(amount.max(0)).or_default();
            self.distinct += usize::from(*actors == 0 && subject.0.is_some());
            *actors += 1;
        }
        if self.distinct > AMOUNTS_MAX { Err(Stop::TooMany) } else { Ok(()) }
    }

    fn give(&mut self, subject: Subject, amount: i128) -> Result<(), Stop> {
        let sum = self.given.entry(subject).or_default();
        *sum = sum.checked_add(amount).ok_or(Stop::Overflow)?;
        self.all.entry(subject).or_default().entries += 1;
        Ok(())
    }
}

impl<R: Rows> Asked<'_, R> {
    pub(super) fn concentration(&self, grouping: &Grouping, all: &mut TakingPartByGroup) -> Result<(), Error<R::Error>> {
        let (mut tally, mut stopped) = (Tally::default(), None);
        let prefix = Key::of(Table::Statement, self.council);
        let result = self.rows.scan(Table::Statement, prefix.as_slice(), prefix.as_slice(), &mut |_, row| {
            let line = StatementLine::decode(row).map_err(Stop::Corrupt);
            stopped = line.and_then(|line| self.tally(grouping, &mut tally, &line)).err();
            stopped.is_none()
        });
        read(result)?;
        match stopped.or_else(|| tally.turn_to(0).err()) {
            None => self.distributions(tally, all),
            Some(Stop::Corrupt(error)) => Err(corrupt(error)),
            Some(Stop::Overflow) => Err(Error::Overflow),
            Some(Stop::TooMany) => Err(Error::TooManyAmounts(TooManyAmounts)),
        }
    }

    fn tally(&self, grouping: &Grouping, tally: &mut Tally, line: &StatementLine) -> Result<(), Stop> {
        let Posting { service, area, evidence, side, actor, occurred, .. } = line.posting;
        if line.received || actor == 0 || !line.posting.is_live() {
            return Ok(());
        }
        let at = self.measures.place(line.posting.measure).map_err(Stop::Corrupt)?;
        let (measure, unit) = (self.measures.get(at), occurred.unit(Grain::Day));
        let fit = self.scope.fit(unit);
        let in_scope =
            self.scope.has_measure(at) && self.scope.has_evidence(evidence) && self.scope.services().has(service) && self.scope.areas().has(area);
        if fit == Fit::Outside || !in_scope {
            return Ok(());
        }
        if actor != tally.actor {
            tally.turn_to(actor)?;
        }
        let quantity = if measure.negative { -i128::from(line.posting.quantity) } else { i128::from(line.posting.quantity) };
        let value = match self.cell_prices().and_then(|prices| prices.on(at, occurred.start)) {
            Some(rate) => Some(rate.central.checked_mul(quantity).ok_or(Stop::Overflow)?),
            None => None,
        };
        let place = Place { service, base: measure.base, side, area, evidence, unit };
        let group = grouping.of(&place, fit);
        for group in [Some(group), None].into_iter().take(if fit == Fit::Within { 2 } else { 1 }) {
            tally.give((group, measure.base as u32), quantity)?;
            if let Some(value) = value {
                tally.give((group, VALUE), value)?;
            }
        }
        Ok(())
    }

    fn distributions(&self, tally: Tally, all: &mut TakingPartByGroup) -> Result<(), Error<R::Error>> {
        for ((group, base), Distribution { actors, entries }) in tally.all {
            let of = match base {
                VALUE => Default::default(),
                base => {
                    let measure = self.measures.get(base as usize);
                    (measure.id.clone(), measure.unit.clone())
                }
            };
            let amounts = all.entry(group).or_default().amounts.entry(of).or_default();
            amounts.actors = actors.into_iter().collect();
            amounts.entries = entries;
            amounts.can_be_compared().ok_or(Error::Overflow)?;
        }
        Ok(())
    }
}
