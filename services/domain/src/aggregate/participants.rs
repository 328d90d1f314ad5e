//! Who took part.

use super::as_of::is_live;
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
use roaring::{MultiOps, RoaringBitmap};
use rustc_hash::FxHashMap;

/// Actors by group; the whole scope has none.
pub(super) type ActorsByGroup = FxHashMap<Option<Group>, RoaringBitmap>;

impl<R: Rows> Asked<'_, R> {
    /// Who took part by group, and in the whole scope.
    pub(super) fn actors(&self, grouping: &Grouping, from: Actors) -> Result<ActorsByGroup, Error<R::Error>> {
        let mut actors = ActorsByGroup::default();
        if self.scope.has_side(Side::Citizen, &self.measures) {
            match from {
                Actors::Months => self.roll::<0>(grouping, &mut actors)?,
                Actors::Years => self.roll::<1>(grouping, &mut actors)?,
                Actors::Lines => self.lines(grouping, &mut actors)?,
            }
        }
        // The whole scope is united once, from few groups, and not from every row.
        let within = actors.iter().filter(|(group, _)| group.is_some_and(|group| !group.overlaps)).map(|(_, all)| all);
        let whole = within.union();
        actors.insert(None, whole);
        Ok(actors)
    }

    fn at(&self, grouping: &Grouping, actors: &mut ActorsByGroup, place: &Place, change: impl Fn(&mut RoaringBitmap)) {
        let fit = self.scope.fit(place.unit);
        if fit == Fit::Outside {
            return;
        }
        change(actors.entry(Some(grouping.of(place, fit))).or_default());
    }

    /// Unites the bitmaps of a roll-up.
    fn roll<const ROLL: u8>(&self, grouping: &Grouping, actors: &mut ActorsByGroup) -> Result<(), Error<R::Error>> {
        walk(self.rows, Table::Participants, self.council, &self.scope, |front: RollFront<ROLL>, _, value| {
            let stored = Change::decode(value).map_err(corrupt)?.added;
            if !stored.is_empty() {
                // Measure, area and evidence are not asked, see `Asked::has_actors_in`.
                let RollFront { service, unit, .. } = front;
                let place = Place { service, base: 0, side: Side::Citizen, area: 0, evidence: Evidence::Assumed, unit };
                self.at(grouping, actors, &place, |all| *all |= &stored);
            }
            Ok(true)
        })
    }

    /// Goes over the lines of statements.
    fn lines(&self, grouping: &Grouping, actors: &mut ActorsByGroup) -> Result<(), Error<R::Error>> {
        let counted = self.counted()?;
        let prefix = Key::of(Table::Statement, self.council);
        scan(self.rows, Table::Statement, &prefix, |_, row| {
            let StatementLine { received, posting, .. } = StatementLine::decode(row)?;
            if received || posting.actor == 0 || !is_live(counted, &posting) {
                return Ok(());
            }
            let at = self.measures.place(posting.measure)?;
            let Posting { service, area, evidence, side, .. } = posting;
            let in_scope =
                self.scope.has_measure(at) && self.scope.has_evidence(evidence) && self.scope.services().has(service) && self.scope.areas().has(area);
            if in_scope {
                let place = Place { service, base: self.measures.get(at).base, side, area, evidence, unit: posting.occurred.unit(Grain::Day) };
                self.at(grouping, actors, &place, |all| {
                    all.insert(posting.actor);
                });
            }
            Ok(())
        })
    }
}
