//! Exchanges met in this call: postings join them and are reversed in them, and the matched columns follow.

use super::Fold;
use super::cells::{Recorded, Standing, matched, minus, posted};
use crate::bytes::Corrupt;
use crate::date::{Date, Grain};
use crate::event::{QUANTITY_MAX, Side};
use crate::rows::{Account, EXCHANGE_LIVE_MAX, Exchange, ExchangeState, Home, PAGE_POSTINGS, Posting, read_postings};
use crate::tables::{Key, Rows, Table};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Pages that are loaded at a time.
const PAGES: usize = 1_024;

/// A page of an exchange: 64 postings, and whether they differ from what is stored.
pub(super) struct Page {
    pub(super) postings: Vec<Posting>,
    pub(super) changed: bool,
}

pub(super) struct Met {
    pub(super) id: Rc<str>,
    /// None: no entry took effect in it yet.
    pub(super) row: Option<Exchange>,
    /// Pages that were loaded or made.
    pub(super) pages: BTreeMap<u32, Page>,
    pub(super) changed: bool,
}

#[derive(Default)]
pub(super) struct Exchanges {
    by_id: FxHashMap<Rc<str>, u32>,
    pub(super) all: Vec<Met>,
    /// Places that were looked up, those of each time in order of ids.
    order: Vec<u32>,
}

impl Exchanges {
    /// The place of an exchange.
    pub(super) fn place(&mut self, id: &str) -> u32 {
        if let Some(place) = self.by_id.get(id) {
            return *place;
        }
        let place = self.all.len() as u32;
        let id: Rc<str> = id.into();
        self.by_id.insert(id.clone(), place);
        self.all.push(Met { id, row: None, pages: BTreeMap::new(), changed: false });
        place
    }

    pub(super) fn get(&self, place: u32) -> &Met {
        &self.all[place as usize]
    }

    pub(super) fn is_full(&self, place: u32) -> bool {
        self.get(place).row.as_ref().is_some_and(|row| row.live() >= EXCHANGE_LIVE_MAX)
    }

    /// All that changed, in order of ids.
    pub(super) fn changed(&self) -> Vec<&Met> {
        let all = self.order.iter().copied().chain(self.order.len() as u32..self.all.len() as u32).map(|place| self.get(place));
        let mut changed: Vec<_> = all.filter(|met| met.changed).collect();
        // Stable, since mostly they are in order.
        changed.sort_by(|a, b| a.id.cmp(&b.id));
        changed
    }

    /// Loads the rows of the exchanges that were met since the last time.
    pub(super) fn load<R: Rows>(&mut self, rows: &R, council: &str) -> Result<(), R::Error> {
        let mut new: Vec<usize> = (self.order.len()..self.all.len()).collect();
        new.sort_unstable_by(|a, b| self.all[*a].id.cmp(&self.all[*b].id));
        self.order.extend(new.iter().map(|place| *place as u32));
        let key = |place: &usize| {
            let mut key = Key::of(Table::Exchange, council);
            key.bytes(self.all[*place].id.as_bytes());
            key.into_vec()
        };
        let keys: Vec<_> = new.iter().map(key).collect();
        for (place, row) in new.into_iter().zip(rows.get_many(Table::Exchange, &keys)?) {
            self.all[place].row = row.map(|row| read(&row)).transpose()?;
        }
        Ok(())
    }

    /// Loads all pages of an exchange that are not here yet.
    fn load_pages<R: Rows>(&mut self, rows: &R, council: &str, place: u32) -> Result<(), R::Error> {
        let met = &mut self.all[place as usize];
        let count = met.row.as_ref().map_or(0, |row| row.pages);
        if met.pages.len() == count as usize {
            return Ok(());
        }
        // In steps, so that a count of pages that are not there is found out early.
        for start in (0..count).step_by(PAGES) {
            let missing: Vec<u32> = (start..count.min(start.saturating_add(PAGES as u32))).filter(|page| !met.pages.contains_key(page)).collect();
            let keys: Vec<_> = missing.iter().map(|page| page_key(council, &met.id, *page).into_vec()).collect();
            for (page, row) in missing.iter().zip(rows.get_many(Table::ExchangePage, &keys)?) {
                let postings = read_postings(&row.ok_or(Corrupt("ExchangePage"))?)?;
                met.pages.insert(*page, Page { postings, changed: false });
            }
        }
        Ok(())
    }
}

/// Reads a row whose sums the fold can go on with.
fn read(row: &[u8]) -> Result<Exchange, Corrupt> {
    let exchange = Exchange::decode(row)?;
    let count: u64 = exchange.accounts.iter().map(|account| u64::from(account.count)).sum();
    let fits = |account: &Account| account.count > 0 && account.quantity <= u128::from(account.count) * u128::from(QUANTITY_MAX);
    let sound = count <= EXCHANGE_LIVE_MAX.into()
        && exchange.accounts.iter().all(fits)
        && exchange.accounts.is_sorted_by(|a, b| a.measure < b.measure)
        && exchange.postings.len() < PAGE_POSTINGS
        && exchange.pages < u32::MAX;
    if sound { Ok(exchange) } else { Err(Corrupt("Exchange")) }
}

pub(super) fn page_key(council: &str, id: &str, page: u32) -> Key {
    let mut key = Key::of(Table::ExchangePage, council);
    key.bytes(id.as_bytes()).byte(0).be32(page);
    key
}

impl Met {
    fn postings(&self) -> impl Iterator<Item = &Posting> {
        self.pages.values().flat_map(|page| &page.postings).chain(self.row.iter().flat_map(|row| &row.postings))
    }

    /// Live postings but the one of `sequence`. Pages must be loaded.
    fn others(&self, sequence: u64) -> Vec<Posting> {
        self.postings().filter(|posting| posting.is_live() && posting.sequence != sequence).copied().collect()
    }

    /// Adds a posting to the row; a full row becomes a page.
    fn push(&mut self, posting: Posting) {
        self.changed = true;
        let period = posting.occurred.unit(Grain::Month);
        let row = self.row.get_or_insert_with(|| Exchange {
            home: Home { service: posting.service, area: posting.area, period },
            first_citizen: None,
            first_state: None,
            accounts: Vec::new(),
            pages: 0,
            postings: Vec::new(),
        });
        let first = first_of(row, posting.side);
        *first = Some(first.map_or(posting.occurred.start, |first| first.min(posting.occurred.start)));
        let at = row.accounts.binary_search_by_key(&posting.measure, |account| account.measure).unwrap_or_else(|at| {
            row.accounts.insert(at, Account { measure: posting.measure, side: posting.side, quantity: 0, count: 0 });
            at
        });
        // At most 65,536 live postings of at most 10^15 each.
        row.accounts[at].quantity += u128::from(posting.quantity);
        row.accounts[at].count += 1;
        row.postings.push(posting);
        if row.postings.len() == PAGE_POSTINGS {
            self.pages.insert(row.pages, Page { postings: std::mem::take(&mut row.postings), changed: true });
            row.pages += 1;
        }
    }

    /// Marks a posting as reversed, in the row or on its page, and takes it out of the accounts. Pages must be loaded.
    fn mark(&mut self, posting: &Posting, reversed_by: u64) -> Result<(), Corrupt> {
        self.changed = true;
        let row = self.row.as_mut().ok_or(Corrupt("Exchange"))?;
        let find = |postings: &mut Vec<Posting>| {
            let found = postings.iter_mut().find(|other| other.sequence == posting.sequence);
            found.map(|found| found.reversed_by = Some(reversed_by)).is_some()
        };
        if !find(&mut row.postings) {
            let page = self.pages.values_mut().find_map(|page| find(&mut page.postings).then_some(page));
            page.ok_or(Corrupt("Exchange"))?.changed = true;
        }
        let at = row.accounts.binary_search_by_key(&posting.measure, |account| account.measure).map_err(|_| Corrupt("Exchange"))?;
        let account = &mut row.accounts[at];
        account.quantity = account.quantity.checked_sub(posting.quantity.into()).ok_or(Corrupt("Exchange"))?;
        account.count = account.count.checked_sub(1).ok_or(Corrupt("Exchange"))?;
        if account.count == 0 {
            row.accounts.remove(at);
        }
        if *first_of(row, posting.side) == Some(posting.occurred.start) {
            let first = self.postings().filter(|other| other.is_live() && other.side == posting.side).map(|other| other.occurred.start).min();
            if let Some(row) = &mut self.row {
                *first_of(row, posting.side) = first;
            }
        }
        Ok(())
    }

    fn standing(&self) -> Standing {
        self.row.as_ref().map(Standing::of).unwrap_or_default()
    }

    fn is_two_sided(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.state() == ExchangeState::TwoSided)
    }
}

fn first_of(row: &mut Exchange, side: Side) -> &mut Option<Date> {
    match side {
        Side::Citizen => &mut row.first_citizen,
        Side::State => &mut row.first_state,
    }
}

impl<R: Rows> Fold<'_, R> {
    /// A posting joins an exchange. Returns what it adds to its own cells.
    pub(super) fn join(&mut self, place: u32, posting: &Posting, recorded: Recorded) -> Result<crate::cell::Cell, R::Error> {
        let met = &mut self.spoken.exchanges.all[place as usize];
        let (before, was_two_sided) = (met.standing(), met.is_two_sided());
        met.push(*posting);
        let (after, is_two_sided) = (met.standing(), met.is_two_sided());
        self.cells.stand(before, after);
        if is_two_sided && !was_two_sided {
            self.spoken.exchanges.load_pages(self.rows, self.council, place)?;
            for other in self.spoken.exchanges.get(place).others(posting.sequence) {
                self.cells.cube(&other, matched(other.quantity), recorded);
            }
        }
        let mut change = posted(posting);
        if is_two_sided {
            change += matched(posting.quantity);
        }
        Ok(change)
    }

    /// A posting is reversed in its exchange. Returns what goes from its own cells, as a positive change.
    pub(super) fn leave(&mut self, place: u32, posting: &Posting, reversed_by: u64, recorded: Recorded) -> Result<crate::cell::Cell, R::Error> {
        self.spoken.exchanges.load_pages(self.rows, self.council, place)?;
        let met = &mut self.spoken.exchanges.all[place as usize];
        let (before, was_two_sided) = (met.standing(), met.is_two_sided());
        met.mark(posting, reversed_by)?;
        let (after, is_two_sided) = (met.standing(), met.is_two_sided());
        self.cells.stand(before, after);
        if was_two_sided && !is_two_sided {
            for other in self.spoken.exchanges.get(place).others(posting.sequence) {
                self.cells.cube(&other, minus(matched(other.quantity)), recorded);
            }
        }
        let mut change = posted(posting);
        if was_two_sided {
            change += matched(posting.quantity);
        }
        Ok(change)
    }
}
