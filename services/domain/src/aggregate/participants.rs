//! Who took part.

use super::group::{Group, Grouping, Place};
use super::measures::scan;
use super::scope::Fit;
use super::source::Actors;
use super::walk::{RollFront, walk};
use super::{Asked, Error, corrupt};
use crate::bitmap::Change;
use crate::date::Grain;
use crate::event::{Evidence, Side};
use crate::rows::{Posting, StatementLine};
use crate::tables::{Key, Rows, Table};
use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;

/// Actors and contributions with an actor of one group.
#[derive(Clone, Debug, Default)]
pub(super) struct Taking {
    actors: RoaringBitmap,
    pub with_actor: u64,
}

impl Taking {
    /// How many actors there are.
    pub fn actors(&self) -> u64 {
        self.actors.len()
    }
}

/// By group; the whole scope has none.
pub(super) type Takings = FxHashMap<Option<Group>, Taking>;

impl<R: Rows> Asked<'_, R> {
    /// Who took part by group, and in the whole scope. How many contributions have an actor only the lines of statements say, so they
    /// are read whatever the actors come from.
    pub(super) fn takings(&self, grouping: &Grouping, actors: Actors) -> Result<Takings, Error<R::Error>> {
        let mut takings = Takings::default();
        if !self.scope.has_side(Side::Citizen, &self.measures) {
            return Ok(takings);
        }
        match actors {
            Actors::Months => self.roll::<0>(grouping, &mut takings)?,
            Actors::Years => self.roll::<1>(grouping, &mut takings)?,
            Actors::Lines => {}
        }
        self.lines(grouping, actors == Actors::Lines, &mut takings)?;
        Ok(takings)
    }

    fn at(&self, grouping: &Grouping, takings: &mut Takings, place: &Place, change: impl Fn(&mut Taking)) {
        let fit = self.scope.fit(place.unit);
        if fit == Fit::Outside {
            return;
        }
        change(takings.entry(Some(grouping.of(place, fit))).or_default());
        if fit == Fit::Within {
            change(takings.entry(None).or_default());
        }
    }

    /// Unites the bitmaps of a roll-up.
    fn roll<const ROLL: u8>(&self, grouping: &Grouping, takings: &mut Takings) -> Result<(), Error<R::Error>> {
        walk(self.rows, Table::Participants, self.council, &self.scope, |front: RollFront<ROLL>, _, value| {
            let stored = Change::decode(value).map_err(corrupt)?.added;
            if !stored.is_empty() {
                // Measure, area and evidence are not asked, see `Asked::has_actors_in`.
                let RollFront { service, unit, .. } = front;
                let place = Place { service, base: 0, side: Side::Citizen, area: 0, evidence: Evidence::Assumed, unit };
                self.at(grouping, takings, &place, |taking| taking.actors |= &stored);
            }
            Ok(true)
        })
    }

    /// Goes over the lines of statements: counts contributions and, if asked, unites their actors.
    fn lines(&self, grouping: &Grouping, unite: bool, takings: &mut Takings) -> Result<(), Error<R::Error>> {
        let prefix = Key::of(Table::Statement, self.council);
        scan(self.rows, Table::Statement, &prefix, |_, row| {
            let StatementLine { received, posting, .. } = StatementLine::decode(row)?;
            if received || posting.actor == 0 || !posting.is_live() {
                return Ok(());
            }
            let at = self.measures.place(posting.measure)?;
            let Posting { service, area, evidence, side, .. } = posting;
            let in_scope =
                self.scope.has_measure(at) && self.scope.has_evidence(evidence) && self.scope.services().has(service) && self.scope.areas().has(area);
            if in_scope {
                let place = Place { service, base: self.measures.get(at).base, side, area, evidence, unit: posting.occurred.unit(Grain::Day) };
                self.at(grouping, takings, &place, |taking| {
                    taking.with_actor += 1;
                    if unite {
                        taking.actors.insert(posting.actor);
                    }
                });
            }
            Ok(())
        })
    }
}
