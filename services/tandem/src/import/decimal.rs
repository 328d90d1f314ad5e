//! Exact decimals: what a column of figures says, digit for digit. No floating point.

use std::fmt;

/// A decimal number: `digits` ÷ 10^`places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: i128,
    places: u32,
}

/// Most digits after the point that are read; floating-point exports write up to 20.
const PLACES_MAX: u32 = 30;

/// Why a text is no usable figure, or a figure no usable quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a number.
    #[error("{0:?} is not a decimal number")]
    NotANumber(String),
    /// More digits than 128 bits hold.
    #[error("{0} has too many digits")]
    TooLong(String),
    /// Not whole in the unit wanted.
    #[error("{0} is not a whole number of the measure's unit; declare `round = \"half-even\"` if it may be rounded")]
    NotWhole(Decimal),
}

/// What happens to more decimals than the unit has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// The row is rejected.
    #[default]
    Exact,
    /// To the nearest; from the middle to the even one.
    HalfEven,
}

impl Decimal {
    /// Reads `[+-]digits[.digits][e[+-]digits]`, spaces around it aside. A comma, a currency sign or an empty text is no number.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let not_a_number = || Error::NotANumber(text.into());
        let too_long = || Error::TooLong(text.into());
        let trimmed = text.trim();
        let (number, exponent) = match trimmed.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().map_err(|_| not_a_number())?),
            None => (trimmed, 0),
        };
        let (negative, number) = match number.as_bytes().first() {
            Some(b'-') => (true, &number[1..]),
            Some(b'+') => (false, &number[1..]),
            _ => (false, number),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && part.is_empty() || !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(not_a_number());
        }
        let mut digits = 0i128;
        for byte in whole.bytes().chain(part.bytes()) {
            digits = digits.checked_mul(10).and_then(|digits| digits.checked_add(i128::from(byte - b'0'))).ok_or_else(too_long)?;
        }
        let places = i32::try_from(part.len()).map_err(|_| too_long())?.checked_sub(exponent).ok_or_else(too_long)?;
        let digits = if negative { -digits } else { digits };
        match u32::try_from(places) {
            Ok(places) if places <= PLACES_MAX => Ok(Self { digits, places }),
            Ok(_) => Err(too_long()),
            // A positive exponent beyond the digits written.
            Err(_) => {
                let factor = 10i128.checked_pow(places.unsigned_abs()).ok_or_else(too_long)?;
                Ok(Self { digits: digits.checked_mul(factor).ok_or_else(too_long)?, places: 0 })
            }
        }
    }

    /// The product, exact.
    pub fn times(self, other: Self) -> Result<Self, Error> {
        let digits = self.digits.checked_mul(other.digits).ok_or_else(|| Error::TooLong(format!("{self} × {other}")))?;
        Ok(Self { digits, places: self.places + other.places })
    }

    /// The difference, exact.
    pub fn minus(self, other: Self) -> Result<Self, Error> {
        let places = self.places.max(other.places);
        let too_long = || Error::TooLong(format!("{self} − {other}"));
        let scaled = |number: Self| number.digits.checked_mul(10i128.checked_pow(places - number.places)?);
        let (left, right) = (scaled(self).ok_or_else(too_long)?, scaled(other).ok_or_else(too_long)?);
        Ok(Self { digits: left.checked_sub(right).ok_or_else(too_long)?, places })
    }

    /// −1, 0 or 1.
    pub fn sign(self) -> i128 {
        self.digits.signum()
    }

    /// The number as an integer, rounded as declared.
    pub fn whole(self, rounding: Rounding) -> Result<i128, Error> {
        let divisor = 10i128.checked_pow(self.places).ok_or_else(|| Error::TooLong(self.to_string()))?;
        let (quotient, rest) = (self.digits / divisor, self.digits % divisor);
        match (rest, rounding) {
            (0, _) => Ok(quotient),
            (_, Rounding::Exact) => Err(Error::NotWhole(self)),
            (rest, Rounding::HalfEven) => {
                // |rest| < divisor ≤ 10^38, and twice that may pass 128 bits: compare with what is left instead.
                let (rest, left) = (rest.abs(), divisor - rest.abs());
                let away = rest > left || rest == left && quotient % 2 != 0;
                Ok(if away { quotient + self.digits.signum() } else { quotient })
            }
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.places as usize;
        let digits = format!("{:0width$}", self.digits.unsigned_abs(), width = places + 1);
        let (whole, part) = digits.split_at(digits.len() - places);
        let sign = if self.digits < 0 { "-" } else { "" };
        match part.is_empty() {
            true => write!(f, "{sign}{whole}"),
            false => write!(f, "{sign}{whole}.{part}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn reads_and_writes_every_digit() {
        for text in ["0", "12.345", "-0.0850", "1086273", "-313.40", "0.46556000000000006", "1291436.54"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!(decimal(" +7. ").to_string(), "7");
        assert_eq!(decimal(".5").to_string(), "0.5");
        assert_eq!(decimal("5.0E-4").to_string(), "0.00050");
        assert_eq!(decimal("1.5e3").to_string(), "1500");
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", " ", "-", ".", "1,000", "£5", "1.2.3", "NaN", "inf", "--1", "1e", "0x10", "１"] {
            assert_eq!(Decimal::parse(text), Err(Error::NotANumber(text.into())), "{text}");
        }
        for text in ["9".repeat(40), format!("0.{}", "1".repeat(31)), "1e40".into(), "1e-2147483648".into()] {
            assert_eq!(Decimal::parse(&text), Err(Error::TooLong(text.clone())), "{text}");
        }
    }

    #[test]
    fn tonnes_become_grams_and_pounds_pence() {
        let grams = decimal("12.345").times(decimal("1000000")).unwrap();
        assert_eq!(grams.whole(Rounding::Exact), Ok(12_345_000));
        assert_eq!(decimal("313.4").times(decimal("100")).unwrap().whole(Rounding::Exact), Ok(31_340));
        let dust = decimal("0.46556000000000006").times(decimal("1000000")).unwrap();
        assert!(matches!(dust.whole(Rounding::Exact), Err(Error::NotWhole(_))));
        assert_eq!(dust.whole(Rounding::HalfEven), Ok(465_560));
    }

    #[test]
    fn rounds_half_to_even() {
        let round = |text: &str| decimal(text).whole(Rounding::HalfEven).unwrap();
        let cases = [("0.5", 0), ("1.5", 2), ("2.5", 2), ("-0.5", 0), ("-1.5", -2), ("-2.5", -2), ("2.5000001", 3), ("-2.4999", -2), ("0.49", 0)];
        for (text, expected) in cases {
            assert_eq!(round(text), expected, "{text}");
        }
    }

    /// Any two decimals of up to 9 digits and 6 places: difference, product and rounding agree with arithmetic on integers.
    #[test]
    fn agrees_with_integers() {
        let seed: u64 = std::env::var("TANDEM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
        println!("TANDEM_SEED={seed}");
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..20_000 {
            let (a, b) = (random.random_range(-999_999_999i64..=999_999_999), random.random_range(-999_999_999i64..=999_999_999));
            let (places_a, places_b) = (random.random_range(0..=6u32), random.random_range(0..=6u32));
            let (left, right) = (Decimal { digits: a.into(), places: places_a }, Decimal { digits: b.into(), places: places_b });
            assert_eq!(decimal(&left.to_string()), left);
            let micro = |number: i64, places: u32| i128::from(number) * 10i128.pow(6 - places);
            let difference = left.minus(right).unwrap().times(decimal("1000000")).unwrap();
            assert_eq!(difference.whole(Rounding::Exact), Ok(micro(a, places_a) - micro(b, places_b)));
            let product = left.times(right).unwrap().times(decimal("1000000000000")).unwrap();
            assert_eq!(product.whole(Rounding::Exact), Ok(micro(a, places_a) * micro(b, places_b)));
            let (rounded, divisor) = (left.whole(Rounding::HalfEven).unwrap(), 10i128.pow(places_a));
            let distance = 2 * (i128::from(a) - rounded * divisor).abs();
            assert!(distance < divisor || distance == divisor && rounded % 2 == 0 || divisor == 1 && distance == 0, "{left} → {rounded}");
        }
    }
}
