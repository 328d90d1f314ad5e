//! What a unit of each measure is worth. See DESIGN.md, section 7, "Prices".
//!
//! With D = the least common multiple of a valuation's `per_quantity` (at most 10^9), quantity × rate × (D ÷ per_quantity) is the exact
//! amount in units of 1 ÷ D of the minor unit. One unit of quantity is worth at most 10^12 × 10^9 of these, which always fits; an
//! entry at most 10^15 times that. Sums of such amounts need not fit into 128 bits, so whoever adds them checks.

use crate::date::{Date, Grain, Period};
use crate::event::{Basis, Valuation};
use crate::metrics::merge::least_common_multiple;
use crate::metrics::{Amount, ValuationUsed};

/// A measure as pricing knows it.
#[derive(Clone, Copy, Debug)]
pub struct Priced<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its unit.
    pub unit: &'a str,
    /// The measure in which it counts negative.
    pub contra_of: Option<&'a str>,
}

/// The prices of a valuation for measures by their place in a list.
#[derive(Clone, Debug)]
pub struct Prices {
    /// The valuation.
    pub used: ValuationUsed,
    /// D: amounts are in units of 1 ÷ D of the minor unit.
    pub denominator: u64,
    /// Whether its version is marked as maintained.
    pub is_maintained: bool,
    by_measure: Vec<Worth>,
}

/// What one measure is worth.
#[derive(Clone, Debug)]
enum Worth {
    /// Money in the valuation's currency: itself.
    Itself,
    /// Ascending; none: it has no price.
    Rates(Vec<FromDay>),
}

/// What a unit of quantity is worth from a day on.
#[derive(Clone, Debug)]
struct FromDay {
    day: Date,
    /// By grain: the index of the unit in which the day lies, and whether it is the unit's first.
    units: [(i32, bool); 5],
    amount: Amount,
}

impl FromDay {
    fn new(day: Date, amount: Amount) -> Self {
        let units = [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year, Grain::Ever].map(|grain| match day {
            ALWAYS => (i32::MIN, true),
            day => {
                let unit = Period::of(day, grain);
                (unit.index, day <= unit.span().start)
            }
        });
        Self { day, units, amount }
    }
}

/// What a unit of quantity is worth over a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// The same on every day of it.
    One(Amount),
    /// There is no price on any day of it.
    Unpriced,
    /// It changes within: the entries must be priced one by one.
    Changes,
}

impl Prices {
    /// The prices of a valuation for these measures. A contra measure has its own rates if the valuation has any, else those of its
    /// base. Money is in its own currency or has no price, whatever rates say.
    pub fn new<'a>(valuation: &Valuation<'_>, measures: impl IntoIterator<Item = Priced<'a>>) -> Self {
        // The least common multiple was checked when the valuation was read.
        let denominator = valuation.rates.iter().fold(1, |lcm, rate| least_common_multiple(lcm, rate.per_quantity).unwrap_or(lcm));
        let used = ValuationUsed { id: valuation.id.into(), version: valuation.version, currency: valuation.currency.into() };
        let by_measure = measures.into_iter().map(|measure| worth(valuation, denominator, measure)).collect();
        Self { used, denominator, is_maintained: valuation.maintained, by_measure }
    }

    /// What a unit of the `measure`-th measure is worth on a day; `None`: it has no price.
    pub fn on(&self, measure: usize, day: Date) -> Option<Amount> {
        match &self.by_measure[measure] {
            Worth::Itself => Some(self.itself()),
            Worth::Rates(rates) => rates[..rates.partition_point(|rate| rate.day <= day)].last().map(|rate| rate.amount),
        }
    }

    /// What a unit of it is worth over a calendar unit.
    pub fn over(&self, measure: usize, unit: Period) -> Rate {
        let rates = match &self.by_measure[measure] {
            Worth::Itself => return Rate::One(self.itself()),
            Worth::Rates(rates) => rates,
        };
        // Those in force on its first day: from an earlier unit on, or from that very day.
        let (before, after) = rates.split_at(rates.partition_point(|rate| {
            let (index, begins) = rate.units[unit.grain as usize];
            index < unit.index || (index == unit.index && begins)
        }));
        if after.first().is_some_and(|rate| rate.units[unit.grain as usize].0 == unit.index) {
            return Rate::Changes;
        }
        before.last().map_or(Rate::Unpriced, |rate| Rate::One(rate.amount))
    }

    /// Whether a unit of it is worth the same, or has no price, on all days.
    pub fn is_constant(&self, measure: usize) -> bool {
        match &self.by_measure[measure] {
            Worth::Itself => true,
            Worth::Rates(rates) => rates.iter().all(|rate| rate.day == ALWAYS),
        }
    }

    /// Whether a rate of it changes on another day than the first of a month.
    pub fn changes_within_months(&self, measure: usize) -> bool {
        match &self.by_measure[measure] {
            Worth::Itself => false,
            Worth::Rates(rates) => rates.iter().any(|rate| !rate.units[Grain::Month as usize].1),
        }
    }

    fn itself(&self) -> Amount {
        let one = i128::from(self.denominator);
        Amount { low: one, central: one, high: one }
    }
}

/// From when the one rate of a constant valuation holds.
const ALWAYS: Date = Date(i32::MIN);

fn worth(valuation: &Valuation<'_>, denominator: u64, measure: Priced<'_>) -> Worth {
    if measure.unit == valuation.currency {
        return Worth::Itself;
    }
    if is_currency(measure.unit) {
        return Worth::Rates(Vec::new());
    }
    let of = |id: &str| -> Vec<FromDay> {
        let rates = valuation.rates.iter().filter(|rate| rate.measure == id);
        let mut rates: Vec<_> = rates
            .map(|rate| {
                let factor = i128::from(denominator / rate.per_quantity);
                let at = |minor: u64| i128::from(minor) * factor;
                let from = if valuation.basis == Basis::Constant { ALWAYS } else { rate.effective_from.unwrap_or(ALWAYS) };
                FromDay::new(from, Amount { low: at(rate.low), central: at(rate.central), high: at(rate.high) })
            })
            .collect();
        rates.sort_unstable_by_key(|rate| rate.day);
        rates
    };
    let own = of(measure.id);
    match measure.contra_of {
        Some(base) if own.is_empty() => Worth::Rates(of(base)),
        _ => Worth::Rates(own),
    }
}

/// Whether a measure's unit is an ISO 4217 code: three capital letters, which no UCUM unit of ours is.
pub(crate) fn is_currency(unit: &str) -> bool {
    unit.len() == 3 && unit.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event;

    fn rate(measure: &'static str, per_quantity: u64, central: u64, from: Option<&str>) -> event::Rate<'static> {
        let effective_from = from.map(|day| Date::parse(day).unwrap());
        event::Rate { measure, per_quantity, low: central - 1, central, high: central + 1, effective_from }
    }

    fn prices(basis: Basis, rates: Vec<event::Rate<'static>>) -> Prices {
        let valuation = Valuation { id: "floor", version: 3, currency: "GBP", basis, maintained: false, rates };
        let measure = |id, unit, contra_of| Priced { id, unit, contra_of };
        let measures = [
            measure("care", "min", None),
            measure("care-back", "min", Some("care")),
            measure("cash", "GBP", None),
            measure("dollars", "USD", None),
            measure("sorting", "g", None),
        ];
        Prices::new(&valuation, measures)
    }

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn amounts_are_whole_in_units_of_the_common_multiple() {
        let prices = prices(Basis::Constant, vec![rate("care", 60, 1221, None), rate("sorting", 8, 3, None), rate("dollars", 1, 80, None)]);
        // D = lcm(60, 8, 1) = 120: a minute is worth 1221 × 2, a gram 3 × 15, a penny 120.
        assert_eq!(prices.denominator, 120);
        let any = day("1950-01-01");
        let central = [0, 1, 2, 3, 4].map(|measure| prices.on(measure, any).map(|amount| amount.central));
        assert_eq!(central, [Some(2442), Some(2442), Some(120), None, Some(45)]);
        assert_eq!(prices.on(0, any), Some(Amount { low: 2440, central: 2442, high: 2444 }));
        assert_eq!(prices.over(0, Period { grain: Grain::Ever, index: 0 }), Rate::One(Amount { low: 2440, central: 2442, high: 2444 }));
        assert_eq!(prices.over(3, Period { grain: Grain::Ever, index: 0 }), Rate::Unpriced);
    }

    #[test]
    fn a_dated_rate_holds_from_its_day_on() {
        let rates = vec![
            rate("care", 60, 1221, Some("2025-04-01")),
            rate("care", 60, 1144, Some("2024-04-01")),
            rate("care-back", 60, 1000, Some("2025-10-22")),
        ];
        let prices = prices(Basis::Dated, rates);
        let on = |measure, text| prices.on(measure, day(text)).map(|amount| amount.central);
        assert_eq!([on(0, "2024-03-31"), on(0, "2024-04-01"), on(0, "2025-03-31"), on(0, "2025-04-01")], [None, Some(1144), Some(1144), Some(1221)]);
        // The contra measure has rates of its own: before the first of them it has no price, whatever its base has.
        assert_eq!([on(1, "2025-10-21"), on(1, "2025-10-22")], [None, Some(1000)]);
        let over = |measure, text: &str, grain| match prices.over(measure, Period::of(day(text), grain)) {
            Rate::One(amount) => amount.central,
            Rate::Unpriced => -1,
            Rate::Changes => -2,
        };
        assert_eq!([over(0, "2025-04-01", Grain::Day), over(0, "2025-04-01", Grain::Month), over(0, "2025-05-01", Grain::Quarter)], [1221; 3]);
        assert_eq!([over(0, "2024-03-31", Grain::Month), over(0, "2025-01-01", Grain::Year), over(0, "2024-05-01", Grain::Year)], [-1, -2, -2]);
        assert_eq!([over(1, "2025-10-01", Grain::Month), over(0, "2023-01-01", Grain::Ever), over(0, "2026-07-01", Grain::Year)], [-2, -2, 1221]);
        assert_eq!([0, 1, 2].map(|measure| prices.changes_within_months(measure)), [false, true, false]);
    }
}
