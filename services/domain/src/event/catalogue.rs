//! Definitions: they stand in the council's own book like everything else.

use super::Invalid;
use super::reader::Reader;
use crate::date::Date;
use crate::protobuf::Value;

/// The two sides of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Citizens give.
    Citizen = 1,
    /// The state gives.
    State = 2,
}

/// How a service is produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceMode {
    /// From the relation of professional and citizen.
    Relational = 1,
    /// A professional's expertise leads.
    ExpertLed = 2,
    /// A standard transaction.
    Transactional = 3,
}

/// What a measure does in a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Delivers.
    Deliver = 1,
    /// Designs.
    Design = 2,
    /// Governs.
    Govern = 3,
    /// Informs.
    Inform = 4,
}

impl Role {
    /// Its name in the proto, without the enum's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deliver => "DELIVER",
            Self::Design => "DESIGN",
            Self::Govern => "GOVERN",
            Self::Inform => "INFORM",
        }
    }
}

/// Which way an indicator is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More is better.
    Higher = 1,
    /// Less is better.
    Lower = 2,
}

/// Which rate of a valuation holds for which day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The rate in force on the occurred start day.
    Dated = 1,
    /// One rate for all days.
    Constant = 2,
}

/// A public service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service<'a> {
    /// Id.
    pub id: &'a str,
    /// Name for people.
    pub name: &'a str,
    /// How it is produced.
    pub mode: ServiceMode,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure<'a> {
    /// Id.
    pub id: &'a str,
    /// Name for people.
    pub name: &'a str,
    /// Who gives it.
    pub side: Side,
    /// UCUM, or ISO 4217 for money.
    pub unit: &'a str,
    /// What it does.
    pub role: Role,
    /// The measure in which it counts negative.
    pub contra_of: Option<&'a str>,
}

/// What is hoped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indicator<'a> {
    /// Id.
    pub id: &'a str,
    /// Name for people.
    pub name: &'a str,
    /// UCUM.
    pub unit: &'a str,
    /// Of the numerator's smallest unit.
    pub decimal_places: u8,
    /// Which way is better.
    pub direction: Direction,
}

/// A place in one vintage of its geography.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area<'a> {
    /// "scheme:code".
    pub area: &'a str,
    /// Vintage of what follows.
    pub vintage: &'a str,
    /// Name for people; empty if none.
    pub name: &'a str,
    /// What contains it.
    pub parent: Option<&'a str>,
    /// 1 (most deprived) to 10.
    pub decile: Option<u8>,
    /// Residents.
    pub population: Option<u64>,
}

/// A price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valuation<'a> {
    /// Id.
    pub id: &'a str,
    /// Version, from 1.
    pub version: u32,
    /// ISO 4217.
    pub currency: &'a str,
    /// Which rate holds when.
    pub basis: Basis,
    /// Whether the projection keeps exchanges valued by it.
    pub maintained: bool,
    /// The prices.
    pub rates: Vec<Rate<'a>>,
}

/// One price: minor units for `per_quantity` units of the measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate<'a> {
    /// The measure.
    pub measure: &'a str,
    /// 1 to 10^9.
    pub per_quantity: u64,
    /// 0 to `central`.
    pub low: u64,
    /// 0 to 10^12.
    pub central: u64,
    /// From `central` to 10^12.
    pub high: u64,
    /// First day; none if the valuation is constant.
    pub effective_from: Option<Date>,
}

/// Largest amount of a rate, and largest least common multiple of `per_quantity`.
const AMOUNT_MAX: i64 = 1_000_000_000_000;
const DENOMINATOR_MAX: u64 = 1_000_000_000;
const RATES_MAX: usize = 500;

impl<'a> Service<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let reader = Reader::new("facts.service_defined", bytes);
        let (mut id, mut name, mut mode) = ("", "", 0);
        for field in reader.fields() {
            match field? {
                (1, value) => id = reader.text("id", value)?,
                (2, value) => name = reader.text("name", value)?,
                (3, value) => mode = reader.integer("mode", value)?,
                (4, value) => drop(reader.number("lgsl_id", value, 0..=i64::from(u32::MAX))?),
                _ => {}
            }
        }
        let mode = match mode {
            1 => ServiceMode::Relational,
            2 => ServiceMode::ExpertLed,
            3 => ServiceMode::Transactional,
            _ => return Err(reader.invalid("mode", "is required: 1 to 3")),
        };
        Ok(Self { id: reader.id("id", id)?, name: reader.words("name", name, 1..=256)?, mode })
    }
}

impl<'a> Measure<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let reader = Reader::new("facts.measure_defined", bytes);
        let (mut id, mut name, mut side, mut unit, mut role, mut contra_of) = ("", "", 0, "", 0, "");
        for field in reader.fields() {
            match field? {
                (1, value) => id = reader.text("id", value)?,
                (2, value) => name = reader.text("name", value)?,
                (3, value) => side = reader.integer("side", value)?,
                (4, value) => unit = reader.text("unit", value)?,
                (5, value) => role = reader.integer("role", value)?,
                (6, value) => contra_of = reader.text("contra_of", value)?,
                _ => {}
            }
        }
        let side = match side {
            1 => Side::Citizen,
            2 => Side::State,
            _ => return Err(reader.invalid("side", "is required: 1 or 2")),
        };
        let role = match role {
            1 => Role::Deliver,
            2 => Role::Design,
            3 => Role::Govern,
            4 => Role::Inform,
            _ => return Err(reader.invalid("role", "is required: 1 to 4")),
        };
        let contra_of = reader.optional_id("contra_of", contra_of)?;
        if contra_of == Some(id) {
            return Err(reader.invalid("contra_of", "must be another measure"));
        }
        Ok(Self {
            id: reader.id("id", id)?,
            name: reader.words("name", name, 1..=256)?,
            side,
            unit: reader.words("unit", unit, 1..=32)?,
            role,
            contra_of,
        })
    }
}

impl<'a> Indicator<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let reader = Reader::new("facts.indicator_defined", bytes);
        let (mut id, mut name, mut unit, mut places, mut direction) = ("", "", "", 0, 0);
        for field in reader.fields() {
            match field? {
                (1, value) => id = reader.text("id", value)?,
                (2, value) => name = reader.text("name", value)?,
                (3, value) => unit = reader.text("unit", value)?,
                (4, value) => places = reader.number("decimal_places", value, 0..=6)?,
                (5, value) => direction = reader.integer("direction", value)?,
                _ => {}
            }
        }
        let direction = match direction {
            1 => Direction::Higher,
            2 => Direction::Lower,
            _ => return Err(reader.invalid("direction", "is required: 1 or 2")),
        };
        let (id, name, unit) = (reader.id("id", id)?, reader.words("name", name, 1..=256)?, reader.words("unit", unit, 1..=32)?);
        Ok(Self { id, name, unit, decimal_places: places as u8, direction })
    }
}

impl<'a> Area<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let reader = Reader::new("facts.area_defined", bytes);
        let (mut area, mut vintage, mut name, mut parent, mut decile, mut population) = ("", "", "", "", None, None);
        for field in reader.fields() {
            match field? {
                (1, value) => area = reader.text("area", value)?,
                (2, value) => vintage = reader.text("vintage", value)?,
                (3, value) => name = reader.text("name", value)?,
                (4, value) => parent = reader.text("parent", value)?,
                (5, value) => decile = Some(reader.number("deprivation_decile", value, 1..=10)? as u8),
                (6, value) => population = Some(reader.number("population", value, 0..=AMOUNT_MAX)? as u64),
                _ => {}
            }
        }
        let Some(area) = reader.area("area", area)? else {
            return Err(reader.invalid("area", "is required"));
        };
        let is_vintage_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if vintage.is_empty() || vintage.len() > 32 || !vintage.bytes().all(is_vintage_byte) {
            return Err(reader.invalid("vintage", "must be 1 to 32 bytes of [A-Za-z0-9._-]"));
        }
        Ok(Self { area, vintage, name: reader.words("name", name, 0..=256)?, parent: reader.area("parent", parent)?, decile, population })
    }
}

impl<'a> Valuation<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let reader = Reader::new("facts.valuation_published", bytes);
        let (mut id, mut version, mut name, mut currency, mut basis, mut maintained) = ("", 0, "", "", 0, false);
        let mut rates = Vec::new();
        for field in reader.fields() {
            match field? {
                (1, value) => id = reader.text("id", value)?,
                (2, value) => version = reader.integer("version", value)?,
                (3, value) => name = reader.text("name", value)?,
                (4, value) => currency = reader.text("currency", value)?,
                (5, value) => drop(reader.words("region", reader.text("region", value)?, 0..=64)?),
                (6, value) => basis = reader.integer("basis", value)?,
                (7, value) => drop(reader.words("method", reader.text("method", value)?, 0..=256)?),
                (8, value) => drop(reader.words("lens", reader.text("lens", value)?, 0..=256)?),
                (9, value) => drop(reader.words("source", reader.text("source", value)?, 0..=512)?),
                (10, value) => drop(reader.words("licence", reader.text("licence", value)?, 0..=256)?),
                (11, value) => maintained = reader.integer("maintained", value)? != 0,
                (12, value) => rates.push(reader.bytes("rates", value)?),
                _ => {}
            }
        }
        let basis = match basis {
            1 => Basis::Dated,
            2 => Basis::Constant,
            _ => return Err(reader.invalid("basis", "is required: 1 or 2")),
        };
        let version = u32::try_from(version).ok().filter(|version| *version > 0).ok_or_else(|| reader.invalid("version", "must be 1 or more"))?;
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(reader.invalid("currency", "must be an ISO 4217 code of three capital letters"));
        }
        if rates.is_empty() || rates.len() > RATES_MAX {
            return Err(reader.invalid("rates", format!("has {} prices; the limits are 1 and {RATES_MAX}", rates.len())));
        }
        reader.words("name", name, 1..=256)?;
        let rates = rates.into_iter().map(|rate| Rate::decode(rate, basis)).collect::<Result<Vec<_>, _>>()?;
        check_rates(&reader, &rates)?;
        Ok(Self { id: reader.id("id", id)?, version, currency, basis, maintained, rates })
    }
}

fn check_rates(reader: &Reader<'_>, rates: &[Rate<'_>]) -> Result<(), Invalid> {
    denominator(rates.iter().map(|rate| rate.per_quantity))
        .ok_or_else(|| reader.invalid("rates", format!("per_quantity have a least common multiple above {DENOMINATOR_MAX}")))?;
    let mut keys: Vec<_> = rates.iter().map(|rate| (rate.measure, rate.effective_from)).collect();
    keys.sort_unstable();
    if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(reader.invalid("rates", format!("has two prices for {} from the same day", twice[0].0)));
    }
    Ok(())
}

/// The least common multiple, at most 10^9: D of DESIGN.md section 7, "Prices".
pub(crate) fn denominator(per_quantities: impl Iterator<Item = u64>) -> Option<u64> {
    let gcd = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    per_quantities.into_iter().try_fold(1u64, |lcm, per| {
        let next = (lcm / gcd(lcm, per)).checked_mul(per)?;
        (next <= DENOMINATOR_MAX).then_some(next)
    })
}

impl<'a> Rate<'a> {
    fn decode(bytes: &'a [u8], basis: Basis) -> Result<Self, Invalid> {
        let reader = Reader::new("facts.valuation_published.rates", bytes);
        let (mut measure, mut per_quantity, mut central, mut low, mut high, mut from) = ("", 0, 0, None, None, "");
        let amount = |field, value: Value<'a>| reader.number(field, value, 0..=AMOUNT_MAX);
        for field in reader.fields() {
            match field? {
                (1, value) => measure = reader.text("measure", value)?,
                (2, value) => per_quantity = reader.integer("per_quantity", value)?,
                (3, value) => central = amount("central", value)?,
                (4, value) => low = Some(amount("low", value)?),
                (5, value) => high = Some(amount("high", value)?),
                (6, value) => from = reader.text("effective_from", value)?,
                (7, value) => drop(reader.words("source", reader.text("source", value)?, 0..=512)?),
                (8, value) => drop(reader.words("licence", reader.text("licence", value)?, 0..=256)?),
                _ => {}
            }
        }
        let (low, high) = (low.unwrap_or(central), high.unwrap_or(central));
        if low > central || high < central {
            return Err(reader.invalid("central", "must lie between low and high"));
        }
        if !(1..=DENOMINATOR_MAX as i64).contains(&per_quantity) {
            return Err(reader.invalid("per_quantity", format!("is {per_quantity}; the limits are 1 and {DENOMINATOR_MAX}")));
        }
        let effective_from = match (basis, from) {
            (Basis::Constant, "") => None,
            (Basis::Constant, _) => return Err(reader.invalid("effective_from", "is for dated valuations only")),
            (Basis::Dated, text) => Some(Date::parse(text).ok_or_else(|| reader.invalid("effective_from", "must be a date \"YYYY-MM-DD\""))?),
        };
        let (low, central, high) = (low as u64, central as u64, high as u64);
        Ok(Self { measure: reader.id("measure", measure)?, per_quantity: per_quantity as u64, low, central, high, effective_from })
    }
}
