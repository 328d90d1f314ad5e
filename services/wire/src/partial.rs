//! Partial results between projection and query: the proto's messages, where amounts are decimal text, and the domain's, where they
//! are integers. Both ends are of one release, so what does not convert is our own fault.

mod outcomes;

pub use outcomes::{from_comparison, to_indicator};

use crate::status::Failure;
use crate::taking_part;
use tandem_domain::event::Side;
use tandem_domain::metrics::{
    Amount, Answer, Coverage, DECILES, DecilePartial, Dimension, ExchangePartial, Figure, GroupKey, MeasurePartial, Metric, Needs, OutcomePartial,
    Partial, Residents, ResidentsPartial, SidePartial, ValuationUsed,
};
use tandem_proto::internal::v1 as internal;
use tandem_proto::v1;

/// Asks a projection for what metrics need.
pub fn want(request: &mut internal::AggregateRequest, needs: Needs) {
    request.want_cells = needs.cells;
    request.want_measures = needs.measures;
    request.want_exchanges = needs.exchanges;
    request.want_exchange_values = needs.exchange_values;
    request.want_participants = needs.participants;
    request.outcomes = needs.outcomes.then(|| internal::OutcomesWanted { want_observations: needs.observations, ..Default::default() });
    request.want_residents = needs.residents;
    request.want_deciles = needs.deciles;
    taking_part::want(request, needs.taking_part);
}

/// A projection's answer; `reflects` is added by who knows.
pub fn to_response(answer: Answer, reflects: Option<v1::CouncilReflected>) -> internal::AggregateResponse {
    let (valuation, currency) = match answer.valuation {
        Some(used) => (Some(v1::ValuationRef { id: used.id, version: used.version }), used.currency),
        None => (None, String::new()),
    };
    internal::AggregateResponse {
        groups: answer.groups.into_iter().map(to_partial).collect(),
        total: Some(to_partial(answer.total)),
        valuation,
        currency,
        amount_denominator: answer.denominator,
        reflects,
        as_of: None,
        change: None,
        maintained: None,
        area_vintages: answer.area_vintages,
        residents: answer.residents.into_iter().map(to_residents).collect(),
    }
}

/// What a projection answered, but for `reflects`.
pub fn from_response(response: internal::AggregateResponse) -> Result<Answer, Failure> {
    let used = |valuation: v1::ValuationRef| ValuationUsed { id: valuation.id, version: valuation.version, currency: response.currency };
    Ok(Answer {
        valuation: response.valuation.map(used),
        groups: response.groups.into_iter().map(from_partial).collect::<Result<_, _>>()?,
        total: from_partial(response.total.ok_or_else(|| strange("no total"))?)?,
        denominator: Some(response.amount_denominator).filter(|denominator| *denominator > 0).ok_or_else(|| strange("no denominator"))?,
        area_vintages: response.area_vintages,
        residents: response.residents.into_iter().map(from_residents).collect::<Result<_, _>>()?,
    })
}

/// A key without its label, which the projection does not know.
pub fn to_key(key: GroupKey) -> v1::GroupKey {
    let GroupKey { dimension, value, coarser, overlaps } = key;
    v1::GroupKey { dimension: dimension as i32, value, label: String::new(), coarser, overlaps }
}

/// A key; its label is dropped.
pub fn from_key(key: v1::GroupKey) -> Result<GroupKey, Failure> {
    let dimension = Dimension::from_number(key.dimension).ok_or_else(|| strange("an unknown dimension"))?;
    Ok(GroupKey { dimension, value: key.value, coarser: key.coarser, overlaps: key.overlaps })
}

/// A figure as the public answer has it.
pub fn to_value(figure: Figure) -> v1::MetricValue {
    v1::MetricValue {
        metric: figure.metric.into(),
        part: figure.part,
        unit: figure.unit,
        central: figure.central,
        low: figure.low,
        high: figure.high,
        numerator: figure.numerator,
        denominator: figure.denominator,
        coverage: figure.coverage.map(to_coverage),
        earlier: figure.earlier.map(outcomes::to_earlier),
        change: figure.change,
    }
}

fn to_coverage(coverage: Coverage) -> v1::Coverage {
    let Coverage { of, covered, total, unpriced_measures } = coverage;
    v1::Coverage { of: of.into(), covered, total, unpriced_measures }
}

/// A metric's definition as the public answer has it; `currency` is that of the valuation, empty if there is none.
pub fn to_definition(metric: &Metric, currency: &str) -> v1::MetricDefinition {
    v1::MetricDefinition {
        name: metric.name.into(),
        definition: metric.definition.into(),
        unit: metric.unit_in(currency),
        denominator: metric.denominator.into(),
    }
}

pub(crate) fn strange(what: &str) -> Failure {
    Failure::Internal(format!("a projection's answer has {what}: it is of another release"))
}

pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| strange("a number that is none"))
}

/// A decile, which is 0 where it is not known.
fn decile(number: u32) -> Result<u8, Failure> {
    u8::try_from(number).ok().filter(|decile| *decile <= DECILES).ok_or_else(|| strange("a decile above 10"))
}

fn to_residents(partial: ResidentsPartial) -> internal::ResidentsPartial {
    internal::ResidentsPartial {
        keys: partial.keys.into_iter().map(to_key).collect(),
        decile: partial.decile.into(),
        in_scope: partial.in_scope,
        areas: partial.residents.areas,
        areas_with_population: partial.residents.areas_with_population,
        population: partial.residents.population,
    }
}

fn from_residents(partial: internal::ResidentsPartial) -> Result<ResidentsPartial, Failure> {
    let internal::ResidentsPartial { areas, areas_with_population, population, .. } = partial;
    Ok(ResidentsPartial {
        keys: partial.keys.into_iter().map(from_key).collect::<Result<_, _>>()?,
        decile: decile(partial.decile)?,
        in_scope: partial.in_scope,
        residents: Residents { areas, areas_with_population, population },
    })
}

fn to_decile(partial: DecilePartial) -> internal::DecilePartial {
    internal::DecilePartial {
        decile: partial.decile.into(),
        citizen: Some(to_side(partial.citizen)),
        state: Some(to_side(partial.state)),
        measures: partial.measures.into_iter().map(to_measure).collect(),
    }
}

/// Residents are attached when the councils' answers are one.
fn from_decile(partial: internal::DecilePartial) -> Result<DecilePartial, Failure> {
    let side = |side: Option<internal::SidePartial>| side.map_or(Ok(SidePartial::default()), from_side);
    Ok(DecilePartial {
        decile: decile(partial.decile)?,
        citizen: side(partial.citizen)?,
        state: side(partial.state)?,
        measures: partial.measures.into_iter().map(from_measure).collect::<Result<_, _>>()?,
        residents: Residents::default(),
    })
}

/// What one group adds up to, as a message.
pub fn to_partial(partial: Partial) -> internal::Partial {
    let message = internal::Partial {
        keys: partial.keys.into_iter().map(to_key).collect(),
        measures: partial.measures.into_iter().map(to_measure).collect(),
        citizen: Some(to_side(partial.citizen)),
        state: Some(to_side(partial.state)),
        exchanges: Some(to_exchanges(partial.exchanges)),
        participants: partial.participants,
        contributions: partial.contributions,
        contributions_with_actor: partial.contributions_with_actor,
        outcome: Some(outcomes::to_outcome(partial.outcome)),
        earlier: partial.earlier.map(|earlier| Box::new(to_partial(*earlier))),
        observations: partial.observations.into_iter().map(outcomes::to_observation).collect(),
        deciles: partial.deciles.into_iter().map(to_decile).collect(),
        ..internal::Partial::default()
    };
    taking_part::put(partial.taking_part, message)
}

/// What one group adds up to, from a message. Parts that were not asked for may be unset.
pub fn from_partial(mut partial: internal::Partial) -> Result<Partial, Failure> {
    let taking_part = taking_part::take(&mut partial)?;
    let side = |side: Option<internal::SidePartial>| side.map_or(Ok(SidePartial::default()), from_side);
    Ok(Partial {
        keys: partial.keys.into_iter().map(from_key).collect::<Result<_, _>>()?,
        measures: partial.measures.into_iter().map(from_measure).collect::<Result<_, _>>()?,
        citizen: side(partial.citizen)?,
        state: side(partial.state)?,
        exchanges: partial.exchanges.map_or(Ok(ExchangePartial::default()), from_exchanges)?,
        participants: partial.participants,
        contributions: partial.contributions,
        contributions_with_actor: partial.contributions_with_actor,
        taking_part,
        outcome: partial.outcome.map_or(Ok(OutcomePartial::default()), outcomes::from_outcome)?,
        earlier: partial.earlier.map(|earlier| from_partial(*earlier).map(Box::new)).transpose()?,
        observations: partial.observations.into_iter().map(outcomes::from_observation).collect::<Result<_, _>>()?,
        deciles: partial.deciles.into_iter().map(from_decile).collect::<Result<_, _>>()?,
        residents: Residents::default(),
    })
}

pub(crate) fn to_amount(amount: Amount) -> Option<internal::Amount> {
    Some(internal::Amount { low: amount.low.to_string(), central: amount.central.to_string(), high: amount.high.to_string() })
}

pub(crate) fn from_amount(amount: Option<internal::Amount>) -> Result<Amount, Failure> {
    match amount {
        Some(amount) => Ok(Amount { low: number(&amount.low)?, central: number(&amount.central)?, high: number(&amount.high)? }),
        None => Ok(Amount::default()),
    }
}

fn to_measure(measure: MeasurePartial) -> internal::MeasurePartial {
    internal::MeasurePartial {
        measure: measure.measure,
        side: measure.side as i32,
        unit: measure.unit,
        quantity: measure.quantity.to_string(),
        matched_quantity: measure.matched_quantity.to_string(),
        count: measure.count,
        matched_count: measure.matched_count,
        priced_count: measure.priced_count,
        matched_priced_count: measure.matched_priced_count,
    }
}

fn from_measure(measure: internal::MeasurePartial) -> Result<MeasurePartial, Failure> {
    let side = match measure.side() {
        v1::Side::Citizen => Side::Citizen,
        v1::Side::State => Side::State,
        v1::Side::Unspecified => return Err(strange("a measure of no side")),
    };
    Ok(MeasurePartial {
        side,
        quantity: number(&measure.quantity)?,
        matched_quantity: number(&measure.matched_quantity)?,
        measure: measure.measure,
        unit: measure.unit,
        count: measure.count,
        matched_count: measure.matched_count,
        priced_count: measure.priced_count,
        matched_priced_count: measure.matched_priced_count,
    })
}

pub(crate) fn to_side(side: SidePartial) -> internal::SidePartial {
    internal::SidePartial {
        value: to_amount(side.value),
        matched_value: to_amount(side.matched_value),
        count: side.count,
        priced_count: side.priced_count,
        matched_count: side.matched_count,
        matched_priced_count: side.matched_priced_count,
        unpriced_measures: side.unpriced_measures,
        matched_unpriced_measures: side.matched_unpriced_measures,
    }
}

pub(crate) fn from_side(side: internal::SidePartial) -> Result<SidePartial, Failure> {
    Ok(SidePartial {
        value: from_amount(side.value)?,
        matched_value: from_amount(side.matched_value)?,
        count: side.count,
        priced_count: side.priced_count,
        matched_count: side.matched_count,
        matched_priced_count: side.matched_priced_count,
        unpriced_measures: side.unpriced_measures,
        matched_unpriced_measures: side.matched_unpriced_measures,
    })
}

fn to_exchanges(exchanges: ExchangePartial) -> internal::ExchangePartial {
    internal::ExchangePartial {
        opened: exchanges.opened,
        two_sided: exchanges.two_sided,
        one_sided_citizen: exchanges.one_sided_citizen,
        one_sided_state: exchanges.one_sided_state,
        one_sided_citizen_value: to_amount(exchanges.one_sided_citizen_value),
        one_sided_state_value: to_amount(exchanges.one_sided_state_value),
        one_sided_priced: exchanges.one_sided_priced,
        one_sided_state_priced: exchanges.one_sided_state_priced,
        latencies: exchanges.latencies.into_iter().map(|(days, count)| internal::LatencyCount { days, count }).collect(),
        reciprocal: to_amount(exchanges.reciprocal),
        both_sides: to_amount(exchanges.both_sides),
        priced: exchanges.priced,
        unpriced_measures: exchanges.unpriced_measures,
    }
}

fn from_exchanges(exchanges: internal::ExchangePartial) -> Result<ExchangePartial, Failure> {
    Ok(ExchangePartial {
        opened: exchanges.opened,
        two_sided: exchanges.two_sided,
        one_sided_citizen: exchanges.one_sided_citizen,
        one_sided_state: exchanges.one_sided_state,
        one_sided_citizen_value: from_amount(exchanges.one_sided_citizen_value)?,
        one_sided_state_value: from_amount(exchanges.one_sided_state_value)?,
        one_sided_priced: exchanges.one_sided_priced,
        one_sided_state_priced: exchanges.one_sided_state_priced,
        latencies: exchanges.latencies.into_iter().map(|bar| (bar.days, bar.count)).collect(),
        reciprocal: from_amount(exchanges.reciprocal)?,
        both_sides: from_amount(exchanges.both_sides)?,
        priced: exchanges.priced,
        unpriced_measures: exchanges.unpriced_measures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_domain::metrics;

    fn amount(central: i128) -> Amount {
        Amount { low: central - 1, central, high: central + 1 }
    }

    fn side(central: i128) -> SidePartial {
        SidePartial {
            value: amount(central),
            matched_value: amount(-central),
            count: 4,
            priced_count: 3,
            matched_count: 2,
            matched_priced_count: 1,
            unpriced_measures: vec!["a".into(), "b".into()],
            matched_unpriced_measures: vec!["b".into()],
        }
    }

    fn partial(keys: Vec<GroupKey>) -> Partial {
        let measure = MeasurePartial {
            measure: "help".into(),
            side: Side::State,
            unit: "min".into(),
            quantity: -7,
            matched_quantity: i128::MAX,
            count: 6,
            matched_count: 5,
            priced_count: 4,
            matched_priced_count: 3,
        };
        let exchanges = ExchangePartial {
            opened: 10,
            two_sided: 2,
            one_sided_citizen: 3,
            one_sided_state: 4,
            one_sided_citizen_value: amount(5),
            one_sided_state_value: amount(6),
            one_sided_priced: 7,
            one_sided_state_priced: 1,
            latencies: vec![(0, 1), (9, 2)],
            reciprocal: amount(8),
            both_sides: amount(9),
            priced: 11,
            unpriced_measures: vec!["c".into()],
        };
        let (citizen, state) = (side(i128::MAX - 1), side(12));
        let decile = DecilePartial { decile: 7, citizen: side(3), state: side(-4), measures: vec![measure.clone()], ..DecilePartial::default() };
        let (outcome, observations) = outcomes::tests::some();
        Partial {
            keys,
            measures: vec![measure],
            citizen,
            state,
            exchanges,
            participants: 13,
            contributions: 15,
            contributions_with_actor: 14,
            outcome,
            observations,
            earlier: None,
            deciles: vec![decile],
            residents: Residents::default(),
            taking_part: taking_part::tests::full(),
        }
    }

    #[test]
    fn answers_go_there_and_back() {
        let key = |dimension, value: &str, coarser, overlaps| GroupKey { dimension, value: value.into(), coarser, overlaps };
        let groups = vec![partial(vec![key(Dimension::Side, "STATE", false, false), key(Dimension::Month, "2019", true, true)])];
        let valuation = Some(ValuationUsed { id: "floor".into(), version: 2, currency: "GBP".into() });
        let total = Partial { earlier: Some(Box::new(partial(vec![]))), ..partial(vec![]) };
        let residents = ResidentsPartial {
            keys: vec![key(Dimension::Decile, "3", false, false)],
            decile: 3,
            in_scope: true,
            residents: Residents { areas: 4, areas_with_population: 2, population: 3_100 },
        };
        let (area_vintages, residents) = (vec!["imd2019".into(), "imd2025".into()], vec![residents]);
        let answer = Answer { groups, total, valuation, denominator: 120, area_vintages, residents };
        assert_eq!(from_response(to_response(answer.clone(), None)).unwrap(), answer);
        let unvalued =
            Answer { groups: vec![], total: Partial::default(), valuation: None, denominator: 1, area_vintages: vec![], residents: vec![] };
        assert_eq!(from_response(to_response(unvalued.clone(), None)).unwrap(), unvalued);
    }

    #[test]
    fn what_another_release_would_send_is_refused() {
        let fine = internal::AggregateResponse { total: Some(internal::Partial::default()), amount_denominator: 1, ..Default::default() };
        assert!(from_response(fine.clone()).is_ok());
        let strange = |change: fn(&mut internal::AggregateResponse)| {
            let mut response = fine.clone();
            change(&mut response);
            assert!(matches!(from_response(response), Err(Failure::Internal(_))));
        };
        strange(|response| response.total = None);
        strange(|response| response.amount_denominator = 0);
        let amount = |text: &str| Some(internal::Amount { low: text.into(), central: text.into(), high: text.into() });
        assert!(from_amount(amount("1.5")).is_err() && from_amount(amount("")).is_err() && from_amount(amount("-3")).is_ok());
        assert!(from_residents(internal::ResidentsPartial { decile: 11, ..Default::default() }).is_err());
        assert!(from_decile(internal::DecilePartial { decile: 300, ..Default::default() }).is_err());
        assert!(from_key(v1::GroupKey { dimension: 99, ..Default::default() }).is_err());
        assert!(from_measure(internal::MeasurePartial { quantity: "1".into(), matched_quantity: "1".into(), ..Default::default() }).is_err());
    }

    #[test]
    fn every_metric_asks_for_what_it_needs() {
        for metric in metrics::ALL {
            let mut request = internal::AggregateRequest::default();
            want(&mut request, metric.needs);
            let wants = request.want_cells || request.want_measures || request.want_exchanges || request.want_participants;
            let wants = wants || request.want_willingness.is_some() || request.outcomes.is_some();
            assert!(wants && (request.want_exchanges || !request.want_exchange_values), "{}", metric.name);
        }
        assert_eq!(to_definition(metrics::find("leverage").unwrap(), "GBP").unit, "1");
        assert_eq!(to_definition(metrics::find("state_value").unwrap(), "GBP").unit, "GBP{minor}");
    }
}
