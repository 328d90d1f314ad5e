//! The change of an answer's values since an earlier one: from every council, added exactly, and turned into figures.

use crate::page::Sent;
use crate::value::{OfCouncil, add};
use prost::Message;
use tandem_domain::metrics::{Answer, Change, ChangeFigure, Metric, Money, Partial, Unexplained};
use tandem_proto::internal::v1::AggregateChange;
use tandem_proto::v1::{ChangeRow, CouncilAsOf, ValuationRef, ValueChange, ValueRow};
use tandem_wire::change::{effect_definitions, from_change, to_metric_change};
use tandem_wire::status::Failure;

/// A change, and the points that it is counted from.
pub(crate) struct Changed {
    change: Change,
    from: Vec<CouncilAsOf>,
}

/// One row's changes.
type Row = Result<ChangeRow, Unexplained>;

impl Changed {
    /// One council's.
    pub fn of_council(change: AggregateChange) -> Result<Self, Failure> {
        let (change, from) = from_change(change)?;
        Ok(Self { change, from: vec![from] })
    }

    /// Takes and adds those of the councils; none if none was asked for.
    pub fn add(councils: &mut [OfCouncil]) -> Result<Option<Self>, Failure> {
        let changes = councils.iter_mut().filter_map(|council| council.change.take()).collect();
        add(changes, |sum: &mut Self, other| {
            sum.from.extend(other.from);
            sum.change.merge(other.change)
        })
    }

    /// Gives the answer the rows that had something only before.
    pub fn align(&mut self, answer: &mut Answer) {
        self.change.align(answer);
    }

    /// A group's changes, in the order of the metrics.
    pub fn row(&self, metrics: &[&'static Metric], group: &Partial, money: Money<'_>) -> Row {
        row(metrics, |metric| self.change.of_group(metric, group, money))
    }

    /// The changes of a page; `total` only on the first.
    pub fn answer(
        self,
        metrics: &[&'static Metric],
        rows: Vec<Option<Row>>,
        total: Option<&Partial>,
        money: Money<'_>,
    ) -> Result<ValueChange, Failure> {
        let total = total.map(|total| row(metrics, |metric| self.change.of_total(metric, total, money)));
        Ok(ValueChange {
            rows: rows.into_iter().flatten().collect::<Result<_, _>>().map_err(unexplained)?,
            total: total.transpose().map_err(unexplained)?,
            from_valuation: self.change.from.valuation.as_ref().map(|used| ValuationRef { id: used.id.clone(), version: used.version }),
            from_as_of: self.from,
            effects: effect_definitions(),
            amount_denominator: self.change.denominator,
        })
    }
}

fn row(metrics: &[&'static Metric], figure: impl Fn(&Metric) -> Result<ChangeFigure, Unexplained>) -> Row {
    let changes = metrics.iter().map(|metric| figure(metric).map(to_metric_change));
    Ok(ChangeRow { metrics: changes.collect::<Result<_, _>>()? })
}

fn unexplained(why: Unexplained) -> Failure {
    match why {
        Unexplained::Overflow => Failure::Precondition { reason: "AMOUNTS_TOO_LARGE", subject: "scope".into(), description: why.to_string() },
        Unexplained::Incomplete(_) => Failure::Internal(why.to_string()),
    }
}

impl Sent for (ValueRow, Option<Row>) {
    fn bytes(&self) -> usize {
        let change = self.1.as_ref().and_then(|row| row.as_ref().ok());
        self.0.bytes() + change.map_or(0, |row| row.encoded_len() + 4)
    }
}
