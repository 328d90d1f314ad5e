//! The explained change of values as it is shown: a line per row and metric, with the effects side by side.

use super::shown::Point;
use super::value_document::{Key, Row, Valuation};
use crate::output::number::{NO_VALUE, quantity};
use crate::output::table::Table;
use crate::output::wrapped;
use serde::Serialize;
use tandem_proto::v1;

/// The change. The field names are those of the JSON document and stay.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// One per row of the document, in the same order.
    pub rows: Vec<ChangeRow>,
    /// Of the whole scope; null only if the server sent none.
    pub total: Option<ChangeRow>,
    /// The first valuation.
    pub from_valuation: Option<Valuation>,
    /// The first points.
    pub from_as_of: Vec<Point>,
    /// How each effect is defined.
    pub effects: Vec<Effect>,
    /// What "exact" amounts are in: 1 ÷ this of the minor unit.
    pub amount_denominator: u64,
}

/// The changes in one row.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeRow {
    /// One per metric.
    pub metrics: Vec<MetricChange>,
}

/// One metric's change. Null: no value.
#[derive(Clone, Debug, Serialize)]
pub struct MetricChange {
    /// Metric name.
    pub metric: String,
    /// "GBP{minor}".
    pub unit: String,
    /// At the first point, by the first valuation.
    pub from: Option<Amount>,
    /// At the second.
    pub to: Option<Amount>,
    /// The difference.
    pub change: Option<Amount>,
    /// What was recorded in between.
    pub quantity: Option<Amount>,
    /// Cures and reversals in between.
    pub correction: Option<Amount>,
    /// Other rates.
    pub rate: Option<Amount>,
    /// What only one valuation prices.
    pub coverage: Option<Amount>,
}

/// An amount at the three rates, each rounded by itself.
#[derive(Clone, Debug, Serialize)]
pub struct Amount {
    /// At the central rates.
    pub central: String,
    /// At the low rates.
    pub low: String,
    /// At the high rates.
    pub high: String,
    /// At the central rates, before rounding.
    pub exact: String,
}

/// How an effect is defined.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    /// Its name.
    pub name: String,
    /// In words.
    pub definition: String,
}

impl From<v1::ValueChange> for Change {
    fn from(change: v1::ValueChange) -> Self {
        let effect = |effect: v1::EffectDefinition| Effect { name: effect.name, definition: effect.definition };
        Self {
            rows: change.rows.into_iter().map(ChangeRow::from).collect(),
            total: change.total.map(ChangeRow::from),
            from_valuation: change.from_valuation.map(Valuation::from),
            from_as_of: change.from_as_of.into_iter().map(Point::from).collect(),
            effects: change.effects.into_iter().map(effect).collect(),
            amount_denominator: change.amount_denominator,
        }
    }
}

impl From<v1::ChangeRow> for ChangeRow {
    fn from(row: v1::ChangeRow) -> Self {
        Self { metrics: row.metrics.into_iter().map(MetricChange::from).collect() }
    }
}

impl From<v1::MetricChange> for MetricChange {
    fn from(change: v1::MetricChange) -> Self {
        let amount = |amount: v1::ChangeAmount| Amount { central: amount.central, low: amount.low, high: amount.high, exact: amount.exact };
        Self {
            metric: change.metric,
            unit: change.unit,
            from: change.from.map(amount),
            to: change.to.map(amount),
            change: change.change.map(amount),
            quantity: change.quantity.map(amount),
            correction: change.correction.map(amount),
            rate: change.rate.map(amount),
            coverage: change.coverage.map(amount),
        }
    }
}

/// Columns of amounts.
pub const COLUMNS: [&str; 7] = ["from", "to", "change", "quantity", "correction", "rate", "coverage"];

impl MetricChange {
    /// In the order of [`COLUMNS`].
    pub fn amounts(&self) -> [&Option<Amount>; 7] {
        [&self.from, &self.to, &self.change, &self.quantity, &self.correction, &self.rate, &self.coverage]
    }

    fn cells(&self) -> Vec<String> {
        let shown = |amount: &Option<Amount>| amount.as_ref().map_or_else(|| NO_VALUE.into(), |amount| quantity(&amount.central, &self.unit));
        std::iter::once(self.metric.clone()).chain(self.amounts().map(shown)).collect()
    }
}

impl Change {
    /// The table. `keys` has a column for each key, and fills these of a row.
    pub fn table(&self, rows: &[Row], (table, padded): (Table, impl Fn(Vec<String>) -> Vec<String>)) -> String {
        let mut table = COLUMNS.iter().fold(table.left("value"), |table, column| table.right(*column));
        let grouped = rows.iter().any(|row| !row.keys.is_empty());
        for (row, change) in rows.iter().zip(&self.rows).filter(|_| grouped) {
            for metric in &change.metrics {
                table.row([padded(row.keys.iter().map(Key::shown).collect()), metric.cells()].concat());
            }
        }
        // Without groups the whole scope is the only row; with them its lines stand below, a line each.
        for metric in self.total.iter().flat_map(|total| &total.metrics) {
            table.row([padded(vec!["all".into()]), metric.cells()].concat());
        }
        table.render()
    }

    /// Whether any amount of it is none.
    pub fn lacks_a_value(&self) -> bool {
        let metrics = self.rows.iter().chain(&self.total).flat_map(|row| &row.metrics);
        metrics.flat_map(|metric| metric.amounts()).any(Option::is_none)
    }

    /// What stands below the table.
    pub fn footnotes(&self, to: &[Point], valuation: Option<&Valuation>) -> String {
        let side = |name: &str, points: &[Point], valuation: Option<&Valuation>| {
            let valuation = valuation.map(|valuation| format!(", valued by {}@{}", valuation.id, valuation.version)).unwrap_or_default();
            format!("{name}: {}{valuation}\n", Point::all(points))
        };
        let mut notes = side("from", &self.from_as_of, self.from_valuation.as_ref());
        notes += &side("to", to, valuation);
        for effect in &self.effects {
            notes += &wrapped(&format!("{}: {}", effect.name, effect.definition), "  ");
        }
        notes + "each amount is rounded by itself, so that parts may not add up; the \"exact\" ones of --json do\n"
    }
}
