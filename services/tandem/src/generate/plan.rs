//! Plans: everything that comes of one occasion, worked out from its number alone. A plan is kept as [`Plan`] (16 bytes) until the last
//! of it is sent, and worked out again for each event: that is what keeps memory small however many events there are.

use super::catalogue::{GOOD_OUTCOMES, IN_FAVOUR, Service};
use super::dice::{Dice, Stream};
use super::mishap;
use super::world::{Home, Sides, World};
use tandem_domain::date::{Grain, Period};
use tandem_proto::v1::{ChosenBy, Side};

/// One occasion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plan {
    /// Its number, from 0 in the order of the days.
    pub number: u64,
    /// The exchange that it belongs to; [`Plan::NO_EXCHANGE`] if none.
    pub exchange: u32,
    /// The day on which it happens, from 0.
    pub day: u16,
    /// Its service.
    pub service: u16,
}

impl Plan {
    /// No exchange.
    pub const NO_EXCHANGE: u32 = u32::MAX;

    /// The exchange's number, if it has one.
    pub fn exchange(&self) -> Option<u64> {
        (self.exchange != Self::NO_EXCHANGE).then_some(u64::from(self.exchange))
    }
}

/// What sort of occasion it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// 87 %: people meet in an exchange.
    Encounter,
    /// 6 %: somebody gives outside any exchange.
    Loose,
    /// 3 %: a pledge, and what came of it: all that was promised, a part, or nothing.
    Promise,
    /// 4 %: an indicator is observed, for an area or the whole council.
    Observation,
}

/// An event of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub act: Act,
    /// First day, from 0; never after the council's last day.
    pub first_day: u32,
    /// Last day; the same unless it took longer.
    pub last_day: u32,
    /// The day on which it is sent; it may be after the council's last day.
    pub sent_day: u32,
    /// Number of the measure; of an observation, of the indicator.
    pub measure: u32,
    /// Quantity; of an observation the numerator out of 10,000.
    pub quantity: u64,
    /// Who gave it, or for whom it was.
    pub actor: Option<u64>,
    /// Where.
    pub area: Option<u32>,
    /// Number of the evidence grade.
    pub evidence: u8,
    /// The step that it fulfils, a pledge.
    pub pledge: Option<u8>,
    /// More bits, for what is worked out from the step: see the functions below, and what no total depends on.
    pub spice: u16,
}

impl Step {
    /// How many were observed, of an observation: 20 to 219.
    pub fn observed(&self) -> u64 {
        20 + u64::from(self.spice % 200)
    }

    /// What an observation is about: the month of its day, in a quarter of cases the quarter.
    pub fn period_observed(&self, world: &World) -> Period {
        let grain = if self.is_quarterly() { Grain::Quarter } else { Grain::Month };
        Period::of(world.shape.date(i64::from(self.first_day)), grain)
    }

    fn is_quarterly(&self) -> bool {
        (self.spice / 200).is_multiple_of(4)
    }

    /// Who chose how the money is spent, if it is an individual budget's: 45 % the citizen, 25 % the council, 20 % both, 10 % not said.
    pub fn chosen_by(&self, world: &World) -> Option<ChosenBy> {
        let chosen_by = match self.spice % 20 {
            0..9 => ChosenBy::Citizen,
            9..14 => ChosenBy::Council,
            14..18 => ChosenBy::Jointly,
            _ => ChosenBy::Unspecified,
        };
        world.catalogue.measures[self.measure as usize].is_budget.then_some(chosen_by)
    }
}

/// What an event does. Others than the first four refer to an earlier step of the same plan, though they may be sent before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A citizen gives.
    Contribution,
    /// The state gives.
    StateInput,
    /// A citizen promises.
    Pledge,
    /// An indicator is observed.
    Outcome,
    /// The same bytes again.
    Repeat(u8),
    /// The same id with another quantity; sent on a later day.
    Conflict(u8),
    /// Cancels it. One of any two in a plan takes effect, whichever comes first.
    Reversal(u8),
    /// Would cancel it again.
    SecondReversal(u8),
    /// Would cancel the reversal, which cannot be; sent on a later day.
    ReversalOfReversal(u8),
    /// Would cancel an event that never comes.
    StrayReversal,
    /// A contribution of a measure of the state's.
    WrongSide,
    /// A contribution to a service that is never defined.
    UnlistedService,
    /// A contribution of a measure that is never defined.
    UnlistedMeasure,
}

/// Plans of 100 give about this many steps: how many plans are to be expected is worked out from it. It bears on nothing but how evenly
/// exchanges are opened over the year; a test keeps it true.
pub const STEPS_OF_100_PLANS: u64 = 206;

/// The plan's dice, after the roll for its occasion.
fn dice(world: &World, number: u64) -> (Occasion, Dice) {
    let mut dice = Dice::new(world.shape.seed, Stream::Plan, number);
    let occasion = match dice.below(100) {
        0..87 => Occasion::Encounter,
        87..93 => Occasion::Loose,
        93..96 => Occasion::Promise,
        _ => Occasion::Observation,
    };
    (occasion, dice)
}

/// What sort of occasion the `number`-th plan is.
pub fn occasion(world: &World, number: u64) -> Occasion {
    dice(world, number).0
}

/// Writes the plan's steps to `steps`, 1 to 16 of them. A step refers to earlier ones only, so that a plan may be cut anywhere.
pub fn steps(world: &World, plan: &Plan, steps: &mut Vec<Step>) {
    steps.clear();
    let (occasion, mut dice) = dice(world, plan.number);
    // Numbers from 2^40 are no exchange's.
    let home = world.home(plan.exchange().unwrap_or(1 << 40 | plan.number));
    let mut scene = Scene { world, plan, service: &world.catalogue.services[usize::from(plan.service)], home, is_late: dice.chance(300), steps };
    match occasion {
        Occasion::Encounter => scene.encounter(&mut dice),
        Occasion::Loose if dice.chance(7_000) => scene.contribution(&mut dice, 0, None),
        Occasion::Loose => scene.state_input(&mut dice, u64::from(plan.day)),
        Occasion::Promise => scene.promise(&mut dice),
        Occasion::Observation => scene.outcome(&mut dice),
    }
    mishap::add(world, plan, &mut dice, steps);
}

struct Scene<'a> {
    world: &'a World,
    plan: &'a Plan,
    service: &'a Service,
    home: Home,
    /// Whether everything of it is reported one to four months late: 3 % of plans.
    is_late: bool,
    steps: &'a mut Vec<Step>,
}

impl Scene<'_> {
    fn encounter(&mut self, dice: &mut Dice) {
        let day = u64::from(self.plan.day);
        if self.home.sides != Sides::StateOnly {
            for turn in 0..1 + u64::from(dice.chance(2_500)) {
                let days_on = turn * dice.below(3);
                self.contribution(dice, days_on, None);
            }
        }
        let answer_days = match self.home.sides {
            Sides::CitizenOnly => return,
            Sides::StateOnly => 0,
            // In a tenth the state comes first, on the same day or unasked.
            Sides::Both if dice.chance(1_000) => 0,
            Sides::Both => dice.skewed(self.service.kind.latency_days + 1),
        };
        for turn in 0..1 + u64::from(dice.chance(2_000)) {
            // What would be answered after the last day is still open then.
            let answered = day + answer_days + turn * dice.below(3);
            if answered < u64::from(self.world.shape.days) || self.steps.is_empty() {
                self.state_input(dice, answered);
            }
        }
    }

    fn promise(&mut self, dice: &mut Dice) {
        let measure = self.service.citizen[0];
        let quantity = self.world.catalogue.measures[measure as usize].amount.roll(dice) * 4;
        let pledge = Step { act: Act::Pledge, quantity, ..self.step(dice, u64::from(self.plan.day), measure, 0) };
        let actor = pledge.actor;
        self.steps.push(pledge);
        // Three in twelve come to nothing, four are kept to the last, the others in part.
        let fate = dice.below(12);
        let parts = if fate < 3 { 0 } else { dice.between(1, 3) };
        let of_all = if fate < 7 { parts } else { parts + 1 };
        let mut left = quantity;
        for part in 0..parts {
            self.contribution(dice, 1 + part * 7, Some(0));
            if let Some(kept) = self.steps.last_mut() {
                kept.actor = actor;
                kept.measure = measure;
                kept.quantity = if part + 1 == of_all { left } else { (quantity / of_all).max(1) };
                left -= kept.quantity;
            }
        }
    }

    fn outcome(&mut self, dice: &mut Dice) {
        // One in eight asks residents whether they are in favour.
        let indicator = if dice.below(8) == 0 { IN_FAVOUR } else { GOOD_OUTCOMES };
        let mut step = Step { act: Act::Outcome, ..self.step(dice, u64::from(self.plan.day), indicator, 2) };
        // A tenth is about the whole council.
        step.area = step.area.filter(|_| dice.below(10) > 0);
        step.quantity = match indicator {
            IN_FAVOUR => 4_000 + dice.below(4_000),
            _ => {
                let number = usize::from(self.plan.service);
                self.world.tides.outcome(self.service, number, step.first_day, step.is_quarterly(), self.vigour(step.area), dice)
            }
        };
        self.steps.push(step);
    }

    fn contribution(&mut self, dice: &mut Dice, days_on: u64, pledge: Option<u8>) {
        let measure = pick(&self.service.citizen, dice);
        let mut step = self.step(dice, u64::from(self.plan.day) + days_on, measure, 1);
        step.act = Act::Contribution;
        step.pledge = pledge;
        step.quantity = self.scaled(&step, Side::Citizen);
        self.steps.push(step);
    }

    fn state_input(&mut self, dice: &mut Dice, day: u64) {
        let measure = pick(&self.service.state, dice);
        let mut step = self.step(dice, day, measure, 5);
        step.act = Act::StateInput;
        step.evidence = if dice.chance(300) { 5 } else { 3 };
        // Half of it is for somebody by name.
        step.actor = step.actor.filter(|_| dice.chance(5_000));
        step.quantity = self.scaled(&step, Side::State);
        self.steps.push(step);
    }

    /// More than usual where and when more is given.
    fn scaled(&self, step: &Step, side: Side) -> u64 {
        if !self.world.catalogue.measures[step.measure as usize].amount.is_scaled() {
            return step.quantity;
        }
        let tide = self.world.tides.side(usize::from(self.plan.service), step.first_day, side);
        (step.quantity * tide * self.vigour(step.area) / 10_000).max(1)
    }

    fn vigour(&self, area: Option<u32>) -> u64 {
        area.map_or(100, |area| self.world.catalogue.areas[area as usize].vigour())
    }

    /// What any step has; reported after up to `report_days`, mostly at once. Days beyond the council's last are brought back to it.
    fn step(&self, dice: &mut Dice, day: u64, measure: u32, report_days: u64) -> Step {
        let last = u64::from(self.world.shape.days) - 1;
        let first_day = day.min(last);
        // 3 % take up to a week, 0.3 % up to four months.
        let length = match dice.below(1_000) {
            0..30 => 1 + dice.below(6),
            30..33 => 27 + dice.below(90),
            _ => 0,
        };
        let last_day = (first_day + length).min(last);
        let delay = dice.skewed(report_days + 1) + if self.is_late { dice.between(30, 120) } else { 0 };
        let actor = if dice.chance(8_000) { self.home.lead } else { dice.skewed(self.world.shape.actors) };
        let measured = self.world.catalogue.measures.get(measure as usize);
        Step {
            act: Act::Contribution,
            first_day: first_day as u32,
            last_day: last_day as u32,
            sent_day: (last_day + delay) as u32,
            measure,
            quantity: measured.map_or(1, |measure| measure.amount.roll(dice)),
            actor: (!dice.chance(500)).then_some(actor),
            area: self.home.area,
            evidence: [1, 1, 1, 1, 2, 2, 4, 4, 4, 5][dice.below(10) as usize],
            pledge: None,
            spice: dice.bits() as u16,
        }
    }
}

/// The usual measure in 85 %.
fn pick(measures: &[u32], dice: &mut Dice) -> u32 {
    let usual = dice.chance(8_500);
    if usual { measures[0] } else { measures[dice.below(measures.len() as u64) as usize] }
}
