//! The same question by several valuations, side by side.

use super::value_document::{Definition, Figure, Row, ValueDocument};
use crate::output::Document;
use serde::Serialize;
use tandem_domain::metrics::find;

/// One answer per valuation, in the order asked. The field names are those of the JSON document and stay.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    /// The answers.
    pub answers: Vec<ValueDocument>,
}

impl Beside {
    /// Whether every answer reflects the same entries.
    pub fn reflect_the_same(&self) -> bool {
        let reach = |answer: &ValueDocument| answer.reflects.iter().map(|reflects| (reflects.council.clone(), reflects.entries)).collect::<Vec<_>>();
        let mut answers = self.answers.iter();
        answers.next().is_none_or(|first| answers.all(|other| reach(other) == reach(first)))
    }

    /// One document whose priced metrics stand once for each valuation, with its name.
    fn joined(&self) -> ValueDocument {
        let Some((first, others)) = self.answers.split_first() else {
            return ValueDocument::default();
        };
        let mut joined = first.clone();
        joined.rename(|_| true);
        for other in others {
            let mut other = other.clone();
            // What no price touches is the same in all of them.
            other.rename(is_priced);
            joined.definitions.extend(other.definitions);
            join(&mut joined.total, other.total);
            for row in other.rows {
                match joined.rows.iter_mut().find(|known| known.is_same_group(&row)) {
                    Some(known) => known.values.extend(row.values),
                    None => joined.rows.push(row),
                }
            }
        }
        // Their names say it.
        joined.valuation = None;
        joined
    }
}

fn join(sum: &mut Option<Row>, other: Option<Row>) {
    match (sum, other) {
        (Some(sum), Some(other)) => sum.values.extend(other.values),
        (sum @ None, other) => *sum = other,
        _ => {}
    }
}

fn is_priced(name: &str) -> bool {
    find(name).is_ok_and(|metric| metric.needs.valuation || metric.needs.exchange_values)
}

impl Row {
    fn is_same_group(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len()
            && self.keys.iter().zip(&other.keys).all(|(a, b)| (&a.value, a.coarser, a.overlaps) == (&b.value, b.coarser, b.overlaps))
    }
}

impl ValueDocument {
    /// Keeps some metrics, and puts the valuation behind the names of those that are priced.
    fn rename(&mut self, keep: impl Fn(&str) -> bool) {
        let name = self.valuation.as_ref().map(|valuation| format!(" {}@{}", valuation.id, valuation.version)).unwrap_or_default();
        let renamed = |metric: &str| if is_priced(metric) { format!("{metric}{name}") } else { metric.to_owned() };
        self.definitions.retain(|definition: &Definition| keep(&definition.name));
        self.definitions.iter_mut().for_each(|definition| definition.name = renamed(&definition.name));
        for row in self.rows.iter_mut().chain(&mut self.total) {
            row.values.retain(|figure: &Figure| keep(&figure.metric));
            row.values.iter_mut().for_each(|figure| figure.metric = renamed(&figure.metric));
        }
    }
}

impl Document for Beside {
    fn text(&self) -> String {
        let differ = if self.reflect_the_same() { "" } else { "the answers reflect different entries: ask with --as-of for the same ones\n" };
        let mut joined = self.joined();
        joined.explain = false;
        let explained = self.answers.iter().filter(|answer| answer.explain).map(ValueDocument::explanation);
        joined.text() + differ + &explained.collect::<String>()
    }

    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        self.joined().csv()
    }
}
