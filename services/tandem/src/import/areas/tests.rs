//! Areas of a small table, as the command records them.

use super::*;
use crate::import::plan::Outcome;
use crate::import::rows::{Job, Options};
use std::fs;

const MAPPING: &str = r#"
about = "areas"
source = "reference"
council = "{council}"

[[event]]
name = "area"
kind = "area"
id = ["{code}"]
occurred = { from = "2025", precision = "year" }
area = "lsoa21:{code}"
vintage = "imd2025"
title = "{name}"
parent = "ward24:{ward}"
decile = "{decile}"
"#;
const ROWS: &str = "\
code,name,ward,council,decile
E01,One,W1,E0801,3
E02,Two,W2,E0801,
E03,Three,W3,E0802,10
E04,Four,W3,E0802,11
E05,Five,W3,E0802,x
";

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("mapping.toml", MAPPING);
        files.write("rows.csv", ROWS);
        files
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn job(&self, council: Option<&str>, choice: Choice) -> Result<Job, Unusable> {
        let options = Options { council: council.map(str::to_owned), areas: Some(choice), ..Options::default() };
        Job::new(&self.0.path().join("mapping.toml"), options, 1_793_491_200_000_000)
    }

    fn outcomes(&self, job: &Job) -> Vec<Outcome> {
        let mut rows = job.open(&self.0.path().join("rows.csv")).unwrap();
        std::iter::from_fn(|| rows.next().unwrap()).map(|row| row.outcome).collect()
    }
}

fn choice(within: &str, scheme: &str, population: Option<PathBuf>) -> Choice {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Choice { within: some(within), scheme: some(scheme), population }
}

/// Council, area, decile and population of a definition; or why there is none.
fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Events(events) => {
            let (envelope, facts) = (events[0].envelope.as_ref().unwrap(), events[0].facts.as_ref().unwrap());
            let Some(Body::AreaDefined(area)) = &facts.body else { panic!("{facts:?}") };
            format!("{} {} {:?} {:?}", envelope.council, area.area, area.deprivation_decile, area.population)
        }
        Outcome::Skipped(reason) | Outcome::Rejected(reason) => reason.clone(),
    }
}

fn id(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Events(events) => &events[0].envelope.as_ref().unwrap().event_id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_areas_or_those_within_one() {
    let files = Files::new();
    let all =
        |council, within: &str| -> Vec<_> { files.outcomes(&files.job(council, choice(within, "", None)).unwrap()).iter().map(shown).collect() };
    assert_eq!(all(None, "")[..3], ["E0801 lsoa21:E01 Some(3) None", "E0801 lsoa21:E02 None None", "E0802 lsoa21:E03 Some(10) None"]);
    // A council's, whoever's ledger they are for; or a parent's, by its code or with its scheme.
    assert_eq!(all(Some("NATION"), "E0801")[..3], ["NATION lsoa21:E01 Some(3) None", "NATION lsoa21:E02 None None", "not within E0801"]);
    for within in ["W2", "ward24:W2"] {
        let skipped = format!("not within {within}");
        assert_eq!(all(None, within)[..3], [&skipped, "E0801 lsoa21:E02 None None", &skipped]);
    }
}

#[test]
fn a_decile_that_cannot_be_rejects_its_row() {
    let files = Files::new();
    let outcomes = files.outcomes(&files.job(None, choice("", "", None)).unwrap());
    assert!(outcomes[3..].iter().all(|outcome| matches!(outcome, Outcome::Rejected(_))));
    assert!(shown(&outcomes[3]).contains("deprivation_decile") && shown(&outcomes[3]).contains("11"), "{}", shown(&outcomes[3]));
    assert!(shown(&outcomes[4]).starts_with("decile: "), "{}", shown(&outcomes[4]));
}

#[test]
fn populations_come_by_code_or_id() {
    let files = Files::new();
    let population = files.write("residents.csv", "area,population,note\nE01,1500,\nlsoa:E03,0,\nE02,,not known\nE99,7,elsewhere\n");
    let job = files.job(None, choice("", "lsoa", Some(population.clone()))).unwrap();
    let shown: Vec<_> = files.outcomes(&job).iter().map(shown).collect();
    assert_eq!(shown[..3], ["E0801 lsoa:E01 Some(3) Some(1500)", "E0801 lsoa:E02 None None", "E0802 lsoa:E03 Some(10) Some(0)"]);
    // The areas whose rows are rejected are none of those in the file.
    assert_eq!(job.areas().unwrap().populated(), Some(Populated { areas: 2, populations: 3 }));
    assert_eq!(files.job(None, choice("", "", None)).unwrap().areas().unwrap().populated(), None);
    let kept = |text: &str| choice("", "lsoa", Some(files.write("residents.csv", text))).kept().unwrap();
    assert_ne!(kept("area,population\nE01,1\n"), kept("area,population\nE01,2\n"));
}

#[test]
fn the_same_definition_is_the_same_event_and_a_population_makes_another() {
    let files = Files::new();
    let population = files.write("residents.csv", "area,population\nE01,1500\n");
    let plain = files.outcomes(&files.job(None, choice("", "", None)).unwrap());
    let again = files.outcomes(&files.job(None, choice("E0801", "", None)).unwrap());
    let populated = files.outcomes(&files.job(None, choice("", "", Some(population))).unwrap());
    assert_eq!(plain[..2], again[..2]);
    assert_ne!(id(&plain[0]), id(&populated[0]));
    assert_eq!(id(&plain[1]), id(&populated[1]));
}

#[test]
fn what_cannot_be_used_is_said_before_the_first_row() {
    let files = Files::new();
    let fails = |text: &str| {
        let path = files.write("residents.csv", text);
        files.job(None, choice("", "", Some(path))).unwrap_err().to_string()
    };
    assert!(fails("area,residents\nE01,1\n").ends_with("has no column \"population\"; it has area, residents"));
    assert!(fails("area,population\nE01,1\nE02,1.5\n").ends_with("line 3: population is \"1.5\", which is no whole number from 0 to 10^12"));
    assert!(fails("area,population\nE01,-1\n").contains("line 2: population is \"-1\""));
    assert!(fails("area,population\n,1\n").ends_with("line 2: area is empty"));
    assert!(fails("area,population\nE01,1\nE01,2\n").ends_with("line 3: E01 has another population than before, 1"));
    assert!(fails("area,population\n").ends_with("has no population in it"));
    let error = files.job(None, choice("", "", Some("nowhere.csv".into()))).unwrap_err().to_string();
    assert!(error.starts_with("nowhere.csv: cannot be read"), "{error}");
    let error = files.job(None, choice("", "a b", None)).unwrap_err().to_string();
    assert!(error.contains("\"a b\" is no scheme"), "{error}");

    let job = files.job(None, choice("", "", None)).unwrap();
    let error = job.open(&files.write("other.csv", "code,name,ward,council,IMD\n")).map(drop).unwrap_err().to_string();
    assert!(error.contains("there is no column \"decile\" in the file"), "{error}");
    files.write("mapping.toml", &MAPPING.replace("kind = \"area\"", "kind = \"contribution\""));
    let error = files.job(None, choice("", "", None)).unwrap_err().to_string();
    assert!(error.contains("event \"area\" is no area"), "{error}");
}
