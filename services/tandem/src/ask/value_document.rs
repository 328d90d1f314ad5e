//! A value answer as it is shown.

use super::shown::{Point, Reflects, bare, reach};
use super::value_change::{COLUMNS, Change};
use crate::output::number::{NO_VALUE, currency_of, quantity, share};
use crate::output::table::Table;
use crate::output::{Document, non_empty, or_empty};
use serde::Serialize;
use std::collections::BTreeSet;
use tandem_proto::v1::{self, Dimension, QueryValueResponse};

/// The answer. The field names are those of the JSON document and stay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ValueDocument {
    /// By key, deciles by their number.
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
    /// The points up to which entries count, one per council; empty: all that is reflected counts.
    pub as_of: Vec<Point>,
    /// How the values came from earlier ones; null: it was not asked.
    pub change: Option<Change>,
    /// Whether the text says how each number came about.
    #[serde(skip)]
    pub explain: bool,
    /// Vintages in which areas had the decile, parent and population that the answer rests on; empty: it rests on none.
    pub area_vintages: Vec<String>,
    /// Councils that could not be reached: nothing of them is in the figures. Only if a partial answer was allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_councils: Vec<String>,
    /// The indicator that metrics of outcomes are about; absent: no metric is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indicator: Option<Indicator>,
}

/// An indicator as the answer used it.
#[derive(Clone, Debug, Serialize)]
pub struct Indicator {
    /// Its id.
    pub id: String,
    /// Its unit.
    pub unit: String,
    /// Decimal places of its figures.
    pub decimal_places: u32,
    /// "HIGHER_IS_BETTER" or "LOWER_IS_BETTER".
    pub direction: String,
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
    /// What it was in the earlier period; absent: it is not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
}

/// A figure of the earlier period, and the change since. Fields as in the figure.
#[derive(Clone, Debug, Serialize)]
pub struct Earlier {
    /// Null: no value, which is not zero.
    pub central: Option<String>,
    /// Null: no range.
    pub low: Option<String>,
    /// Null: no range.
    pub high: Option<String>,
    /// Null: not a ratio.
    pub numerator: Option<String>,
    /// Null: not a ratio.
    pub denominator: Option<String>,
    /// Null: all of it by definition.
    pub coverage: Option<Coverage>,
    /// The figure minus this one, from their exact amounts; null: one of them has no value, or is not exact.
    pub change: Option<String>,
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
            rows: by_decile(answer.rows.into_iter().map(Row::from).collect()),
            total: answer.total.map(Row::from),
            definitions: answer.definitions.into_iter().map(Definition::from).collect(),
            valuation: answer.valuation.map(Valuation::from),
            currency: non_empty(answer.currency),
            reflects: answer.reflects.into_iter().map(Reflects::from).collect(),
            indicator: answer.indicator.map(Indicator::from),
            as_of: answer.as_of.into_iter().map(Point::from).collect(),
            change: answer.change.map(Change::from),
            explain: false,
            area_vintages: answer.area_vintages,
            missing_councils: answer.missing_councils,
        }
    }
}

impl From<v1::ValuationRef> for Valuation {
    fn from(valuation: v1::ValuationRef) -> Self {
        Self { id: valuation.id, version: valuation.version }
    }
}

/// Rows come in the order of their keys' bytes, in which "10" is before "2".
fn by_decile(mut rows: Vec<Row>) -> Vec<Row> {
    let decile = |key: &Key| if key.dimension == "decile" { key.value.parse().unwrap_or(0u8) } else { 0 };
    if rows.iter().flat_map(|row| &row.keys).any(|key| decile(key) > 0) {
        let order = |row: &Row| row.keys.iter().map(|key| (decile(key), key.value.clone(), key.coarser, key.overlaps)).collect::<Vec<_>>();
        rows.sort_by_cached_key(order);
    }
    rows
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

impl From<v1::IndicatorUsed> for Indicator {
    fn from(used: v1::IndicatorUsed) -> Self {
        let direction = bare(used.direction().as_str_name(), "DIRECTION_").to_owned();
        Self { id: used.id, unit: used.unit, decimal_places: used.decimal_places, direction }
    }
}

impl From<v1::Coverage> for Coverage {
    fn from(coverage: v1::Coverage) -> Self {
        let v1::Coverage { of, covered, total, unpriced_measures } = coverage;
        Self { of, covered, total, unpriced_measures }
    }
}

impl From<v1::MetricValue> for Figure {
    fn from(value: v1::MetricValue) -> Self {
        let change = value.change;
        let earlier = value.earlier.map(|earlier| Earlier {
            central: earlier.central,
            low: earlier.low,
            high: earlier.high,
            numerator: earlier.numerator,
            denominator: earlier.denominator,
            coverage: earlier.coverage.map(Coverage::from),
            change,
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
            coverage: value.coverage.map(Coverage::from),
            earlier,
        }
    }
}

impl Key {
    /// For people.
    pub fn shown(&self) -> String {
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

    /// What it was and how it changed, if it is compared.
    fn shown_earlier(&self) -> [String; 2] {
        let shown = |text: &Option<String>| text.as_ref().map_or_else(|| NO_VALUE.into(), |text| quantity(text, self.shown_unit()));
        let earlier = self.earlier.as_ref();
        [shown(&earlier.and_then(|earlier| earlier.central.clone())), shown(&earlier.and_then(|earlier| earlier.change.clone()))]
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

/// A column of figures.
struct Column {
    header: String,
    /// Whether any of them rests on less than all.
    rests: bool,
    /// Whether any of them has an earlier one beside it.
    compares: bool,
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
            "areas with a population" => "of areas with a population",
            "entries with a price in an area with a decile" => "priced, with a decile",
            "entries in an area with a decile" => "with a decile",
            of => of,
        }
    }
}

impl Document for ValueDocument {
    fn text(&self) -> String {
        if let Some(change) = &self.change {
            let notes = self.footnotes() + &change.footnotes(&self.as_of, self.valuation.as_ref());
            return change.table(&self.rows, self.key_columns()) + &notes;
        }
        let grouped = self.rows.iter().any(|row| !row.keys.is_empty());
        let table = match (grouped, &self.total) {
            (false, total) => total.as_ref().or(self.rows.first()).map_or_else(|| "nothing in this scope\n".into(), list),
            (true, _) => {
                let tables = [self.matrix(), self.by_measure(), self.by_part()];
                tables.into_iter().flatten().collect::<Vec<_>>().join("\n")
            }
        };
        let points = if self.as_of.is_empty() { String::new() } else { format!("as of {}\n", Point::all(&self.as_of)) };
        table + &self.footnotes() + &if self.explain { self.explanation() } else { points }
    }

    /// One line per figure; the total's lines have `total` in the column `row`.
    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        if let Some(change) = &self.change {
            return self.csv_of_change(change);
        }
        let header = "row,keys,labels,metric,part,unit,central,low,high,numerator,denominator,covered,covered_of";
        let compares = self.compares();
        let header = header.split(',').chain(["earlier", "change"].into_iter().filter(|_| compares)).collect();
        let line = move |kind, row, value: &Figure| [line(kind, row, value), earlier_cells(value, compares)].concat();
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

/// What was, as CSV; nothing if nothing in the answer is compared.
fn earlier_cells(value: &Figure, compares: bool) -> Vec<String> {
    let of = |part: fn(&Earlier) -> &Option<String>| value.earlier.as_ref().map(|earlier| or_empty(part(earlier))).unwrap_or_default();
    if compares { vec![of(|earlier| &earlier.central), of(|earlier| &earlier.change)] } else { Vec::new() }
}

/// One row as a list of its figures.
fn list(row: &Row) -> String {
    let compares = row.values.iter().any(|figure| figure.earlier.is_some());
    let table = Table::new().left("metric").right("value");
    let mut table = (if compares { table.right("before").right("change") } else { table }).left("range").left("rests on");
    for figure in &row.values {
        let earlier = figure.shown_earlier().into_iter().filter(|_| compares);
        table.row([figure.header(), figure.shown()].into_iter().chain(earlier).chain([figure.range(), figure.rests_on()]).collect());
    }
    table.render()
}

impl ValueDocument {
    /// Whether any figure has an earlier one beside it.
    fn compares(&self) -> bool {
        self.all_rows().flat_map(|row| &row.values).any(|figure| figure.earlier.is_some())
    }

    /// One line per changed value: the amounts at the central rates.
    fn csv_of_change(&self, change: &Change) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let header = ["row", "keys", "metric", "unit"].into_iter().chain(COLUMNS).collect();
        let rows = self.rows.iter().zip(&change.rows).map(|(row, change)| ("row", row.keys.as_slice(), change));
        let total = change.total.iter().map(|change| ("total", [].as_slice(), change));
        let lines = rows.chain(total).flat_map(|(kind, keys, change)| {
            let keys: Vec<_> = keys.iter().map(|key: &Key| key.value.clone()).collect();
            let keys = keys.join("|");
            change.metrics.iter().map(move |metric| {
                let amounts = metric.amounts().map(|amount| amount.as_ref().map(|amount| amount.central.clone()).unwrap_or_default());
                [vec![kind.into(), keys.clone(), metric.metric.clone(), metric.unit.clone()], amounts.to_vec()].concat()
            })
        });
        (header, lines.collect())
    }

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
        let compares = self.compares();
        let table = table.left("measure").right("quantity");
        let mut table = if compares { table.right("before").right("change") } else { table };
        for row in &self.rows {
            let keys = padded(row.keys.iter().map(Key::shown).collect());
            for figure in row.values.iter().filter(|figure| figure.is_of_measure()) {
                let earlier = figure.shown_earlier().into_iter().filter(|_| compares).collect();
                table.row([keys.clone(), vec![or_empty(&figure.part), figure.shown()], earlier].concat());
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
        for Column { header, rests, compares } in &columns {
            table = table.right(header);
            if *rests {
                table = table.left("");
            }
            if *compares {
                table = table.right("before").right("change");
            }
        }
        let cells = |row: &Row| -> Vec<String> {
            let figure = |header: &String| row.values.iter().find(|value| value.header() == *header);
            let shown = |Column { header, rests, compares }: &Column| {
                let figure = figure(header);
                let value = figure.map_or_else(|| NO_VALUE.into(), Figure::shown);
                let rests = rests.then(|| figure.map(Figure::rests_on).unwrap_or_default());
                let earlier = figure.map_or([NO_VALUE; 2].map(String::from), Figure::shown_earlier).into_iter().filter(|_| *compares);
                std::iter::once(value).chain(rests).chain(earlier).collect::<Vec<_>>()
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

    /// In the order of the metrics asked.
    fn columns(&self) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::new();
        for metric in &self.definitions {
            let figures = self.all_rows().flat_map(|row| &row.values).filter(|figure| figure.metric == metric.name);
            for figure in figures.filter(|figure| !figure.is_a_line()) {
                let column = Column { header: figure.header(), rests: !figure.rests_on().is_empty(), compares: figure.earlier.is_some() };
                match columns.iter_mut().find(|known| known.header == column.header) {
                    Some(known) => (known.rests, known.compares) = (known.rests || column.rests, known.compares || column.compares),
                    None => columns.push(column),
                }
            }
        }
        columns
    }

    fn footnotes(&self) -> String {
        let figures = || self.all_rows().flat_map(|row| &row.values);
        let keys = || self.rows.iter().flat_map(|row| &row.keys);
        let mut notes = String::from("\n");
        if figures().any(|figure| figure.central.is_none()) || self.change.as_ref().is_some_and(Change::lacks_a_value) {
            notes += "— no value, which is not zero: nothing of it has a price, or there is nothing to divide by\n";
        }
        let lacks_population = |coverage: &Coverage| coverage.of == "areas with a population" && coverage.covered < coverage.total;
        if figures().filter_map(|figure| figure.coverage.as_ref()).any(lacks_population) {
            notes += "per head there is no value while an area has no population: `tandem catalogue import --population` records them\n";
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
        if let Some(Indicator { id, unit, direction, .. }) = &self.indicator {
            notes += &format!("outcomes of {id}, in {unit}: {}\n", direction.to_lowercase().replace('_', " "));
        }
        if self.compares() {
            notes += "before: the same in the period or unit compared with; the change is rounded from exact amounts\n";
        }
        if let Some(valuation) = &self.valuation {
            let money = figures().any(|figure| currency_of(&figure.unit).is_some());
            let currency = self.currency.as_deref().filter(|_| money).map(|currency| format!(", in {currency}")).unwrap_or_default();
            notes += &format!("valued by {}@{}{currency}\n", valuation.id, valuation.version);
        }
        if !self.missing_councils.is_empty() {
            notes +=
                &format!("PARTIAL: the books of {} could not be reached; nothing of them is in these figures\n", self.missing_councils.join(", "));
        }
        if !self.area_vintages.is_empty() {
            notes += &format!("areas as in {}\n", self.area_vintages.join(", "));
        }
        notes + &reach(&self.reflects)
    }
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "value_change_tests.rs"]
mod change_tests;
