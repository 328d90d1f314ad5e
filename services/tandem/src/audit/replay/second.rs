//! What the second implementation comes to, against the live server's answers.

use super::compare::{Difference, Incomparable};
use super::questions::{Answerer, Page, Question};
use crate::audit::independent::{Price, Tally, cells_label};
use std::collections::BTreeMap;
use tandem_proto::v1::{Dimension, ExchangeState, GetStatusRequest, ListExchangesRequest, QueryValueRequest, Scope, ValuationRef};
use tandem_query::Transport;

/// Rows by label: figure by figure.
type Rows = BTreeMap<String, BTreeMap<String, String>>;

/// Asks the server for every total of the recount. `entries`: those that were recounted.
pub async fn compare<T: Transport>(
    live: &mut Answerer<'_, T>,
    council: &str,
    tally: &Tally,
    price: Option<&Price>,
    entries: u64,
) -> Result<(u64, Vec<Difference>), Incomparable> {
    let mut second = Second { live, council, entries, compared: 0, differences: Vec::new() };
    second.counts(tally).await?;
    second.cells(tally).await?;
    second.sides(tally).await?;
    second.participants(tally).await?;
    second.exchanges(tally).await?;
    if let Some(price) = price {
        second.values(tally, price).await?;
    }
    Ok((second.compared, second.differences))
}

struct Second<'a, 'b, T> {
    live: &'a mut Answerer<'b, T>,
    council: &'a str,
    entries: u64,
    compared: u64,
    differences: Vec<Difference>,
}

impl<T: Transport> Second<'_, '_, T> {
    /// All rows of an answer.
    async fn rows(&mut self, question: &Question) -> Result<Rows, Incomparable> {
        let (mut rows, mut token) = (Rows::new(), String::new());
        loop {
            let page = self.live.page(question, &token).await;
            let Page { rows: more, next, entries } =
                page.map_err(|status| Incomparable::Failed(format!("{}: {}", question.words(), status.message())))?;
            if entries != self.entries {
                return Err(Incomparable::Grown(entries));
            }
            rows.extend(more.into_iter().map(|row| (row.label, row.figures.into_iter().collect())));
            if next.is_empty() {
                return Ok(rows);
            }
            token = next;
        }
    }

    fn question(&self, metrics: &[&str], group_by: &[Dimension], valuation: Option<ValuationRef>) -> Question {
        Question::Value(Box::new(QueryValueRequest {
            scope: Some(Scope { councils: vec![self.council.into()], ..Scope::default() }),
            metrics: metrics.iter().map(|name| (*name).into()).collect(),
            group_by: group_by.iter().map(|dimension| i32::from(*dimension)).collect(),
            valuation,
            ..Default::default()
        }))
    }

    /// Compares one figure; `None`: it should not be there.
    fn figure(&mut self, question: &Question, row: &str, figure: &str, live: Option<String>, counted: Option<String>) {
        self.compared += 1;
        if live != counted {
            let question = format!("second count of {}", question.words());
            self.differences.push(Difference { question, row: row.into(), figure: figure.into(), live, replayed: counted });
        }
    }

    async fn counts(&mut self, tally: &Tally) -> Result<(), Incomparable> {
        let question = Question::Status(GetStatusRequest { councils: vec![self.council.into()], ..Default::default() });
        let rows = self.rows(&question).await?;
        for (name, count) in ["applied", "suspended", "reversed"].into_iter().zip(tally.counts) {
            let said = rows.get("counts").and_then(|row| row.get(name)).cloned();
            self.figure(&question, "counts", name, said, Some(count.to_string()));
        }
        Ok(())
    }

    async fn cells(&mut self, tally: &Tally) -> Result<(), Incomparable> {
        let question = self.question(&["quantity", "entries"], &[Dimension::Service, Dimension::Measure, Dimension::Month], None);
        let mut rows = self.rows(&question).await?;
        rows.remove("the whole");
        for ((service, measure, unit), (quantity, count)) in &tally.cells {
            let label = cells_label(service, measure, unit);
            let row = rows.remove(&label).unwrap_or_default();
            self.figure(&question, &label, "quantity", central(&row, &format!("quantity ({measure})")), Some(quantity.to_string()));
            self.figure(&question, &label, "entries", central(&row, "entries"), Some(count.to_string()));
        }
        // A row of nothing but zeroes is as good as none.
        for (label, row) in rows {
            let entries = central(&row, "entries");
            if entries.as_deref() != Some("0") {
                self.figure(&question, &label, "entries", entries, None);
            }
        }
        Ok(())
    }

    async fn sides(&mut self, tally: &Tally) -> Result<(), Incomparable> {
        let question = self.question(&["entries"], &[Dimension::Side], None);
        let rows = self.rows(&question).await?;
        for (side, count) in ["CITIZEN", "STATE"].into_iter().zip(tally.sides) {
            let label = format!("side {side}");
            let said = rows.get(&label).and_then(|row| central(row, "entries")).unwrap_or_else(|| "0".into());
            self.figure(&question, &label, "entries", Some(said), Some(count.to_string()));
        }
        Ok(())
    }

    async fn participants(&mut self, tally: &Tally) -> Result<(), Incomparable> {
        let question = self.question(&["participants"], &[Dimension::Service], None);
        let mut rows = self.rows(&question).await?;
        let all = rows.remove("the whole").and_then(|row| central(&row, "participants")).unwrap_or_else(|| "0".into());
        self.figure(&question, "the whole", "participants", Some(all), Some(tally.participants_all.to_string()));
        for (service, count) in &tally.participants {
            let label = format!("service {service}");
            let said = rows.remove(&label).and_then(|row| central(&row, "participants"));
            self.figure(&question, &label, "participants", said, Some(count.to_string()));
        }
        for (label, row) in rows {
            let said = central(&row, "participants");
            if said.as_deref().is_some_and(|count| count != "0") {
                self.figure(&question, &label, "participants", said, None);
            }
        }
        Ok(())
    }

    async fn exchanges(&mut self, tally: &Tally) -> Result<(), Incomparable> {
        let states = [ExchangeState::OneSidedCitizen, ExchangeState::OneSidedState, ExchangeState::TwoSided, ExchangeState::Empty];
        for state in states {
            let request = ListExchangesRequest { council: self.council.into(), states: vec![state.into()], ..Default::default() };
            let (question, mut count, mut token) = (Question::Exchanges(request), 0, String::new());
            loop {
                let page = self.live.page(&question, &token).await.map_err(|status| Incomparable::Failed(status.message().to_owned()))?;
                if page.entries != self.entries {
                    return Err(Incomparable::Grown(page.entries));
                }
                count += page.rows.len();
                token = page.next;
                if token.is_empty() {
                    break;
                }
            }
            let counted = tally.exchanges.get(&i32::from(state)).copied().unwrap_or_default();
            self.figure(&question, state.as_str_name(), "count", Some(count.to_string()), Some(counted.to_string()));
        }
        Ok(())
    }

    async fn values(&mut self, tally: &Tally, price: &Price) -> Result<(), Incomparable> {
        let valuation = ValuationRef { id: price.id.clone(), version: price.version };
        let question = self.question(&["citizen_value", "state_value"], &[], Some(valuation));
        let rows = self.rows(&question).await?;
        for (metric, counted) in ["citizen_value", "state_value"].into_iter().zip(tally.values) {
            let said = rows.get("the whole").and_then(|row| central(row, metric));
            self.figure(&question, "the whole", metric, said, counted.map(|amount| amount.to_string()));
        }
        Ok(())
    }
}

/// The central figure of a metric (with its part): `Some("…")` in Rust's form of an optional text is two leaves deep.
fn central(row: &BTreeMap<String, String>, metric: &str) -> Option<String> {
    row.get(&format!("{metric} central")).filter(|value| *value != "None").cloned()
}
