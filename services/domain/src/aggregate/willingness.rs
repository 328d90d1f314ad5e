//! From support to what was produced together: observations from their view, pledges and what names them from the entries. A pledge's
//! credit in the views adds up contributions whatever their measure, so it cannot be used.

use super::entries::{LargeExchanges, Numbers};
use super::group::{Grouping, Place};
use super::live::unreadable;
use super::measures::scan;
use super::outcomes::indicator;
use super::taking_part::TakingPartByGroup;
use super::{Asked, Error, corrupt, read};
use crate::bytes::Take;
use crate::date::{Grain, Span};
use crate::event::{Body, Contribution, Envelope, EventId, Evidence, Side};
use crate::record::Record;
use crate::rows::{read_number, read_observations};
use crate::tables::{Key, NameKind, Rows, Table};
use rustc_hash::FxHashMap;

/// The bodies' field numbers in Facts.
const CONTRIBUTION: u8 = 1;
const PLEDGE: u8 = 4;

/// An event, by its source and id.
type EventKey = (String, EventId);

/// A contribution that names a pledge.
struct Doing {
    pledge: EventKey,
    /// Place of its measure.
    measure: usize,
    quantity: i128,
    exchange: Option<String>,
}

impl<R: Rows> Asked<'_, R> {
    pub(super) fn willingness(&self, grouping: &Grouping, all: &mut TakingPartByGroup) -> Result<(), Error<R::Error>> {
        let Some(id) = &self.question.support_indicator else {
            return self.pledged(grouping, all);
        };
        let counted = indicator(self.rows, self.council, id)?;
        self.support(grouping, id, all)?;
        self.pledged(grouping, all)?;
        // Every group says how support is counted, also where there is none.
        all.entry(None).or_default();
        for willingness in all.values_mut().map(|taking_part| &mut taking_part.willingness) {
            (willingness.support_unit, willingness.support_places) = (counted.unit.clone(), counted.decimal_places);
        }
        Ok(())
    }

    /// Adds the observations in force.
    fn support(&self, grouping: &Grouping, id: &str, all: &mut TakingPartByGroup) -> Result<(), Error<R::Error>> {
        let mut name = Key::of(Table::NameByText, self.council);
        name.byte(NameKind::Indicator as u8).bytes(id.as_bytes());
        // An indicator that nobody observed has no number.
        let Some(row) = read(self.rows.get(Table::NameByText, name.as_slice()))? else {
            return Ok(());
        };
        let mut prefix = Key::of(Table::Outcome, self.council);
        prefix.be32(read_number(&row).map_err(corrupt)?);
        let start = prefix.as_slice().len();
        scan(self.rows, Table::Outcome, &prefix, |key, row| {
            let mut take = Take::new("key", &key[start..]);
            let (service, area, start, end) = (take.be32()?, take.be32()?, take.ordered_day()?, take.ordered_day()?);
            let Some(in_force) = read_observations(row)?.pop().filter(|_| self.scope.services().has(service) && self.scope.areas().has(area)) else {
                return Ok(());
            };
            let unit = Span { start, end }.unit(Grain::Month);
            let place = Place { service, base: 0, side: Side::Citizen, area, evidence: Evidence::Assumed, unit };
            self.change(grouping, all, &place, |taking_part| {
                // Fewer than 2^64 of less than 2^63 each.
                taking_part.willingness.support_numerator += i128::from(in_force.numerator);
                taking_part.willingness.support_denominator += i128::from(in_force.denominator);
            });
            Ok(())
        })
    }

    /// Adds the pledges in scope and what came of them. A contribution may stand before the pledge that it names, so that they are put
    /// together in the end; memory grows with these, not with the book.
    fn pledged(&self, grouping: &Grouping, all: &mut TakingPartByGroup) -> Result<(), Error<R::Error>> {
        let (mut pledges, mut doings, mut numbers) = (FxHashMap::default(), Vec::new(), Numbers::default());
        self.each_live(&[CONTRIBUTION, PLEDGE], |record| {
            match Body::decode(record.parts.facts) {
                Ok(Body::Contribution(contribution)) if contribution.pledge.is_some() => doings.extend(self.doing(record, &contribution)?),
                Ok(Body::Contribution(_)) => {}
                Ok(Body::Pledge(pledge)) => {
                    let unit = pledge.period.unit(Grain::Month);
                    let Some((place, at)) = self.place_of(&pledge.given, Evidence::Assumed, unit, &mut numbers)? else {
                        return Ok(());
                    };
                    let envelope = Envelope::decode(record.parts.envelope).map_err(|_| unreadable())?;
                    pledges.insert((envelope.source.to_owned(), envelope.event_id), place);
                    let quantity = self.signed(at, pledge.given.quantity);
                    self.change_pledged(grouping, all, &place, |sum| {
                        sum.pledged += quantity;
                        sum.pledges += 1;
                    });
                }
                _ => return Err(unreadable()),
            }
            Ok(())
        })?;
        doings.retain(|doing| pledges.contains_key(&doing.pledge));
        let two_sided =
            self.two_sided_among(doings.iter().filter_map(|doing| doing.exchange.as_ref()).collect(), None, &mut LargeExchanges::default())?;
        for doing in &doings {
            let place = &pledges[&doing.pledge];
            let (same, matched) =
                (self.measures.get(doing.measure).base == place.base, doing.exchange.as_ref().is_some_and(|id| two_sided.contains(id)));
            self.change_pledged(grouping, all, place, |sum| match same {
                true => {
                    sum.done += doing.quantity;
                    sum.matched += if matched { doing.quantity } else { 0 };
                    sum.contributions += 1;
                }
                false => sum.of_another_measure += 1,
            });
        }
        Ok(())
    }

    /// A contribution that names a pledge. Neither where nor when it was done matters.
    fn doing(&self, record: &Record<'_>, contribution: &Contribution<'_>) -> Result<Option<Doing>, Error<R::Error>> {
        let Some((source, id)) = contribution.pledge else {
            return Ok(None);
        };
        let source = match source {
            Some(source) => source.to_owned(),
            None => Envelope::decode(record.parts.envelope).map_err(|_| unreadable())?.source.to_owned(),
        };
        let measure = self.measures.by_id(contribution.given.measure).map_err(corrupt)?;
        let quantity = self.signed(measure, contribution.given.quantity);
        Ok(Some(Doing { pledge: (source, id), measure, quantity, exchange: contribution.given.exchange.map(str::to_owned) }))
    }

    fn signed(&self, measure: usize, quantity: u64) -> i128 {
        if self.measures.get(measure).negative { -i128::from(quantity) } else { i128::from(quantity) }
    }

    fn change_pledged(&self, grouping: &Grouping, all: &mut TakingPartByGroup, place: &Place, change: impl Fn(&mut crate::metrics::PledgedPartial)) {
        let measure = self.measures.get(place.base);
        self.change(grouping, all, place, |taking_part| {
            change(taking_part.willingness.pledged.entry((measure.id.clone(), measure.unit.clone())).or_default());
        });
    }
}
