//! Outcomes and comparisons in partial results and answers.

use super::{number, strange, to_coverage};
use crate::status::Failure;
use tandem_domain::aggregate::Comparison;
use tandem_domain::date::Date;
use tandem_domain::event::{Direction, ServiceMode};
use tandem_domain::metrics::{EarlierFigure, IndicatorUsed, Observation, OutcomePartial};
use tandem_proto::internal::v1 as internal;
use tandem_proto::v1;

/// An indicator as the public answer has it.
pub fn to_indicator(indicator: IndicatorUsed) -> v1::IndicatorUsed {
    let IndicatorUsed { id, unit, decimal_places, direction } = indicator;
    v1::IndicatorUsed { id, unit, decimal_places: decimal_places.into(), direction: direction as i32 }
}

fn from_indicator(indicator: v1::IndicatorUsed) -> Result<IndicatorUsed, Failure> {
    let direction = match indicator.direction() {
        v1::Direction::HigherIsBetter => Direction::Higher,
        v1::Direction::LowerIsBetter => Direction::Lower,
        v1::Direction::Unspecified => return Err(strange("an indicator without a direction")),
    };
    let decimal_places = u8::try_from(indicator.decimal_places).map_err(|_| strange("too many decimal places"))?;
    Ok(IndicatorUsed { id: indicator.id, unit: indicator.unit, decimal_places, direction })
}

/// What an answer is compared with, from the fields of a request whose days were checked; `None` if nothing.
pub fn from_comparison(start: Option<Date>, end: Option<Date>, previous: bool) -> Option<Comparison> {
    match (start, end) {
        (Some(start), Some(end)) => Some(Comparison::With { start, end }),
        _ => previous.then_some(Comparison::Previous),
    }
}

pub(super) fn to_earlier(figure: EarlierFigure) -> v1::EarlierFigure {
    let EarlierFigure { central, low, high, numerator, denominator, coverage } = figure;
    v1::EarlierFigure { central, low, high, numerator, denominator, coverage: coverage.map(to_coverage) }
}

pub(super) fn to_outcome(outcome: OutcomePartial) -> internal::OutcomePartial {
    let (numerator, denominator) = (outcome.numerator.to_string(), outcome.denominator.to_string());
    internal::OutcomePartial { numerator, denominator, count: outcome.count, indicator: outcome.indicator.map(to_indicator) }
}

pub(super) fn from_outcome(outcome: internal::OutcomePartial) -> Result<OutcomePartial, Failure> {
    let sum = |text: &str| if text.is_empty() { Ok(0) } else { number(text) };
    Ok(OutcomePartial {
        numerator: sum(&outcome.numerator)?,
        denominator: sum(&outcome.denominator)?,
        count: outcome.count,
        indicator: outcome.indicator.map(from_indicator).transpose()?,
    })
}

pub(super) fn to_observation(observation: Observation) -> internal::Observation {
    internal::Observation {
        mode: observation.mode as i32,
        months: observation.months,
        numerator: observation.numerator.to_string(),
        denominator: observation.denominator.to_string(),
        citizen: observation.citizen.map(|amount| amount.to_string()),
        state: observation.state.map(|amount| amount.to_string()),
    }
}

pub(super) fn from_observation(observation: internal::Observation) -> Result<Observation, Failure> {
    let mode = match observation.mode() {
        v1::ServiceMode::Relational => ServiceMode::Relational,
        v1::ServiceMode::ExpertLed => ServiceMode::ExpertLed,
        v1::ServiceMode::Transactional => ServiceMode::Transactional,
        v1::ServiceMode::Unspecified => return Err(strange("a service without a mode")),
    };
    let amount = |text: Option<String>| text.map(|text| number(&text)).transpose();
    let months = Some(observation.months).filter(|months| [1, 3, 12].contains(months)).ok_or_else(|| strange("an observation of no unit"))?;
    Ok(Observation {
        mode,
        months,
        numerator: number(&observation.numerator)?,
        denominator: number(&observation.denominator)?,
        citizen: amount(observation.citizen)?,
        state: amount(observation.state)?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Outcomes and observations with a value in every field.
    pub fn some() -> (OutcomePartial, Vec<Observation>) {
        let indicator = IndicatorUsed { id: "rate".into(), unit: "%".into(), decimal_places: 2, direction: Direction::Lower };
        let outcome = OutcomePartial { numerator: -5, denominator: 7, count: 3, indicator: Some(indicator) };
        let one = |mode, months, citizen, state| Observation { mode, months, numerator: i128::MIN, denominator: 9, citizen, state };
        let observations = vec![one(ServiceMode::Relational, 1, Some(-4), None), one(ServiceMode::Transactional, 12, None, Some(i128::MAX))];
        (outcome, observations)
    }

    #[test]
    fn what_another_release_would_send_is_refused() {
        let (outcome, observations) = some();
        let indicator = |change: fn(&mut v1::IndicatorUsed)| {
            let mut changed = to_indicator(outcome.indicator.clone().unwrap());
            change(&mut changed);
            from_indicator(changed).is_err()
        };
        assert!(indicator(|indicator| indicator.direction = 0) && indicator(|indicator| indicator.decimal_places = 256) && !indicator(|_| {}));
        let observation = |change: fn(&mut internal::Observation)| {
            let mut changed = to_observation(observations[0].clone());
            change(&mut changed);
            from_observation(changed).is_err()
        };
        assert!(observation(|one| one.mode = 0) && observation(|one| one.months = 2) && observation(|one| one.numerator = String::new()));
        assert!(observation(|one| one.citizen = Some("x".into())) && !observation(|_| {}));
    }

    #[test]
    fn a_comparison_is_with_a_period_or_with_the_unit_before() {
        let (start, end) = (Date(1), Date(2));
        assert_eq!(from_comparison(Some(start), Some(end), false), Some(Comparison::With { start, end }));
        assert_eq!(from_comparison(None, None, true), Some(Comparison::Previous));
        assert_eq!(from_comparison(None, None, false), None);
    }
}
