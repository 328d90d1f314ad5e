//! How outcomes move with what either side gave: ordinary least squares, in floating point.
//!
//! This is a statistic and no amount. It uses addition, subtraction, multiplication, division and square roots only, which IEEE 754
//! rounds in one way, in the order of the observations, so that every machine gives the same digits.

use super::Metric;
use super::currency::minor_places;
use super::figures::{Coverage, Figure, Money};
use super::outcomes::Observation;
use super::partial::Partial;
use crate::event::{Direction, ServiceMode};

/// Fewest observations: a line through two says nothing of how well it fits.
const LEAST: usize = 3;
/// Digits of a slope that count. Money may be in pence or in millions, so that decimal places would show too few or too many.
const DIGITS: usize = 6;

/// A line's slope and half the width of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slope {
    slope: f64,
    half: f64,
}

const MODES: [(ServiceMode, &str); 3] =
    [(ServiceMode::Relational, "RELATIONAL"), (ServiceMode::ExpertLed, "EXPERT_LED"), (ServiceMode::Transactional, "TRANSACTIONAL")];

/// What an observation has of a side.
type OfSide = fn(&Observation) -> Option<i128>;

const SIDES: [(&str, OfSide); 2] = [("citizen", |observation| observation.citizen), ("state", |observation| observation.state)];

/// Observations and slope for each declared mode that has any, and each side.
pub(super) fn amenability(metric: &Metric, partial: &Partial, money: Money<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (mode, name) in MODES {
        let of_mode: Vec<_> = partial.observations.iter().filter(|observation| observation.mode == mode).collect();
        for (side, amount) in SIDES.iter().filter(|_| !of_mode.is_empty()) {
            let points: Vec<_> = of_mode.iter().filter_map(|observation| point(observation, amount(observation)?, partial, money)).collect();
            let (covered, total) = (points.len() as u64, of_mode.len() as u64);
            let coverage = Coverage { of: "observations with a price", covered, total, unpriced_measures: Vec::new() };
            let count = Figure { unit: "{observation}".into(), ..metric.part(money, format!("{name} {side} observations")) };
            figures.push(count.count(covered).covered(coverage.clone()));
            let slope = Figure { unit: unit(partial, money), ..metric.part(money, format!("{name} {side} slope, association only")) };
            figures.push(with_slope(slope, least_squares(&points)).covered(coverage));
        }
    }
    figures
}

/// Of the indicator, per unit of money a month.
fn unit(partial: &Partial, money: Money<'_>) -> String {
    let of_indicator = partial.outcome.indicator.as_ref().map_or("", |indicator| &indicator.unit);
    format!("{of_indicator}/({}/mo)", money.currency)
}

/// Money a month in major units, and the outcome in the indicator's unit and good direction.
fn point(observation: &Observation, amount: i128, partial: &Partial, money: Money<'_>) -> Option<(f64, f64)> {
    let indicator = partial.outcome.indicator.as_ref()?;
    // Powers of ten up to 10^22 and the denominator, at most 10^9, are exact.
    let units = money.denominator as f64 * ten_to(minor_places(money.currency)) * f64::from(observation.months);
    let outcome = observation.numerator as f64 / (observation.denominator as f64 * ten_to(indicator.decimal_places.into()));
    let better = if indicator.direction == Direction::Higher { outcome } else { -outcome };
    Some((amount as f64 / units, better))
}

fn ten_to(places: u32) -> f64 {
    10u64.pow(places) as f64
}

/// `None` with too few points, or where one of the two does not vary.
fn least_squares(points: &[(f64, f64)]) -> Option<Slope> {
    let varies = |of: fn(&(f64, f64)) -> f64| points.iter().any(|point| of(point) != of(&points[0]));
    if points.len() < LEAST || !varies(|point| point.0) || !varies(|point| point.1) {
        return None;
    }
    let n = points.len() as f64;
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().fold(0.0, |sum, point| sum + of(point));
    let (x, y) = (sum(&|point| point.0) / n, sum(&|point| point.1) / n);
    let spread = sum(&|point| (point.0 - x) * (point.0 - x));
    let slope = sum(&|point| (point.0 - x) * (point.1 - y)) / spread;
    let residual = |point: &(f64, f64)| (point.1 - y) - slope * (point.0 - x);
    let squares = sum(&|point| residual(point) * residual(point));
    let error = (squares / (n - 2.0) / spread).sqrt();
    Some(Slope { slope, half: quantile(points.len() - 2) * error })
}

fn with_slope(mut figure: Figure, slope: Option<Slope>) -> Figure {
    if let Some(Slope { slope, half }) = slope {
        figure.central = Some(significant(slope));
        figure.low = Some(significant(slope - half));
        figure.high = Some(significant(slope + half));
    }
    figure
}

/// Decimal text with [`DIGITS`] digits that count, half to even.
fn significant(number: f64) -> String {
    let scientific = format!("{number:.*e}", DIGITS - 1);
    let exponent: i32 = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let places = (DIGITS as i32 - 1 - exponent).clamp(0, 40) as usize;
    let text = format!("{number:.places$}");
    // Nothing is negative that is shown as 0.
    if text.bytes().all(|byte| b"-0.".contains(&byte)) { text.trim_start_matches('-').into() } else { text }
}

/// Quantile 0.975 of Student's t distribution, by degrees of freedom from 1: half of what lies outside the middle 95 %.
fn quantile(degrees: usize) -> f64 {
    if let Some(tabled) = degrees.checked_sub(1).and_then(|index| T_975.get(index)) {
        return *tabled;
    }
    // Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5; from 31 degrees on it is right to 3 × 10^-8.
    let z = 1.959_963_984_540_054_2;
    let power = |n: u32| (0..n).fold(1.0, |product, _| product * z);
    let (z3, z5, z7, z9) = (power(3), power(5), power(7), power(9));
    let v = degrees as f64;
    let first = (z3 + z) / 4.0;
    let second = (5.0 * z5 + 16.0 * z3 + 3.0 * z) / 96.0;
    let third = (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / 384.0;
    let fourth = (79.0 * z9 + 776.0 * z7 + 1_482.0 * z5 - 1_920.0 * z3 - 945.0 * z) / 92_160.0;
    z + (first + (second + (third + fourth / v) / v) / v) / v
}

/// For 1 to 30 degrees of freedom, from the closed forms of its distribution (same Handbook, 26.7.3 and 26.7.4).
const T_975: [f64; 30] = [
    12.706_204_736,
    4.302_652_730,
    3.182_446_305,
    2.776_445_105,
    2.570_581_836,
    2.446_911_851,
    2.364_624_252,
    2.306_004_135,
    2.262_157_163,
    2.228_138_852,
    2.200_985_160,
    2.178_812_830,
    2.160_368_656,
    2.144_786_688,
    2.131_449_546,
    2.119_905_299,
    2.109_815_578,
    2.100_922_040,
    2.093_024_054,
    2.085_963_447,
    2.079_613_845,
    2.073_873_068,
    2.068_657_610,
    2.063_898_562,
    2.059_538_553,
    2.055_529_439,
    2.051_830_516,
    2.048_407_142,
    2.045_229_642,
    2.042_272_456,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_four_points() {
        // x: 0 1 2 3, y: 1 3 2 6. Means 1.5 and 3; Sxx = 5, Sxy = (-1.5)(-2) + 0 + (0.5)(-1) + (1.5)(3) = 7; slope 1.4.
        // Residuals 0.1, 0.7, -1.7, 0.9: squares 4.2; error √(4.2 ÷ 2 ÷ 5) = 0.648074; t with two degrees 4.302653.
        let line = least_squares(&[(0.0, 1.0), (1.0, 3.0), (2.0, 2.0), (3.0, 6.0)]).unwrap();
        assert_eq!(significant(line.slope), "1.40000");
        assert_eq!(significant(line.half), "2.78844");
    }

    #[test]
    fn no_line_without_variance_or_with_two_points() {
        assert_eq!(least_squares(&[(0.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(least_squares(&[(0.1, 1.0), (0.1, 2.0), (0.1, 7.0)]), None);
        assert_eq!(least_squares(&[(1.0, 0.1), (2.0, 0.1), (3.0, 0.1)]), None);
        let exact = least_squares(&[(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]).unwrap();
        assert_eq!((exact.slope, exact.half), (1.0, 0.0));
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Of printed tables, to three places.
        for (degrees, expected) in
            [(1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (40, 2.021), (60, 2.000), (120, 1.980), (1_000_000, 1.960)]
        {
            assert!((quantile(degrees) - expected).abs() < 5.1e-4, "{degrees}: {}", quantile(degrees));
        }
        assert!((1..200).all(|degrees| quantile(degrees + 1) < quantile(degrees)));
        // Where the table ends and the expansion begins, to its accuracy.
        assert!((quantile(31) - 2.039_513_446).abs() < 5e-8);
    }

    #[test]
    fn digits_that_count() {
        let shown = [1.4, 123_456.7, 0.000_012_345_678, -2.5, 1_234_567.0, 0.0, -0.0].map(significant);
        assert_eq!(shown, ["1.40000", "123457", "0.0000123457", "-2.50000", "1234567", "0.00000", "0.00000"]);
    }
}
