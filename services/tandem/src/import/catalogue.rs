//! Catalogue files: definitions as data, and how they are recorded.
//!
//! An event's id is UUIDv5 of council, kind, what is defined, and the definition's SHA-256. So the same definition is the same event for ever,
//! and recording it again is a duplicate; a changed one is another event, which the fold judges (a new name takes effect, a new unit does not).

use super::gateway;
use super::ids;
use super::mapping::{self, Unusable};
use super::plan::checked;
use crate::client::{Connection, Server};
use prost::Message;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{
    AreaDefined, Direction, Envelope, Event, Facts, IndicatorDefined, MeasureDefined, Rate, Role, ServiceDefined, ServiceMode, Side, ValuationBasis,
    ValuationPublished,
};

/// The source of definitions.
pub const SOURCE: &str = "catalogue";
/// The day on which definitions occurred: they hold for all days, and the same definition must be the same event whenever it is recorded.
const OCCURRED: &str = "2000-01-01";

/// A catalogue file. The fields are those of the contract's definitions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What the file is for.
    #[serde(rename = "about")]
    _about: String,
    #[serde(default)]
    service: Vec<Service>,
    #[serde(default)]
    measure: Vec<Measure>,
    #[serde(default)]
    indicator: Vec<Indicator>,
    #[serde(default)]
    area: Vec<Area>,
    #[serde(default)]
    valuation: Vec<Valuation>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    id: String,
    name: String,
    mode: String,
    lgsl_id: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measure {
    id: String,
    name: String,
    side: String,
    unit: String,
    role: String,
    #[serde(default)]
    contra_of: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Indicator {
    id: String,
    name: String,
    unit: String,
    #[serde(default)]
    decimal_places: u32,
    direction: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Area {
    area: String,
    vintage: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    parent: String,
    deprivation_decile: Option<u32>,
    population: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Valuation {
    id: String,
    version: u32,
    name: String,
    currency: String,
    #[serde(default)]
    region: String,
    basis: String,
    #[serde(default)]
    method: String,
    #[serde(default)]
    lens: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    maintained: bool,
    rate: Vec<Price>,
}

/// One price for any number of measures: a figure is written once, with where it comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    measures: Vec<String>,
    per_quantity: i64,
    central: i64,
    low: Option<i64>,
    high: Option<i64>,
    #[serde(default)]
    effective_from: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    verified: bool,
}

/// Definitions that are ready to be recorded for any council.
#[derive(Clone, Debug, Default)]
pub struct Definitions(Vec<Definition>);

#[derive(Clone, Debug)]
struct Definition {
    kind: &'static str,
    id: String,
    body: Body,
}

impl Definitions {
    /// Reads catalogue files, in order; a definition that stands in several files in the same words counts once.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Unusable> {
        let mut definitions: Vec<Definition> = Vec::new();
        for path in paths {
            for definition in of_file(path)? {
                let same = definitions.iter().find(|other| (other.kind, &other.id) == (definition.kind, &definition.id));
                match same {
                    Some(same) if same.body == definition.body => {}
                    Some(_) => {
                        return Err(Unusable::new(path, format!("the {} {} is defined otherwise in another file", definition.kind, definition.id)));
                    }
                    None => definitions.push(definition),
                }
            }
        }
        Ok(Self(definitions))
    }

    /// True if nothing is defined.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The events that define all this for a council.
    pub fn events(&self, council: &str) -> Vec<Event> {
        self.0.iter().map(|definition| definition.event(council)).collect()
    }
}

impl Definition {
    fn event(&self, council: &str) -> Event {
        let facts = Facts { body: Some(self.body.clone()) };
        let content: String = Sha256::digest(facts.encode_to_vec()).iter().map(|byte| format!("{byte:02x}")).collect();
        let envelope = Envelope {
            event_id: ids::of([SOURCE, council, self.kind, &self.id, &content]).to_string(),
            council: council.into(),
            source: SOURCE.into(),
            occurred_start: OCCURRED.into(),
            ..Envelope::default()
        };
        Event { envelope: Some(envelope), facts: Some(facts), person: None }
    }
}

/// The event that defines an area for a council, as a catalogue file would.
pub(super) fn area_event(council: &str, area: AreaDefined) -> Event {
    let id = format!("{} {}", area.area, area.vintage);
    Definition { kind: "area", id, body: Body::AreaDefined(area) }.event(council)
}

fn of_file(path: &Path) -> Result<Vec<Definition>, Unusable> {
    let file: File = mapping::read(path)?;
    let services = file.service.into_iter().map(service);
    let measures = file.measure.into_iter().map(measure);
    let indicators = file.indicator.into_iter().map(indicator);
    let areas = file.area.into_iter().map(area);
    let valuations = file.valuation.into_iter().map(valuation);
    let all = services.chain(measures).chain(indicators).chain(areas).chain(valuations);
    let definitions = all.collect::<Result<Vec<_>, String>>().map_err(|error| Unusable::new(path, error))?;
    for definition in &definitions {
        // The limits of the contract do not depend on the council, and a definition's day is long past.
        checked(&definition.event("any"), u64::MAX / 4)
            .map_err(|error| Unusable::new(path, format!("{} {}: {error}", definition.kind, definition.id)))?;
    }
    Ok(definitions)
}

/// The number of an enum's value: "expert-led" is EXPERT_LED.
fn choice(what: &str, id: &str, text: &str, prefix: &str, number: impl Fn(&str) -> Option<i32>) -> Result<i32, String> {
    let name = format!("{prefix}_{}", text.to_uppercase().replace('-', "_"));
    number(&name).filter(|number| *number != 0).ok_or_else(|| format!("{id}: unknown {what} {text:?}"))
}

fn service(service: Service) -> Result<Definition, String> {
    let mode = choice("mode", &service.id, &service.mode, "SERVICE_MODE", |name| ServiceMode::from_str_name(name).map(i32::from))?;
    let defined = ServiceDefined { id: service.id.clone(), name: service.name, mode, lgsl_id: service.lgsl_id };
    Ok(Definition { kind: "service", id: service.id, body: Body::ServiceDefined(defined) })
}

fn measure(measure: Measure) -> Result<Definition, String> {
    let side = choice("side", &measure.id, &measure.side, "SIDE", |name| Side::from_str_name(name).map(i32::from))?;
    let role = choice("role", &measure.id, &measure.role, "ROLE", |name| Role::from_str_name(name).map(i32::from))?;
    let defined = MeasureDefined { id: measure.id.clone(), name: measure.name, side, unit: measure.unit, role, contra_of: measure.contra_of };
    Ok(Definition { kind: "measure", id: measure.id, body: Body::MeasureDefined(defined) })
}

fn indicator(indicator: Indicator) -> Result<Definition, String> {
    let direction = choice("direction", &indicator.id, &indicator.direction, "DIRECTION", |name| Direction::from_str_name(name).map(i32::from))?;
    let defined = IndicatorDefined {
        id: indicator.id.clone(),
        name: indicator.name,
        unit: indicator.unit,
        decimal_places: indicator.decimal_places,
        direction,
    };
    Ok(Definition { kind: "indicator", id: indicator.id, body: Body::IndicatorDefined(defined) })
}

fn area(area: Area) -> Result<Definition, String> {
    let id = format!("{} {}", area.area, area.vintage);
    let defined = AreaDefined {
        area: area.area,
        vintage: area.vintage,
        name: area.name,
        parent: area.parent,
        deprivation_decile: area.deprivation_decile,
        population: area.population,
    };
    Ok(Definition { kind: "area", id, body: Body::AreaDefined(defined) })
}

fn valuation(valuation: Valuation) -> Result<Definition, String> {
    let basis = choice("basis", &valuation.id, &valuation.basis, "VALUATION_BASIS", |name| ValuationBasis::from_str_name(name).map(i32::from))?;
    let rates = valuation.rate.into_iter().flat_map(|price| {
        let rate = Rate {
            measure: String::new(),
            per_quantity: price.per_quantity,
            central: price.central,
            low: price.low,
            high: price.high,
            effective_from: price.effective_from,
            source: price.source,
            licence: price.licence,
            verified: price.verified,
        };
        price.measures.into_iter().map(move |measure| Rate { measure, ..rate.clone() })
    });
    let defined = ValuationPublished {
        id: valuation.id.clone(),
        version: valuation.version,
        name: valuation.name,
        currency: valuation.currency,
        region: valuation.region,
        basis,
        method: valuation.method,
        lens: valuation.lens,
        source: valuation.source,
        licence: valuation.licence,
        maintained: valuation.maintained,
        rates: rates.collect(),
    };
    Ok(Definition { kind: "valuation", id: format!("{}@{}", valuation.id, valuation.version), body: Body::ValuationPublished(defined) })
}

/// What recording a catalogue did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Definitions that are durable now; those that were already are counted too.
    pub definitions: usize,
    /// Where the last of them stands: an `at_least` for questions. Empty: nothing was to be recorded.
    pub position: String,
}

/// Records the definitions of catalogue files as a council's. Twice is the same as once.
pub async fn record(server: &Server, council: &str, files: &[PathBuf]) -> anyhow::Result<Recorded> {
    let definitions = Definitions::read(files)?;
    record_definitions(server.connect().await?, council, &definitions).await
}

/// As `record`, over a connection that is there.
pub(super) async fn record_definitions(connection: Connection, council: &str, definitions: &Definitions) -> anyhow::Result<Recorded> {
    let events = definitions.events(council);
    let mut recorded = Recorded { definitions: events.len(), position: String::new() };
    for batch in events.chunks(gateway::BATCH_EVENTS) {
        let answer = gateway::record_batch(connection.clone(), batch.to_vec()).await?;
        if let Some(refusal) = answer.refusals.first() {
            anyhow::bail!(
                "the gateway refused {} of the catalogue's definitions, first {}: {}",
                answer.refusals.len(),
                refusal.field,
                refusal.description
            );
        }
        recorded.position = answer.positions.into_iter().next().map(|position| position.position).unwrap_or_default();
    }
    Ok(recorded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn files(directory: &str) -> Vec<PathBuf> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
        files.sort();
        files
    }

    /// All shipped catalogue files are valid, agree with each other, and every base, and every measure with a price, is defined.
    #[test]
    fn shipped_catalogues_are_ready_to_record() {
        let all: Vec<_> = files("catalogue").into_iter().chain(files("mappings/catalogues")).collect();
        let definitions = Definitions::read(&all).unwrap();
        let measures: BTreeSet<_> =
            definitions.0.iter().filter(|definition| definition.kind == "measure").map(|definition| definition.id.as_str()).collect();
        for definition in &definitions.0 {
            match &definition.body {
                Body::MeasureDefined(measure) => {
                    assert!(measure.contra_of.is_empty() || measures.contains(measure.contra_of.as_str()), "{}", measure.id)
                }
                Body::ValuationPublished(valuation) => {
                    for rate in &valuation.rates {
                        assert!(measures.contains(rate.measure.as_str()), "{}: {}", valuation.id, rate.measure);
                        assert!(!rate.verified, "{}: nobody has checked the figures against their sources yet", valuation.id);
                    }
                }
                _ => {}
            }
        }
        let starter = Definitions::read(&files("catalogue")).unwrap();
        let count = |kind: &str| starter.0.iter().filter(|definition| definition.kind == kind).count();
        assert!(count("measure") + count("indicator") >= 25);
        assert_eq!(count("valuation"), 4);
    }

    #[test]
    fn the_same_definition_is_the_same_event_and_a_changed_one_another() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, format!("about = \"x\"\n\n[[service]]\nid = \"s\"\nname = \"{text}\"\nmode = \"relational\"\n")).unwrap();
            path
        };
        let (one, same, other) = (write("a.toml", "One"), write("b.toml", "One"), write("c.toml", "Two"));
        let events = |paths: &[PathBuf], council: &str| Definitions::read(paths).unwrap().events(council);
        assert_eq!(events(&[one.clone(), same.clone()], "c1"), events(std::slice::from_ref(&one), "c1"));
        let id = |path: &PathBuf, council: &str| events(std::slice::from_ref(path), council)[0].envelope.clone().unwrap().event_id;
        assert_eq!(id(&one, "c1"), id(&same, "c1"));
        assert_ne!(id(&one, "c1"), id(&other, "c1"));
        assert_ne!(id(&one, "c1"), id(&one, "c2"));
        let error = Definitions::read(&[one, other]).unwrap_err().to_string();
        assert!(error.ends_with("the service s is defined otherwise in another file"), "{error}");
    }

    #[test]
    fn a_definition_that_cannot_be_recorded_names_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        std::fs::write(&path, "about = \"x\"\n\n[[measure]]\nid = \"m\"\nname = \"M\"\nside = \"nobody\"\nunit = \"min\"\nrole = \"deliver\"\n")
            .unwrap();
        let error = Definitions::read(&[path]).unwrap_err().to_string();
        assert!(error.ends_with("c.toml: m: unknown side \"nobody\""), "{error}");
    }
}
