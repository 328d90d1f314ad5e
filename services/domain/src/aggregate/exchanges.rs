//! Whole exchanges, counted at their home.

mod as_of;

use super::group::{Group, Grouping, Place};
use super::scope::Fit;
use super::sums::Overflow;
use super::walk::{HomeAreaFront, HomeFront, walk};
use super::{Asked, Error, corrupt, read};
use crate::bytes::Corrupt;
use crate::cell::Cell;
use crate::date::Date;
use crate::event::{Evidence, Side};
use crate::metrics::{Amount, ExchangePartial, UNPRICED_MAX};
use crate::rows::{Exchange, ExchangeState, Home, Posting, postings, read_postings};
use crate::sheet::{AREA_BITS, HomeSub, Items};
use crate::tables::{Key, Rows, Table};
use crate::valuation::Prices;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// Exchanges read at once.
const BATCH: usize = 1_024;

/// Exchanges with pages of their own held at once. Tests go on after each, so that they meet the end of a scan.
const PAGED_BATCH: usize = if cfg!(test) { 1 } else { 64 };

/// What exchanges of one group add up to.
#[derive(Default)]
pub(super) struct Sum {
    pub partial: ExchangePartial,
    latencies: BTreeMap<u32, u64>,
    /// Places of base measures.
    pub unpriced: BTreeSet<usize>,
}

impl Sum {
    /// Adds what other exchanges of the group add up to.
    fn add(&mut self, other: Self) -> Result<(), Overflow> {
        self.partial.add(other.partial).ok_or(Overflow)?;
        other.latencies.into_iter().for_each(|(days, count)| *self.latencies.entry(days).or_default() += count);
        self.unpriced.extend(other.unpriced);
        Ok(())
    }
}

/// Exchanges that stand one after the other: from a key, until another or the end of all that begin with the prefix.
struct Stretch<'a> {
    prefix: &'a [u8],
    from: &'a [u8],
    until: Option<&'a [u8]>,
}

/// What every group's exchanges add up to.
pub(super) type ByGroup = FxHashMap<Group, ExchangePartial>;

/// By group; the whole scope has none.
pub(super) type Sums = FxHashMap<Option<Group>, Sum>;

impl<R: Rows> Asked<'_, R> {
    /// What exchanges add up to by group, and in the whole scope.
    pub(super) fn exchanges(&self, grouping: &Grouping) -> Result<(ByGroup, ExchangePartial), Error<R::Error>> {
        let mut sums = Sums::default();
        self.count_homes(grouping, &mut sums)?;
        if let Some(prices) = self.prices.as_ref().filter(|_| self.question.needs.exchange_values) {
            let is_done = self.value_from_sums(grouping, prices, &mut sums)?;
            if !is_done {
                self.value_exchanges(grouping, prices, &mut sums)?;
            }
        }
        let whole = sums.remove(&None).map(|sum| self.partial(sum)).unwrap_or_default();
        let groups = sums.into_iter().filter_map(|(group, sum)| Some((group?, self.partial(sum)))).filter(|(_, partial)| partial.opened > 0);
        Ok((groups.collect(), whole))
    }

    fn partial(&self, sum: Sum) -> ExchangePartial {
        let latencies = sum.latencies.into_iter().filter(|(_, count)| *count > 0).collect();
        let unpriced_measures = sum.unpriced.into_iter().take(UNPRICED_MAX).map(|place| self.measures.get(place).id.clone()).collect();
        ExchangePartial { latencies, unpriced_measures, ..sum.partial }
    }

    /// Applies a change to the home's group and, if it is within the period, to the whole scope.
    pub(super) fn at_home<E>(
        &self,
        grouping: &Grouping,
        sums: &mut Sums,
        home: Home,
        mut change: impl FnMut(&mut Sum) -> Result<(), E>,
    ) -> Result<(), E> {
        let fit = self.scope.fit(home.period);
        // Side, measure and evidence are never asked of homes.
        let place = Place { service: home.service, base: 0, side: Side::Citizen, area: home.area, evidence: Evidence::Assumed, unit: home.period };
        change(sums.entry(Some(grouping.of(&place, fit))).or_default())?;
        if fit == Fit::Within {
            change(sums.entry(None).or_default())?;
        }
        Ok(())
    }

    /// From the counts without areas, where areas do not matter.
    fn count_homes(&self, grouping: &Grouping, sums: &mut Sums) -> Result<(), Error<R::Error>> {
        if !grouping.by_area() && self.scope.areas().are_all() {
            return walk(self.rows, Table::Homes, self.council, &self.scope, |HomeFront { service, unit }, _, sheet| {
                let home = Home { service, area: 0, period: unit };
                Items::of(sheet).map_err(corrupt)?.try_for_each(|item| self.count_home(grouping, sums, home, item))?;
                Ok(true)
            });
        }
        walk(self.rows, Table::HomesByArea, self.council, &self.scope, |HomeAreaFront { home: HomeFront { service, unit }, block }, _, sheet| {
            for item in Items::of(sheet).map_err(corrupt)? {
                let (sub, cell) = item.map_err(corrupt)?;
                let area = block << AREA_BITS | u32::from(HomeSub::unpack(sub).low);
                if self.scope.areas().has(area) {
                    self.count_home(grouping, sums, Home { service, area, period: unit }, Ok((sub, cell)))?;
                }
            }
            Ok(true)
        })
    }

    fn count_home(&self, grouping: &Grouping, sums: &mut Sums, home: Home, item: Result<(u64, Cell), Corrupt>) -> Result<(), Error<R::Error>> {
        let (sub, cell) = item.map_err(corrupt)?;
        let HomeSub { what, days, .. } = HomeSub::unpack(sub);
        let count = u64::try_from(cell.count).map_err(|_| corrupt(Corrupt("Homes")))?;
        self.at_home(grouping, sums, home, |sum| {
            if what == HomeSub::MET {
                *sum.latencies.entry(days.unsigned_abs()).or_default() += count;
                return Ok(());
            }
            let old_enough = self.is_old_enough(Date(days));
            sum.partial.opened += count;
            match what {
                what if what == ExchangeState::TwoSided as u8 => sum.partial.two_sided += count,
                what if what == ExchangeState::OneSidedCitizen as u8 && old_enough => sum.partial.one_sided_citizen += count,
                what if what == ExchangeState::OneSidedState as u8 && old_enough => sum.partial.one_sided_state += count,
                _ => {}
            }
            Ok(())
        })
    }

    pub(super) fn is_old_enough(&self, first_day: Date) -> bool {
        let days = self.question.one_sided_older_than_days;
        days == 0 || self.question.today.is_some_and(|today| i64::from(today.0) - i64::from(first_day.0) >= i64::from(days))
    }

    /// Goes over every exchange, in stretches that may be read at the same time: sums are exact, so their order does not matter.
    fn value_exchanges(&self, grouping: &Grouping, prices: &Prices, sums: &mut Sums) -> Result<(), Error<R::Error>> {
        let prefix = Key::of(Table::Exchange, self.council).into_vec();
        let mut starts = read(self.rows.cuts(Table::Exchange, &prefix))?;
        starts.insert(0, prefix.clone());
        let parts = self.rows.side_by_side(starts.len(), |piece| {
            let mut sums = Sums::default();
            let until = starts.get(piece + 1).map(Vec::as_slice);
            self.value_stretch(grouping, prices, Stretch { prefix: &prefix, from: &starts[piece], until }, &mut sums).map(|()| sums)
        });
        for part in parts {
            for (group, sum) in part? {
                sums.entry(group).or_default().add(sum).map_err(|Overflow| Error::Overflow)?;
            }
        }
        Ok(())
    }

    /// Exchanges with pages that matter are valued between scans, some at a time: nothing else is read during a scan.
    fn value_stretch(&self, grouping: &Grouping, prices: &Prices, stretch: Stretch<'_>, sums: &mut Sums) -> Result<(), Error<R::Error>> {
        let Stretch { prefix, from, until } = stretch;
        let mut next = Some(from.to_vec());
        while let Some(from) = next.take() {
            let mut paged: Vec<(Vec<u8>, Exchange)> = Vec::new();
            let mut failure = None;
            let result = self.rows.scan(Table::Exchange, prefix, &from, &mut |key, row| {
                if until.is_some_and(|until| key >= until) {
                    return false;
                }
                if paged.len() == PAGED_BATCH {
                    next = Some(key.to_vec());
                    return false;
                }
                match self.value_row(grouping, prices, sums, row) {
                    Ok(None) => {}
                    Ok(Some(exchange)) => paged.push((key[prefix.len()..].to_vec(), exchange)),
                    Err(error) => failure = Some(error),
                }
                failure.is_none()
            });
            read(result)?;
            if let Some(error) = failure {
                return Err(error);
            }
            for (id, exchange) in &paged {
                let worth = self.worth(prices, id, exchange)?;
                self.at_home(grouping, sums, exchange.home, |sum| self.add_worth(sum, exchange, &worth))?;
            }
        }
        Ok(())
    }

    /// Adds what the exchange of a row is worth, unless its pages must be read for that: then it is returned.
    fn value_row(&self, grouping: &Grouping, prices: &Prices, sums: &mut Sums, row: &[u8]) -> Result<Option<Exchange>, Error<R::Error>> {
        let (exchange, rest) = Exchange::decode_front(row).map_err(corrupt)?;
        if !self.counts(&exchange) {
            return Ok(None);
        }
        let worth = match self.worth_of_accounts(prices, &exchange)? {
            Some(worth) => worth,
            None if exchange.pages > 0 => return Ok(Some(Exchange { postings: read_postings(rest).map_err(corrupt)?, ..exchange })),
            None => self.worth_of_postings(prices, postings(rest))?,
        };
        self.at_home(grouping, sums, exchange.home, |sum| self.add_worth(sum, &exchange, &worth))?;
        Ok(None)
    }

    fn counts(&self, exchange: &Exchange) -> bool {
        let Home { service, area, period } = exchange.home;
        let in_scope = self.scope.services().has(service) && self.scope.areas().has(area) && self.scope.fit(period) != Fit::Outside;
        in_scope && exchange.state() != ExchangeState::Empty
    }

    fn add_worth(&self, sum: &mut Sum, exchange: &Exchange, worth: &Worth) -> Result<(), Error<R::Error>> {
        for number in &worth.unpriced {
            sum.unpriced.insert(self.base(*number).map_err(corrupt)?);
        }
        if worth.unpriced.is_empty() { self.add_priced(sum, exchange, worth).map_err(|Overflow| Error::Overflow) } else { Ok(()) }
    }

    /// The place of the base of a measure by its number.
    pub(super) fn base(&self, number: u32) -> Result<usize, Corrupt> {
        self.measures.place(number).map(|place| self.measures.get(place).base)
    }

    fn add_priced(&self, sum: &mut Sum, exchange: &Exchange, worth: &Worth) -> Result<(), Overflow> {
        let add = |to: &mut Amount, amount: Amount| to.plus(amount).map(|sum| *to = sum).ok_or(Overflow);
        let partial = &mut sum.partial;
        partial.priced += 1;
        let (less, both) = reciprocal(worth.citizen, worth.state)?;
        add(&mut partial.reciprocal, less)?;
        add(&mut partial.both_sides, both)?;
        if !exchange.first_day().is_some_and(|day| self.is_old_enough(day)) {
            return Ok(());
        }
        match exchange.state() {
            ExchangeState::OneSidedCitizen => {
                partial.one_sided_priced += 1;
                add(&mut partial.one_sided_citizen_value, worth.citizen)
            }
            ExchangeState::OneSidedState => {
                partial.one_sided_priced += 1;
                partial.one_sided_state_priced += 1;
                add(&mut partial.one_sided_state_value, worth.state)
            }
            _ => Ok(()),
        }
    }

    /// What both sides of an exchange are worth. Where prices are the same on all days its accounts say it, else its postings.
    pub(super) fn worth(&self, prices: &Prices, id: &[u8], exchange: &Exchange) -> Result<Worth, Error<R::Error>> {
        if let Some(worth) = self.worth_of_accounts(prices, exchange)? {
            return Ok(worth);
        }
        let pages = self.pages(id, exchange.pages)?;
        self.worth_of_postings(prices, pages.iter().chain(&exchange.postings).copied().map(Ok))
    }

    /// `None`: a price differs from day to day.
    fn worth_of_accounts(&self, prices: &Prices, exchange: &Exchange) -> Result<Option<Worth>, Error<R::Error>> {
        let mut worth = Worth::default();
        for account in &exchange.accounts {
            let at = self.measures.place(account.measure).map_err(corrupt)?;
            if !prices.is_constant(at) {
                return Ok(None);
            }
            // An account is at most 65,536 × 10^15.
            let quantity = i128::try_from(account.quantity).map_err(|_| corrupt(Corrupt("Exchange")))?;
            self.add(&mut worth, account.measure, at, quantity, prices.on(at, Date(0))).map_err(|_| Error::Overflow)?;
        }
        Ok(Some(worth))
    }

    fn worth_of_postings(&self, prices: &Prices, postings: impl Iterator<Item = Result<Posting, Corrupt>>) -> Result<Worth, Error<R::Error>> {
        let mut worth = Worth::default();
        for posting in postings {
            let posting = posting.map_err(corrupt)?;
            if !posting.is_live() {
                continue;
            }
            let at = self.measures.place(posting.measure).map_err(corrupt)?;
            let rate = prices.on(at, posting.occurred.start);
            self.add(&mut worth, posting.measure, at, posting.quantity.into(), rate).map_err(|_| Error::Overflow)?;
        }
        Ok(worth)
    }

    fn add(&self, worth: &mut Worth, number: u32, at: usize, quantity: i128, rate: Option<Amount>) -> Result<(), Overflow> {
        let measure = self.measures.get(at);
        let Some(rate) = rate else {
            worth.unpriced.insert(number);
            return Ok(());
        };
        let side = if measure.side == Side::Citizen { &mut worth.citizen } else { &mut worth.state };
        let amount = rate.times(if measure.negative { -quantity } else { quantity });
        *side = amount.and_then(|amount| side.plus(amount)).ok_or(Overflow)?;
        Ok(())
    }

    /// The postings of an exchange's full pages.
    fn pages(&self, id: &[u8], count: u32) -> Result<Vec<Posting>, Error<R::Error>> {
        let key = |page: u32| {
            let mut key = Key::of(Table::ExchangePage, self.council);
            key.bytes(id).byte(0).be32(page);
            key.into_vec()
        };
        let rows = read(self.rows.get_many(Table::ExchangePage, &(0..count).map(key).collect::<Vec<_>>()))?;
        let mut postings = Vec::new();
        for row in rows {
            let row = row.ok_or_else(|| corrupt(Corrupt("ExchangePage")))?;
            postings.extend(read_postings(&row).map_err(corrupt)?);
        }
        Ok(postings)
    }
}

/// What the two sides of one exchange are worth.
#[derive(Default)]
pub(super) struct Worth {
    pub citizen: Amount,
    pub state: Amount,
    /// Numbers of measures, as recorded, of which a live posting has no price.
    pub unpriced: BTreeSet<u32>,
}

/// 2 × min(c, g) and c + g. A side that its contra measures make negative has given nothing to return.
pub(super) fn reciprocal(citizen: Amount, state: Amount) -> Result<(Amount, Amount), Overflow> {
    let [c, g] = [citizen, state].map(not_negative);
    let less = c.zip(g, |c, g| c.min(g).checked_mul(2)).ok_or(Overflow)?;
    Ok((less, c.plus(g).ok_or(Overflow)?))
}

fn not_negative(amount: Amount) -> Amount {
    Amount { low: amount.low.max(0), central: amount.central.max(0), high: amount.high.max(0) }
}
