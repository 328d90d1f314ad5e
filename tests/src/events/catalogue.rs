//! Definitions: late, again, and in ways that must not be.

use crate::random::Random;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{
    AreaDefined, Direction, IndicatorDefined, MeasureDefined, Rate, Role, ServiceDefined, ServiceMode, Side, ValuationBasis, ValuationPublished,
};

/// Services that get defined.
pub const SERVICES: [&str; 3] = ["waste/recycling", "school/tutoring", "care/home"];
/// Indicators that get defined, and one that never does.
pub(super) const INDICATORS: [&str; 3] = ["recycling-rate", "reading-age", "never-observed"];

/// A measure.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Its id.
    pub id: &'static str,
    /// Its side.
    pub side: Side,
    /// Its unit.
    pub unit: &'static str,
    /// Its base; empty: none.
    pub contra_of: &'static str,
}

const fn measure(id: &'static str, side: Side, unit: &'static str, contra_of: &'static str) -> Measure {
    Measure { id, side, unit, contra_of }
}

/// Measures that get defined. The last two break the rules on contra measures.
pub const MEASURES: [Measure; 10] = [
    measure("sorting", Side::Citizen, "g", ""),
    measure("contamination", Side::Citizen, "g", "sorting"),
    measure("tutoring", Side::Citizen, "min", ""),
    measure("reports", Side::Citizen, "{item}", ""),
    measure("collection", Side::State, "{item}", ""),
    measure("teaching", Side::State, "min", ""),
    measure("grant", Side::State, "GBP", ""),
    measure("grant-refund", Side::State, "GBP", "grant"),
    measure("twice-back", Side::Citizen, "g", "contamination"),
    measure("other-side-back", Side::State, "min", "tutoring"),
];

fn service_defined(id: &str, name: String) -> Body {
    Body::ServiceDefined(ServiceDefined { id: id.into(), name, mode: ServiceMode::Relational.into(), lgsl_id: None })
}

fn measure_defined(measure: &Measure, name: String) -> MeasureDefined {
    MeasureDefined {
        id: measure.id.into(),
        name,
        side: measure.side.into(),
        unit: measure.unit.into(),
        role: Role::Deliver.into(),
        contra_of: measure.contra_of.into(),
    }
}

/// The n-th definition of a catalogue that comes in good order.
pub(super) fn in_order(n: usize) -> Body {
    match SERVICES.get(n) {
        Some(id) => service_defined(id, (*id).to_owned()),
        None => Body::MeasureDefined(measure_defined(&MEASURES[n - SERVICES.len()], "A measure".into())),
    }
}

/// Any definition, now and then a forbidden one.
pub(super) fn definition(random: &mut Random) -> Body {
    let name = format!("Name {}", random.below(1_000));
    match random.below(100) {
        0..=24 => service_defined(SERVICES[random.below(3) as usize], name),
        25..=69 => {
            let measure = *random.pick(&MEASURES);
            let mut defined = measure_defined(&measure, name);
            match random.below(20) {
                0 => defined.unit = "kg".into(),
                1 => defined.role = Role::Inform.into(),
                2 => defined.side = 3 - defined.side,
                3 => defined.contra_of = if measure.contra_of.is_empty() { "reports".into() } else { String::new() },
                _ => {}
            }
            if defined.contra_of == defined.id {
                defined.contra_of = String::new();
            }
            Body::MeasureDefined(defined)
        }
        70..=81 => Body::IndicatorDefined(IndicatorDefined {
            id: (*random.pick(&INDICATORS[..2])).into(),
            name,
            unit: "%".into(),
            decimal_places: if random.percent(10) { 2 } else { 0 },
            direction: Direction::HigherIsBetter.into(),
        }),
        82..=91 => Body::AreaDefined(AreaDefined {
            area: format!("ward:{}", 1 + random.below(2)),
            vintage: (*random.pick(&["imd2019", "imd2025"])).into(),
            name,
            parent: "borough:9".into(),
            deprivation_decile: Some(1 + random.below(10) as u32),
            population: None,
        }),
        _ => Body::ValuationPublished(valuation(random, name)),
    }
}

fn valuation(random: &mut Random, name: String) -> ValuationPublished {
    let dated = random.percent(60);
    let mut rates = Vec::new();
    for (measure, per_quantity) in [("sorting", 1_000), ("tutoring", 60), ("reports", 1), ("collection", 7), ("teaching", 60)] {
        for from in if dated { &["2024-01-01", "2025-01-15"][random.below(2) as usize..] } else { &[""][..] } {
            if random.percent(70) {
                let central = random.below(4_000) as i64;
                let (low, high) = (random.percent(50).then_some(central / 2), random.percent(50).then_some(central + 333));
                let measure = measure.into();
                rates.push(Rate { measure, per_quantity, central, low, high, effective_from: (*from).into(), ..Rate::default() });
            }
        }
    }
    if rates.is_empty() {
        let effective_from = if dated { "2025-01-01".into() } else { String::new() };
        rates.push(Rate { measure: "reports".into(), per_quantity: 3, central: 100, effective_from, ..Rate::default() });
    }
    ValuationPublished {
        id: (*random.pick(&["floor", "market"])).into(),
        version: 1 + random.below(2) as u32,
        name,
        currency: "GBP".into(),
        basis: if dated { ValuationBasis::Dated } else { ValuationBasis::Constant }.into(),
        maintained: random.percent(30),
        rates,
        ..ValuationPublished::default()
    }
}
