//! Histories with all that metrics about taking part rest on: actors, pledges and what names them, individual budgets, roles,
//! observations. Everything is defined before anything happens; `never` is never defined.

use super::super::history::{Message, encoded, folded_records, uuid};
use crate::date::Span;
use crate::event::{Role, Side};
use crate::memory::Memory;
use crate::metrics::{self, Answer, Figure, GroupKey, Money, Partial};

pub const SERVICES: [&str; 3] = ["care", "tutoring", "parks"];

/// Id, side, unit, contra of, role.
pub type Measure = (&'static str, Side, &'static str, &'static str, Role);

pub const MEASURES: [Measure; 8] = [
    ("help", Side::Citizen, "min", "", Role::Deliver),
    // The role of a contra measure is its base's, whatever it says itself.
    ("help-back", Side::Citizen, "min", "help", Role::Inform),
    ("ideas", Side::Citizen, "{item}", "", Role::Design),
    ("votes", Side::Citizen, "{item}", "", Role::Govern),
    ("budget", Side::State, "GBP", "", Role::Deliver),
    ("budget-back", Side::State, "GBP", "budget", Role::Deliver),
    ("euros", Side::State, "EUR", "", Role::Deliver),
    ("teaching", Side::State, "min", "", Role::Deliver),
];

/// Measure, per quantity, minor units. Help that comes back has the price of help.
pub const RATES: [(&str, i64, i64); 3] = [("help", 60, 1_250), ("votes", 7, 33), ("teaching", 60, 3_000)];

/// The price list.
pub const VALUATION: &str = "floor";
/// Its D.
pub const DENOMINATOR: i128 = 420;

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Gift(Side),
    Pledge,
    /// Numerator and denominator of the indicator `support`.
    Outcome(i64, i64),
    /// Of the deed with this id.
    Reversal(u128),
}

/// One event; what does not apply to its kind is left empty.
#[derive(Clone, Debug)]
pub struct Deed {
    pub id: u128,
    pub kind: Kind,
    pub service: &'static str,
    pub measure: &'static str,
    pub quantity: i64,
    pub area: &'static str,
    pub exchange: String,
    pub evidence: i64,
    /// When it happened; for pledges and outcomes their period.
    pub span: Span,
    pub actor: String,
    /// The pledge that it fulfils; 0: none.
    pub pledge: u128,
    /// Who chose how an individual budget is spent, 0 if that is not known; none: it is no individual budget.
    pub chooser: Option<i64>,
}

impl Deed {
    fn facts(&self) -> Message {
        let message = Message::default;
        let given = || message().text(1, self.service).text(2, self.measure).number(3, self.quantity).text(4, self.area).text(5, &self.exchange);
        let (start, end) = (self.span.start.to_string(), self.span.end.to_string());
        match self.kind {
            Kind::Gift(Side::Citizen) => {
                let pledge = if self.pledge == 0 { String::new() } else { uuid(self.pledge) };
                message().message(1, given().number(6, self.evidence).text(7, &pledge))
            }
            Kind::Gift(Side::State) => {
                let input = given().number(6, self.evidence);
                message().message(2, self.chooser.map_or(given().number(6, self.evidence), |chooser| input.number(8, 1).number(9, chooser)))
            }
            Kind::Pledge => message().message(4, given().text(6, &start).text(7, &end)),
            Kind::Outcome(numerator, denominator) => {
                let outcome = message().text(1, self.service).text(2, "support").text(3, self.area).text(4, &start).text(5, &end);
                message().message(3, outcome.number(6, numerator).number(7, denominator))
            }
            Kind::Reversal(target) => message().message(5, message().text(1, &uuid(target)).number(3, 2)),
        }
    }
}

/// The rows that deeds fold into, after all definitions; `support` is counted in this unit, with so many decimal places.
pub fn folded(deeds: &[Deed], unit: &str, places: i64) -> Memory {
    let message = Message::default;
    let mut definitions: Vec<Message> = SERVICES.iter().map(|id| message().message(16, message().text(1, id).text(2, id).number(3, 1))).collect();
    definitions.extend(MEASURES.iter().map(|(id, side, unit, contra_of, role)| {
        let measure = message().text(1, id).text(2, id).number(3, *side as i64).text(4, unit).number(5, *role as i64);
        message().message(17, measure.text(6, contra_of))
    }));
    definitions.push(message().message(18, message().text(1, "support").text(2, "Support").text(3, unit).number(4, places).number(5, 1)));
    let valuation = message().text(1, VALUATION).number(2, 1).text(3, "Floor").text(4, "GBP").number(6, 2);
    let rate = |(measure, per, central): &(&str, i64, i64)| message().text(1, measure).number(2, *per).number(3, *central);
    definitions.push(message().message(20, RATES.iter().fold(valuation, |valuation, one| valuation.message(12, rate(one)))));
    let defined = definitions.iter().enumerate().map(|(at, facts)| encoded(at, 1 << 100 | at as u128, None, facts, &message()));
    let mut records: Vec<_> = defined.collect();
    for deed in deeds {
        let (at, id) = (records.len(), if matches!(deed.kind, Kind::Reversal(_)) { 1 << 101 | records.len() as u128 } else { deed.id });
        let span = if matches!(deed.kind, Kind::Gift(_)) { Some(deed.span) } else { None };
        records.push(encoded(at, id, span, &deed.facts(), &message().text(1, &deed.actor)));
    }
    folded_records(&records)
}

/// "care | 2025 coarser overlaps".
pub fn shown_keys(keys: &[GroupKey]) -> String {
    let flag = |is: bool, word: &'static str| if is { word } else { "" };
    let key = |key: &GroupKey| format!("{}{}{}", key.value, flag(key.coarser, " coarser"), flag(key.overlaps, " overlaps"));
    keys.iter().map(key).collect::<Vec<_>>().join(" | ")
}

/// "value unit, covered of total".
pub fn shown(figure: &Figure) -> String {
    let coverage = figure.coverage.as_ref().map(|coverage| format!(", {} of {}", coverage.covered, coverage.total)).unwrap_or_default();
    format!("{} {}{coverage}", figure.central.as_deref().unwrap_or("none"), figure.unit)
}

/// Figures of a metric in a group.
pub fn figures(name: &str, answer: &Answer, partial: &Partial) -> Vec<Figure> {
    let currency = answer.valuation.as_ref().map_or("", |used| &used.currency);
    metrics::find(name).unwrap().evaluate(partial, Money { currency, denominator: answer.denominator })
}
