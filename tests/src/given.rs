//! Events that are as they should be, to be made wrong in one point.

use crate::events::Parts;
use crate::model::EventKey;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{
    ContributionRecorded, Envelope, EvidenceGrade, MeasureDefined, Person, Role, ServiceDefined, ServiceMode, Side, StateInputRecorded,
};

/// The council of these events.
pub const COUNCIL: &str = "E09000001";
/// Their source.
pub const SOURCE: &str = "crm";

/// An envelope; `number` makes the event id.
pub fn envelope(number: u64) -> Envelope {
    Envelope {
        event_id: event_id(number),
        council: COUNCIL.into(),
        source: SOURCE.into(),
        occurred_start: "2025-03-01".into(),
        ..Envelope::default()
    }
}

/// The id of an event with this number.
pub fn event_id(number: u64) -> String {
    EventKey { source: String::new(), event_id: u128::from(number).to_be_bytes() }.id_text()
}

/// A contribution of 90 minutes of tutoring in an exchange.
pub fn contribution() -> ContributionRecorded {
    ContributionRecorded {
        service: "school/tutoring".into(),
        measure: "tutoring".into(),
        quantity: 90,
        exchange: "plan:7".into(),
        evidence: EvidenceGrade::Professional.into(),
        ..Default::default()
    }
}

/// Somebody.
pub fn ana() -> Person {
    Person { actor: "ana".into(), ..Person::default() }
}

/// A contribution as an event.
pub fn contributed(number: u64, contribution: ContributionRecorded) -> Parts {
    Parts::new(&envelope(number), Body::ContributionRecorded(contribution), &ana())
}

/// 45 minutes of teaching in the same exchange.
pub fn taught(number: u64) -> Parts {
    let input = StateInputRecorded {
        service: "school/tutoring".into(),
        measure: "teaching".into(),
        quantity: 45,
        exchange: "plan:7".into(),
        evidence: EvidenceGrade::Professional.into(),
        ..Default::default()
    };
    Parts::new(&envelope(number), Body::StateInputRecorded(input), &Person::default())
}

/// The service of all of these.
pub fn service_defined(number: u64) -> Parts {
    let service = ServiceDefined { id: "school/tutoring".into(), name: "Tutoring".into(), mode: ServiceMode::Relational.into(), lgsl_id: None };
    Parts::new(&envelope(number), Body::ServiceDefined(service), &Person::default())
}

/// A measure in minutes.
pub fn measure_defined(number: u64, id: &str, side: Side) -> Parts {
    let (id, name, unit, contra_of) = (id.into(), id.into(), "min".into(), String::new());
    let measure = MeasureDefined { id, name, side: side.into(), unit, role: Role::Deliver.into(), contra_of };
    Parts::new(&envelope(number), Body::MeasureDefined(measure), &Person::default())
}
