//! The events of a synthetic council, one by one, in the order in which they are sent.
//!
//! Day by day: plans are opened as the season has it, their steps go to the days on which they are sent, and a day's steps are sorted by
//! time of day. Memory: 24 bytes for each step that waits for its day (reports are a day or two late on average, 3 % up to four months,
//! so with a year's 10 million events a few hundred thousand wait), and what [`Totals`] and the catalogue take.

use super::catalogue::INDICATORS_COUNT;
use super::dice::{Dice, Stream};
use super::event;
use super::plan::{self, Occasion, Plan, STEPS_OF_100_PLANS, Step};
use super::shape::Shape;
use super::totals::{Report, Totals};
use super::world::World;
use std::collections::VecDeque;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{Event, MeasureDefined};

/// A step that waits to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pending {
    /// The late service is defined, or a definition is refused: before all else of the day.
    Definition(u8),
    /// Time of day in milliseconds, plan, index of the step.
    Step(u32, Plan, u8),
}

/// Definitions that come in the course of the year.
const LATE_SERVICE: u8 = 0;
const REFUSED: u8 = 1;

/// What has been opened of one service.
#[derive(Clone, Copy, Debug, Default)]
struct Opened {
    plans: u64,
    exchanges: u64,
}

/// Yields a council's events: the same for the same [`Shape`], byte for byte.
#[derive(Debug)]
pub struct Generator {
    world: World,
    totals: Totals,
    /// Definitions yielded.
    defined: u64,
    /// The day that is opened next.
    day: u32,
    /// Steps by day of sending, from the last opened day on.
    days: VecDeque<Vec<Pending>>,
    /// The last opened day's, latest first.
    ready: Vec<Pending>,
    opened: Vec<Opened>,
    plans: u64,
    /// Steps put to days, of `steps_max`.
    scheduled: u64,
    steps_max: u64,
    /// Sum of the weights of the days opened, and of all.
    weight: u64,
    weight_all: u64,
    steps: Vec<Step>,
}

impl Generator {
    /// Sets out from the first day.
    pub fn new(shape: Shape) -> Self {
        let steps_max = shape.events - shape.fixed_events();
        let world = World::new(shape);
        let mut generator = Self {
            totals: Totals::new(&world),
            defined: 0,
            day: 0,
            days: VecDeque::new(),
            ready: Vec::new(),
            opened: vec![Opened::default(); world.catalogue.services.len()],
            plans: 0,
            scheduled: 0,
            steps_max,
            weight: 0,
            weight_all: world.day_weight.iter().sum(),
            steps: Vec::new(),
            world,
        };
        let days = generator.world.shape.days;
        if generator.world.shape.has_late_service() {
            generator.schedule(days / 10, Pending::Definition(LATE_SERVICE));
        }
        generator.schedule(days / 2, Pending::Definition(REFUSED));
        generator
    }

    /// The council.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Totals of what has been yielded; they hold when all has been.
    pub fn report(&self) -> Report {
        self.totals.report(&self.world)
    }

    fn schedule(&mut self, day: u32, pending: Pending) {
        let index = day.saturating_sub(self.day) as usize;
        if self.days.len() <= index {
            self.days.resize_with(index + 1, Vec::new);
        }
        self.days[index].push(pending);
    }

    /// Opens the next day and makes its steps ready; false when nothing is left.
    fn advance(&mut self) -> bool {
        if self.day < self.world.shape.days {
            self.open_plans();
        }
        let Some(mut ready) = self.days.pop_front() else {
            // A day without anything to send still has days after it.
            self.day += 1;
            return self.day < self.world.shape.days;
        };
        ready.sort_unstable_by(|one, other| other.cmp(one));
        self.ready = ready;
        self.day += 1;
        true
    }

    /// Opens plans until the day has its share of all steps.
    fn open_plans(&mut self) {
        self.weight += self.world.day_weight[self.day as usize];
        let due = (u128::from(self.steps_max) * u128::from(self.weight) / u128::from(self.weight_all)) as u64;
        let services = self.world.services_of(self.day);
        let mut steps = std::mem::take(&mut self.steps);
        while self.scheduled < due {
            let plan = self.open(&services);
            plan::steps(&self.world, &plan, &mut steps);
            // The last plan of all is cut where the events asked for end.
            let room = (self.steps_max - self.scheduled) as usize;
            for (index, step) in steps.iter().enumerate().take(room) {
                self.schedule(step.sent_day, Pending::Step(event::sent_ms(&self.world, &plan, index), plan, index as u8));
                self.scheduled += 1;
            }
        }
        self.steps = steps;
    }

    /// The next plan: its service by the day's season, its exchange new or one of the last four weeks'.
    fn open(&mut self, services: &[u64]) -> Plan {
        let number = self.plans;
        self.plans += 1;
        let mut dice = Dice::new(self.world.shape.seed, Stream::Choice, number);
        let roll = dice.below(services.last().copied().unwrap_or(1));
        let service = services.partition_point(|sum| *sum <= roll);
        let exchange = match plan::occasion(&self.world, number) {
            Occasion::Encounter | Occasion::Promise => self.exchange(service, &mut dice),
            _ => Plan::NO_EXCHANGE,
        };
        Plan { number, exchange, day: self.day as u16, service: service as u16 }
    }

    /// A new exchange as often as will open all of them by the end of the year.
    fn exchange(&mut self, service: usize, dice: &mut Dice) -> u32 {
        let (first, count) = self.world.exchanges[service];
        let all_plans = u128::from(self.steps_max) * 100 / u128::from(STEPS_OF_100_PLANS);
        // 90 of 100 plans have an exchange.
        let plans_of_service = all_plans * u128::from(self.world.year_weight[service]) * 90 / 100 / u128::from(self.weight_all);
        let opened = &mut self.opened[service];
        opened.plans += 1;
        let is_due = u128::from(opened.exchanges) * plans_of_service.max(1) < u128::from(opened.plans) * u128::from(count);
        if opened.exchanges == 0 || (opened.exchanges < count && is_due) {
            opened.exchanges += 1;
            return (first + opened.exchanges - 1) as u32;
        }
        let recent = (count * 28 / u64::from(self.world.shape.days)).clamp(1, opened.exchanges);
        (first + opened.exchanges - 1 - dice.skewed(recent)) as u32
    }

    /// The `index`-th definition, in this order: services, measures, indicators, areas as of each vintage, valuations.
    fn definition(&self, mut index: u64) -> Body {
        let (shape, catalogue) = (&self.world.shape, &self.world.catalogue);
        let services = shape.services - u64::from(shape.has_late_service());
        for (part, count) in [services, shape.measures, INDICATORS_COUNT, shape.areas, shape.areas].into_iter().enumerate() {
            if index < count {
                let number = index as usize;
                return match part {
                    0 => Body::ServiceDefined(catalogue.service_defined(number)),
                    1 => Body::MeasureDefined(catalogue.measure_defined(number)),
                    2 => Body::IndicatorDefined(catalogue.indicator_defined(number)),
                    _ => Body::AreaDefined(catalogue.areas[number].defined(number, part - 3)),
                };
            }
            index -= count;
        }
        Body::ValuationPublished(catalogue.valuation_published(index == 0, shape.first_day.ymd().0))
    }

    /// A definition in the course of the year.
    fn later_definition(&mut self, which: u8) -> Event {
        let catalogue = &self.world.catalogue;
        let body = match which {
            LATE_SERVICE => Body::ServiceDefined(catalogue.service_defined(catalogue.services.len() - 1)),
            _ => Body::MeasureDefined(MeasureDefined { unit: "{other}".into(), ..catalogue.measure_defined(0) }),
        };
        self.totals.define(which == REFUSED);
        event::of_definition(&self.world, self.world.shape.catalogue_events() + u64::from(which), body)
    }
}

impl Iterator for Generator {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.defined < self.world.shape.catalogue_events() {
            let event = event::of_definition(&self.world, self.defined, self.definition(self.defined));
            self.defined += 1;
            self.totals.define(false);
            return Some(event);
        }
        loop {
            match self.ready.pop() {
                Some(Pending::Definition(which)) => return Some(self.later_definition(which)),
                Some(Pending::Step(_, plan, index)) => {
                    plan::steps(&self.world, &plan, &mut self.steps);
                    self.totals.count(&self.world, &plan, &self.steps, index.into());
                    return Some(event::of_step(&self.world, &plan, &self.steps, index.into()));
                }
                None if self.advance() => {}
                None => return None,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.world.shape.events - self.totals.records();
        (left as usize, Some(left as usize))
    }
}
