//! Accounts and postings as they are shown.

use super::view::View;
use super::{Readable, days};
use std::collections::BTreeMap;
use tandem_domain::event::Side;
use tandem_domain::rows;
use tandem_domain::tables::NameKind;
use tandem_proto::v1;
use tandem_wire::status::Failure;

/// A posting; `exchange` is empty if it is in none.
pub(super) fn shown<R: Readable>(view: &View<'_, R>, posting: &rows::Posting, exchange: &str) -> Result<v1::Posting, Failure> {
    let measure = view.measure(posting.measure)?;
    let (occurred_start, occurred_end) = days(posting.occurred);
    Ok(v1::Posting {
        sequence: posting.sequence,
        service: view.name(NameKind::Service, posting.service)?.to_string(),
        measure: measure.id.to_string(),
        side: posting.side as i32,
        quantity: posting.quantity as i64, // at most 10^15
        unit: measure.unit.clone(),
        area: view.name(NameKind::Area, posting.area)?.to_string(),
        occurred_start,
        occurred_end,
        evidence: posting.evidence as i32,
        reversed_by: posting.reversed_by,
        exchange: exchange.into(),
        measure_name: measure.name.clone(),
    })
}

/// One line of a T-account.
pub(super) fn account<R: Readable>(view: &View<'_, R>, account: &rows::Account) -> Result<v1::Account, Failure> {
    let measure = view.measure(account.measure)?;
    Ok(v1::Account {
        measure: measure.id.to_string(),
        side: account.side as i32,
        quantity: account.quantity.to_string(),
        unit: measure.unit.clone(),
        count: account.count.into(),
    })
}

/// Sums by measure as recorded, live postings only.
#[derive(Default)]
pub(super) struct Sums(BTreeMap<u32, (Option<Side>, u128, u64)>);

impl Sums {
    pub fn add(&mut self, posting: &rows::Posting) {
        if posting.is_live() {
            let sum = self.0.entry(posting.measure).or_default();
            *sum = (Some(posting.side), sum.1 + u128::from(posting.quantity), sum.2 + 1);
        }
    }

    /// Ascending by measure id.
    pub fn shown<R: Readable>(self, view: &View<'_, R>) -> Result<Vec<v1::Account>, Failure> {
        let shown = |(measure, (side, quantity, count)): (u32, (Option<Side>, u128, u64))| -> Result<v1::Account, Failure> {
            let measure = view.measure(measure)?;
            let side = side.map_or(0, |side| side as i32);
            Ok(v1::Account { measure: measure.id.to_string(), side, quantity: quantity.to_string(), unit: measure.unit.clone(), count })
        };
        let mut accounts = self.0.into_iter().map(shown).collect::<Result<Vec<_>, _>>()?;
        accounts.sort_by(|a, b| a.measure.cmp(&b.measure));
        Ok(accounts)
    }
}
