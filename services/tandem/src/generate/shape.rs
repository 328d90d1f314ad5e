//! How large the synthetic council is.

use super::areas::VINTAGES;
use super::catalogue::INDICATORS_COUNT;
use anyhow::ensure;
use tandem_domain::date::Date;

/// What `tandem generate` and `tandem bench` may be told about the council. Whatever is not said is worked out from `events`.
#[derive(Clone, Debug, clap::Args)]
pub struct ShapeArgs {
    /// Records in all, catalogue and duplicates included: 100 to 4,000,000,000
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub events: u64,
    /// The same seed gives the same events, byte for byte
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub seed: u64,
    /// The council's code, [A-Za-z0-9_-]{2,32}
    #[arg(long, default_value = "SYNTHETIC", value_name = "CODE")]
    pub council: String,
    /// Services: 1 to 1,000 [default: events ÷ 2,000, from 3 to 50]
    #[arg(long)]
    pub services: Option<u64>,
    /// Measures: 2 × services to 10,000 [default: 3 × services]
    #[arg(long)]
    pub measures: Option<u64>,
    /// Areas: 1 to 100,000 [default: events ÷ 1,000, from 4 to 200]
    #[arg(long)]
    pub areas: Option<u64>,
    /// Days on which things happen: 1 to 3,650
    #[arg(long, default_value_t = 365)]
    pub days: u64,
    /// Actors: 1 to 100,000,000 [default: events × 3 ÷ 100, from 10 to 300,000]
    #[arg(long)]
    pub actors: Option<u64>,
    /// Exchanges: events ÷ 1,000 to 1,000,000,000; no more than there are occasions are opened [default: events × 3 ÷ 10, from 10 to 3,000,000]
    #[arg(long)]
    pub exchanges: Option<u64>,
    /// The first day is the first of January of this year: 1970 to 9000
    #[arg(long, default_value_t = 2025)]
    pub year: i32,
    /// Random event ids (UUID version 4) instead of ids in the order of sending (version 7)
    #[arg(long)]
    pub random_ids: bool,
}

/// A council's size, checked and complete.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Records in all.
    pub events: u64,
    /// The seed.
    pub seed: u64,
    /// The council.
    pub council: String,
    /// Services, of which the last is defined late if there are two or more.
    pub services: u64,
    /// Measures, at least two a service.
    pub measures: u64,
    /// Areas.
    pub areas: u64,
    /// Days from the first.
    pub days: u32,
    /// Actors.
    pub actors: u64,
    /// Exchanges at most.
    pub exchanges: u64,
    /// The first day.
    pub first_day: Date,
    /// UUIDs of version 4, not 7.
    pub random_ids: bool,
}

impl ShapeArgs {
    /// Fills in what was not said and refuses what cannot be.
    pub fn shape(&self) -> anyhow::Result<Shape> {
        let events = within("--events", self.events, 100, 4_000_000_000)?;
        let services = within("--services", self.services.unwrap_or((events / 2_000).clamp(3, 50)), 1, 1_000)?;
        let measures = within("--measures", self.measures.unwrap_or(services * 3), services * 2, 10_000)?;
        let exchanges = self.exchanges.unwrap_or((events * 3 / 10).clamp(10, 3_000_000));
        ensure!(tandem_domain::is_council(&self.council), "--council {:?} must be 2 to 32 bytes of [A-Za-z0-9_-]", self.council);
        let year = within("--year", u64::try_from(self.year).unwrap_or(0), 1_970, 9_000)?;
        let shape = Shape {
            events,
            seed: self.seed,
            council: self.council.clone(),
            services,
            measures,
            areas: within("--areas", self.areas.unwrap_or((events / 1_000).clamp(4, 200)), 1, 100_000)?,
            days: within("--days", self.days, 1, 3_650)? as u32,
            actors: within("--actors", self.actors.unwrap_or((events * 3 / 100).clamp(10, 300_000)), 1, 100_000_000)?,
            // An exchange may not come near the 65,536 live entries at which it is full: then the totals would not hold.
            exchanges: within("--exchanges", exchanges, (events / 1_000).max(1), 1_000_000_000)?,
            first_day: Date::from_ymd(year as i32, 1, 1).unwrap_or(Date(0)),
            random_ids: self.random_ids,
        };
        let fixed = shape.fixed_events();
        ensure!(
            events > fixed,
            "--events {events} leaves nothing beside the {fixed} events of the catalogue; ask for more, or for fewer services or areas"
        );
        Ok(shape)
    }
}

/// Events that are none of any plan's: services, measures, indicators, areas in each of their vintages, two valuations, and a definition
/// that is refused because it would change a unit.
pub fn fixed_events(services: u64, measures: u64, areas: u64) -> u64 {
    services + measures + INDICATORS_COUNT + areas * VINTAGES.len() as u64 + 2 + 1
}

fn within(name: &str, value: u64, least: u64, most: u64) -> anyhow::Result<u64> {
    ensure!((least..=most).contains(&value), "{name} is {value}; the limits are {least} and {most}");
    Ok(value)
}

impl Shape {
    /// Whether a service is defined only after its first entries.
    pub fn has_late_service(&self) -> bool {
        self.services >= 2
    }

    /// Definitions that come before everything else: services (one fewer if one is late), measures, indicators, areas in each of their
    /// vintages, and two valuations.
    pub fn catalogue_events(&self) -> u64 {
        self.fixed_events() - u64::from(self.has_late_service()) - 1
    }

    /// The catalogue, the late definition, and one that is refused because it would change a unit.
    pub fn fixed_events(&self) -> u64 {
        fixed_events(self.services, self.measures, self.areas)
    }

    /// The day, counted from the first, as a date.
    pub fn date(&self, day: i64) -> Date {
        Date(self.first_day.0 + day as i32)
    }

    /// The last day on which anything happens.
    pub fn last_day(&self) -> Date {
        self.date(i64::from(self.days) - 1)
    }
}
