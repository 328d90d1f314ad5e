//! What every answer can be checked against: totals that the generator keeps while it makes the events, from what it means by them and
//! not from what a fold makes of them. They hold when all events have been recorded, in their order.
//!
//! Memory: 8 bytes an exchange, 4 bytes an actor for every calendar unit in which anybody takes part (12 months, and few more), and about
//! 100 bytes for each pledge and observation, which are 3 to 4 % of all events.

mod outcomes;
mod pledges;
mod retention;

pub use outcomes::IndicatorTotal;
pub use pledges::PledgeTotal;
pub use retention::RetentionTotal;

use super::areas::{Said, VINTAGES};
use super::catalogue::Measure;
use super::event::{UNLISTED_MEASURE, UNLISTED_SERVICE};
use super::plan::{Act, Plan, Step};
use super::world::World;
use outcomes::{Cell, Observation, Outcomes};
use pledges::Pledges;
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::collections::BTreeMap;
use tandem_domain::date::Date;
use tandem_proto::v1::{ChosenBy, Side, SuspenseReason};

/// Counts so far.
#[derive(Debug)]
pub struct Totals {
    records: u64,
    entries: u64,
    duplicates: u64,
    reversed: u64,
    suspended: BTreeMap<&'static str, u64>,
    measures: Vec<Tally>,
    services: Vec<Tally>,
    unlisted_measure: u64,
    unlisted_service: u64,
    pledges_live: i64,
    outcomes_live: i64,
    pledges: Pledges,
    outcomes: Outcomes,
    /// Money of individual budgets, by who chose how it is spent.
    budgets: BTreeMap<ChosenBy, Tally>,
    /// Live entries of citizens and state.
    exchanges: Vec<[i32; 2]>,
    /// Live contributions of each actor, by calendar unit.
    participants: FxHashMap<Unit, Vec<i32>>,
}

/// Of one measure or service.
#[derive(Clone, Debug, Default)]
struct Tally {
    entries: u64,
    live: i64,
    quantity: i128,
}

/// The smallest of month, quarter, year and all time that holds a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unit {
    Month(i32, u32),
    Quarter(i32, u32),
    Year(i32),
    Ever,
}

impl Unit {
    fn holding(first: Date, last: Date) -> Self {
        let ((year, month, _), (last_year, last_month, _)) = (first.ymd(), last.ymd());
        let quarter = |month: u32| month.div_ceil(3);
        match year == last_year {
            true if month == last_month => Self::Month(year, month),
            true if quarter(month) == quarter(last_month) => Self::Quarter(year, quarter(month)),
            true => Self::Year(year),
            false => Self::Ever,
        }
    }

    /// The last month of it, in months from the year 0; all time has none.
    fn last_month(self) -> Option<i32> {
        match self {
            Self::Month(year, month) => Some(year * 12 + month as i32 - 1),
            Self::Quarter(year, quarter) => Some(year * 12 + quarter as i32 * 3 - 1),
            Self::Year(year) => Some(year * 12 + 11),
            Self::Ever => None,
        }
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::Quarter(year, quarter) => write!(f, "{year:04}-Q{quarter}"),
            Self::Year(year) => write!(f, "{year:04}"),
            Self::Ever => f.write_str("ever"),
        }
    }
}

impl Totals {
    /// Nothing counted yet.
    pub fn new(world: &World) -> Self {
        Self {
            records: 0,
            entries: 0,
            duplicates: 0,
            reversed: 0,
            suspended: BTreeMap::new(),
            measures: vec![Tally::default(); world.catalogue.measures.len()],
            services: vec![Tally::default(); world.catalogue.services.len()],
            unlisted_measure: 0,
            unlisted_service: 0,
            pledges_live: 0,
            outcomes_live: 0,
            pledges: Pledges::default(),
            outcomes: Outcomes::default(),
            budgets: BTreeMap::new(),
            exchanges: vec![[0; 2]; world.exchanges_max() as usize],
            participants: FxHashMap::default(),
        }
    }

    /// Events counted.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Counts a definition; `is_refused` if it would change what never changes.
    pub fn define(&mut self, is_refused: bool) {
        self.records += 1;
        self.entries += 1;
        if is_refused {
            self.suspend(SuspenseReason::Redefinition);
        }
    }

    /// Counts the `index`-th step of a plan.
    pub fn count(&mut self, world: &World, plan: &Plan, steps: &[Step], index: usize) {
        self.records += 1;
        let step = &steps[index];
        if let Act::Repeat(_) = step.act {
            self.duplicates += 1;
            return;
        }
        self.entries += 1;
        match step.act {
            Act::Conflict(of) => {
                self.name(plan, step, steps[usize::from(of)].act);
                self.suspend(SuspenseReason::Conflict);
            }
            Act::Reversal(of) => {
                self.reversed += 1;
                self.effect(world, plan, steps, usize::from(of), -1);
            }
            Act::SecondReversal(_) => self.suspend(SuspenseReason::AlreadyReversed),
            Act::ReversalOfReversal(_) => self.suspend(SuspenseReason::NotReversible),
            Act::StrayReversal => self.suspend(SuspenseReason::UnknownTarget),
            Act::WrongSide | Act::UnlistedService | Act::UnlistedMeasure => {
                self.name(plan, step, step.act);
                self.suspend(match step.act {
                    Act::WrongSide => SuspenseReason::WrongSide,
                    Act::UnlistedService => SuspenseReason::UnknownService,
                    _ => SuspenseReason::UnknownMeasure,
                });
            }
            _ => {
                self.name(plan, step, step.act);
                self.effect(world, plan, steps, index, 1);
            }
        }
    }

    fn suspend(&mut self, reason: SuspenseReason) {
        *self.suspended.entry(reason.as_str_name()).or_default() += 1;
    }

    /// An entry that names a service and, but for an outcome, a measure.
    fn name(&mut self, plan: &Plan, step: &Step, act: Act) {
        match act {
            Act::UnlistedService => self.unlisted_service += 1,
            _ => self.services[usize::from(plan.service)].entries += 1,
        }
        match act {
            Act::Outcome => {}
            Act::UnlistedMeasure => self.unlisted_measure += 1,
            _ => self.measures[step.measure as usize].entries += 1,
        }
    }

    /// What one of the first four acts does, or undoes.
    fn effect(&mut self, world: &World, plan: &Plan, steps: &[Step], index: usize, sign: i64) {
        let step = &steps[index];
        let quantity = i128::from(step.quantity) * i128::from(sign);
        match step.act {
            Act::Pledge => {
                self.pledges_live += sign;
                self.pledges.pledge(plan.number, step.measure, quantity);
            }
            Act::Outcome => {
                self.outcomes_live += sign;
                self.observe(world, plan, step, plan.number << 8 | index as u64, sign);
            }
            _ => {
                self.give(world, plan, step, sign);
                if step.pledge.is_some() {
                    self.pledges.credit(plan.number, step.measure, quantity);
                }
            }
        }
    }

    fn observe(&mut self, world: &World, plan: &Plan, step: &Step, id: u64, sign: i64) {
        let span = step.period_observed(world).span();
        let cell = Cell { service: plan.service, indicator: step.measure, area: step.area, unit: Unit::holding(span.start, span.end) };
        let denominator = i128::from(step.observed());
        match sign > 0 {
            true => self.outcomes.observe(cell, Observation { id, numerator: i128::from(step.quantity) * denominator, denominator }),
            false => self.outcomes.cancel(cell, id),
        }
    }

    fn give(&mut self, world: &World, plan: &Plan, step: &Step, sign: i64) {
        let measure = &mut self.measures[step.measure as usize];
        measure.live += sign;
        measure.quantity += i128::from(step.quantity) * i128::from(sign);
        self.services[usize::from(plan.service)].live += sign;
        let is_citizen = step.act == Act::Contribution;
        if let Some(exchange) = plan.exchange() {
            self.exchanges[exchange as usize][usize::from(!is_citizen)] += sign as i32;
        }
        if let (false, Some(chosen_by)) = (is_citizen, step.chosen_by(world)) {
            let budget = self.budgets.entry(chosen_by).or_default();
            budget.live += sign;
            budget.quantity += i128::from(step.quantity) * i128::from(sign);
        }
        if let (true, Some(actor)) = (is_citizen, step.actor) {
            let date = |day: u32| world.shape.date(i64::from(day));
            let unit = Unit::holding(date(step.first_day), date(step.last_day));
            let actors = self.participants.entry(unit).or_insert_with(|| vec![0; world.shape.actors as usize]);
            actors[actor as usize] += sign as i32;
        }
    }

    /// The totals as they are written.
    pub fn report(&self, world: &World) -> Report {
        let suspended: u64 = self.suspended.values().sum();
        let catalogue = &world.catalogue;
        let mut services: BTreeMap<_, _> = catalogue
            .services
            .iter()
            .zip(&self.services)
            .map(|(service, tally)| (service.id.clone(), ServiceTotal { entries: tally.entries, live: tally.live }))
            .collect();
        services.insert(UNLISTED_SERVICE.into(), ServiceTotal { entries: self.unlisted_service, live: 0 });
        Report {
            council: world.shape.council.clone(),
            seed: world.shape.seed,
            first_day: world.shape.first_day.to_string(),
            last_day: world.shape.last_day().to_string(),
            records: self.records,
            entries: self.entries,
            applied: self.entries - suspended,
            suspended,
            suspended_by_reason: self.suspended.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            duplicates: self.duplicates,
            reversed: self.reversed,
            pledges_live: self.pledges_live,
            outcomes_live: self.outcomes_live,
            outcomes: self.outcomes.totals(|number| catalogue.indicator(number)),
            pledges: self.pledges.totals().into_iter().map(|(number, total)| (catalogue.measures[number as usize].id.clone(), total)).collect(),
            budgets: self
                .budgets
                .iter()
                .filter(|(_, tally)| tally.live != 0)
                .map(|(chosen_by, tally)| (chosen_by.as_str_name().to_owned(), BudgetTotal::of(tally)))
                .collect(),
            contributions_by_role: self.contributions_by_role(world),
            retention: retention::by_month(&self.participants),
            residents: residents(world),
            measures: self.measure_totals(world),
            services,
            exchanges: self.exchange_totals(),
            participants: self
                .participants
                .iter()
                .map(|(unit, actors)| (unit.to_string(), actors.iter().filter(|live| **live > 0).count() as u64))
                .collect(),
        }
    }

    fn measure_totals(&self, world: &World) -> BTreeMap<String, MeasureTotal> {
        let mut nets: Vec<i128> = self.measures.iter().map(|tally| tally.quantity).collect();
        for (number, measure) in world.catalogue.measures.iter().enumerate() {
            if let Some(base) = measure.contra_of {
                nets[base as usize] -= nets[number];
            }
        }
        let rows = world.catalogue.measures.iter().zip(&self.measures).zip(nets).map(|((measure, tally), net)| {
            let side = if measure.side == Side::Citizen { "citizen" } else { "state" };
            let net = measure.contra_of.is_none().then(|| net.to_string());
            let total = MeasureTotal {
                side,
                unit: measure.amount.unit(),
                entries: tally.entries,
                live: tally.live,
                quantity: tally.quantity.to_string(),
                net,
            };
            (measure.id.clone(), total)
        });
        let unlisted = MeasureTotal { side: "", unit: "", entries: self.unlisted_measure, live: 0, quantity: "0".into(), net: None };
        rows.chain([(UNLISTED_MEASURE.to_owned(), unlisted)]).collect()
    }

    fn contributions_by_role(&self, world: &World) -> BTreeMap<String, i64> {
        let mut roles = BTreeMap::new();
        let is_given = |(measure, tally): &(&Measure, &Tally)| measure.side == Side::Citizen && tally.live != 0;
        for (measure, tally) in world.catalogue.measures.iter().zip(&self.measures).filter(is_given) {
            *roles.entry(measure.role.as_str_name().to_owned()).or_default() += tally.live;
        }
        roles
    }

    fn exchange_totals(&self) -> ExchangeTotals {
        let mut totals = ExchangeTotals::default();
        for [citizen, state] in &self.exchanges {
            match (*citizen > 0, *state > 0) {
                (true, true) => totals.two_sided += 1,
                (true, false) => totals.one_sided_citizen += 1,
                (false, true) => totals.one_sided_state += 1,
                (false, false) => {}
            }
        }
        totals.opened = totals.two_sided + totals.one_sided_citizen + totals.one_sided_state;
        totals
    }
}

fn residents(world: &World) -> BTreeMap<String, BTreeMap<u8, ResidentsTotal>> {
    let of_vintage = |(number, vintage): (usize, &&str)| {
        let mut deciles: BTreeMap<u8, ResidentsTotal> = BTreeMap::new();
        for area in &world.catalogue.areas {
            let Said { decile, population } = area.said[number];
            deciles.entry(decile).or_default().add(population);
        }
        ((*vintage).to_owned(), deciles)
    };
    VINTAGES.iter().enumerate().map(of_vintage).collect()
}

/// The totals, as `--totals` writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The council.
    pub council: String,
    /// The seed.
    pub seed: u64,
    /// First day on which anything happened.
    pub first_day: String,
    /// Last day.
    pub last_day: String,
    /// Events sent.
    pub records: u64,
    /// Those that became entries: `records` − `duplicates`.
    pub entries: u64,
    /// Entries that have their effect, or had it until they were reversed.
    pub applied: u64,
    /// Entries in suspense at the end.
    pub suspended: u64,
    /// The same, by SuspenseReason.
    pub suspended_by_reason: BTreeMap<String, u64>,
    /// Exact duplicates.
    pub duplicates: u64,
    /// Entries that a reversal cancelled.
    pub reversed: u64,
    /// Pledges that are not cancelled.
    pub pledges_live: i64,
    /// Observations that are not cancelled, replaced ones included.
    pub outcomes_live: i64,
    /// Observations by indicator.
    pub outcomes: BTreeMap<String, IndicatorTotal>,
    /// Pledges by measure, and what came of them.
    pub pledges: BTreeMap<String, PledgeTotal>,
    /// Live state inputs of individual budgets, by ChosenBy.
    pub budgets: BTreeMap<String, BudgetTotal>,
    /// Live contributions by Role of their measure; those of a contra measure have its base's.
    pub contributions_by_role: BTreeMap<String, i64>,
    /// Who came back, by month.
    pub retention: BTreeMap<String, RetentionTotal>,
    /// Residents by vintage and deprivation decile.
    pub residents: BTreeMap<String, BTreeMap<u8, ResidentsTotal>>,
    /// By measure.
    pub measures: BTreeMap<String, MeasureTotal>,
    /// By service.
    pub services: BTreeMap<String, ServiceTotal>,
    /// Exchanges.
    pub exchanges: ExchangeTotals,
    /// Distinct actors with a live contribution, by month of its occurred span ("2025-03"), or by the larger unit that holds it.
    pub participants: BTreeMap<String, u64>,
}

/// Of one measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MeasureTotal {
    /// "citizen" or "state"; empty if it is never defined.
    pub side: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Contributions, state inputs and pledges in the book that name it, whatever came of them.
    pub entries: u64,
    /// Live contributions and state inputs.
    pub live: i64,
    /// Their sum, decimal text.
    pub quantity: String,
    /// The same less the sums of its contra measures, as the value query answers; none of a contra measure.
    pub net: Option<String>,
}

/// Of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceTotal {
    /// Contributions, state inputs, pledges and outcomes in the book that name it, whatever came of them.
    pub entries: u64,
    /// Live contributions and state inputs.
    pub live: i64,
}

/// Exchanges by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExchangeTotals {
    /// With a live entry.
    pub opened: u64,
    /// With a live entry on each side.
    pub two_sided: u64,
    /// Of citizens only.
    pub one_sided_citizen: u64,
    /// Of the state only.
    pub one_sided_state: u64,
}

/// 128 bits are more than a number of JSON is sure to hold.
fn as_text<S: serde::Serializer>(quantity: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(quantity)
}

/// Money of individual budgets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BudgetTotal {
    /// State inputs.
    pub live: i64,
    /// Their sum in pence, decimal text.
    #[serde(serialize_with = "as_text")]
    pub quantity: i128,
}

impl BudgetTotal {
    fn of(tally: &Tally) -> Self {
        Self { live: tally.live, quantity: tally.quantity }
    }
}

/// Who lives in some areas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResidentsTotal {
    /// Areas.
    pub areas: u64,
    /// Areas whose population is known.
    pub areas_with_population: u64,
    /// Sum of these populations.
    pub population: u64,
}

impl ResidentsTotal {
    /// Adds an area.
    pub(super) fn add(&mut self, population: Option<u64>) {
        self.areas += 1;
        self.areas_with_population += u64::from(population.is_some());
        self.population += population.unwrap_or(0);
    }
}
