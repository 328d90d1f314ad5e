//! Counts a list of events over again, naively and knowing nothing of how they were made, for the test of the totals.

use super::recount_answers;
use super::totals::{ExchangeTotals, MeasureTotal, Report, ServiceTotal};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{Event, MeasureDefined, Side};

type Key = (String, String);

/// What came of each record.
#[derive(Default)]
pub(super) struct Recount {
    records: u64,
    duplicates: u64,
    /// Entries in their order; whether it is the first of its key.
    entries: Vec<(Key, Event, bool)>,
    measures: HashMap<String, MeasureDefined>,
    refused_definitions: u64,
    services: BTreeSet<String>,
    indicators: BTreeSet<String>,
}

impl Recount {
    pub(super) fn of(events: &[Event]) -> Self {
        let mut recount = Self::default();
        let mut seen: HashMap<Key, Vec<Vec<u8>>> = HashMap::new();
        for event in events {
            recount.records += 1;
            let envelope = event.envelope.as_ref().unwrap();
            let key = (envelope.source.clone(), envelope.event_id.clone());
            let others = seen.entry(key.clone()).or_default();
            if others.contains(&event.encode_to_vec()) {
                recount.duplicates += 1;
                continue;
            }
            others.push(event.encode_to_vec());
            recount.entries.push((key, event.clone(), others.len() == 1));
            recount.define(event);
        }
        recount
    }

    fn define(&mut self, event: &Event) {
        match body(event) {
            Body::ServiceDefined(service) => drop(self.services.insert(service.id.clone())),
            Body::IndicatorDefined(indicator) => drop(self.indicators.insert(indicator.id.clone())),
            Body::MeasureDefined(measure) => match self.measures.get(&measure.id) {
                Some(defined) if defined.unit != measure.unit => self.refused_definitions += 1,
                _ => drop(self.measures.insert(measure.id.clone(), measure.clone())),
            },
            _ => {}
        }
    }

    /// Why an entry has no effect at the end, reversals apart.
    fn reason(&self, body: &Body, is_first: bool) -> Option<&'static str> {
        let given = |service: &str, measure: &str, side: Side| match self.measures.get(measure) {
            _ if !self.services.contains(service) => Some("SUSPENSE_REASON_UNKNOWN_SERVICE"),
            None => Some("SUSPENSE_REASON_UNKNOWN_MEASURE"),
            Some(measure) if measure.side() != side => Some("SUSPENSE_REASON_WRONG_SIDE"),
            Some(_) => None,
        };
        match body {
            _ if !is_first => Some("SUSPENSE_REASON_CONFLICT"),
            Body::ContributionRecorded(it) => given(&it.service, &it.measure, Side::Citizen),
            Body::PledgeMade(it) => given(&it.service, &it.measure, Side::Citizen),
            Body::StateInputRecorded(it) => given(&it.service, &it.measure, Side::State),
            Body::OutcomeObserved(it) if !self.services.contains(&it.service) => Some("SUSPENSE_REASON_UNKNOWN_SERVICE"),
            Body::OutcomeObserved(it) if !self.indicators.contains(&it.indicator) => Some("SUSPENSE_REASON_UNKNOWN_INDICATOR"),
            _ => None,
        }
    }

    /// The report, with what cannot be counted (names and bounds) taken from the one that it is compared with.
    pub(super) fn report(&self, named: &Report) -> Report {
        let mut suspended: BTreeMap<String, u64> = BTreeMap::new();
        *suspended.entry("SUSPENSE_REASON_REDEFINITION".into()).or_default() += self.refused_definitions;
        let applied: HashMap<&Key, &Event> = (self.entries.iter())
            .filter(|(_, event, is_first)| self.reason(body(event), *is_first).is_none())
            .map(|(key, event, _)| (key, event))
            .collect();
        let mut reversed: BTreeSet<Key> = BTreeSet::new();
        for (key, event, is_first) in &self.entries {
            let reason = match (self.reason(body(event), *is_first), body(event)) {
                (None, Body::EntryReversed(reversal)) => {
                    let target = (key.0.clone(), reversal.target_event_id.clone());
                    match applied.get(&target).map(|event| body(event)) {
                        None => Some("SUSPENSE_REASON_UNKNOWN_TARGET"),
                        Some(Body::EntryReversed(_)) => Some("SUSPENSE_REASON_NOT_REVERSIBLE"),
                        Some(_) if !reversed.insert(target) => Some("SUSPENSE_REASON_ALREADY_REVERSED"),
                        Some(_) => None,
                    }
                }
                (reason, _) => reason,
            };
            if let Some(reason) = reason {
                *suspended.entry(reason.into()).or_default() += 1;
            }
        }
        let is_live = |(key, event, is_first): &&(Key, Event, bool)| self.reason(body(event), *is_first).is_none() && !reversed.contains(key);
        let live: Vec<&Event> = self.entries.iter().filter(is_live).map(|(_, event, _)| event).collect();
        let in_suspense = suspended.values().sum();
        let count = |is: fn(&Body) -> bool| live.iter().filter(|event| is(body(event))).count() as i64;
        Report {
            records: self.records,
            duplicates: self.duplicates,
            entries: self.entries.len() as u64,
            suspended: in_suspense,
            applied: self.entries.len() as u64 - in_suspense,
            suspended_by_reason: suspended,
            reversed: reversed.len() as u64,
            pledges_live: count(|body| matches!(body, Body::PledgeMade(_))),
            outcomes_live: count(|body| matches!(body, Body::OutcomeObserved(_))),
            measures: self.measure_totals(named, &live),
            services: self.service_totals(named, &live),
            exchanges: exchange_totals(&live),
            participants: participants(&live),
            outcomes: recount_answers::outcomes(&live),
            pledges: recount_answers::pledges(&live),
            budgets: recount_answers::budgets(&live),
            contributions_by_role: recount_answers::contributions_by_role(&live, &self.measures),
            retention: recount_answers::retention(&live),
            residents: recount_answers::residents(&live),
            ..named.clone()
        }
    }

    fn measure_totals(&self, named: &Report, live: &[&Event]) -> BTreeMap<String, MeasureTotal> {
        let sum = |id: &str| {
            live.iter()
                .filter_map(|event| given(body(event)))
                .filter(|given| given.measure == id)
                .map(|given| i128::from(given.quantity))
                .sum::<i128>()
        };
        let total = |(id, named): (&String, &MeasureTotal)| {
            let entries = self.entries.iter().filter(|(_, event, _)| names(body(event)).1 == id).count() as u64;
            let live = live.iter().filter_map(|event| given(body(event))).filter(|given| given.measure == id).count() as i64;
            let contras: i128 = self.measures.values().filter(|measure| measure.contra_of == *id).map(|measure| sum(&measure.id)).sum();
            let is_base = self.measures.get(id).is_some_and(|measure| measure.contra_of.is_empty());
            let net = is_base.then(|| (sum(id) - contras).to_string());
            (id.clone(), MeasureTotal { entries, live, quantity: sum(id).to_string(), net, ..named.clone() })
        };
        named.measures.iter().map(total).collect()
    }

    fn service_totals(&self, named: &Report, live: &[&Event]) -> BTreeMap<String, ServiceTotal> {
        let total = |id: &String| {
            let entries = self.entries.iter().filter(|(_, event, _)| names(body(event)).0 == id).count() as u64;
            let live = live.iter().filter_map(|event| given(body(event))).filter(|given| given.service == id).count() as i64;
            (id.clone(), ServiceTotal { entries, live })
        };
        named.services.keys().map(total).collect()
    }
}

pub(super) fn body(event: &Event) -> &Body {
    event.facts.as_ref().unwrap().body.as_ref().unwrap()
}

/// Service and measure that an entry names.
fn names(body: &Body) -> (&str, &str) {
    match body {
        Body::ContributionRecorded(it) => (&it.service, &it.measure),
        Body::StateInputRecorded(it) => (&it.service, &it.measure),
        Body::PledgeMade(it) => (&it.service, &it.measure),
        Body::OutcomeObserved(it) => (&it.service, ""),
        _ => ("", ""),
    }
}

struct Given<'a> {
    is_citizen: bool,
    service: &'a str,
    measure: &'a str,
    quantity: i64,
    exchange: &'a str,
}

fn given(body: &Body) -> Option<Given<'_>> {
    match body {
        Body::ContributionRecorded(it) => {
            Some(Given { is_citizen: true, service: &it.service, measure: &it.measure, quantity: it.quantity, exchange: &it.exchange })
        }
        Body::StateInputRecorded(it) => {
            Some(Given { is_citizen: false, service: &it.service, measure: &it.measure, quantity: it.quantity, exchange: &it.exchange })
        }
        _ => None,
    }
}

fn exchange_totals(live: &[&Event]) -> ExchangeTotals {
    let mut sides: HashMap<&str, [bool; 2]> = HashMap::new();
    for given in live.iter().filter_map(|event| given(body(event))).filter(|given| !given.exchange.is_empty()) {
        sides.entry(given.exchange).or_default()[usize::from(given.is_citizen)] = true;
    }
    let count = |wanted: [bool; 2]| sides.values().filter(|sides| **sides == wanted).count() as u64;
    ExchangeTotals {
        opened: sides.len() as u64,
        two_sided: count([true, true]),
        one_sided_citizen: count([false, true]),
        one_sided_state: count([true, false]),
    }
}

fn participants(live: &[&Event]) -> BTreeMap<String, u64> {
    let mut actors: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for event in live.iter().filter(|event| matches!(body(event), Body::ContributionRecorded(_))) {
        let envelope = event.envelope.as_ref().unwrap();
        let actor = event.person.as_ref().map_or("", |person| &person.actor);
        if !actor.is_empty() {
            actors.entry(unit(&envelope.occurred_start, &envelope.occurred_end)).or_default().insert(actor);
        }
    }
    actors.into_iter().map(|(unit, actors)| (unit, actors.len() as u64)).collect()
}

/// From the dates' own text.
pub(super) fn unit(start: &str, end: &str) -> String {
    let end = if end.is_empty() { start } else { end };
    let quarter = |date: &str| ["01 02 03", "04 05 06", "07 08 09", "10 11 12"].iter().position(|months| months.contains(&date[5..7])).unwrap() + 1;
    match (start, end) {
        _ if start[..7] == end[..7] => start[..7].to_owned(),
        _ if start[..4] == end[..4] && quarter(start) == quarter(end) => format!("{}-Q{}", &start[..4], quarter(start)),
        _ if start[..4] == end[..4] => start[..4].to_owned(),
        _ => "ever".to_owned(),
    }
}
