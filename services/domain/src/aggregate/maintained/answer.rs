//! Questions answered from the sums of a maintained valuation.

use super::row::{Home, HomeSums, Phase, Point, Progress, add};
use super::touched::{self, Touched};
use super::{End, all_progress, key_of, wanted};
use crate::aggregate::exchanges::{Sum, Sums};
use crate::aggregate::group::Grouping;
use crate::aggregate::measures::scan;
use crate::aggregate::scope::Fit;
use crate::aggregate::sums::Overflow;
use crate::aggregate::{Asked, Error, corrupt, read};
use crate::bytes::{Corrupt, Take};
use crate::rows::{self, ExchangeState, read_definition};
use crate::tables::{DefinitionKind, Key, Rows, Table};
use crate::valuation::Prices;
use std::collections::BTreeMap;

/// Entries that an answer takes on top of the sums, if they are so far behind: beyond that, every exchange is read.
const BEHIND_MAX: u64 = 2_048;

/// How far a maintained valuation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Entries that its sums reflect.
    pub entries: u64,
    /// Entries in the views.
    pub book_entries: u64,
    /// While it is being filled: exchanges whose worth is filled in so far. `None`: every exchange has its worth.
    pub filling: Option<u64>,
    /// Whether questions are answered from its sums now.
    pub answers: bool,
}

/// How far a council's maintained valuations are, the last published first.
pub fn states<R: Rows>(rows: &R, council: &str) -> Result<Vec<State>, Error<R::Error>> {
    let (wanted, stored, end) = (wanted(rows, council)?, all_progress(rows, council)?, End::read(rows, council)?);
    let state = |one: super::Wanted| {
        let progress = stored.get(&one.sequence).cloned().unwrap_or_else(|| Progress::new(Point::default()));
        let filling = match &progress.phase {
            Phase::Following => None,
            Phase::Filling { exchanges, .. } => Some(*exchanges),
            Phase::Dropping => Some(0),
        };
        State {
            id: one.id,
            version: one.version,
            entries: if filling.is_none() { progress.point.folded } else { 0 },
            book_entries: end.point.folded,
            filling,
            answers: filling.is_none() && is_near(&progress, &end),
        }
    };
    Ok(wanted.into_iter().map(state).collect())
}

/// The same of one valuation; `None`: it is not maintained.
pub fn state<R: Rows>(rows: &R, council: &str, id: &str, version: u32) -> Result<Option<State>, Error<R::Error>> {
    Ok(states(rows, council)?.into_iter().find(|state| (state.id.as_str(), state.version) == (id, version)))
}

fn is_near(progress: &Progress, end: &End) -> bool {
    end.point.folded.saturating_sub(progress.point.folded) <= BEHIND_MAX
}

impl<R: Rows> Asked<'_, R> {
    /// Adds what exchanges are worth from the sums of the question's valuation; says whether it could.
    pub(in crate::aggregate) fn value_from_sums(&self, grouping: &Grouping, prices: &Prices, sums: &mut Sums) -> Result<bool, Error<R::Error>> {
        let Some(sequence) = self.maintained_as(prices)? else {
            return Ok(false);
        };
        let key = key_of(Table::MaintainedProgress, self.council, sequence);
        let Some(row) = read(self.rows.get(Table::MaintainedProgress, key.as_slice()))? else {
            return Ok(false);
        };
        let progress = Progress::decode(&row).map_err(corrupt)?;
        let end = End::read(self.rows, self.council)?;
        if progress.phase != Phase::Following || !is_near(&progress, &end) {
            return Ok(false);
        }
        let Some(mut behind) = self.behind(sequence, &progress, &end)? else {
            return Ok(false);
        };
        let by_area = grouping.by_area() || !self.scope.areas().are_all();
        behind.retain(|home, _| home.by_area == by_area && self.has_home(home));
        self.each_home(sequence, by_area, |home, mut row| {
            if let Some(change) = behind.remove(&home) {
                row.plus(&change).map_err(|Overflow| Error::Overflow)?;
            }
            self.add_home(grouping, sums, home, &row)
        })?;
        behind.into_iter().try_for_each(|(home, row)| self.add_home(grouping, sums, home, &row))?;
        Ok(true)
    }

    /// The sequence of the valuation's definition, if it is marked as maintained.
    fn maintained_as(&self, prices: &Prices) -> Result<Option<u64>, Error<R::Error>> {
        let mut key = Key::of(Table::Definition, self.council);
        key.byte(DefinitionKind::Valuation as u8).bytes(prices.used.id.as_bytes()).byte(0).be32(prices.used.version);
        let row = read(self.rows.get(Table::Definition, key.as_slice()))?.ok_or_else(|| corrupt(Corrupt("Definition")))?;
        Ok(Some(read_definition(&row).map_err(corrupt)?.0).filter(|_| prices.is_maintained))
    }

    /// By how much the sums differ from the views; `None`: too much to work out.
    fn behind(&self, sequence: u64, progress: &Progress, end: &End) -> Result<Option<BTreeMap<Home, HomeSums>>, Error<R::Error>> {
        if progress.point == end.point {
            return Ok(Some(BTreeMap::new()));
        }
        match touched::between(self.rows, self.council, progress.point, end.point.folded, BEHIND_MAX)? {
            Touched::These(ids) => Ok(Some(self.worth_again(sequence, &ids)?.homes)),
            Touched::Many => Ok(None),
        }
    }

    fn has_home(&self, home: &Home) -> bool {
        let has_area = !home.by_area || self.scope.areas().has(home.area);
        has_area && self.scope.services().has(home.service) && self.scope.fit(home.unit) != Fit::Outside
    }

    /// Visits the stored sums of homes in scope.
    fn each_home(
        &self,
        sequence: u64,
        by_area: bool,
        mut visit: impl FnMut(Home, HomeSums) -> Result<(), Error<R::Error>>,
    ) -> Result<(), Error<R::Error>> {
        let mut all = key_of(Table::MaintainedSums, self.council, sequence);
        let start = all.as_slice().len();
        all.byte(by_area.into());
        let (mut prefixes, mut next) = (Vec::new(), self.scope.services().least(0));
        while let Some(service) = next.filter(|_| !self.scope.services().are_all()) {
            let mut prefix = all.clone();
            prefix.be32(service);
            prefixes.push(prefix);
            next = service.checked_add(1).and_then(|service| self.scope.services().least(service));
        }
        if self.scope.services().are_all() {
            prefixes.push(all);
        }
        for prefix in prefixes {
            let mut found = Vec::new();
            scan(self.rows, Table::MaintainedSums, &prefix, |key, row| {
                let home = Home::take(&mut Take::new("MaintainedSums", &key[start..]))?;
                if self.has_home(&home) {
                    found.push((home, HomeSums::decode(row)?));
                }
                Ok(())
            })?;
            found.into_iter().try_for_each(|(home, row)| visit(home, row))?;
        }
        Ok(())
    }

    fn add_home(&self, grouping: &Grouping, sums: &mut Sums, home: Home, row: &HomeSums) -> Result<(), Error<R::Error>> {
        let Home { service, unit: period, area, .. } = home;
        self.at_home(grouping, sums, rows::Home { service, area, period }, |sum| self.add_row(sum, row))
    }

    fn add_row(&self, sum: &mut Sum, row: &HomeSums) -> Result<(), Error<R::Error>> {
        let overflow = |Overflow| Error::Overflow;
        let count = |count: i64| u64::try_from(count).map_err(|_| corrupt(Corrupt("MaintainedSums")));
        for number in row.unpriced.keys() {
            sum.unpriced.insert(self.base(*number).map_err(corrupt)?);
        }
        let partial = &mut sum.partial;
        partial.priced += count(row.priced)?;
        add(&mut partial.reciprocal, row.reciprocal).map_err(overflow)?;
        add(&mut partial.both_sides, row.both_sides).map_err(overflow)?;
        for ((state, day), (one_sided, value)) in row.one_sided.iter().filter(|((_, day), _)| self.is_old_enough(*day)) {
            debug_assert!(*state != ExchangeState::TwoSided, "{day} has a two-sided exchange among the one-sided ones");
            let one_sided = count(*one_sided)?;
            partial.one_sided_priced += one_sided;
            if *state == ExchangeState::OneSidedCitizen {
                add(&mut partial.one_sided_citizen_value, *value).map_err(overflow)?;
            } else {
                partial.one_sided_state_priced += one_sided;
                add(&mut partial.one_sided_state_value, *value).map_err(overflow)?;
            }
        }
        Ok(())
    }
}
