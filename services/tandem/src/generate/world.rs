//! The council as it stands before anything happens: its shape, its catalogue, and who shares in what.

use super::catalogue::Catalogue;
use super::dice::{Dice, Stream, fingerprint};
use super::shape::Shape;
use super::tide::{Tides, weight};

/// Everything that plans are made of. It does not change.
#[derive(Debug)]
pub struct World {
    /// Its size.
    pub shape: Shape,
    /// What is defined.
    pub catalogue: Catalogue,
    /// For each service, the first of its exchanges and how many it has at most.
    pub exchanges: Vec<(u64, u64)>,
    /// For each service, what happens of it on all days, in weights.
    pub year_weight: Vec<u64>,
    /// For each day, what happens on it, in weights.
    pub day_weight: Vec<u64>,
    /// Better and worse months of services.
    pub tides: Tides,
}

/// Which sides of an exchange ever give anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// 72 %.
    Both,
    /// 18 %.
    CitizenOnly,
    /// 10 %.
    StateOnly,
}

/// What belongs to an exchange, or to an occasion that has none.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// The actor that gives most.
    pub lead: u64,
    /// Where. None in 4 %.
    pub area: Option<u32>,
    /// Which sides.
    pub sides: Sides,
}

impl World {
    /// Works the council out; a step a day and service.
    pub fn new(shape: Shape) -> Self {
        let catalogue = Catalogue::new(&shape);
        let mut day_weight = vec![0; shape.days as usize];
        let mut year_weight = vec![0; catalogue.services.len()];
        for (day, total) in day_weight.iter_mut().enumerate() {
            for (service, year) in catalogue.services.iter().zip(&mut year_weight) {
                let weight = weight(&shape, service, day as u32);
                *total += weight;
                *year += weight;
            }
        }
        let all: u64 = year_weight.iter().sum();
        let mut first = 0;
        let pools = year_weight.iter().map(|year| {
            let count = ((u128::from(shape.exchanges) * u128::from(*year) / u128::from(all)) as u64).max(1);
            let pool = (first, count);
            first += count;
            pool
        });
        let exchanges = pools.collect();
        Self { tides: Tides::new(&shape, &catalogue), exchanges, year_weight, day_weight, catalogue, shape }
    }

    /// How much of each service happens on a day, summed up from the first service on.
    pub fn services_of(&self, day: u32) -> Vec<u64> {
        let weights = self.catalogue.services.iter().map(|service| weight(&self.shape, service, day));
        weights
            .scan(0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect()
    }

    /// How many exchanges there are at most.
    pub fn exchanges_max(&self) -> u64 {
        self.exchanges.last().map_or(0, |(first, count)| first + count)
    }

    /// What belongs to the `number`-th exchange (or to an occasion, under a number that no exchange has).
    pub fn home(&self, number: u64) -> Home {
        let mut dice = Dice::new(self.shape.seed, Stream::Exchange, number);
        let lead = dice.skewed(self.shape.actors);
        let sides = match dice.below(100) {
            0..72 => Sides::Both,
            72..90 => Sides::CitizenOnly,
            _ => Sides::StateOnly,
        };
        // Nearly everybody lives where they give.
        let away = dice.chance(500);
        let neighbourhood = if away { dice.bits() } else { fingerprint(self.shape.seed, Stream::Area, 1 << 40 | lead) };
        let area = (neighbourhood % self.shape.areas) as u32;
        Home { lead, area: (!dice.chance(400)).then_some(area), sides }
    }

    /// An actor's pseudonym.
    pub fn actor(&self, number: u64) -> String {
        format!("p-{:016x}", fingerprint(self.shape.seed, Stream::ActorName, number))
    }

    /// An exchange's id, under the system of its service's state side.
    pub fn exchange(&self, service: usize, number: u64) -> String {
        format!("{}:{:016x}", self.catalogue.services[service].kind.state_source, fingerprint(self.shape.seed, Stream::ExchangeName, number))
    }
}
