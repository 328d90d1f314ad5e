//! One event of a row: from templates to the contract's message.

mod compile;

use super::columns::Columns;
use super::condition::Condition;
use super::dates::{Calendar, Days};
use super::decimal::{Decimal, Rounding};
use super::ids::{self, Pseudonyms};
use super::mapping;
use super::template::Template;
use compile::Compiler;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{
    ActorKind, AreaDefined, ContributionRecorded, EntryReversed, Envelope, Event, Facts, OutcomeObserved, Person, PledgeMade, StateInputRecorded,
};

/// An event of a mapping, ready for rows.
#[derive(Debug)]
pub struct EventPlan {
    name: String,
    source: String,
    when: Vec<Condition>,
    id: Option<Vec<Template<usize>>>,
    occurred: Calendar,
    body: Maker,
    actor: Option<Template<usize>>,
    actor_kind: i32,
    recipient: Option<Template<usize>>,
    source_key: Option<Template<usize>>,
}

/// What makes a body.
#[derive(Debug)]
enum Maker {
    Contribution {
        given: Given,
        evidence: i32,
        pledge: Option<Reference>,
    },
    StateInput {
        given: Given,
        evidence: i32,
        providing_body: Option<Template<usize>>,
        individual_budget: bool,
        chosen_by: i32,
    },
    Pledge {
        given: Given,
        period: Option<Calendar>,
    },
    Outcome {
        service: Template<usize>,
        indicator: Template<usize>,
        area: Option<Template<usize>>,
        period: Option<Calendar>,
        numerator: Amount,
        denominator: Amount,
    },
    Reversal {
        target: Reference,
        reason: i32,
    },
    Area {
        area: Template<usize>,
        vintage: Template<usize>,
        title: Option<Template<usize>>,
        parent: Option<Template<usize>>,
        decile: Option<Amount>,
        population: Option<Amount>,
    },
}

#[derive(Debug)]
struct Given {
    service: Template<usize>,
    measure: Template<usize>,
    negative_measure: Option<Template<usize>>,
    amount: Amount,
    area: Option<Template<usize>>,
    exchange: Option<Template<usize>>,
}

#[derive(Debug)]
struct Amount {
    quantity: Template<usize>,
    times: Decimal,
    round: Rounding,
}

#[derive(Debug)]
struct Reference {
    event: String,
    id: Vec<Template<usize>>,
    /// If it is another one than the event's own.
    other_source: Option<String>,
}

/// A row whose columns are all filled.
pub struct Filled<'a> {
    /// Its columns.
    pub columns: &'a Columns,
    /// Their values.
    pub values: &'a [String],
    /// Digest and ordinal of its content.
    pub content: &'a (String, u32),
    /// How keys of people are hidden.
    pub pseudonyms: &'a Pseudonyms,
}

impl Filled<'_> {
    /// A template's text; the error names the column that is empty.
    pub fn required(&self, template: &Template<usize>, what: &str) -> Result<String, String> {
        template.text(self.values).ok_or_else(|| match template.empty_column(self.values) {
            Some(column) => format!("{} is empty, which {what} needs", self.columns.name(column)),
            None => format!("{what} is empty"),
        })
    }

    fn optional(&self, template: &Option<Template<usize>>) -> String {
        template.as_ref().and_then(|template| template.text(self.values)).unwrap_or_default()
    }

    fn days(&self, calendar: &Calendar) -> Result<Days, String> {
        calendar.days(self.values, |column| self.columns.name(column))
    }

    fn parts(&self, templates: &[Template<usize>]) -> Result<Vec<String>, String> {
        templates.iter().map(|template| self.required(template, "the event's id")).collect()
    }
}

/// The id of an event that has a key in its source.
fn keyed_id(source: &str, name: &str, key: &[String]) -> String {
    ids::of(["event", source, name].into_iter().chain(key.iter().map(String::as_str))).to_string()
}

impl EventPlan {
    /// Compiles an event; an error says what is missing or superfluous.
    pub fn new(event: &mapping::Event, source: &str, columns: &Columns) -> Result<Self, String> {
        let compiler = Compiler { event, source, columns };
        compiler.refuse_superfluous()?;
        Ok(Self {
            name: event.name.clone(),
            source: source.into(),
            when: event.when.iter().map(|condition| Condition::new(condition, |name| columns.number(name))).collect::<Result<_, _>>()?,
            id: event.id.as_ref().map(|parts| compiler.key(parts)).transpose()?,
            occurred: compiler.calendar(&event.occurred)?,
            body: compiler.maker()?,
            actor: compiler.optional(&event.actor)?,
            actor_kind: compiler.choice(
                "actor_kind",
                &event.actor_kind,
                "ACTOR_KIND",
                |name| ActorKind::from_str_name(name).map(i32::from),
                false,
            )?,
            recipient: compiler.optional(&event.recipient)?,
            source_key: compiler.optional(&event.source_key)?,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the row has this event.
    pub fn applies(&self, values: &[String]) -> Result<bool, String> {
        super::condition::all(&self.when, values)
    }

    /// The event of a row.
    pub fn event(&self, row: &Filled<'_>, council: &str) -> Result<Event, String> {
        let event_id = match &self.id {
            Some(parts) => keyed_id(&self.source, &self.name, &row.parts(parts)?),
            None => ids::of(["row", &self.source, &self.name, &row.content.0, &row.content.1.to_string()]).to_string(),
        };
        let occurred = row.days(&self.occurred)?;
        let body = self.body.body(row, &occurred, &self.source)?;
        let mut envelope = Envelope {
            event_id,
            council: council.into(),
            source: self.source.clone(),
            occurred_start: occurred.start,
            occurred_end: occurred.end,
            occurred_at: None,
        };
        if let Some(instant) = occurred.instant {
            let at = envelope.occurred_at.get_or_insert_default();
            (at.seconds, at.nanos) = (instant.as_second(), instant.subsec_nanosecond());
        }
        Ok(Event { envelope: Some(envelope), facts: Some(Facts { body: Some(body) }), person: self.person(row) })
    }

    fn person(&self, row: &Filled<'_>) -> Option<Person> {
        let pseudonym = |template: &Option<Template<usize>>| match row.optional(template) {
            key if key.is_empty() => key,
            key => row.pseudonyms.of(&self.source, &key),
        };
        let (actor, recipient) = (pseudonym(&self.actor), pseudonym(&self.recipient));
        let actor_kind = if actor.is_empty() { ActorKind::Unspecified.into() } else { self.actor_kind };
        let person = Person { actor, actor_kind, recipient, source_key: row.optional(&self.source_key), notes: String::new() };
        (person != Person::default()).then_some(person)
    }
}

impl Maker {
    fn body(&self, row: &Filled<'_>, occurred: &Days, source: &str) -> Result<Body, String> {
        Ok(match self {
            Self::Contribution { given, evidence, pledge } => {
                let (measure, quantity) = given.measured(row)?;
                let pledge_event_id = pledge.as_ref().map(|pledge| pledge.event_id(row, source)).transpose()?.unwrap_or_default();
                let pledge_source = pledge.as_ref().and_then(|pledge| pledge.other_source.clone()).unwrap_or_default();
                let (service, area, exchange) = given.placed(row)?;
                Body::ContributionRecorded(ContributionRecorded {
                    service,
                    measure,
                    quantity,
                    area,
                    exchange,
                    evidence: *evidence,
                    pledge_event_id,
                    pledge_source,
                })
            }
            Self::StateInput { given, evidence, providing_body, individual_budget, chosen_by } => {
                let (measure, quantity) = given.measured(row)?;
                let (service, area, exchange) = given.placed(row)?;
                let (individual_budget, chosen_by, providing_body) = (*individual_budget, *chosen_by, row.optional(providing_body));
                Body::StateInputRecorded(StateInputRecorded {
                    service,
                    measure,
                    quantity,
                    area,
                    exchange,
                    evidence: *evidence,
                    providing_body,
                    individual_budget,
                    chosen_by,
                })
            }
            Self::Pledge { given, period } => {
                let (measure, quantity) = given.measured(row)?;
                let (service, area, exchange) = given.placed(row)?;
                let period = period.as_ref().map_or_else(|| Ok(occurred.clone()), |period| row.days(period))?;
                Body::PledgeMade(PledgeMade { service, measure, quantity, area, exchange, period_start: period.start, period_end: period.end })
            }
            Self::Outcome { service, indicator, area, period, numerator, denominator } => {
                let period = period.as_ref().map_or_else(|| Ok(occurred.clone()), |period| row.days(period))?;
                Body::OutcomeObserved(OutcomeObserved {
                    service: row.required(service, "service")?,
                    indicator: row.required(indicator, "indicator")?,
                    area: row.optional(area),
                    period_start: period.start,
                    period_end: period.end,
                    numerator: numerator.integer(row, "quantity")?,
                    denominator: denominator.integer(row, "denominator")?,
                })
            }
            Self::Reversal { target, reason } => Body::EntryReversed(EntryReversed {
                target_event_id: target.event_id(row, source)?,
                target_source: target.other_source.clone().unwrap_or_default(),
                reason: *reason,
            }),
            Self::Area { area, vintage, title, parent, decile, population } => {
                let count = |amount: &Option<Amount>, what: &str| match amount {
                    Some(amount) if amount.quantity.text(row.values).is_some() => {
                        let number = amount.integer(row, what)?;
                        u64::try_from(number).map(Some).map_err(|_| format!("{what} is {number}, below zero"))
                    }
                    _ => Ok(None),
                };
                let decile =
                    count(decile, "decile")?.map(|decile| u32::try_from(decile).map_err(|_| format!("decile is {decile}; the limits are 1 and 10")));
                Body::AreaDefined(AreaDefined {
                    area: row.required(area, "area")?,
                    vintage: row.required(vintage, "vintage")?,
                    name: row.optional(title),
                    parent: row.optional(parent),
                    deprivation_decile: decile.transpose()?,
                    population: count(population, "population")?,
                })
            }
        })
    }
}

impl Given {
    /// Measure and quantity; what is below zero goes to the contra measure.
    fn measured(&self, row: &Filled<'_>) -> Result<(String, i64), String> {
        let number = self.amount.integer(row, "quantity")?;
        match (number, &self.negative_measure) {
            (..0, None) => Err(format!("quantity is {number}, below zero, and the mapping declares no `negative_measure`")),
            (..0, Some(measure)) => Ok((row.required(measure, "negative_measure")?, -number)),
            (_, _) => Ok((row.required(&self.measure, "measure")?, number)),
        }
    }

    /// Service, area and exchange.
    fn placed(&self, row: &Filled<'_>) -> Result<(String, String, String), String> {
        Ok((row.required(&self.service, "service")?, row.optional(&self.area), row.optional(&self.exchange)))
    }
}

impl Amount {
    /// In the smallest unit.
    fn integer(&self, row: &Filled<'_>, what: &str) -> Result<i64, String> {
        let text = row.required(&self.quantity, what)?;
        let number = Decimal::parse(&text).and_then(|number| number.times(self.times)?.whole(self.round));
        let number = number.map_err(|error| format!("{what}: {error}"))?;
        // The contract's limits are far inside; i64::MIN has no positive twin.
        i64::try_from(number).ok().filter(|number| *number != i64::MIN).ok_or_else(|| format!("{what} is {number}; the limit is 10^15"))
    }
}

impl Reference {
    fn event_id(&self, row: &Filled<'_>, source: &str) -> Result<String, String> {
        Ok(keyed_id(self.other_source.as_deref().unwrap_or(source), &self.event, &row.parts(&self.id)?))
    }
}
