//! Exact rationals of any size, for figures that come from several sums: the product of two sums of 128 bits does not fit into 128.

use num_bigint::{BigInt, Sign};

/// A rational number. The denominator is positive; the two need not be coprime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exact {
    numerator: BigInt,
    denominator: BigInt,
}

impl Exact {
    /// `numerator ÷ denominator`; `None` if there is nothing to divide by.
    pub fn ratio(numerator: impl Into<BigInt>, denominator: impl Into<BigInt>) -> Option<Self> {
        let (numerator, denominator) = (numerator.into(), denominator.into());
        match denominator.sign() {
            Sign::NoSign => None,
            Sign::Plus => Some(Self { numerator, denominator }),
            Sign::Minus => Some(Self { numerator: -numerator, denominator: -denominator }),
        }
    }

    /// From decimal text of whole numbers.
    pub fn parse(numerator: &str, denominator: &str) -> Option<Self> {
        Self::ratio(numerator.parse::<BigInt>().ok()?, denominator.parse::<BigInt>().ok()?)
    }

    /// The difference.
    pub fn minus(&self, other: &Self) -> Self {
        let numerator = &self.numerator * &other.denominator - &other.numerator * &self.denominator;
        Self { numerator, denominator: &self.denominator * &other.denominator }
    }

    /// The quotient; `None` if the other is 0.
    pub fn over(&self, other: &Self) -> Option<Self> {
        Self::ratio(&self.numerator * &other.denominator, &self.denominator * &other.numerator)
    }

    /// The same number, negated.
    pub fn negated(self) -> Self {
        Self { numerator: -self.numerator, ..self }
    }

    /// Divides by a power of ten: a number of smallest units in larger ones.
    pub fn shifted(self, places: u32) -> Self {
        Self { denominator: self.denominator * BigInt::from(10).pow(places), ..self }
    }

    pub fn is_positive(&self) -> bool {
        self.numerator.sign() == Sign::Plus
    }

    pub fn is_negative(&self) -> bool {
        self.numerator.sign() == Sign::Minus
    }

    /// Numerator and denominator in lowest terms, decimal text.
    pub fn in_lowest_terms(&self) -> (String, String) {
        let zero = BigInt::from(0);
        let (mut common, mut rest) = (self.denominator.clone(), self.numerator.clone());
        while rest != zero {
            (common, rest) = (rest.clone(), common % rest);
        }
        if common.sign() == Sign::Minus {
            common = -common;
        }
        ((&self.numerator / &common).to_string(), (&self.denominator / &common).to_string())
    }

    /// Decimal text with so many places, rounded once, half to even.
    pub fn rounded(&self, places: u32) -> String {
        let scaled = self.numerator.magnitude() * num_bigint::BigUint::from(10u32).pow(places);
        let below = self.denominator.magnitude();
        let (mut quotient, rest) = (&scaled / below, &scaled % below);
        let twice = rest * 2u32;
        if twice > *below || (twice == *below && quotient.bit(0)) {
            quotient += 1u32;
        }
        let digits = format!("{:0>width$}", quotient.to_string(), width = places as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places as usize);
        let sign = if self.is_negative() && quotient.bits() > 0 { "-" } else { "" };
        let point = if places > 0 { "." } else { "" };
        format!("{sign}{whole}{point}{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::decimal;
    use super::*;

    fn of(numerator: i128, denominator: i128) -> Exact {
        Exact::ratio(numerator, denominator).unwrap()
    }

    #[test]
    fn rounds_as_the_ratios_of_128_bits_do() {
        for numerator in -70..70i128 {
            for denominator in (-9..=9i128).filter(|denominator| *denominator != 0) {
                assert_eq!(Some(of(numerator, denominator).rounded(6)), decimal::ratio(numerator, denominator), "{numerator} ÷ {denominator}");
                let whole = decimal::rounded(numerator * denominator.signum(), denominator.unsigned_abs() as u64).to_string();
                assert_eq!(of(numerator, denominator).rounded(0), whole, "{numerator} ÷ {denominator}");
            }
        }
        assert_eq!([of(5, 2).rounded(0), of(-25, 100).rounded(1), of(-4, 100).rounded(1), of(7, 1).rounded(2)], ["2", "-0.2", "0.0", "7.00"]);
        assert_eq!(Exact::ratio(3, 0), None);
    }

    #[test]
    fn products_beyond_128_bits_are_exact() {
        let large = i128::MAX;
        // (1 + 1/max) - (1 + 1/(max-1)): the sign is told though the parts differ in the 77th place.
        let change = of(large, large - 1).minus(&of(large - 1, large - 2));
        assert!(change.is_negative() && !change.is_positive());
        assert_eq!(change.rounded(6), "0.000000");
        assert_eq!(of(large, 1).over(&of(1, large)).unwrap().over(&of(large, 1)).unwrap().rounded(0), large.to_string());
        assert_eq!(of(1, 3).over(&of(0, 7)), None);
        assert_eq!(of(-6, 8).in_lowest_terms(), ("-3".into(), "4".into()));
        assert_eq!(of(0, 8).in_lowest_terms(), ("0".into(), "1".into()));
        assert_eq!(of(1_234, 1).shifted(2).negated().rounded(2), "-12.34");
        assert_eq!(Exact::parse("10", "-4").unwrap().rounded(1), "-2.5");
        assert_eq!(Exact::parse("x", "4"), None);
    }
}
