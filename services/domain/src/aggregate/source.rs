//! From which rows a question is answered.

use super::Asked;
use super::group::Grouping;
use crate::date::{Grain, Period};
use crate::metrics::Dimension;
use crate::tables::Rows;

/// Rows that hold quantities, cheap to dear. Every one that is exact for a question gives the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The roll-up by month.
    Months,
    /// The roll-up by day, which tells recorded days apart too.
    Days,
    /// The roll-up by area and month.
    Areas,
    /// Its journal, which tells evidence and recorded months apart.
    AreaJournal,
    /// The entries themselves.
    Entries,
}

/// Rows that hold actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actors {
    /// Bitmaps by service and month.
    Months,
    /// Bitmaps by service and year.
    Years,
    /// Lines of statements.
    Lines,
}

/// Where each part of an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub quantities: Source,
    pub actors: Actors,
}

/// The cheapest exact rows. Where a rate changes within the unit of a cell, which shows only once the cell is met, the spans of what is
/// longer than a day are read besides; where single days are wanted of an area's month, or spans as of a point, entries are read after all.
pub(super) fn plan<R: Rows>(asked: &Asked<'_, R>) -> Plan {
    let cheapest = |all: &[Source]| all.iter().copied().find(|source| asked.is_exact_by(*source)).unwrap_or(Source::Entries);
    let quantities = match asked.rates_change_within_months() {
        // A month's cell does not tell its days apart.
        true => cheapest(&[Source::Days, Source::Areas, Source::AreaJournal]),
        false => cheapest(&[Source::Months, Source::Days, Source::Areas, Source::AreaJournal]),
    };
    let actors = [Actors::Years, Actors::Months].into_iter().find(|actors| asked.has_actors_in(*actors)).unwrap_or(Actors::Lines);
    Plan { quantities, actors }
}

impl<R: Rows> Asked<'_, R> {
    /// Whether a source tells apart what the question tells apart.
    pub fn is_exact_by(&self, source: Source) -> bool {
        // Roll-ups hold what counts now. The journals hold when it was recorded too: whole days, or whole months.
        let is_known_then = match source {
            Source::Months | Source::Areas => self.point.is_none(),
            Source::Days | Source::AreaJournal => self.point.is_none() || self.recorded_through(source).is_some(),
            Source::Entries => true,
        };
        let grouping = Grouping::new(&self.question.group_by);
        let by_area = grouping.by_area() || self.question.needs.deciles || !self.scope.areas().are_all();
        let by_day = grouping.has(Dimension::Day) || !self.scope.is_bounded_by(Grain::Month);
        let by_evidence = grouping.has(Dimension::Evidence) || self.scope.narrows_evidence() || self.question.needs.taking_part.grades;
        is_known_then
            && match source {
                Source::Months => !by_area && !by_day,
                Source::Days => !by_area,
                Source::Areas => !by_day && !by_evidence,
                Source::AreaJournal => !by_day,
                Source::Entries => true,
            }
    }

    /// The last unit of book time that counts in a journal, if the point asked for is the end of one.
    pub fn recorded_through(&self, journal: Source) -> Option<Period> {
        let grain = if journal == Source::Days { Grain::Day } else { Grain::Month };
        self.point.as_ref()?.ended(grain)
    }

    /// Whether the bitmaps, which know service and month (or year) only, tell apart what the question tells apart.
    pub fn has_actors_in(&self, actors: Actors) -> bool {
        // Bitmaps hold who takes part now.
        if self.point.is_some() {
            return actors == Actors::Lines;
        }
        let grouping = Grouping::new(&self.question.group_by);
        let grain = match actors {
            Actors::Lines => return true,
            Actors::Months => Grain::Month,
            Actors::Years => Grain::Year,
        };
        let beyond = grouping.by_area() || grouping.has(Dimension::Measure) || grouping.has(Dimension::Evidence);
        let narrowed = !self.question.filters.measures.is_empty() || !self.scope.areas().are_all() || self.scope.narrows_evidence();
        !beyond && !narrowed && grouping.grain().is_none_or(|asked| asked >= grain) && self.scope.is_bounded_by(grain)
    }

    fn rates_change_within_months(&self) -> bool {
        let Some(prices) = self.cell_prices() else {
            return false;
        };
        (0..self.measures.all().len()).any(|place| self.scope.has_measure(place) && prices.changes_within_months(place))
    }
}
