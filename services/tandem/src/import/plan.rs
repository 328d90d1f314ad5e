//! A mapping against the columns of one file: rows in, events out. Pure: it reads no file and no clock.

use super::areas::Areas;
use super::columns::{Columns, Memory};
use super::condition::{self, Condition};
use super::event::{EventPlan, Filled};
use super::ids::{Ordinals, Pseudonyms};
use super::lookup::Table;
use super::mapping::{Filter, Mapping};
use super::template::Template;
use prost::Message;
use std::collections::HashSet;
use std::sync::Arc;
use tandem_domain::event::{Parts, check};
use tandem_proto::v1::Event;

/// What a row becomes.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// At least one event, in the mapping's order.
    Events(Vec<Event>),
    /// Nothing, as the mapping wants it, and why.
    Skipped(String),
    /// Nothing, since it cannot be right, and why.
    Rejected(String),
}

/// What the command line decides of a mapping.
#[derive(Clone, Debug)]
pub struct Choices {
    /// Every row's council, instead of the mapping's.
    pub council: Option<String>,
    /// Rows of other councils are skipped. Empty: all are wanted.
    pub only: Vec<String>,
    /// How people's keys are hidden.
    pub pseudonyms: Pseudonyms,
    /// The clock, microseconds since 1970 UTC: what happened later is refused, as the gateway would.
    pub now_us: u64,
    /// What is done to areas, if only they are recorded.
    pub areas: Option<Arc<Areas>>,
}

/// A mapping that fits a file.
#[derive(Debug)]
pub struct Plan {
    columns: Columns,
    council: Template<usize>,
    /// The mapping's own council, whatever was chosen: areas are within it.
    home: Option<Template<usize>>,
    skip: Vec<(Vec<Condition>, String)>,
    reject: Vec<(Vec<Condition>, String)>,
    events: Vec<EventPlan>,
    choices: Choices,
}

/// What is remembered from row to row of one file.
#[derive(Debug, Default)]
pub struct State {
    ordinals: Ordinals,
    memory: Memory,
}

/// The reason of rows that no event's conditions fit.
pub const NO_EVENT: &str = "no event applies";
/// The reason of rows that `--only` leaves out.
pub const OTHER_COUNCIL: &str = "of another council";

impl Plan {
    /// Compiles a mapping for a file with this header; `tables` are its lookups'. An error is about the mapping, before any row.
    pub fn new(mapping: &Mapping, header: &[String], tables: Vec<Table>, choices: Choices) -> Result<Self, String> {
        let columns = Columns::new(header, mapping, tables)?;
        let filters = |filters: &[Filter]| -> Result<Vec<_>, String> {
            let compile = |filter: &Filter| {
                let conditions = filter.when.iter().map(|condition| Condition::new(condition, |name| columns.number(name)));
                Ok((conditions.collect::<Result<_, String>>()?, filter.reason.clone()))
            };
            filters.iter().map(compile).collect()
        };
        let mut names = HashSet::new();
        if let Some(twice) = mapping.event.iter().find(|event| !names.insert(&event.name)) {
            return Err(format!("two events are named {:?}; the name is part of their ids", twice.name));
        }
        let event = |event| EventPlan::new(event, &mapping.source, &columns).map_err(|error| format!("event {:?}: {error}", event.name));
        let council = choices.council.as_deref().map(|council| Template::parse(council)?.resolve(|_| None));
        Ok(Self {
            council: council.unwrap_or_else(|| columns.template(&mapping.council))?,
            home: choices.areas.as_ref().map(|_| columns.template(&mapping.council)).transpose()?,
            skip: filters(&mapping.skip)?,
            reject: filters(&mapping.reject)?,
            events: mapping.event.iter().map(event).collect::<Result<_, String>>()?,
            columns,
            choices,
        })
    }

    /// What the next row of the file becomes. `values` are the file's columns; the computed ones are left behind them.
    pub fn row(&self, values: &mut Vec<String>, state: &mut State) -> Outcome {
        let file_columns = values.len();
        values.resize(self.columns.len(), String::new());
        let filled = self.columns.fill(values, &state.memory);
        let content = state.ordinals.next(self.columns.of_file(values));
        let outcome = self.outcome(values, filled, &content).unwrap_or_else(Outcome::Rejected);
        let kept = self.columns.keep(values, &mut state.memory);
        values.truncate(file_columns);
        match (kept, outcome) {
            (Err(reason), Outcome::Events(_)) => Outcome::Rejected(reason),
            (_, outcome) => outcome,
        }
    }

    /// Skipping comes first: a row that is not wanted need not be right.
    fn outcome(&self, values: &[String], filled: Result<(), String>, content: &(String, u32)) -> Result<Outcome, String> {
        let first = |filters: &[(Vec<Condition>, String)]| -> Result<Option<String>, String> {
            for (conditions, reason) in filters {
                if condition::all(conditions, values)? {
                    return Ok(Some(reason.clone()));
                }
            }
            Ok(None)
        };
        if let Some(reason) = first(&self.skip)? {
            return Ok(Outcome::Skipped(reason));
        }
        filled?;
        if let Some(reason) = first(&self.reject)? {
            return Ok(Outcome::Rejected(reason));
        }
        let row = Filled { columns: &self.columns, values, content, pseudonyms: &self.choices.pseudonyms };
        let council = row.required(&self.council, "council")?;
        if !self.choices.only.is_empty() && !self.choices.only.contains(&council) {
            return Ok(Outcome::Skipped(OTHER_COUNCIL.into()));
        }
        self.events(&row, &council)
    }

    fn events(&self, row: &Filled<'_>, council: &str) -> Result<Outcome, String> {
        let mut events = Vec::new();
        for plan in &self.events {
            if plan.applies(row.values)? {
                let named = |reason| if self.events.len() > 1 { format!("{}: {reason}", plan.name()) } else { reason };
                let mut event = plan.event(row, council).map_err(named)?;
                if let (Some(areas), Some(home)) = (&self.choices.areas, &self.home) {
                    event = match areas.amend(event, council, &row.required(home, "council")?) {
                        Ok(event) => event,
                        Err(reason) => return Ok(Outcome::Skipped(reason)),
                    };
                }
                checked(&event, self.choices.now_us).map_err(named)?;
                events.push(event);
            }
        }
        match events.is_empty() {
            true => Ok(Outcome::Skipped(NO_EVENT.into())),
            false => Ok(Outcome::Events(events)),
        }
    }
}

/// Judges an event as the gateway will, so that a dry run and a real one reject the same rows.
pub fn checked(event: &Event, now_us: u64) -> Result<(), String> {
    let envelope = event.envelope.as_ref().map(Message::encode_to_vec).unwrap_or_default();
    let facts = event.facts.as_ref().map(Message::encode_to_vec).unwrap_or_default();
    let person = event.person.as_ref().map(Message::encode_to_vec).unwrap_or_default();
    let parts = Parts { envelope: &envelope, facts: &facts, person: &person };
    check(&parts, now_us).map(drop).map_err(|invalid| invalid.to_string())
}

#[cfg(test)]
mod tests;
