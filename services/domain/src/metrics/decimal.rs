//! Exact ratios as decimal text, rounded once, half to even.

use std::cmp::Ordering;

/// Decimal places of ratios.
const PLACES: u32 = 6;

/// The integer nearest to `amount ÷ denominator`, half to even. `denominator` is at least 1.
pub fn rounded(amount: i128, denominator: u64) -> i128 {
    let denominator = i128::from(denominator);
    let (quotient, rest) = (amount.div_euclid(denominator), amount.rem_euclid(denominator));
    // A rest is below 2^64, so its double fits.
    match (rest * 2).cmp(&denominator) {
        Ordering::Less => quotient,
        Ordering::Greater => quotient + 1,
        Ordering::Equal => quotient + (quotient & 1),
    }
}

/// `numerator ÷ denominator` with 6 decimal places, half to even; `None` if there is nothing to divide by.
pub fn ratio(numerator: i128, denominator: i128) -> Option<String> {
    if denominator == 0 {
        return None;
    }
    let negative = (numerator < 0) != (denominator < 0);
    let (numerator, denominator) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    let (mut whole, mut rest) = (numerator / denominator, numerator % denominator);
    let mut fraction = 0u32;
    for _ in 0..PLACES {
        let digit = next_digit(&mut rest, denominator);
        fraction = fraction * 10 + digit;
    }
    // rest ÷ denominator against a half, without doubling what may not be doubled in 128 bits.
    let up = match rest.cmp(&(denominator - rest)) {
        Ordering::Less => false,
        Ordering::Greater => true,
        Ordering::Equal => fraction % 2 == 1,
    };
    fraction += u32::from(up);
    if fraction == 10u32.pow(PLACES) {
        (whole, fraction) = (whole + 1, 0);
    }
    let sign = if negative && (whole, fraction) != (0, 0) { "-" } else { "" };
    Some(format!("{sign}{whole}.{fraction:06}"))
}

/// The next decimal digit of `rest ÷ denominator`, by long division; ten times the rest need not fit into 128 bits.
fn next_digit(rest: &mut u128, denominator: u128) -> u32 {
    let (mut digit, mut sum) = (0, 0);
    for _ in 0..10 {
        if sum >= denominator - *rest {
            sum -= denominator - *rest;
            digit += 1;
        } else {
            sum += *rest;
        }
    }
    *rest = sum;
    digit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_even() {
        assert_eq!([1, 3, 5, -1, -3, -5].map(|amount| rounded(amount, 2)), [0, 2, 2, 0, -2, -2]);
        assert_eq!([100, 149, 150, 151].map(|amount| rounded(amount, 60)), [2, 2, 2, 3]);
        assert_eq!(rounded(i128::MAX, 1), i128::MAX);
    }

    #[test]
    fn ratios_have_six_places() {
        let of = |numerator, denominator| ratio(numerator, denominator).unwrap();
        assert_eq!([(1, 3), (2, 3), (1, 1), (0, 7), (7, 2)].map(|(n, d)| of(n, d)), ["0.333333", "0.666667", "1.000000", "0.000000", "3.500000"]);
        // 0.0000005 and 0.0000015: halves, to even.
        assert_eq!([of(1, 2_000_000), of(3, 2_000_000), of(1_999_999, 2_000_000)], ["0.000000", "0.000002", "1.000000"]);
        assert_eq!([of(-1, 3), of(1, -3), of(-1, -3), of(-1, 10_000_000)], ["-0.333333", "-0.333333", "0.333333", "0.000000"]);
        assert_eq!(ratio(5, 0), None);
        // Amounts near the limit of 128 bits are divided as exactly as small ones.
        assert_eq!([of(i128::MAX, i128::MAX), of(i128::MAX / 2, i128::MAX)], ["1.000000", "0.500000"]);
        assert_eq!(of(i128::MAX, 1), format!("{}.000000", i128::MAX));
    }
}
