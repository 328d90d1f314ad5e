//! How each number of a value answer came about: definition, prices, denominator, what it rests on, and how far it reaches.

use super::shown::{Point, reach};
use super::value_document::{Definition, ValueDocument};
use crate::output::wrapped;
use tandem_domain::metrics::find;

impl ValueDocument {
    /// The explanation, below the answer.
    pub fn explanation(&self) -> String {
        let metrics: String = self.definitions.iter().map(|definition| self.of_metric(definition)).collect();
        let points = if self.as_of.is_empty() { String::new() } else { format!("as of {}\n", Point::all(&self.as_of)) };
        let positions = self.reflects.iter().filter_map(|reflects| Some(format!("{} {}", reflects.council, reflects.position.as_ref()?)));
        let positions: String = positions.map(|position| format!("position {position}\n")).collect();
        format!("\nhow each number came about\n\n{metrics}{points}{}{positions}", reach(&self.reflects))
    }

    fn of_metric(&self, definition: &Definition) -> String {
        let Definition { name, definition, unit, denominator } = definition;
        let mut text = format!("{name}, in {unit}\n{}", indented(definition));
        if let Some(denominator) = denominator {
            text += &indented(&format!("divided by {denominator}"));
        }
        if let Some(valuation) =
            self.valuation.as_ref().filter(|_| find(name).is_ok_and(|metric| metric.needs.valuation || metric.needs.exchange_values))
        {
            let currency = self.currency.as_deref().unwrap_or_default();
            text += &indented(&format!("valued by {}@{}, in {currency}", valuation.id, valuation.version));
        }
        let figures = self.total.iter().flat_map(|total| &total.values).filter(|figure| figure.metric == *name);
        for figure in figures {
            let part = figure.part.as_ref().map(|part| format!("{part}: ")).unwrap_or_default();
            if let (Some(numerator), Some(denominator)) = (&figure.numerator, &figure.denominator) {
                text += &indented(&format!("{part}in the whole scope {numerator} ÷ {denominator}"));
            }
            if let Some(coverage) = &figure.coverage {
                let missing = if coverage.unpriced_measures.is_empty() {
                    String::new()
                } else {
                    format!("; without a price: {}", coverage.unpriced_measures.join(", "))
                };
                text += &indented(&format!("{part}rests on {} of {} {}{missing}", coverage.covered, coverage.total, coverage.of));
            }
        }
        text + "\n"
    }
}

fn indented(text: &str) -> String {
    wrapped(text, "  ").lines().map(|line| format!("  {line}\n")).collect()
}
