//! A value answer as it is shown.

use super::shown::{Reflects, bare, reach};
use crate::output::number::{NO_VALUE, currency_of, quantity, share};
use crate::output::table::Table;
use crate::output::{Document, non_empty, or_empty};
use serde::Serialize;
use std::collections::BTreeSet;
use tandem_proto::v1::{self, Dimension, QueryValueResponse};

/// The answer. The field names are those of the JSON document and stay.
#[derive(Clone, Debug, Serialize)]
pub struct ValueDocument {
    /// By key.
    pub rows: Vec<Row>,
    /// The whole scope, computed as such; null only if the server sent none.
    pub total: Option<Row>,
    /// How each metric is defined.
    pub definitions: Vec<Definition>,
    /// The valuation used; null: none.
    pub valuation: Option<Valuation>,
    /// ISO 4217 code of the valuation; null: none.
    pub currency: Option<String>,
    /// Positions that every row reflects at least.
    pub reflects: Vec<Reflects>,
}

/// One row.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// One per dimension.
    pub keys: Vec<Key>,
    /// One per metric and part.
    pub values: Vec<Figure>,
}

/// The value of a dimension.
#[derive(Clone, Debug, Serialize)]
pub struct Key {
    /// "service", "month" and so on.
    pub dimension: String,
    /// An id or a period; empty: none.
    pub value: String,
    /// A name for people; null: none is known.
    pub label: Option<String>,
    /// Whether its entries span more than the calendar unit asked.
    pub coarser: bool,
    /// Whether they reach beyond the period asked.
    pub overlaps: bool,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Metric name.
    pub metric: String,
    /// Which part of it; null: the whole.
    pub part: Option<String>,
    /// "GBP{minor}" for money, UCUM otherwise, "1" for ratios.
    pub unit: String,
    /// Decimal text; null: no value, which is not zero.
    pub central: Option<String>,
    /// At the low rates; null: no range.
    pub low: Option<String>,
    /// At the high rates; null: no range.
    pub high: Option<String>,
    /// Of a ratio before rounding; null: not a ratio.
    pub numerator: Option<String>,
    /// Of a ratio before rounding; null: not a ratio.
    pub denominator: Option<String>,
    /// What it rests on; null: all of it by definition.
    pub coverage: Option<Coverage>,
}

/// What share of something a figure rests on.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    /// What is counted.
    pub of: String,
    /// How many have it.
    pub covered: u64,
    /// Out of how many.
    pub total: u64,
    /// Measures without a price.
    pub unpriced_measures: Vec<String>,
}

/// How a metric is defined.
#[derive(Clone, Debug, Serialize)]
pub struct Definition {
    /// Metric name.
    pub name: String,
    /// In words.
    pub definition: String,
    /// Unit.
    pub unit: String,
    /// Denominator in words; null: none.
    pub denominator: Option<String>,
}

/// A valuation in one version.
#[derive(Clone, Debug, Serialize)]
pub struct Valuation {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
}

impl From<QueryValueResponse> for ValueDocument {
    fn from(answer: QueryValueResponse) -> Self {
        Self {
            rows: answer.rows.into_iter().map(Row::from).collect(),
            total: answer.total.map(Row::from),
            definitions: answer.definitions.into_iter().map(Definition::from).collect(),
            valuation: answer.valuation.map(|valuation| Valuation { id: valuation.id, version: valuation.version }),
            currency: non_empty(answer.currency),
            reflects: answer.reflects.into_iter().map(Reflects::from).collect(),
        }
    }
}

impl From<v1::MetricDefinition> for Definition {
    fn from(metric: v1::MetricDefinition) -> Self {
        Self { name: metric.name, definition: metric.definition, unit: metric.unit, denominator: non_empty(metric.denominator) }
    }
}

impl From<v1::ValueRow> for Row {
    fn from(row: v1::ValueRow) -> Self {
        Self { keys: row.keys.into_iter().map(Key::from).collect(), values: row.values.into_iter().map(Figure::from).collect() }
    }
}

impl From<v1::GroupKey> for Key {
    fn from(key: v1::GroupKey) -> Self {
        let dimension = Dimension::try_from(key.dimension).unwrap_or_default();
        let dimension = bare(dimension.as_str_name(), "DIMENSION_").to_lowercase();
        Self { dimension, value: key.value, label: non_empty(key.label), coarser: key.coarser, overlaps: key.overlaps }
    }
}

impl From<v1::MetricValue> for Figure {
    fn from(value: v1::MetricValue) -> Self {
        let coverage = value.coverage.map(|coverage| Coverage {
            of: coverage.of,
            covered: coverage.covered,
            total: coverage.total,
            unpriced_measures: coverage.unpriced_measures,
        });
        Self {
            metric: value.metric,
            part: non_empty(value.part),
            unit: value.unit,
            central: value.central,
            low: value.low,
            high: value.high,
            numerator: value.numerator,
            denominator: value.denominator,
            coverage,
        }
    }
}

impl Key {
    fn shown(&self) -> String {
        let value = match (&self.label, self.value.as_str()) {
            (Some(label), _) => label,
            (None, "") => NO_VALUE,
            (None, value) => value,
        };
        let mark = |is: bool, mark: &'static str| if is { mark } else { "" };
        format!("{value}{}{}", mark(self.coarser, " *"), mark(self.overlaps, " †"))
    }
}

impl Figure {
    /// What stands above it: the metric and its part.
    fn header(&self) -> String {
        self.part.as_ref().map_or_else(|| self.metric.clone(), |part| format!("{} {part}", self.metric))
    }

    fn shown(&self) -> String {
        self.central.as_ref().map_or_else(|| NO_VALUE.into(), |central| quantity(central, self.shown_unit()))
    }

    /// What a count counts stands in its metric's name; only a measure's own unit needs to be said.
    fn shown_unit(&self) -> &str {
        if self.unit.starts_with('{') && !self.is_of_measure() { "" } else { &self.unit }
    }

    /// Whether its part is a measure: there may be very many of those.
    fn is_of_measure(&self) -> bool {
        self.metric == "quantity"
    }

    /// Whether it is one of several of a measure.
    fn is_of_a_measures_part(&self) -> bool {
        matches!(self.metric.as_str(), "concentration" | "willingness_gap")
    }

    /// Whether it stands in a line of its own: there may be very many of those.
    fn is_a_line(&self) -> bool {
        self.is_of_measure() || self.is_of_a_measures_part()
    }

    fn range(&self) -> String {
        match (&self.low, &self.high) {
            (Some(low), Some(high)) if low != high => format!("{} – {}", quantity(low, &self.unit), quantity(high, &self.unit)),
            _ => String::new(),
        }
    }

    /// "71 % priced" where it rests on less than all.
    fn rests_on(&self) -> String {
        match &self.coverage {
            Some(coverage) if coverage.covered < coverage.total => format!("{} {}", share(coverage.covered, coverage.total), coverage.word()),
            _ => String::new(),
        }
    }
}

impl Coverage {
    /// "priced" and so on, from what is counted.
    fn word(&self) -> &str {
        match self.of.as_str() {
            "entries with an actor and a price" => "with both",
            "entries in a month, with an actor" => "known",
            "contributions that name a pledge and are of its measure" => "of its measure",
            "entries of individual budgets of which it is known who chose" => "known",
            of if of.ends_with("price") || of.ends_with("priced") => "priced",
            of if of.ends_with("actor") => "with an actor",
            of => of,
        }
    }
}

impl Document for ValueDocument {
    fn text(&self) -> String {
        let grouped = self.rows.iter().any(|row| !row.keys.is_empty());
        let table = match (grouped, &self.total) {
            (false, total) => total.as_ref().or(self.rows.first()).map_or_else(|| "nothing in this scope\n".into(), list),
            (true, _) => {
                let tables = [self.matrix(), self.by_measure(), self.by_part()];
                tables.into_iter().flatten().collect::<Vec<_>>().join("\n")
            }
        };
        table + &self.footnotes()
    }

    /// One line per figure; the total's lines have `total` in the column `row`.
    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let header = "row,keys,labels,metric,part,unit,central,low,high,numerator,denominator,covered,covered_of";
        let header = header.split(',').collect();
        let rows = self.rows.iter().flat_map(|row| row.values.iter().map(move |value| line("row", row, value)));
        let total = self.total.iter().flat_map(|row| row.values.iter().map(move |value| line("total", row, value)));
        (header, rows.chain(total).collect())
    }
}

/// One figure as CSV. Keys are joined by a bar, which no id contains.
fn line(kind: &str, row: &Row, value: &Figure) -> Vec<String> {
    let join = |of: fn(&Key) -> String| row.keys.iter().map(of).collect::<Vec<_>>().join("|");
    let coverage = |of: fn(&Coverage) -> u64| value.coverage.as_ref().map(|coverage| of(coverage).to_string()).unwrap_or_default();
    vec![
        kind.into(),
        join(|key| key.value.clone()),
        join(|key| or_empty(&key.label)),
        value.metric.clone(),
        or_empty(&value.part),
        value.unit.clone(),
        or_empty(&value.central),
        or_empty(&value.low),
        or_empty(&value.high),
        or_empty(&value.numerator),
        or_empty(&value.denominator),
        coverage(|coverage| coverage.covered),
        coverage(|coverage| coverage.total),
    ]
}

/// One row as a list of its figures.
fn list(row: &Row) -> String {
    let mut table = Table::new().left("metric").right("value").left("range").left("rests on");
    for figure in &row.values {
        table.row(vec![figure.header(), figure.shown(), figure.range(), figure.rests_on()]);
    }
    table.render()
}

impl ValueDocument {
    fn all_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().chain(&self.total)
    }

    /// A table with a column for each dimension, and how to fill these of a row.
    fn key_columns(&self) -> (Table, impl Fn(Vec<String>) -> Vec<String> + use<>) {
        // What only overlaps the period has one key more, its period, if none was asked.
        let longest = self.rows.iter().map(|row| &row.keys).reduce(|longest, keys| if keys.len() > longest.len() { keys } else { longest });
        let width = longest.map_or(0, Vec::len);
        let table = longest.into_iter().flatten().fold(Table::new(), |table, key| table.left(&key.dimension));
        (table, move |keys| keys.into_iter().chain(std::iter::repeat(String::new())).take(width).collect())
    }

    /// A line for each measure of each row.
    fn by_measure(&self) -> Option<String> {
        let (table, padded) = self.key_columns();
        let mut table = table.left("measure").right("quantity");
        for row in &self.rows {
            let keys = padded(row.keys.iter().map(Key::shown).collect());
            for figure in row.values.iter().filter(|figure| figure.is_of_measure()) {
                table.row([keys.clone(), vec![or_empty(&figure.part), figure.shown()]].concat());
            }
        }
        (!table.is_empty()).then(|| table.render())
    }

    /// A line for each part of each measure of each row, and of the whole scope.
    fn by_part(&self) -> Option<String> {
        let (table, padded) = self.key_columns();
        let mut table = table.left("metric").right("value").left("rests on");
        let total = self.total.iter().map(|total| (vec!["all".into()], total));
        for (keys, row) in self.rows.iter().map(|row| (row.keys.iter().map(Key::shown).collect(), row)).chain(total) {
            let keys: Vec<String> = padded(keys);
            for figure in row.values.iter().filter(|figure| figure.is_of_a_measures_part()) {
                table.row([keys.clone(), vec![figure.header(), figure.shown(), figure.rests_on()]].concat());
            }
        }
        (!table.is_empty()).then(|| table.render())
    }

    /// Rows by keys, a column per figure, and beside it what it rests on where that is not always all.
    fn matrix(&self) -> Option<String> {
        let columns = self.columns();
        if columns.is_empty() {
            return None;
        }
        let (mut table, padded) = self.key_columns();
        for (header, rests) in &columns {
            table = table.right(header);
            if *rests {
                table = table.left("");
            }
        }
        let cells = |row: &Row| -> Vec<String> {
            let figure = |header: &String| row.values.iter().find(|value| value.header() == *header);
            let shown = |(header, rests): &(String, bool)| {
                let figure = figure(header);
                let value = figure.map_or_else(|| NO_VALUE.into(), Figure::shown);
                std::iter::once(value).chain(rests.then(|| figure.map(Figure::rests_on).unwrap_or_default())).collect::<Vec<_>>()
            };
            columns.iter().flat_map(shown).collect()
        };
        for row in &self.rows {
            table.row([padded(row.keys.iter().map(Key::shown).collect()), cells(row)].concat());
        }
        if let Some(total) = &self.total {
            table.last([padded(vec!["all".into()]), cells(total)].concat());
        }
        Some(table.render())
    }

    /// The figures' headers in the order of the metrics asked, and whether any rests on less than all.
    fn columns(&self) -> Vec<(String, bool)> {
        let mut columns: Vec<(String, bool)> = Vec::new();
        for metric in &self.definitions {
            let figures = self.all_rows().flat_map(|row| &row.values).filter(|figure| figure.metric == metric.name);
            for figure in figures.filter(|figure| !figure.is_a_line()) {
                let (header, rests) = (figure.header(), !figure.rests_on().is_empty());
                match columns.iter_mut().find(|(known, _)| *known == header) {
                    Some((_, known)) => *known |= rests,
                    None => columns.push((header, rests)),
                }
            }
        }
        columns
    }

    fn footnotes(&self) -> String {
        let figures = || self.all_rows().flat_map(|row| &row.values);
        let keys = || self.rows.iter().flat_map(|row| &row.keys);
        let mut notes = String::from("\n");
        if figures().any(|figure| figure.central.is_none()) {
            notes += "— no value, which is not zero: nothing of it has a price, or there is nothing to divide by\n";
        }
        if keys().any(|key| key.coarser) {
            notes += "* entries whose own span is longer than the unit asked; they are not spread over it\n";
        }
        if keys().any(|key| key.overlaps) {
            notes += "† entries whose span reaches beyond the period asked\n";
        }
        let unpriced: BTreeSet<&str> =
            figures().filter_map(|figure| figure.coverage.as_ref()).flat_map(|coverage| &coverage.unpriced_measures).map(String::as_str).collect();
        if !unpriced.is_empty() {
            notes += &format!("without a price: {}\n", unpriced.into_iter().collect::<Vec<_>>().join(", "));
        }
        if let Some(valuation) = &self.valuation {
            let money = figures().any(|figure| currency_of(&figure.unit).is_some());
            let currency = self.currency.as_deref().filter(|_| money).map(|currency| format!(", in {currency}")).unwrap_or_default();
            notes += &format!("valued by {}@{}{currency}\n", valuation.id, valuation.version);
        }
        notes + &reach(&self.reflects)
    }
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
