//! Facts and definitions as JSON, and in a few words. Field names are those of the contract; unset fields are left out.

use super::shown::{bare, evidence, side};
use crate::output::number::quantity;
use serde_json::{Map, Value, json};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{
    AreaDefined, ContributionRecorded, EntryReversed, Facts, IndicatorDefined, MeasureDefined, OutcomeObserved, PledgeMade, Rate, ServiceDefined,
    StateInputRecorded, ValuationPublished,
};

/// An object without the fields that are empty.
fn object(value: Value) -> Value {
    let is_set = |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && value.as_str() != Some("");
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().filter(|(_, value)| is_set(value)).collect::<Map<_, _>>()),
        other => other,
    }
}

/// A body, under its name in the contract.
pub fn facts(facts: &Facts) -> Value {
    let named = |name: &str, body: Value| json!({ name: object(body) });
    match &facts.body {
        None => Value::Null,
        Some(Body::ContributionRecorded(body)) => named("contribution_recorded", contribution(body)),
        Some(Body::StateInputRecorded(body)) => named("state_input_recorded", state_input(body)),
        Some(Body::OutcomeObserved(body)) => named("outcome_observed", outcome(body)),
        Some(Body::PledgeMade(body)) => named("pledge_made", pledge(body)),
        Some(Body::EntryReversed(body)) => named("entry_reversed", reversal(body)),
        Some(Body::ServiceDefined(body)) => named("service_defined", service(body)),
        Some(Body::MeasureDefined(body)) => named("measure_defined", measure(body)),
        Some(Body::IndicatorDefined(body)) => named("indicator_defined", indicator(body)),
        Some(Body::AreaDefined(body)) => named("area_defined", area(body)),
        Some(Body::ValuationPublished(body)) => named("valuation_published", valuation(body)),
    }
}

fn contribution(body: &ContributionRecorded) -> Value {
    json!({
        "service": body.service, "measure": body.measure, "quantity": body.quantity, "area": body.area, "exchange": body.exchange,
        "evidence": evidence(body.evidence), "pledge_event_id": body.pledge_event_id, "pledge_source": body.pledge_source,
    })
}

fn state_input(body: &StateInputRecorded) -> Value {
    let chosen_by = bare(body.chosen_by().as_str_name(), "CHOSEN_BY_");
    json!({
        "service": body.service, "measure": body.measure, "quantity": body.quantity, "area": body.area, "exchange": body.exchange,
        "evidence": evidence(body.evidence), "providing_body": body.providing_body, "individual_budget": body.individual_budget,
        "chosen_by": body.individual_budget.then_some(chosen_by),
    })
}

fn outcome(body: &OutcomeObserved) -> Value {
    json!({
        "service": body.service, "indicator": body.indicator, "area": body.area, "period_start": body.period_start, "period_end": body.period_end,
        "numerator": body.numerator, "denominator": body.denominator,
    })
}

fn pledge(body: &PledgeMade) -> Value {
    json!({
        "service": body.service, "measure": body.measure, "quantity": body.quantity, "area": body.area, "exchange": body.exchange,
        "period_start": body.period_start, "period_end": body.period_end,
    })
}

fn reversal(body: &EntryReversed) -> Value {
    let reason = bare(body.reason().as_str_name(), "REVERSAL_REASON_");
    json!({ "target_event_id": body.target_event_id, "target_source": body.target_source, "reason": reason })
}

/// A service.
pub fn service(body: &ServiceDefined) -> Value {
    object(json!({ "id": body.id, "name": body.name, "mode": bare(body.mode().as_str_name(), "SERVICE_MODE_"), "lgsl_id": body.lgsl_id }))
}

/// A measure.
pub fn measure(body: &MeasureDefined) -> Value {
    let role = bare(body.role().as_str_name(), "ROLE_");
    object(json!({
        "id": body.id, "name": body.name, "side": side(body.side), "unit": body.unit, "role": role, "contra_of": body.contra_of,
    }))
}

/// An indicator.
pub fn indicator(body: &IndicatorDefined) -> Value {
    let direction = bare(body.direction().as_str_name(), "DIRECTION_");
    object(json!({ "id": body.id, "name": body.name, "unit": body.unit, "decimal_places": body.decimal_places, "direction": direction }))
}

/// An area.
pub fn area(body: &AreaDefined) -> Value {
    object(json!({
        "area": body.area, "vintage": body.vintage, "name": body.name, "parent": body.parent, "deprivation_decile": body.deprivation_decile,
        "population": body.population,
    }))
}

/// A valuation.
pub fn valuation(body: &ValuationPublished) -> Value {
    object(json!({
        "id": body.id, "version": body.version, "name": body.name, "currency": body.currency, "region": body.region,
        "basis": bare(body.basis().as_str_name(), "VALUATION_BASIS_"), "method": body.method, "lens": body.lens, "source": body.source,
        "licence": body.licence, "maintained": body.maintained, "rates": body.rates.iter().map(rate).collect::<Vec<_>>(),
    }))
}

fn rate(rate: &Rate) -> Value {
    object(json!({
        "measure": rate.measure, "per_quantity": rate.per_quantity, "central": rate.central, "low": rate.low, "high": rate.high,
        "effective_from": rate.effective_from, "source": rate.source, "licence": rate.licence, "verified": rate.verified,
    }))
}

/// A body in a few words, for a table's cell.
pub fn in_words(facts: Option<&Facts>) -> String {
    let Some(body) = facts.and_then(|facts| facts.body.as_ref()) else {
        return "cannot be read by this version".into();
    };
    match body {
        Body::ContributionRecorded(body) => format!("contribution {} {} {}", body.service, body.measure, quantity(&body.quantity.to_string(), "")),
        Body::StateInputRecorded(body) => format!("state input {} {} {}", body.service, body.measure, quantity(&body.quantity.to_string(), "")),
        Body::OutcomeObserved(body) => format!("outcome {} {} {}/{}", body.service, body.indicator, body.numerator, body.denominator),
        Body::PledgeMade(body) => format!("pledge {} {} {}", body.service, body.measure, quantity(&body.quantity.to_string(), "")),
        Body::EntryReversed(body) => format!("reversal of {}", body.target_event_id),
        Body::ServiceDefined(body) => format!("service {}", body.id),
        Body::MeasureDefined(body) => format!("measure {}", body.id),
        Body::IndicatorDefined(body) => format!("indicator {}", body.id),
        Body::AreaDefined(body) => format!("area {}", body.area),
        Body::ValuationPublished(body) => format!("valuation {}@{}", body.id, body.version),
    }
}
