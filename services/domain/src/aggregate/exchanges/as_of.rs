//! Whole exchanges as of a point of the book, from their postings. The roll-ups by home count exchanges as they are now, so every
//! exchange in scope is read.

use super::{BATCH, ByGroup, Sum, Sums};
use crate::aggregate::as_of::Counted;
use crate::aggregate::group::Grouping;
use crate::aggregate::scope::Fit;
use crate::aggregate::{Asked, Error, corrupt, read};
use crate::event::Side;
use crate::metrics::ExchangePartial;
use crate::rows::{Account, Exchange, ExchangeState, Posting};
use crate::tables::{Key, Rows, Table};
use crate::valuation::Prices;

impl<R: Rows> Asked<'_, R> {
    /// As [`Asked::exchanges`], as of a point.
    pub(in crate::aggregate) fn exchanges_as_of(
        &self,
        grouping: &Grouping,
        counted: Counted<'_>,
    ) -> Result<(ByGroup, ExchangePartial), Error<R::Error>> {
        let mut sums = Sums::default();
        let prices = self.prices.as_ref().filter(|_| self.question.needs.exchange_values);
        self.each_exchange(|id, exchange| {
            // An exchange that had an entry by then had its first one, which gave it its home.
            if self.has_home_in_scope(&exchange) {
                if is_as_then(&exchange, counted) {
                    return self.count_as_of(grouping, &exchange, prices, &mut sums);
                }
                let postings = self.all_postings(id, &exchange)?;
                self.count_as_of(grouping, &restricted(&exchange, postings, counted), prices, &mut sums)?;
            }
            Ok(())
        })?;
        let whole = sums.remove(&None).map(|sum| self.partial(sum)).unwrap_or_default();
        let groups = sums.into_iter().filter_map(|(group, sum)| Some((group?, self.partial(sum)))).filter(|(_, partial)| partial.opened > 0);
        Ok((groups.collect(), whole))
    }

    fn count_as_of(&self, grouping: &Grouping, exchange: &Exchange, prices: Option<&Prices>, sums: &mut Sums) -> Result<(), Error<R::Error>> {
        let Some(first_day) = exchange.first_day() else {
            return Ok(());
        };
        let is_old_enough = self.is_old_enough(first_day);
        // What counted of it is in it: it has no pages to be read.
        let worth = prices.map(|prices| self.worth(prices, &[], exchange)).transpose()?;
        self.at_home(grouping, sums, exchange.home, |sum| {
            count(sum, exchange, is_old_enough);
            worth.as_ref().map_or(Ok(()), |worth| self.add_worth(sum, exchange, worth))
        })
    }

    fn has_home_in_scope(&self, exchange: &Exchange) -> bool {
        let home = exchange.home;
        self.scope.services().has(home.service) && self.scope.areas().has(home.area) && self.scope.fit(home.period) != Fit::Outside
    }

    /// Visits every exchange with its id, in batches.
    pub(in crate::aggregate) fn each_exchange(
        &self,
        mut visit: impl FnMut(&[u8], Exchange) -> Result<(), Error<R::Error>>,
    ) -> Result<(), Error<R::Error>> {
        let prefix = Key::of(Table::Exchange, self.council).into_vec();
        let mut next = Some(prefix.clone());
        while let Some(from) = next.take() {
            let mut batch: Vec<(Vec<u8>, Exchange)> = Vec::new();
            let mut failure = None;
            let result = self.rows.scan(Table::Exchange, &prefix, &from, &mut |key, row| {
                if batch.len() == BATCH {
                    next = Some(key.to_vec());
                    return false;
                }
                match Exchange::decode(row) {
                    Ok(exchange) => batch.push((key[prefix.len()..].to_vec(), exchange)),
                    Err(error) => failure = Some(error),
                }
                failure.is_none()
            });
            read(result)?;
            if let Some(error) = failure {
                return Err(corrupt(error));
            }
            batch.into_iter().try_for_each(|(id, exchange)| visit(&id, exchange))?;
        }
        Ok(())
    }

    /// Every posting that took effect in an exchange, reversed ones too, in order of effect.
    pub(in crate::aggregate) fn all_postings(&self, id: &[u8], exchange: &Exchange) -> Result<Vec<Posting>, Error<R::Error>> {
        let mut postings = self.pages(id, exchange.pages)?;
        postings.extend(&exchange.postings);
        Ok(postings)
    }
}

fn count(sum: &mut Sum, exchange: &Exchange, is_old_enough: bool) {
    let partial = &mut sum.partial;
    partial.opened += 1;
    match exchange.state() {
        ExchangeState::TwoSided => partial.two_sided += 1,
        ExchangeState::OneSidedCitizen if is_old_enough => partial.one_sided_citizen += 1,
        ExchangeState::OneSidedState if is_old_enough => partial.one_sided_state += 1,
        _ => {}
    }
    if let (Some(citizen), Some(state)) = (exchange.first_citizen, exchange.first_state) {
        *sum.latencies.entry(citizen.0.abs_diff(state.0)).or_default() += 1;
    }
}

/// Whether nothing that happened to an exchange after the point is in its row, and all of it is there.
fn is_as_then(exchange: &Exchange, counted: Counted<'_>) -> bool {
    let is_as_then = |posting: &Posting| counted.is_live(posting.sequence, posting.reversed_by) == posting.is_live();
    exchange.pages == 0 && exchange.postings.iter().all(is_as_then)
}

/// The exchange as it was at a point, with the postings that were live then.
fn restricted(exchange: &Exchange, postings: Vec<Posting>, counted: Counted<'_>) -> Exchange {
    let live = postings.into_iter().filter(|posting| counted.is_live(posting.sequence, posting.reversed_by));
    let postings: Vec<_> = live.map(|posting| Posting { reversed_by: None, ..posting }).collect();
    let first = |side: Side| postings.iter().filter(|posting| posting.side == side).map(|posting| posting.occurred.start).min();
    let (first_citizen, first_state) = (first(Side::Citizen), first(Side::State));
    Exchange { home: exchange.home, first_citizen, first_state, accounts: accounts(&postings), pages: 0, postings }
}

/// What live postings add up to, by ascending measure.
fn accounts(postings: &[Posting]) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for posting in postings {
        let Posting { measure, side, quantity, .. } = *posting;
        match accounts.binary_search_by_key(&measure, |account| account.measure) {
            Ok(at) => {
                accounts[at].quantity += u128::from(quantity);
                accounts[at].count += 1;
            }
            Err(at) => accounts.insert(at, Account { measure, side, quantity: quantity.into(), count: 1 }),
        }
    }
    accounts
}
