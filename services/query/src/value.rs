//! An answer: partial results from every council at once, added exactly, and turned into figures.

use crate::books::{Client, Transport};
use crate::change::Changed;
use crate::front::Front;
use crate::labels::{Names, kind_of};
use crate::page;
use crate::question::Question;
use crate::upstream::{Deadline, is_away};
use futures::stream::{StreamExt, TryStreamExt, iter};
use std::collections::HashMap;
use std::sync::Arc;
use tandem_domain::metrics::{Answer, Metric, Mismatch, Money, Partial};
use tandem_proto::v1::{CouncilAsOf, CouncilReflected, Dimension, GroupKey, MaintainedValuation, QueryValueResponse, ValuationRef, ValueRow};
use tandem_wire::partial::{from_response, to_definition, to_indicator, to_value};
use tandem_wire::status::Failure;
use tonic::Status;

/// What one council's projection answered.
pub(crate) struct OfCouncil {
    answer: Answer,
    reflects: CouncilReflected,
    as_of: Option<CouncilAsOf>,
    maintained: Option<MaintainedValuation>,
    pub change: Option<Changed>,
}

/// An answer with all its rows.
pub(crate) struct Whole {
    answer: Answer,
    reflects: Vec<CouncilReflected>,
    as_of: Vec<CouncilAsOf>,
    maintained: Vec<MaintainedValuation>,
    /// Councils that could not be reached.
    missing: Vec<String>,
}

impl Whole {
    /// How many rows it has.
    pub fn groups(&self) -> usize {
        self.answer.groups.len()
    }

    #[cfg(test)]
    pub fn of_groups(count: usize) -> Self {
        let (groups, total, area_vintages, residents) = (vec![Partial::default(); count], Partial::default(), Vec::new(), Vec::new());
        let answer = Answer { groups, total, valuation: None, denominator: 1, area_vintages, residents };
        Self { answer, reflects: Vec::new(), as_of: Vec::new(), maintained: Vec::new(), missing: Vec::new() }
    }
}

/// The page of an answer that is asked for. A page that is not the first is of the same answer as the one before, if that is still kept; else the
/// whole is computed again, and reflects at least what the one before did only if the question says so in `at_least`. An explained change is
/// computed for each page.
pub(crate) async fn page<T: Transport>(front: &Front<T>, question: &Question, deadline: Deadline) -> Result<QueryValueResponse, Status> {
    let is_first = question.after().is_none();
    let kept = if is_first { None } else { front.kept.find(question.digest(), question.at_least()) };
    let (whole, change) = match kept {
        Some(whole) => (whole, None),
        None => {
            let (whole, change) = whole(front, question, deadline).await?;
            (Arc::new(whole), change)
        }
    };
    let answer = &whole.answer;
    let currency = answer.valuation.as_ref().map_or("", |used| used.currency.as_str());
    let money = Money { currency, denominator: answer.denominator };
    let row = |group: &Partial| figures(question.metrics(), group, money);
    let both = |group: &Partial| (row(group), change.as_ref().map(|change| change.row(question.metrics(), group, money)));
    let (rows, next_page_token) = page::cut(&answer.groups, question.after(), question.rows_max(), question.digest(), both);
    let (mut rows, changes): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    if !next_page_token.is_empty() && change.is_none() {
        front.kept.keep(question.digest(), question.at_least(), &whole);
    }
    let change = change.map(|change| change.answer(question.metrics(), changes, is_first.then_some(&answer.total), money)).transpose()?;
    name(front, question, &whole.reflects, &mut rows, deadline).await?;
    Ok(QueryValueResponse {
        rows,
        total: is_first.then(|| row(&answer.total)),
        definitions: question.metrics().iter().map(|metric| to_definition(metric, currency)).collect(),
        valuation: answer.valuation.as_ref().map(|used| ValuationRef { id: used.id.clone(), version: used.version }),
        currency: currency.into(),
        reflects: whole.reflects.clone(),
        next_page_token,
        as_of: whole.as_of.clone(),
        change,
        maintained: whole.maintained.clone(),
        area_vintages: answer.area_vintages.clone(),
        indicator: answer.total.outcome.indicator.clone().map(to_indicator),
        missing_councils: whole.missing.clone(),
    })
}

/// Asks every council and adds the answers up.
async fn whole<T: Transport>(front: &Front<T>, question: &Question, deadline: Deadline) -> Result<(Whole, Option<Changed>), Status> {
    let elsewhere = front.books.reach_elsewhere(question.councils(), question.at_least(), deadline);
    let ((mut councils, missing), ()) = tokio::try_join!(scatter(front, question, deadline), elsewhere)?;
    same_valuation(&councils)?;
    let mut change = Changed::add(&mut councils)?;
    let as_of = councils.iter_mut().filter_map(|council| council.as_of.take()).collect();
    let maintained = councils.iter_mut().filter_map(|council| council.maintained.take()).collect();
    let (answers, reflects): (Vec<_>, Vec<_>) = councils.into_iter().map(|council| (council.answer, council.reflects)).unzip();
    let nothing = || Failure::Internal("a question without councils passed its check".into());
    let mut answer = add(answers, Answer::merge)?.ok_or_else(nothing)?;
    if let Some(change) = &mut change {
        change.align(&mut answer);
    }
    if question.compares_previous() {
        answer.keep_present();
    }
    answer.attach_residents().ok_or_else(|| mismatch(Mismatch::Overflow))?;
    answer.groups.sort_unstable_by(|a, b| a.keys.cmp(&b.keys));
    Ok((Whole { answer, reflects, as_of, maintained, missing }, change))
}

/// Asks for every council, several at the same time; answers stand in the order of the councils. Those that cannot be reached are named apart,
/// if the question allows that and others can be.
async fn scatter<T: Transport>(front: &Front<T>, question: &Question, deadline: Deadline) -> Result<(Vec<OfCouncil>, Vec<String>), Status> {
    let ask = |council: String| async move {
        let call = |mut projection: Client<T>, question| async move { projection.aggregate(deadline.request(question)).await };
        let mut answer = match front.books.ask_one_of(question.of_council(&council), deadline, call).await {
            Err(status) if question.allows_partial() && is_away(&status) => return Ok(Err((council, status))),
            answer => answer?,
        };
        let reflects = answer.reflects.take().unwrap_or_else(|| CouncilReflected { council, ..Default::default() });
        let change = answer.change.take().map(|change| Changed::of_council(*change)).transpose()?;
        let (as_of, maintained) = (answer.as_of.take(), answer.maintained.take());
        Ok::<_, Status>(Ok(OfCouncil { as_of, maintained, answer: from_response(answer)?, reflects, change }))
    };
    let all: Vec<_> = iter(question.councils().to_vec()).map(ask).buffered(front.limits.councils_at_once.max(1)).try_collect().await?;
    let (mut councils, mut missing, mut why) = (Vec::with_capacity(all.len()), Vec::new(), None);
    for one in all {
        match one {
            Ok(council) => councils.push(council),
            Err((council, status)) => {
                missing.push(council);
                why = Some(status);
            }
        }
    }
    match why {
        Some(status) if councils.is_empty() => Err(status),
        _ => Ok((councils, missing)),
    }
}

/// Councils publish their valuations themselves, so the newest version of a name need not be the same everywhere.
fn same_valuation(councils: &[OfCouncil]) -> Result<(), Failure> {
    let Some((first, others)) = councils.split_first() else {
        return Ok(());
    };
    let Some(other) = others.iter().find(|other| other.answer.valuation != first.answer.valuation) else {
        return Ok(());
    };
    let name = |council: &OfCouncil| match &council.answer.valuation {
        Some(used) => format!("{} has {}@{} in {}", council.reflects.council, used.id, used.version, used.currency),
        None => format!("{} has none", council.reflects.council),
    };
    Err(Failure::Precondition {
        reason: "DIFFERENT_VALUATIONS",
        subject: "valuation".into(),
        description: format!(
            "valuation: the councils have different ones, {} and {}: name a version that all have, or ask each council by itself",
            name(first),
            name(other)
        ),
    })
}

/// Adds answers pair by pair, so that many councils with many groups are not copied once for each.
pub(crate) fn add<T>(mut answers: Vec<T>, merge: impl Fn(&mut T, T) -> Result<(), Mismatch>) -> Result<Option<T>, Failure> {
    while answers.len() > 1 {
        let mut sums = Vec::with_capacity(answers.len().div_ceil(2));
        let mut pairs = answers.into_iter();
        while let Some(mut sum) = pairs.next() {
            if let Some(other) = pairs.next() {
                merge(&mut sum, other).map_err(mismatch)?;
            }
            sums.push(sum);
        }
        answers = sums;
    }
    Ok(answers.pop())
}

fn mismatch(mismatch: Mismatch) -> Failure {
    Failure::Precondition { reason: "ANSWERS_DO_NOT_ADD_UP", subject: "scope.councils".into(), description: mismatch.to_string() }
}

/// A group's figures, in the order of the metrics.
fn figures(metrics: &[&'static Metric], group: &Partial, money: Money<'_>) -> ValueRow {
    let values = metrics.iter().flat_map(|metric| metric.evaluate(group, money)).map(to_value).collect();
    ValueRow { keys: page::sent(&group.keys), values }
}

/// Puts names beside ids. Where councils differ in them, a row of one council has that council's, and any other row the first council's
/// that has one.
async fn name<T: Transport>(
    front: &Front<T>,
    question: &Question,
    reflects: &[CouncilReflected],
    rows: &mut [ValueRow],
    deadline: Deadline,
) -> Result<(), Status> {
    rows.iter_mut().flat_map(|row| &mut row.keys).for_each(name_span);
    if rows.is_empty() {
        return Ok(());
    }
    for dimension in question.dimensions().iter().filter_map(|dimension| Dimension::try_from(*dimension as i32).ok()) {
        let Some(kind) = kind_of(dimension) else { continue };
        let read = |at: &CouncilReflected| {
            let at = at.clone();
            async move { Ok::<_, Status>((at.council.clone(), front.labels.names(&front.books, &at, kind, deadline).await?)) }
        };
        let read: Vec<_> = reflects.iter().map(read).collect();
        let names: Vec<(String, Names)> = iter(read).buffered(front.limits.councils_at_once.max(1)).try_collect().await?;
        let by_council: HashMap<&str, &Names> = names.iter().map(|(council, names)| (council.as_str(), names)).collect();
        for row in rows.iter_mut() {
            let council = row.keys.iter().find(|key| key.dimension() == Dimension::Council).map(|key| key.value.clone());
            for key in row.keys.iter_mut().filter(|key| key.dimension() == dimension) {
                let found = match &council {
                    Some(council) => by_council.get(council.as_str()).and_then(|names| names.get(&key.value)),
                    None => names.iter().find_map(|(_, names)| names.get(&key.value)),
                };
                key.label = found.cloned().unwrap_or_default();
            }
        }
    }
    Ok(())
}

/// A span that is longer than the unit asked says so: "2019, whole year".
fn name_span(key: &mut GroupKey) {
    if !key.coarser {
        return;
    }
    key.label = match key.value.len() {
        _ if key.value == "ever" => "longer than a year".into(),
        4 => format!("{}, whole year", key.value),
        7 if key.value.contains('Q') => format!("{}, whole quarter", key.value),
        7 => format!("{}, whole month", key.value),
        _ => String::new(),
    };
}
