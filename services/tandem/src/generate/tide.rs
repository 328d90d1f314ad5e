//! How services do from month to month: how much is given on either side, and what comes of it.
//!
//! Every service has better and worse months beside its season. In a relational service both sides rise and fall together and the outcome
//! follows them; where an expert leads it follows half as far. In a transactional service the outcome does not care, and the state gives
//! less in the months in which citizens give more: what a shift of costs looks like.

use super::catalogue::{Catalogue, Service};
use super::dice::{Dice, Stream};
use super::season;
use super::shape::Shape;
use tandem_proto::v1::{ServiceMode, Side};

/// An outcome is this many of 10,000 where nobody gives anything.
const OUTCOME_LEAST: u64 = 3_000;
/// And this many more in the month in which the most is given, in a relational service.
const OUTCOME_RISE: u64 = 4_000;
/// Chance adds to it up to this many, and as many are good on average.
const OUTCOME_NOISE: u64 = 600;

/// A service in a month.
#[derive(Clone, Copy, Debug, Default)]
struct Month {
    /// What the citizens give beside the usual, in per cent: 60 to 140.
    citizen: u64,
    /// What the state gives, likewise.
    state: u64,
    /// How much is given in the month, out of 10,000 for the fullest month of any service.
    fullness: u64,
}

/// All services, month by month.
#[derive(Debug)]
pub struct Tides {
    /// Index of the month, by day.
    month_of: Vec<u16>,
    /// Index of the quarter, by month.
    quarter_of: Vec<i32>,
    months: Vec<Vec<Month>>,
}

impl Tides {
    /// Works them out; a step a day and service.
    pub fn new(shape: &Shape, catalogue: &Catalogue) -> Self {
        let first = month_number(shape, 0);
        let month_of: Vec<u16> = (0..shape.days).map(|day| (month_number(shape, day) - first) as u16).collect();
        let count = month_of.last().map_or(0, |last| usize::from(*last) + 1);
        let quarter_of = (0..count as i32).map(|month| (first + month).div_euclid(3)).collect();
        let of_service = |(number, service): (usize, &Service)| {
            let mut months: Vec<Month> = (0..count).map(|month| month_of_service(shape, number, service, month)).collect();
            for (day, month) in month_of.iter().enumerate() {
                months[usize::from(*month)].fullness += weight(shape, service, day as u32);
            }
            // Until the fullest is known, in hundredths of weights.
            months.iter_mut().for_each(|month| month.fullness *= month.citizen);
            months
        };
        let mut months: Vec<Vec<Month>> = catalogue.services.iter().enumerate().map(of_service).collect();
        let fullest = months.iter().flatten().map(|month| month.fullness).max().unwrap_or(1).max(1);
        months.iter_mut().flatten().for_each(|month| month.fullness = (u128::from(month.fullness) * 10_000 / u128::from(fullest)) as u64);
        Self { month_of, quarter_of, months }
    }

    /// What a side gives on a day beside the usual, in per cent.
    pub fn side(&self, service: usize, day: u32, side: Side) -> u64 {
        let month = self.months[service][usize::from(self.month_of[day as usize])];
        if side == Side::State { month.state } else { month.citizen }
    }

    /// The share of good outcomes, out of 10,000, in the day's month or quarter, where `vigour` per cent of the usual is given.
    pub fn outcome(&self, service: &Service, number: usize, day: u32, is_quarter: bool, vigour: u64, dice: &mut Dice) -> u64 {
        let month = usize::from(self.month_of[day as usize]);
        let is_observed = |other: usize| other == month || is_quarter && self.quarter_of[other] == self.quarter_of[month];
        let observed = (month.saturating_sub(2)..self.quarter_of.len().min(month + 3)).filter(|other| is_observed(*other));
        let (sum, count) = observed.fold((0, 0), |(sum, count), other| (sum + self.months[number][other].fullness, count + 1));
        let rise = match service.mode() {
            ServiceMode::Relational => OUTCOME_RISE,
            ServiceMode::ExpertLed => OUTCOME_RISE / 2,
            _ => 0,
        };
        OUTCOME_LEAST + rise * (sum / count) * vigour / 1_000_000 + dice.below(OUTCOME_NOISE)
    }
}

/// Months from the year 0.
fn month_number(shape: &Shape, day: u32) -> i32 {
    let (year, month, _) = shape.date(i64::from(day)).ymd();
    year * 12 + month as i32 - 1
}

fn month_of_service(shape: &Shape, number: usize, service: &Service, month: usize) -> Month {
    let citizen = Dice::new(shape.seed, Stream::Tide, (number << 16 | month) as u64).between(60, 140);
    let state = if service.mode() == ServiceMode::Transactional { 200 - citizen } else { citizen };
    Month { citizen, state, fullness: 0 }
}

/// What happens of a service on a day, beside other services and days.
pub fn weight(shape: &Shape, service: &Service, day: u32) -> u64 {
    service.share * season::weight(service.kind.season, shape.date(i64::from(day)))
}
