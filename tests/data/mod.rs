//! The real input sets against their mappings: every figure is computed twice, by the mapping here and by `figures.py` from the files alone, and
//! both must be what `expected.toml` and the sets' SOURCE.txt say.

use prost::Message;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use tandem::import::plan::Outcome;
use tandem::import::rows::{Job, Options};
use tandem_proto::v1::Event;
use tandem_proto::v1::facts::Body;

/// `expected.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Check figures of the sets' SOURCE.txt.
    pub checks: BTreeMap<String, i64>,
    /// What questions about the imported sets come to; the integration tests ask them.
    pub answers: BTreeMap<String, String>,
    /// The imports, in order.
    pub import: Vec<Import>,
}

/// One import.
#[derive(Debug, Deserialize)]
pub struct Import {
    /// The mapping file.
    pub mapping: PathBuf,
    /// The set's files.
    pub files: Vec<PathBuf>,
    /// What it comes to.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What an import comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Figures {
    /// Rows read.
    pub read: u64,
    /// Events sent.
    pub events: u64,
    /// Entries that take effect.
    pub applied: u64,
    /// Exact duplicates.
    pub duplicate: u64,
    /// Entries in suspense.
    pub suspended: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Rows skipped, by reason.
    #[serde(default)]
    pub skipped: BTreeMap<String, u64>,
    /// Quantities by measure or indicator.
    #[serde(default)]
    pub quantities: BTreeMap<String, i64>,
}

/// What `figures.py` writes.
#[derive(Debug, Deserialize)]
struct Recomputed {
    imports: BTreeMap<String, Figures>,
    checks: BTreeMap<String, i64>,
    answers: BTreeMap<String, String>,
}

/// The ledger, as far as these figures need it: what is known by council, source and event id.
#[derive(Default)]
struct Ledger(HashMap<(String, String, String), Vec<u8>>);

/// The repository's root. This is a test of the crate `tandem`, which lives two folders below.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn here() -> PathBuf {
    root().join("tests/data")
}

/// Where the real sets are. Without them the tests fail, unless TANDEM_WITHOUT_DATA=1 says that they are to do nothing.
pub fn directory() -> Option<PathBuf> {
    let directory = std::env::var_os("TANDEM_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if directory.join("README.md").is_file() {
        return Some(directory);
    }
    let message =
        format!("the real input sets are not in {}: name their directory in TANDEM_DATA, or set TANDEM_WITHOUT_DATA=1", directory.display());
    assert_eq!(std::env::var("TANDEM_WITHOUT_DATA").as_deref(), Ok("1"), "{message}");
    eprintln!("NOT TESTED, since TANDEM_WITHOUT_DATA=1: {message}");
    None
}

/// The table of expected figures.
pub fn expected() -> Expected {
    toml::from_str(&std::fs::read_to_string(here().join("expected.toml")).unwrap()).unwrap()
}

/// A mapping file's path.
pub fn mapping(name: &Path) -> PathBuf {
    root().join("services/tandem/mappings").join(name)
}

/// Maps a set's files and hands over each event.
fn map(data: &Path, import: &Import, mut each: impl FnMut(Event)) -> Figures {
    let mut figures = Figures::default();
    // 2026-11-01 in UTC: after the last row of any set.
    let job = Job::new(&mapping(&import.mapping), Options::default(), 1_793_491_200_000_000).unwrap();
    for file in &import.files {
        let mut rows = job.open(&data.join(file)).unwrap();
        while let Some(row) = rows.next().unwrap() {
            figures.read += 1;
            match row.outcome {
                Outcome::Events(events) => events.into_iter().for_each(&mut each),
                Outcome::Skipped(reason) => *figures.skipped.entry(reason).or_default() += 1,
                Outcome::Rejected(reason) => {
                    println!("{}, line {}: {reason}", file.display(), row.line);
                    figures.rejected += 1;
                }
            }
        }
    }
    figures
}

/// Measure or indicator, and quantity.
fn quantity(event: &Event) -> Option<(String, i64)> {
    match event.facts.as_ref()?.body.as_ref()? {
        Body::ContributionRecorded(body) => Some((body.measure.clone(), body.quantity)),
        Body::StateInputRecorded(body) => Some((body.measure.clone(), body.quantity)),
        Body::OutcomeObserved(body) => Some((body.indicator.clone(), body.numerator)),
        _ => None,
    }
}

fn figures(data: &Path, import: &Import, ledger: &mut Ledger) -> Figures {
    let (mut counted, mut quantities) = (Figures::default(), BTreeMap::<String, i64>::new());
    let mapped = map(data, import, |event| {
        counted.events += 1;
        if let Some((measure, number)) = quantity(&event) {
            *quantities.entry(measure).or_default() += number;
        }
        let envelope = event.envelope.clone().unwrap();
        let (key, bytes) = ((envelope.council, envelope.source, envelope.event_id), event.encode_to_vec());
        match ledger.0.get(&key) {
            None => {
                ledger.0.insert(key, bytes);
                counted.applied += 1;
            }
            Some(known) if *known == bytes => counted.duplicate += 1,
            Some(_) => counted.suspended += 1,
        }
    });
    Figures { events: counted.events, applied: counted.applied, duplicate: counted.duplicate, suspended: counted.suspended, quantities, ..mapped }
}

fn name(import: &Import) -> String {
    import.mapping.file_stem().unwrap().to_string_lossy().into_owned()
}

fn recomputed(data: &Path) -> Recomputed {
    let output = Command::new("python3").arg(here().join("figures.py")).arg(data).output().expect("python3 is needed to recompute the figures");
    assert!(output.status.success(), "figures.py: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_set_comes_to_its_figures() {
    let Some(data) = directory() else { return };
    let (expected, recomputed, mut ledger) = (expected(), recomputed(&data), Ledger::default());
    assert_eq!(recomputed.checks, expected.checks, "figures.py against SOURCE.txt");
    assert_eq!(recomputed.answers, expected.answers, "answers of figures.py and of expected.toml");
    let names: BTreeSet<_> = expected.import.iter().map(name).collect();
    assert_eq!(names, recomputed.imports.keys().cloned().collect(), "imports of expected.toml and of figures.py");
    for import in &expected.import {
        let name = name(import);
        assert_eq!(recomputed.imports[&name], import.figures, "{name}: figures.py against expected.toml");
        assert_eq!(figures(&data, import, &mut ledger), import.figures, "{name}: the mapping against expected.toml");
    }
}

#[test]
fn every_mapping_file_is_among_the_figures() {
    let directory = root().join("services/tandem/mappings");
    let files = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = files.filter(|name| name.ends_with(".toml")).collect();
    let expected: BTreeSet<_> = expected().import.iter().map(|import| import.mapping.to_string_lossy().into_owned()).collect();
    assert_eq!(files, expected);
    let readme = std::fs::read_to_string(directory.join("README.md")).unwrap();
    for file in &files {
        assert!(readme.contains(&format!("`{file}`")), "README.md does not say what {file} does");
    }
}

/// The checks of SOURCE.txt that are sums over events, taken from the events themselves.
#[test]
fn events_carry_the_check_figures() {
    let Some(data) = directory() else { return };
    let expected = expected();
    let find = |name: &str| expected.import.iter().find(|import| import.mapping == Path::new(name)).unwrap();
    let check = |name: &str| expected.checks[name];

    let mut grams_2019 = BTreeMap::<String, i64>::new();
    map(&data, find("scotland-household-waste.toml"), |event| {
        if event.envelope.as_ref().unwrap().occurred_start == "2019-01-01" {
            let (measure, grams) = quantity(&event).unwrap();
            *grams_2019.entry(measure).or_default() += grams;
        }
    });
    for (measure, name) in [("waste/sorted", "Recycled"), ("waste/landfilled", "Landfilled"), ("waste/diverted", "Other Diversion")] {
        assert_eq!(grams_2019[measure], 1_000_000 * check(&format!("scotland 2019 tonnes {name}")), "{name}");
    }

    let mut reports = BTreeMap::<String, i64>::new();
    map(&data, find("fixmystreet-reports.toml"), |event| *reports.entry(event.envelope.unwrap().council).or_default() += 1);
    for (council, name) in [("E09000006", "Bromley"), ("E09000028", "Southwark"), ("E09000011", "Greenwich"), ("E09000004", "Bexley")] {
        assert_eq!(reports[council], check(&format!("fixmystreet {name}")), "{name}");
    }

    let cards = &find("trafford-cards.toml").figures.quantities;
    let pence = check("cards 2024-25 pence") + check("cards 2025-26 pence");
    assert_eq!(cards["money/payments"] - cards["money/payments-refunded"], pence, "no pound may be lost");
    assert_eq!(find("trafford-grants.toml").figures.quantities["money/grants"], check("grants pence"));

    // The set's check figure of homework is that of 030201 and 040201; of care that of all of 03 and 04, which has homework in it.
    let atus = &find("atus-activities.toml").figures.quantities;
    assert_eq!(atus["volunteering/time"], check("atus volunteering minutes"));
    assert_eq!(atus["care/unpaid-care"] + atus["education/homework-support"], check("atus care minutes"));
    assert_eq!(find("atus-staff.toml").figures.quantities["staff/time"], check("atus staff minutes"));
}

/// The two vintages of small areas, from the events: how many have a decile in each, and where the two differ.
#[test]
fn two_vintages_of_areas_have_other_deciles() {
    let Some(data) = directory() else { return };
    let expected = expected();
    let deciles = |name: &str| {
        let import = expected.import.iter().find(|import| import.mapping == Path::new(name)).unwrap();
        let mut deciles = BTreeMap::new();
        map(&data, import, |event| {
            let Some(Body::AreaDefined(area)) = event.facts.and_then(|facts| facts.body) else { panic!("{name} records areas only") };
            let code = area.area.split_once(':').unwrap().1.to_owned();
            assert_eq!(deciles.insert(code, area.deprivation_decile), None, "an area twice");
        });
        deciles
    };
    let (old, new) = (deciles("reference-lsoa11.toml"), deciles("reference-lsoa21.toml"));
    let known = |deciles: &BTreeMap<String, Option<u32>>| deciles.values().flatten().count();
    let both: Vec<_> = old.iter().filter_map(|(code, old)| Some(((*old)?, (*new.get(code)?)?))).collect();
    let found = [old.len(), new.len(), known(&old), known(&new), both.len(), both.iter().filter(|(old, new)| old != new).count()];
    let names = ["of 2011", "of 2021", "with a decile of 2019", "with a decile of 2025", "with both deciles", "whose deciles differ"];
    assert_eq!(found.map(|found| found as i64), names.map(|name| expected.checks[&format!("areas {name}")]));
}

/// A key of a person never leaves the importer.
#[test]
fn no_key_of_a_person_is_sent_in_clear() {
    let Some(data) = directory() else { return };
    for import in expected().import.iter().filter(|import| import.mapping.starts_with("atus-activities.toml")) {
        let mut actors = BTreeSet::new();
        map(&data, import, |event| {
            let person = event.person.unwrap();
            assert!(person.source_key.is_empty() && person.notes.is_empty());
            actors.extend([person.actor, person.recipient]);
        });
        actors.remove("");
        assert!(actors.iter().all(|actor| actor.starts_with("atus:") && actor.len() == 37));
        assert!(actors.len() > 60_000, "{}", actors.len());
    }
}
