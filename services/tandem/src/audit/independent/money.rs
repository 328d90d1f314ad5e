//! What quantities are worth by a valuation of constant prices: exact fractions, rounded once, half to even.

use std::collections::BTreeMap;
use tandem_proto::v1::{ValuationBasis, ValuationPublished};

/// Constant prices at the central rates.
#[derive(Clone, Debug)]
pub struct Price {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
    currency: String,
    /// Minor units for so many.
    rates: BTreeMap<String, (i64, i64)>,
    denominator: i128,
}

impl Price {
    /// Of a valuation, if its prices are constant.
    pub(super) fn of(valuation: &ValuationPublished) -> Option<Self> {
        if valuation.basis != ValuationBasis::Constant as i32 {
            return None;
        }
        let rates: BTreeMap<_, _> = valuation.rates.iter().map(|rate| (rate.measure.clone(), (rate.central, rate.per_quantity.max(1)))).collect();
        let denominator = rates.values().fold(1, |all, (_, per)| least_common_multiple(all, i128::from(*per)));
        Some(Self { id: valuation.id.clone(), version: valuation.version, currency: valuation.currency.clone(), rates, denominator })
    }

    /// A quantity of a measure in 1 ÷ denominator of a minor unit. None: it has no price.
    pub(super) fn worth(&self, measure: &str, unit: &str, quantity: i128) -> Option<i128> {
        if unit == self.currency {
            return Some(quantity * self.denominator);
        }
        let is_money = unit.len() == 3 && unit.bytes().all(|byte| byte.is_ascii_uppercase());
        let (central, per) = self.rates.get(measure).filter(|_| !is_money)?;
        Some(quantity * i128::from(*central) * (self.denominator / i128::from(*per)))
    }

    /// In minor units, rounded once.
    pub(super) fn rounded(&self, amount: i128) -> i128 {
        let (whole, rest) = (amount.div_euclid(self.denominator), amount.rem_euclid(self.denominator));
        match (2 * rest).cmp(&self.denominator) {
            std::cmp::Ordering::Less => whole,
            std::cmp::Ordering::Greater => whole + 1,
            std::cmp::Ordering::Equal => whole + whole.rem_euclid(2),
        }
    }
}

fn least_common_multiple(a: i128, b: i128) -> i128 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}
