//! What the synthetic council counts: services of ten kinds, their measures, two indicators, areas and two price lists.

use super::areas::Area;
use super::dice::Dice;
use super::season::Season;
use super::shape::Shape;
use tandem_proto::v1::{
    ActorKind, Direction, IndicatorDefined, MeasureDefined, Rate, Role, ServiceDefined, ServiceMode, Side, ValuationBasis, ValuationPublished,
};

/// How large a quantity of a unit usually is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// "min".
    Minutes,
    /// "g".
    Grams,
    /// "{item}", nearly always one.
    Items,
    /// "GBP", pence.
    Pence,
}

impl Amount {
    /// UCUM, or ISO 4217.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Minutes => "min",
            Self::Grams => "g",
            Self::Items => "{item}",
            Self::Pence => "GBP",
        }
    }

    /// Whether more of it is given at a time when more is given; of the others it is more often.
    pub fn is_scaled(self) -> bool {
        self != Self::Items
    }

    /// One quantity.
    pub fn roll(self, dice: &mut Dice) -> u64 {
        match self {
            Self::Minutes => 5 * (1 + dice.skewed(36)),
            Self::Grams => 200 + dice.skewed(15_000),
            Self::Items => 1 + dice.skewed(4) * u64::from(dice.chance(1_000)),
            Self::Pence => 500 + dice.skewed(60_000),
        }
    }
}

/// One kind of service.
#[derive(Debug)]
pub struct Kind {
    id: &'static str,
    name: &'static str,
    mode: ServiceMode,
    /// Whom the actors are.
    pub actors: ActorKind,
    citizen: (&'static str, Amount, Role),
    state: (&'static str, Amount, Role),
    /// When it happens.
    pub season: Season,
    /// The system that reports the citizens' side.
    pub citizen_source: &'static str,
    /// The system that reports the state's side.
    pub state_source: &'static str,
    /// The state answers within this many days, mostly much sooner; 0: on the same day.
    pub latency_days: u64,
    /// Share of the council's activity, beside the others.
    share: u64,
}

use Amount::{Grams, Items, Minutes, Pence};
use Role::{Deliver, Design, Govern, Inform};

/// Ten kinds; the eleventh service is the first kind again under another name.
#[rustfmt::skip] // A table reads as a table.
static KINDS: [Kind; 10] = [
    Kind { id: "waste/recycling", name: "Recycling at the kerb", mode: ServiceMode::Transactional, actors: ActorKind::Household, citizen: ("sorted", Grams, Deliver), state: ("collections", Items, Deliver), season: Season::BinDays, citizen_source: "bin-sensors", state_source: "round-system", latency_days: 2, share: 300 },
    Kind { id: "education/homework", name: "Homework support", mode: ServiceMode::Relational, actors: ActorKind::Person, citizen: ("support", Minutes, Deliver), state: ("teaching", Minutes, Deliver), season: Season::SchoolDays, citizen_source: "parent-app", state_source: "school-system", latency_days: 7, share: 180 },
    Kind { id: "care/home-care", name: "Care at home", mode: ServiceMode::Relational, actors: ActorKind::Person, citizen: ("family-care", Minutes, Deliver), state: ("visits", Minutes, Deliver), season: Season::EveryDay, citizen_source: "carer-app", state_source: "care-system", latency_days: 1, share: 160 },
    Kind { id: "streets/reports", name: "Street reports", mode: ServiceMode::Transactional, actors: ActorKind::Person, citizen: ("reports", Items, Inform), state: ("repairs", Minutes, Deliver), season: Season::Weekdays, citizen_source: "report-app", state_source: "works-system", latency_days: 60, share: 120 },
    Kind { id: "safety/incidents", name: "Incidents reported", mode: ServiceMode::ExpertLed, actors: ActorKind::Person, citizen: ("reports", Items, Inform), state: ("officer-time", Minutes, Deliver), season: Season::Weekends, citizen_source: "report-app", state_source: "case-system", latency_days: 90, share: 60 },
    Kind { id: "health/prevention", name: "Prevention in the community", mode: ServiceMode::ExpertLed, actors: ActorKind::Person, citizen: ("self-checks", Minutes, Deliver), state: ("consultations", Minutes, Deliver), season: Season::Weekdays, citizen_source: "health-app", state_source: "clinic-system", latency_days: 21, share: 60 },
    Kind { id: "libraries/volunteering", name: "Volunteers in libraries", mode: ServiceMode::Relational, actors: ActorKind::Person, citizen: ("shifts", Minutes, Deliver), state: ("staff-support", Minutes, Deliver), season: Season::Saturdays, citizen_source: "rota", state_source: "library-system", latency_days: 0, share: 40 },
    Kind { id: "parks/friends", name: "Friends of parks", mode: ServiceMode::Relational, actors: ActorKind::Group, citizen: ("work-days", Minutes, Deliver), state: ("materials", Pence, Deliver), season: Season::Outdoors, citizen_source: "rota", state_source: "finance-system", latency_days: 30, share: 30 },
    Kind { id: "housing/upkeep", name: "Upkeep of homes", mode: ServiceMode::Transactional, actors: ActorKind::Household, citizen: ("reports", Items, Inform), state: ("repairs", Minutes, Deliver), season: Season::Winter, citizen_source: "report-app", state_source: "housing-system", latency_days: 40, share: 40 },
    Kind { id: "democracy/assemblies", name: "Assemblies and votes", mode: ServiceMode::Relational, actors: ActorKind::Person, citizen: ("votes", Items, Govern), state: ("facilitation", Minutes, Govern), season: Season::Monthly, citizen_source: "vote-system", state_source: "council-system", latency_days: 3, share: 10 },
];

/// A service of the council.
#[derive(Debug)]
pub struct Service {
    /// Its id.
    pub id: String,
    name: String,
    /// What kind it is.
    pub kind: &'static Kind,
    /// Its share of activity, beside the others.
    pub share: u64,
    /// Its citizens' measures by number, the usual one first.
    pub citizen: Vec<u32>,
    /// The state's.
    pub state: Vec<u32>,
}

impl Service {
    /// How it is produced.
    pub fn mode(&self) -> ServiceMode {
        self.kind.mode
    }
}

/// A measure of the council.
#[derive(Debug)]
pub struct Measure {
    /// Its id.
    pub id: String,
    name: String,
    /// Citizens' or the state's.
    pub side: Side,
    /// What it counts.
    pub amount: Amount,
    /// What it does in the service.
    pub role: Role,
    /// Number of the measure in which it counts negative.
    pub contra_of: Option<u32>,
    /// Whether it is money of individual budgets.
    pub is_budget: bool,
}

/// Indicators: what comes of a service, and how many of its residents are in favour of doing their part. Every service has both, so that
/// services can be compared. Id and name.
const INDICATORS: [(&str, &str); 2] = [("good-outcomes", "Good outcomes"), ("in-favour", "Residents in favour of doing their part")];
/// How many there are.
pub const INDICATORS_COUNT: u64 = INDICATORS.len() as u64;
/// Number of the first.
pub const GOOD_OUTCOMES: u32 = 0;
/// Number of the second.
pub const IN_FAVOUR: u32 = 1;

/// Everything that is defined, by number.
#[derive(Debug)]
pub struct Catalogue {
    /// Services.
    pub services: Vec<Service>,
    /// Measures.
    pub measures: Vec<Measure>,
    /// Areas.
    pub areas: Vec<Area>,
}

impl Catalogue {
    /// The catalogue of a council of this shape.
    pub fn new(shape: &Shape) -> Self {
        let mut services: Vec<_> = (0..shape.services as usize).map(service).collect();
        let mut measures: Vec<Measure> = Vec::new();
        for number in 0..shape.measures {
            let (index, rank) = (number % shape.services, number / shape.services);
            let service = &mut services[index as usize];
            let measure = measure(service, index, rank);
            match measure.side {
                Side::State => service.state.push(number as u32),
                _ => service.citizen.push(number as u32),
            }
            measures.push(measure);
        }
        let areas = (0..shape.areas).map(|number| Area::new(shape.seed, number)).collect();
        Self { services, measures, areas }
    }

    /// A service's definition.
    pub fn service_defined(&self, number: usize) -> ServiceDefined {
        let service = &self.services[number];
        ServiceDefined { id: service.id.clone(), name: service.name.clone(), mode: service.kind.mode as i32, lgsl_id: None }
    }

    /// A measure's definition.
    pub fn measure_defined(&self, number: usize) -> MeasureDefined {
        let measure = &self.measures[number];
        MeasureDefined {
            id: measure.id.clone(),
            name: measure.name.clone(),
            side: measure.side as i32,
            unit: measure.amount.unit().into(),
            role: measure.role as i32,
            contra_of: measure.contra_of.map(|base| self.measures[base as usize].id.clone()).unwrap_or_default(),
        }
    }

    /// An indicator's id.
    pub fn indicator(&self, number: u32) -> &'static str {
        INDICATORS[number as usize].0
    }

    /// An indicator's definition: a share in per cent, of two decimal places.
    pub fn indicator_defined(&self, number: usize) -> IndicatorDefined {
        let (id, name) = INDICATORS[number];
        IndicatorDefined { id: id.into(), name: name.into(), unit: "%".into(), decimal_places: 2, direction: Direction::HigherIsBetter as i32 }
    }

    /// A price list whose rates rise once, on 1 April of the first year, and one whose rates hold for all days and is maintained.
    /// Minutes, grams and items have prices; one service in seven has none, so that coverage is never whole.
    pub fn valuation_published(&self, dated: bool, first_year: i32) -> ValuationPublished {
        let mut rates = Vec::new();
        for (number, measure) in self.measures.iter().enumerate() {
            let has_price = measure.contra_of.is_none() && measure.amount != Pence && number % self.services.len() % 7 != 6;
            // A list holds at most 500 prices, of which a dated one has two a measure.
            if !has_price || rates.len() >= 498 {
                continue;
            }
            match dated {
                false => rates.push(rate(measure, 0, "")),
                true => {
                    rates.push(rate(measure, 0, &format!("{first_year:04}-01-01")));
                    rates.push(rate(measure, 7, &format!("{first_year:04}-04-01")));
                }
            }
        }
        let (id, name, basis) = match dated {
            true => ("synthetic-dated", "Synthetic prices as of their days", ValuationBasis::Dated),
            false => ("synthetic-constant", "Synthetic prices of one year", ValuationBasis::Constant),
        };
        ValuationPublished {
            id: id.into(),
            version: 1,
            name: name.into(),
            currency: "GBP".into(),
            region: "nowhere".into(),
            basis: basis as i32,
            method: "invented for tests".into(),
            lens: "none".into(),
            source: "tandem generate".into(),
            licence: "Apache-2.0".into(),
            maintained: !dated,
            rates,
        }
    }
}

/// Round numbers of no authority: £12 an hour, £0.12 a kilogram, £3 an item; `rise_percent` on top.
fn rate(measure: &Measure, rise_percent: i64, effective_from: &str) -> Rate {
    let (per_quantity, central) = match measure.amount {
        Minutes => (60, 1_200),
        Grams => (1_000, 12),
        _ => (1, 300),
    };
    let central = central * (100 + rise_percent) / 100;
    Rate {
        measure: measure.id.clone(),
        per_quantity,
        central,
        low: Some(central * 8 / 10),
        high: Some(central * 13 / 10),
        effective_from: effective_from.into(),
        ..Rate::default()
    }
}

fn service(index: usize) -> Service {
    let kind = &KINDS[index % KINDS.len()];
    let round = index / KINDS.len();
    let (id, name) = match round {
        0 => (kind.id.to_owned(), kind.name.to_owned()),
        _ => (format!("{}-{}", kind.id, round + 1), format!("{} {}", kind.name, round + 1)),
    };
    // A large council's second service of a kind is smaller than its first, the third smaller still.
    let share = kind.share * 12 / (round as u64 + 1);
    Service { id, name, kind, share: share.max(1), citizen: Vec::new(), state: Vec::new() }
}

/// The `rank`-th measure of a service: first its two usual ones, then one of three kinds, then more of either side.
fn measure(service: &Service, index: u64, rank: u64) -> Measure {
    let kind = service.kind;
    let of = |suffix: &str, side, amount, role, contra_of| Measure {
        id: format!("{}/{suffix}", service.id),
        name: format!("{}: {}", service.name, suffix.replace('-', " ")),
        side,
        amount,
        role,
        contra_of,
        is_budget: suffix == "budgets",
    };
    let ((citizen, citizen_amount, citizen_role), (state, state_amount, state_role)) = (kind.citizen, kind.state);
    match (rank, index % 3) {
        (0, _) => of(citizen, Side::Citizen, citizen_amount, citizen_role, None),
        (1, _) => of(state, Side::State, state_amount, state_role, None),
        (2, 0) => of("taken-back", Side::Citizen, citizen_amount, citizen_role, Some(service.citizen[0])),
        // Every other of these services asks for ideas, the others for decisions.
        (2, 1) if index % 2 == 1 => of("design", Side::Citizen, Minutes, Design, None),
        (2, 1) => of("governing", Side::Citizen, Minutes, Govern, None),
        (2, _) => of("budgets", Side::State, Pence, Deliver, None),
        (3, 2) => of("refunds", Side::State, Pence, Deliver, Some(service.state[1])),
        (rank, _) if rank % 2 == 1 => of(&format!("help-{rank}"), Side::Citizen, Minutes, Inform, None),
        (rank, _) => of(&format!("grants-{rank}"), Side::State, Pence, Deliver, None),
    }
}
