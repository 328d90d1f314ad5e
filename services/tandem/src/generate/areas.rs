//! The council's areas, in two vintages that disagree as real ones do: every fifth area or so is a decile better or worse off in the
//! newer one, and only the newer one knows how many live everywhere.

use super::dice::{Dice, Stream};
use tandem_proto::v1::AreaDefined;

/// Vintages, the older first.
pub const VINTAGES: [&str; 2] = ["synthetic-1", "synthetic-2"];
/// Areas of one ward.
const AREAS_OF_WARD: usize = 5;

/// One area.
#[derive(Debug)]
pub struct Area {
    /// "scheme:code".
    pub id: String,
    /// What each vintage says.
    pub said: [Said; 2],
}

/// What a vintage says of an area.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// Deprivation decile, 1 to 10.
    pub decile: u8,
    /// Residents, if it is known.
    pub population: Option<u64>,
}

impl Area {
    /// The `number`-th area: 1,000 to 2,200 residents.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, Stream::Area, number);
        let (decile, population) = (dice.between(1, 10) as u8, dice.between(1_000, 2_200));
        // 2 % were not counted the first time.
        let was_counted = !dice.chance(200);
        let decile_now = match dice.below(10) {
            0 => decile.saturating_sub(1).max(1),
            1 => (decile + 1).min(10),
            _ => decile,
        };
        let grown = population + dice.below(60);
        let said = [Said { decile, population: was_counted.then_some(population) }, Said { decile: decile_now, population: Some(grown) }];
        // "lsoa" as the Office for National Statistics writes them, with a letter that none of its codes begins with.
        Self { id: format!("lsoa:X{:08}", 1_000_001 + number), said }
    }

    /// How much more or less is given here than where nothing is known, in per cent: the less deprived, the more.
    pub fn vigour(&self) -> u64 {
        70 + 6 * u64::from(self.said[1].decile)
    }

    /// Its definition in one of the vintages, if it is the `number`-th area.
    pub fn defined(&self, number: usize, vintage: usize) -> AreaDefined {
        let said = self.said[vintage];
        AreaDefined {
            area: self.id.clone(),
            vintage: VINTAGES[vintage].into(),
            name: format!("Neighbourhood {}", number + 1),
            parent: format!("ward:X{:04}", number / AREAS_OF_WARD + 1),
            deprivation_decile: Some(said.decile.into()),
            population: said.population,
        }
    }
}
