//! Chance that is the same on every machine and in every version: SplitMix64 on integers, keyed by what it decides.
//!
//! Nothing is drawn from one long sequence. Every decision has dice of its own, made of the seed, a stream and a number, so that any
//! part of the synthetic council can be worked out again without what came before it.

/// What a number stands for, so that equal numbers of different things have nothing in common.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// A plan: everything that comes of one occasion.
    Plan = 1,
    /// An exchange: who leads it, where, and which sides it has.
    Exchange = 2,
    /// Names of exchanges.
    ExchangeName = 3,
    /// Names of actors.
    ActorName = 4,
    /// First half of event ids.
    IdHigh = 5,
    /// Second half of event ids.
    IdLow = 6,
    /// Time of day at which a report is sent.
    Clock = 7,
    /// Areas: population and decile.
    Area = 8,
    /// Which service a plan belongs to, and which exchange.
    Choice = 9,
    /// Better and worse months of services.
    Tide = 10,
}

/// 2^64 ÷ the golden ratio, odd: the increment of SplitMix64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014, in Vigna's constants).
/// One to one: different inputs give different outputs.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The number's fingerprint: 64 bits that look like chance, different for every number of a stream.
pub fn fingerprint(seed: u64, stream: Stream, number: u64) -> u64 {
    let key = mix(mix(seed).wrapping_add((stream as u64).wrapping_mul(GOLDEN)));
    mix(key.wrapping_add(number.wrapping_mul(GOLDEN)))
}

/// Dice of one decision.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice for the `number`-th thing of a stream.
    pub fn new(seed: u64, stream: Stream, number: u64) -> Self {
        Self(fingerprint(seed, stream, number))
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// 0 to `bound` − 1, each as likely as the others to within 2^-64 × `bound`. 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// `least` to `most`, both inclusive.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True in `per_10_000` of 10,000 cases.
    pub fn chance(&mut self, per_10_000: u64) -> bool {
        self.below(10_000) < per_10_000
    }

    /// 0 to `bound` − 1, the small ones far more often: the first tenth gets 46 % (the cube of an even draw).
    pub fn skewed(&mut self, bound: u64) -> u64 {
        let even = u128::from(self.bits() >> 32);
        let cube = even * even * even; // below 2^96
        ((u128::from(bound.min(u64::from(u32::MAX))) * cube) >> 96) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_is_a_fixed_vector() {
        // The first outputs of SplitMix64 seeded with 1234567, as published with Vigna's splitmix64.c.
        let mut dice = Dice(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([dice.bits(), dice.bits(), dice.bits()], expected);
    }

    #[test]
    fn draws_stay_within_bounds_and_skew() {
        let mut dice = Dice::new(1, Stream::Plan, 0);
        assert!((0..1_000).all(|_| (3..=5).contains(&dice.between(3, 5))));
        assert_eq!((dice.below(0), dice.below(1), dice.skewed(1)), (0, 0, 0));
        let first_tenth = (0..10_000).filter(|_| dice.skewed(1_000) < 100).count();
        assert!((4_300..=5_000).contains(&first_tenth), "{first_tenth}");
    }
}
