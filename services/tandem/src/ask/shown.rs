//! Parts of answers as they are shown, whichever command shows them. The field names are those of the JSON documents and stay.

use crate::output::{instant, non_empty, number::grouped};
use serde::Serialize;
use tandem_proto::v1::{self, EvidenceGrade, Side};

/// The name of an enum's value without its type's: "SENSOR", "CITIZEN".
pub fn bare(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_string()
}

/// "CITIZEN" or "STATE".
pub fn side(number: i32) -> String {
    bare(Side::try_from(number).unwrap_or_default().as_str_name(), "SIDE_")
}

/// "SENSOR" and so on.
pub fn evidence(number: i32) -> String {
    bare(EvidenceGrade::try_from(number).unwrap_or_default().as_str_name(), "EVIDENCE_GRADE_")
}

/// How far an answer reaches in one council's book.
#[derive(Clone, Debug, Serialize)]
pub struct Reflects {
    /// The council.
    pub council: String,
    /// Token for `--at-least`; null if the council has no record.
    pub position: Option<String>,
    /// Entries in its book.
    pub entries: u64,
    /// Book time of the last of them, RFC 3339 in UTC; null if there is none.
    pub book_time: Option<String>,
}

impl From<v1::CouncilReflected> for Reflects {
    fn from(reflects: v1::CouncilReflected) -> Self {
        Self {
            council: reflects.council,
            position: non_empty(reflects.position),
            entries: reflects.entries,
            book_time: instant(reflects.book_time_us),
        }
    }
}

/// A point of one council's book.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The council.
    pub council: String,
    /// Sequence of the last entry that counts; null: before the first.
    pub sequence: Option<u64>,
    /// Its book time, RFC 3339 in UTC; null if there is none.
    pub book_time: Option<String>,
}

impl From<v1::CouncilAsOf> for Point {
    fn from(point: v1::CouncilAsOf) -> Self {
        Self { council: point.council, sequence: point.sequence, book_time: instant(point.book_time_us) }
    }
}

impl Point {
    /// "entry 41 of E09000001, recorded 2025-03-01T12:00:00Z", or how many councils there are.
    pub fn all(points: &[Self]) -> String {
        match points {
            [one] => match (&one.sequence, &one.book_time) {
                (Some(sequence), time) => {
                    let time = time.as_ref().map(|time| format!(", recorded {time}")).unwrap_or_default();
                    format!("entry {} of {}{time}", grouped(&sequence.to_string()), one.council)
                }
                (None, _) => format!("before the first entry of {}", one.council),
            },
            several => format!("a point in the book of each of {} councils", several.len()),
        }
    }
}

/// A footnote on how far an answer reaches.
pub fn reach(reflects: &[Reflects]) -> String {
    match reflects {
        [] => String::new(),
        [one] => match &one.book_time {
            None => format!("{} has no entries yet\n", one.council),
            Some(time) => format!("reflects {} entries of {}, to {time}\n", grouped(&one.entries.to_string()), one.council),
        },
        several => {
            let entries: u128 = several.iter().map(|one| u128::from(one.entries)).sum();
            format!("reflects {} entries of {} councils\n", grouped(&entries.to_string()), several.len())
        }
    }
}

/// One line of a T-account.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// Measure id.
    pub measure: String,
    /// "CITIZEN" or "STATE".
    pub side: String,
    /// Decimal text.
    pub quantity: String,
    /// UCUM, or ISO 4217 for money in minor units.
    pub unit: String,
    /// Live entries.
    pub count: u64,
}

impl From<v1::Account> for Account {
    fn from(account: v1::Account) -> Self {
        Self { measure: account.measure, side: side(account.side), quantity: account.quantity, unit: account.unit, count: account.count }
    }
}

/// One entry in an account.
#[derive(Clone, Debug, Serialize)]
pub struct Posting {
    /// Sequence in the book.
    pub sequence: u64,
    /// Service id.
    pub service: String,
    /// Measure id.
    pub measure: String,
    /// Name of the measure; null if none is known.
    pub measure_name: Option<String>,
    /// "CITIZEN" or "STATE".
    pub side: String,
    /// In the unit.
    pub quantity: i64,
    /// UCUM, or ISO 4217 for money in minor units.
    pub unit: String,
    /// "scheme:code"; null: none.
    pub area: Option<String>,
    /// Exchange id; null: none.
    pub exchange: Option<String>,
    /// First day.
    pub occurred_start: String,
    /// Last day; null: one day.
    pub occurred_end: Option<String>,
    /// "SENSOR" and so on.
    pub evidence: String,
    /// Sequence of its reversal; null: it is live.
    pub reversed_by: Option<u64>,
}

impl From<v1::Posting> for Posting {
    fn from(posting: v1::Posting) -> Self {
        Self {
            sequence: posting.sequence,
            service: posting.service,
            measure: posting.measure,
            measure_name: non_empty(posting.measure_name),
            side: side(posting.side),
            quantity: posting.quantity,
            unit: posting.unit,
            area: non_empty(posting.area),
            exchange: non_empty(posting.exchange),
            occurred_start: posting.occurred_start,
            occurred_end: non_empty(posting.occurred_end),
            evidence: evidence(posting.evidence),
            reversed_by: posting.reversed_by,
        }
    }
}

impl Posting {
    /// CSV columns of a posting.
    pub const CSV: [&str; 13] = [
        "sequence",
        "occurred_start",
        "occurred_end",
        "service",
        "measure",
        "measure_name",
        "side",
        "quantity",
        "unit",
        "area",
        "exchange",
        "evidence",
        "reversed_by",
    ];

    /// Its CSV cells.
    pub fn csv(&self) -> Vec<String> {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.sequence.to_string(),
            self.occurred_start.clone(),
            optional(&self.occurred_end),
            self.service.clone(),
            self.measure.clone(),
            optional(&self.measure_name),
            self.side.clone(),
            self.quantity.to_string(),
            self.unit.clone(),
            optional(&self.area),
            optional(&self.exchange),
            self.evidence.clone(),
            self.reversed_by.map(|by| by.to_string()).unwrap_or_default(),
        ]
    }

    /// Its day or days, for people.
    pub fn occurred(&self) -> String {
        match &self.occurred_end {
            None => self.occurred_start.clone(),
            Some(end) => format!("{} – {end}", self.occurred_start),
        }
    }
}
