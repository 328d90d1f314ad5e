//! From a mapping's event to one that is ready for rows: what is missing or superfluous is found here, before the first row.

use super::super::columns::Columns;
use super::super::dates::Calendar;
use super::super::decimal::{Decimal, Rounding};
use super::super::mapping::{self, Kind};
use super::super::template::Template;
use super::{Amount, Given, Maker, Reference};
use tandem_proto::v1::{ChosenBy, EvidenceGrade, ReversalReason};

/// What a mapping's event is compiled with.
pub(super) struct Compiler<'a> {
    pub(super) event: &'a mapping::Event,
    pub(super) source: &'a str,
    pub(super) columns: &'a Columns,
}

impl Compiler<'_> {
    pub(super) fn optional(&self, text: &Option<String>) -> Result<Option<Template<usize>>, String> {
        text.as_deref().map(|text| self.columns.template(text)).transpose()
    }

    fn required(&self, field: &str, text: &Option<String>) -> Result<Template<usize>, String> {
        self.optional(text)?.ok_or_else(|| format!("needs `{field}`"))
    }

    pub(super) fn calendar(&self, when: &mapping::When) -> Result<Calendar, String> {
        Calendar::new(when, |text| self.columns.template(text))
    }

    fn period(&self) -> Result<Option<Calendar>, String> {
        self.event.period.as_ref().map(|period| self.calendar(period)).transpose()
    }

    pub(super) fn key(&self, parts: &[String]) -> Result<Vec<Template<usize>>, String> {
        if parts.is_empty() {
            return Err("has an `id` without parts; leave it out for the row's content".into());
        }
        parts.iter().map(|part| self.columns.template(part)).collect()
    }

    fn reference(&self, field: &str, reference: &Option<mapping::Reference>) -> Result<Option<Reference>, String> {
        let Some(reference) = reference else { return Ok(None) };
        let id = self.key(&reference.id).map_err(|error| format!("`{field}` {error}"))?;
        Ok(Some(Reference { event: reference.event.clone(), id, other_source: reference.source.clone().filter(|source| source != self.source) }))
    }

    /// The number of an enum's value: "self-reported" is SELF_REPORTED.
    pub(super) fn choice(
        &self,
        field: &str,
        text: &Option<String>,
        prefix: &str,
        number: impl Fn(&str) -> Option<i32>,
        required: bool,
    ) -> Result<i32, String> {
        let Some(text) = text else {
            return if required { Err(format!("needs `{field}`")) } else { Ok(0) };
        };
        let name = format!("{prefix}_{}", text.to_uppercase().replace('-', "_"));
        number(&name).filter(|number| *number != 0).ok_or_else(|| format!("has an unknown `{field}` {text:?}"))
    }

    fn amount(&self, field: &str, text: &Option<String>) -> Result<Amount, String> {
        let times = self.event.times.as_deref().unwrap_or("1");
        let times = Decimal::parse(times).map_err(|error| format!("`times`: {error}"))?;
        Ok(Amount { quantity: self.required(field, text)?, times, round: self.event.round })
    }

    fn plain_amount(&self, text: &Option<String>) -> Result<Option<Amount>, String> {
        let whole = Decimal::parse("1").map_err(|error| error.to_string())?;
        Ok(self.optional(text)?.map(|quantity| Amount { quantity, times: whole, round: Rounding::Exact }))
    }

    fn given(&self) -> Result<Given, String> {
        let event = self.event;
        Ok(Given {
            service: self.required("service", &event.service)?,
            measure: self.required("measure", &event.measure)?,
            negative_measure: self.optional(&event.negative_measure)?,
            amount: self.amount("quantity", &event.quantity)?,
            area: self.optional(&event.area)?,
            exchange: self.optional(&event.exchange)?,
        })
    }

    pub(super) fn maker(&self) -> Result<Maker, String> {
        let event = self.event;
        let evidence = || self.choice("evidence", &event.evidence, "EVIDENCE_GRADE", |name| EvidenceGrade::from_str_name(name).map(i32::from), true);
        Ok(match event.kind {
            Kind::Contribution => {
                Maker::Contribution { given: self.given()?, evidence: evidence()?, pledge: self.reference("pledge", &event.pledge)? }
            }
            Kind::StateInput => Maker::StateInput {
                given: self.given()?,
                evidence: evidence()?,
                providing_body: self.optional(&event.providing_body)?,
                individual_budget: event.individual_budget,
                chosen_by: self.choice("chosen_by", &event.chosen_by, "CHOSEN_BY", |name| ChosenBy::from_str_name(name).map(i32::from), false)?,
            },
            Kind::Pledge => Maker::Pledge { given: self.given()?, period: self.period()? },
            Kind::Outcome => Maker::Outcome {
                service: self.required("service", &event.service)?,
                indicator: self.required("indicator", &event.indicator)?,
                area: self.optional(&event.area)?,
                period: self.period()?,
                numerator: self.amount("quantity", &event.quantity)?,
                denominator: self.plain_amount(&Some(event.denominator.clone().unwrap_or_else(|| "1".into())))?.ok_or("needs `denominator`")?,
            },
            Kind::Reversal => Maker::Reversal {
                target: self.reference("reverses", &event.reverses)?.ok_or("needs `reverses`")?,
                reason: self.choice("reason", &event.reason, "REVERSAL_REASON", |name| ReversalReason::from_str_name(name).map(i32::from), true)?,
            },
            Kind::Area => Maker::Area {
                area: self.required("area", &event.area)?,
                vintage: self.required("vintage", &event.vintage)?,
                title: self.optional(&event.title)?,
                parent: self.optional(&event.parent)?,
                decile: self.plain_amount(&event.decile)?,
                population: self.plain_amount(&event.population)?,
            },
        })
    }

    /// A key that this kind of event does not read would be believed in and have no effect.
    pub(super) fn refuse_superfluous(&self) -> Result<(), String> {
        use Kind::{Area, Contribution, Outcome, Pledge, Reversal, StateInput};
        let event = self.event;
        let given = [Contribution, StateInput, Pledge].as_slice();
        let allowed: [(&str, bool, &[Kind]); 21] = [
            ("service", event.service.is_some(), &[Contribution, StateInput, Pledge, Outcome]),
            ("measure", event.measure.is_some(), given),
            ("quantity", event.quantity.is_some(), &[Contribution, StateInput, Pledge, Outcome]),
            ("times", event.times.is_some(), &[Contribution, StateInput, Pledge, Outcome]),
            ("negative_measure", event.negative_measure.is_some(), given),
            ("area", event.area.is_some(), &[Contribution, StateInput, Pledge, Outcome, Area]),
            ("exchange", event.exchange.is_some(), given),
            ("evidence", event.evidence.is_some(), &[Contribution, StateInput]),
            ("providing_body", event.providing_body.is_some(), &[StateInput]),
            ("individual_budget", event.individual_budget, &[StateInput]),
            ("chosen_by", event.chosen_by.is_some(), &[StateInput]),
            ("pledge", event.pledge.is_some(), &[Contribution]),
            ("reverses", event.reverses.is_some(), &[Reversal]),
            ("reason", event.reason.is_some(), &[Reversal]),
            ("indicator", event.indicator.is_some(), &[Outcome]),
            ("denominator", event.denominator.is_some(), &[Outcome]),
            ("period", event.period.is_some(), &[Outcome, Pledge]),
            ("vintage", event.vintage.is_some(), &[Area]),
            ("title", event.title.is_some(), &[Area]),
            ("decile", event.decile.is_some() || event.population.is_some() || event.parent.is_some(), &[Area]),
            ("actor", event.actor.is_some(), &[Contribution, Pledge]),
        ];
        match allowed.iter().find(|(_, given, kinds)| *given && !kinds.contains(&event.kind)) {
            Some((field, _, _)) => Err(format!("has `{field}`, which an event of its kind does not have")),
            None => Ok(()),
        }
    }
}
