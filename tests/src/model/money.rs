//! Exact amounts: integers over one denominator, rounded once, half to even.

use super::council::Council;
use super::entry::Entry;
use super::judge::version;
use std::collections::BTreeMap;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{Rate, ValuationBasis, ValuationPublished, ValuationRef};

/// A ratio of integers, as it is before rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ratio {
    /// Above the line.
    pub numerator: i128,
    /// Below it; positive.
    pub denominator: i128,
}

impl Ratio {
    /// In its lowest terms.
    pub fn reduced(self) -> Self {
        let (mut a, mut b) = (self.numerator.abs(), self.denominator.abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let sign = if self.denominator < 0 { -1 } else { 1 };
        Self { numerator: sign * self.numerator / a.max(1), denominator: sign * self.denominator / a.max(1) }
    }

    /// The nearest multiple of 10^-`places`, half to even, as decimal text. None: nothing below the line.
    pub fn text(self, places: usize) -> Option<String> {
        if self.denominator == 0 {
            return None;
        }
        let scale = 10_i128.pow(places as u32);
        let scaled = round(self.numerator * scale, self.denominator);
        let (sign, digits) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
        Some(match places {
            0 => format!("{sign}{digits}"),
            _ => format!("{sign}{}.{:0places$}", digits / scale as u128, digits % scale as u128),
        })
    }
}

/// The nearest integer, half to even.
fn round(numerator: i128, denominator: i128) -> i128 {
    let (numerator, denominator) = if denominator < 0 { (-numerator, -denominator) } else { (numerator, denominator) };
    let (floor, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
    match (rest * 2).cmp(&denominator) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Greater => floor + 1,
        std::cmp::Ordering::Equal => floor + floor.rem_euclid(2),
    }
}

/// Money at the low, central and high rates, in units of 1 ÷ the prices' denominator.
pub type Amount = [i128; 3];

/// A valuation as every council of a question has it.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    /// The least common multiple of all `per_quantity`.
    pub denominator: i128,
    /// ISO 4217.
    pub currency: String,
    by_council: BTreeMap<String, ValuationPublished>,
}

impl Prices {
    /// Looks a valuation up in each council; version 0 is the greatest published. None: a council has not published it.
    pub fn find<'a>(councils: impl IntoIterator<Item = &'a Council>, asked: &ValuationRef) -> Option<Self> {
        let mut prices = Self { denominator: 1, ..Self::default() };
        for council in councils {
            let valuation = find(council, asked)?.clone();
            let pers = valuation.rates.iter().map(|rate| i128::from(rate.per_quantity));
            prices.denominator = pers.fold(prices.denominator, lcm);
            prices.currency.clone_from(&valuation.currency);
            prices.by_council.insert(council.code.clone(), valuation);
        }
        Some(prices)
    }

    /// What an entry is worth, negative if its measure is a contra measure. None: it has no price.
    pub fn of(&self, council: &Council, entry: &Entry) -> Option<Amount> {
        let given = entry.given()?;
        let valuation = self.by_council.get(&council.code)?;
        let measure = council.measure(given.measure)?;
        let (base, sign) = if measure.contra_of.is_empty() { (given.measure, 1) } else { (measure.contra_of.as_str(), -1) };
        let quantity = i128::from(given.quantity) * sign;
        if measure.unit == valuation.currency {
            return Some([quantity * self.denominator; 3]);
        }
        let is_money = measure.unit.len() == 3 && measure.unit.bytes().all(|byte| byte.is_ascii_uppercase());
        let rate = rate_of(valuation, base, &entry.start).filter(|_| !is_money)?;
        let per_unit = self.denominator / i128::from(rate.per_quantity);
        let at = |minor: i64| quantity * i128::from(minor) * per_unit;
        Some([at(rate.low.unwrap_or(rate.central)), at(rate.central), at(rate.high.unwrap_or(rate.central))])
    }

    /// An amount in minor units, rounded.
    pub fn text(&self, amount: i128) -> Option<String> {
        Ratio { numerator: amount, denominator: self.denominator }.text(0)
    }
}

fn find<'a>(council: &'a Council, asked: &ValuationRef) -> Option<&'a ValuationPublished> {
    let mut published = council.definitions.iter().filter(|((kind, id, _), _)| *kind == 5 && *id == asked.id);
    let (_, sequence) = published.rfind(|((_, _, at), _)| asked.version == 0 || *at == version(asked.version))?;
    match council.entry(*sequence).body.as_ref()? {
        Body::ValuationPublished(valuation) => Some(valuation),
        _ => None,
    }
}

/// The rate for a measure on a day.
fn rate_of<'a>(valuation: &'a ValuationPublished, measure: &str, day: &str) -> Option<&'a Rate> {
    let mut rates = valuation.rates.iter().filter(|rate| rate.measure == measure);
    match valuation.basis == ValuationBasis::Dated as i32 {
        true => rates.filter(|rate| rate.effective_from.as_str() <= day).max_by_key(|rate| rate.effective_from.clone()),
        false => rates.next_back(),
    }
}

fn lcm(a: i128, b: i128) -> i128 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_even() {
        let text = |numerator, denominator, places| Ratio { numerator, denominator }.text(places).unwrap();
        assert_eq!([1, 3, 5, -1, -3].map(|n| text(n, 2, 0)), ["0", "2", "2", "0", "-2"]);
        assert_eq!(text(1, 3, 6), "0.333333");
        assert_eq!(text(-1, 3, 6), "-0.333333");
        assert_eq!(text(5, 10_000_000, 6), "0.000000");
        assert_eq!(text(15, 10_000_000, 6), "0.000002");
    }
}
