//! Areas through the real binary: imported from the real tables, joined to what was recorded when a question is asked.

use crate::compare::model_of;
use crate::data_sets::{checks, data, root};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use tandem_proto::v1::catalogue_item::Definition;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{
    AreaDefined, CatalogueKind, ContributionRecorded, Dimension, Envelope, GetCatalogueRequest, Person, QueryValueRequest, QueryValueResponse, Scope,
    Side,
};
use tandem_tests::client::{Gateway, batch_request, connect, query};
use tandem_tests::events::Parts;
use tandem_tests::given::{COUNCIL, contribution, envelope, measure_defined, service_defined};
use tandem_tests::server::{Server, run};
use tonic::Code;
use tonic::transport::Channel;

const OTHER: &str = "E09000002";

fn area(number: u64, council: &str, area: AreaDefined) -> Parts {
    Parts::new(&Envelope { council: council.into(), ..envelope(number) }, Body::AreaDefined(area), &Person::default())
}

fn defined(id: &str, vintage: &str, name: &str, decile: Option<u32>, population: Option<u64>) -> AreaDefined {
    let parent = if id.starts_with("lsoa21:") { "ward:1".into() } else { String::new() };
    AreaDefined { area: id.into(), vintage: vintage.into(), name: name.into(), parent, deprivation_decile: decile, population }
}

fn gave(number: u64, actor: &str, area: &str) -> Parts {
    let body = Body::ContributionRecorded(ContributionRecorded { area: area.into(), exchange: String::new(), ..contribution() });
    Parts::new(&envelope(number), body, &Person { actor: actor.into(), ..Person::default() })
}

fn question(councils: &[&str], metric: &str, group_by: Option<Dimension>, vintage: &str) -> QueryValueRequest {
    QueryValueRequest {
        scope: Some(Scope { councils: councils.iter().map(|council| council.to_string()).collect(), ..Scope::default() }),
        metrics: vec![metric.into()],
        group_by: group_by.into_iter().map(i32::from).collect(),
        area_vintage: vintage.into(),
        ..Default::default()
    }
}

/// Key, label, first figure of each row, then of all.
fn shown(answer: &QueryValueResponse) -> Vec<String> {
    let figure = |row: &tandem_proto::v1::ValueRow| row.values[0].central.clone().unwrap_or_else(|| "none".into());
    let row = |row: &tandem_proto::v1::ValueRow| format!("{} {:?} {}", row.keys[0].value, row.keys[0].label, figure(row));
    answer.rows.iter().map(row).chain([figure(answer.total.as_ref().unwrap())]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn areas_are_joined_when_a_question_is_asked() {
    let data_dir = tempfile::tempdir().unwrap();
    let server = Server::start(data_dir.path()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let events = [
        service_defined(1),
        measure_defined(2, "tutoring", Side::Citizen),
        area(3, COUNCIL, defined("lsoa21:E1", "imd2019", "One", Some(1), None)),
        area(4, COUNCIL, defined("lsoa21:E1", "imd2025", "One", Some(2), Some(100))),
        area(5, COUNCIL, defined("ward:1", "imd2025", "First ward", None, None)),
        gave(10, "ana", "lsoa21:E1"),
        gave(11, "ben", "lsoa21:E1"),
        gave(12, "cat", "lsoa21:E7"),
    ];
    Gateway::new(&channel).batch(batch_request(&events, false)).await.unwrap();
    // The other council recorded nothing, and has residents.
    Gateway::new(&channel).batch(batch_request(&[area(6, OTHER, defined("lsoa21:E2", "imd2025", "Two", Some(2), Some(300)))], false)).await.unwrap();
    crate::stop::wait_until_folded(&channel).await;
    let ask = async |question: QueryValueRequest| query(&channel).query_value(question).await.map(tonic::Response::into_inner);

    let both = ask(question(&[COUNCIL, OTHER], "participation_rate", Some(Dimension::Decile), "")).await.unwrap();
    assert_eq!(shown(&both), [" \"\" none", "2 \"\" 0.005000", "0.007500"]);
    assert_eq!(both.area_vintages, ["imd2025"]);
    assert_eq!(both.total.as_ref().unwrap().values[0].denominator.as_deref(), Some("400"));
    let parents = ask(question(&[COUNCIL], "participants", Some(Dimension::ParentArea), "")).await.unwrap();
    assert_eq!(shown(&parents), [" \"\" 1", "ward:1 \"First ward\" 2", "3"]);

    let before = ask(question(&[COUNCIL], "participation_rate", Some(Dimension::Decile), "imd2019")).await.unwrap();
    assert_eq!(shown(&before), [" \"\" none", "1 \"\" none", "none"]);
    let coverage = before.total.unwrap().values[0].coverage.clone().unwrap();
    assert_eq!((coverage.of.as_str(), coverage.covered, coverage.total), ("areas with a population", 0, 1));
    assert_eq!(before.area_vintages, ["imd2019"]);

    let unknown = ask(question(&[COUNCIL, OTHER], "participants", None, "imd2019")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::FailedPrecondition);
    assert!(unknown.message().contains("E09000002: no area is defined in the vintage imd2019: there are imd2025"), "{unknown:?}");
    let equity = ask(question(&[COUNCIL], "equity", Some(Dimension::Decile), "")).await.unwrap_err();
    assert_eq!(equity.code(), Code::InvalidArgument);
    model_of(&channel, &[COUNCIL.to_owned(), OTHER.to_owned()]).await;
}

/// Runs `tandem catalogue import` on a table of the reference set, and gives its summary.
fn import(server: &Server, data: &Path, mapping: &str, file: &str, more: &[&str]) -> serde_json::Value {
    let mapping = root().join("services/tandem/mappings").join(mapping);
    let (url, file) = (format!("http://{}", server.grpc), data.join("reference-uk").join(file));
    let mut arguments = vec!["catalogue", "import", "--json", "--no-progress", "--server", &url, "--mapping", mapping.to_str().unwrap()];
    arguments.extend(more.iter().chain([&file.to_str().unwrap()]));
    let output = run(&arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

fn figures(summary: &serde_json::Value) -> [i64; 5] {
    ["read", "applied", "duplicate", "suspended", "rejected"].map(|name| summary[name].as_i64().unwrap())
}

/// Decile and population by id and vintage.
type Areas = BTreeMap<(String, String), (Option<u32>, Option<u64>)>;

/// A council's areas.
async fn areas(channel: &Channel, council: &str) -> Areas {
    let (mut areas, mut page_token) = (BTreeMap::new(), String::new());
    loop {
        let request =
            GetCatalogueRequest { council: council.into(), kind: CatalogueKind::Area.into(), page_size: 1_000, page_token, ..Default::default() };
        let page = query(channel).get_catalogue(request).await.unwrap().into_inner();
        for item in page.items {
            let Some(Definition::Area(area)) = item.definition else { panic!("no area") };
            areas.insert((area.area, area.vintage), (area.deprivation_decile, area.population));
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return areas;
        }
    }
}

const OLD: (&str, &str) = ("reference-lsoa11.toml", "lsoa11_lad21_imd2019.csv.gz");
const NEW: (&str, &str) = ("reference-lsoa21.toml", "lsoa21_ward24_lad24_imd2025.csv.gz");

/// Deciles of areas that have one in both vintages.
fn both(areas: &Areas) -> Vec<(u32, u32)> {
    let old = areas.iter().filter(|((_, vintage), _)| vintage == "imd2019");
    let both = old.filter_map(|((area, _), (old, _))| Some(((*old)?, areas.get(&(area.clone(), "imd2025".into()))?.0?)));
    both.collect()
}

#[test]
fn both_vintages_of_the_real_areas_are_imported() {
    let Some(data) = data() else { return };
    let checks = checks();
    let check = |name: &str| checks[&format!("areas {name}")];
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).unwrap();
    let nation = ["--council", "NATION", "--scheme", "lsoa"];
    for ((mapping, file), rows) in [(OLD, check("of 2011")), (NEW, check("of 2021"))] {
        assert_eq!(figures(&import(&server, &data, mapping, file, &nation)), [rows, rows, 0, 0, 0], "{mapping}");
        assert_eq!(figures(&import(&server, &data, mapping, file, &nation)), [rows, 0, rows, 0, 0], "{mapping} once more");
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let channel = runtime.block_on(connect(&server.grpc)).unwrap();
    let all = runtime.block_on(areas(&channel, "NATION"));
    let with_decile = |vintage: &str| all.iter().filter(|((_, of), (decile, _))| of == vintage && decile.is_some()).count() as i64;
    assert_eq!([with_decile("imd2019"), with_decile("imd2025")], [check("with a decile of 2019"), check("with a decile of 2025")]);
    let differ = |both: &[(u32, u32)]| both.iter().filter(|(old, new)| old != new).count() as i64;
    let both_of_all = both(&all);
    assert_eq!([both_of_all.len() as i64, differ(&both_of_all)], [check("with both deciles"), check("whose deciles differ")]);

    // One council's, in its own ledger, with a population for each area.
    let trafford = ["--within", "E08000009", "--scheme", "lsoa"];
    let summary = import(&server, &data, OLD.0, OLD.1, &trafford);
    assert_eq!(figures(&summary), [check("of 2011"), check("of Trafford 2011"), 0, 0, 0]);
    assert_eq!(summary["skipped"]["not within E08000009"].as_i64(), Some(check("of 2011") - check("of Trafford 2011")));
    let (rows, own) = (check("of 2021"), check("of Trafford 2021"));
    assert_eq!(figures(&import(&server, &data, NEW.0, NEW.1, &trafford)), [rows, own, 0, 0, 0]);
    let codes: Vec<String> = runtime.block_on(areas(&channel, "E08000009")).into_keys().filter(|(_, of)| of == "imd2025").map(|(id, _)| id).collect();
    let population = directory.path().join("residents.csv");
    let write = |of_first: u64| {
        let line = |(place, id): (usize, &String)| format!("{},{}\n", id.trim_start_matches("lsoa:"), if place == 0 { of_first } else { 1_500 });
        std::fs::write(&population, format!("area,population\n{}", codes.iter().enumerate().map(line).collect::<String>())).unwrap();
    };
    let populated = [&trafford[..], &["--population", population.to_str().unwrap()]].concat();
    write(1_000);
    let summary = import(&server, &data, NEW.0, NEW.1, &populated);
    assert_eq!(figures(&summary), [rows, own, 0, 0, 0], "a population makes another definition");
    assert_eq!([&summary["populated"]["areas"], &summary["populated"]["populations"]], [own, own]);
    write(1_001);
    assert_eq!(figures(&import(&server, &data, NEW.0, NEW.1, &populated)), [rows, 1, own - 1, 0, 0], "only what changed is new");
    let of_trafford = runtime.block_on(areas(&channel, "E08000009"));
    assert_eq!(differ(&both(&of_trafford)), check("of Trafford whose deciles differ"));
    assert_eq!(of_trafford.values().filter_map(|(_, population)| *population).sum::<u64>() as i64, 1_001 + 1_500 * (own - 1));

    // One of the areas of 2011 was given up, and its population is not known; those of 2021 all have one.
    let url = format!("http://{}", server.grpc);
    let value = |vintage: &[&str]| {
        let arguments = ["value", "--json", "--server", &url, "--council", "E08000009", "--metric", "participation_rate"];
        let output = run(&[&arguments, vintage].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let total = |vintage: &[&str]| serde_json::from_str::<serde_json::Value>(&value(vintage).1).unwrap()["total"]["values"][0].clone();
    let of_2021 = total(&["--area-vintage", "imd2025"]);
    assert_eq!((&of_2021["central"], &of_2021["denominator"]), (&"0.000000".into(), &(1_001 + 1_500 * (own - 1)).to_string().into()));
    let newest = total(&[]);
    assert_eq!((&newest["central"], &newest["coverage"]["covered"]), (&serde_json::Value::Null, &own.into()));
    assert_eq!(newest["coverage"]["total"].as_i64(), Some(own + 1));
    let (code, _, error) = value(&["--area-vintage", "imd2010"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("no area is defined in the vintage imd2010: there are imd2019, imd2025"), "{error}");
}

/// Carers of 50 hours a week or more in Trafford by deprivation decile: all that `figures.py` finds from the tables alone.
#[test]
fn carers_by_decile_are_those_of_the_tables() {
    let Some(data) = data() else { return };
    let (checks, directory) = (checks(), tempfile::tempdir().unwrap());
    let server = Server::start(directory.path()).unwrap();
    let residents = directory.path().join("residents.csv");
    let script = root().join("tests/data/figures.py");
    let output = Command::new("python3").arg(script).arg(&data).arg("residents").output().expect("python3 is needed to recompute the figures");
    std::fs::write(&residents, output.stdout).unwrap();
    let more = ["--within", "E08000009", "--scheme", "lsoa21", "--population", residents.to_str().unwrap()];
    [OLD, NEW].iter().for_each(|(mapping, file)| drop(import(&server, &data, mapping, file, &more)));
    let (url, mapping) = (format!("http://{}", server.grpc), root().join("services/tandem/mappings/trafford-unpaid-care.toml"));
    let carers = data.join("state-trafford/unpaid_care_2021_lsoa_trafford.csv.gz");
    assert!(run(&["import", "--no-progress", "--server", &url, "--mapping", mapping.to_str().unwrap(), carers.to_str().unwrap()]).status.success());
    let value = |more: &[&str]| -> serde_json::Value {
        let fixed = ["value", "--json", "--server", &url, "--council", "E08000009", "--measure", "care/carers-50-or-more-hours", "--metric"];
        serde_json::from_slice(&run(&[&fixed[..], more].concat()).stdout).unwrap()
    };
    for vintage in ["2019", "2025"] {
        let answer = value(&["quantity", "--by", "decile", "--area-vintage", &format!("imd{vintage}")]);
        let row = |row: &serde_json::Value| {
            let decile = row["keys"][0]["value"].as_str().unwrap();
            let number = row["values"][0]["central"].as_str().unwrap().parse().unwrap();
            (format!("Trafford carers {vintage} decile {decile}").trim_end().to_owned(), number)
        };
        let found: BTreeMap<String, i64> = answer["rows"].as_array().unwrap().iter().map(row).collect();
        let begins = format!("Trafford carers {vintage}");
        let expected = checks.iter().filter(|(name, _)| name.starts_with(&begins)).map(|(name, number)| (name.clone(), *number)).collect();
        assert_eq!(found, expected, "{vintage}");
    }
    let answer = value(&["equity", "--area-vintage", "imd2025"]);
    let part = |part: &str| {
        let values = answer["total"]["values"].as_array().unwrap();
        values.iter().find(|value| value["part"] == format!("care/carers-50-or-more-hours {part}")).unwrap().clone()
    };
    for decile in 1..=10 {
        let per_head = part(&format!("decile {decile} per head"));
        let number = |name: &str| per_head[name].as_str().unwrap().parse::<i64>().unwrap();
        let expected = [format!("Trafford carers 2025 decile {decile}"), format!("Trafford residents decile {decile}")].map(|name| checks[&name]);
        assert_eq!([number("numerator"), number("denominator")], expected, "decile {decile}");
    }
    let index: f64 = part("concentration index")["central"].as_str().unwrap().parse().unwrap();
    assert_eq!((index * 1e6).round() as i64, checks["Trafford concentration index in millionths"]);
}

#[test]
fn tables_that_cannot_be_imported_are_refused_with_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mapping = root().join("services/tandem/mappings/reference-lsoa21.toml");
    let rejects = directory.path().join("rejects.csv");
    let dry = |more: &[&str]| {
        let fixed =
            ["catalogue", "import", "--dry-run", "--no-progress", "--rejects", rejects.to_str().unwrap(), "--mapping", mapping.to_str().unwrap()];
        let output = run(&[&fixed[..], more].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    };
    let header = "lsoa21_name,lsoa21_code,ward24_name,ward24_code,ltla24_name,ltla24_code,IMD_rank,IMD_decile\n";
    let (code, text) = dry(&[&write("short.csv", "lsoa21_name,lsoa21_code\nA,E01000001\n")]);
    assert!(code == Some(2) && text.contains("there is no column") && text.contains("ltla24_code"), "{code:?} {text}");
    let rows = write("rows.csv", &format!("{header}A,E01,W,E05,C,E08000009,1,11\nB,E02,W,E05,C,E08000009,1,10\n"));
    let (code, text) = dry(&[&rows]);
    assert!(code == Some(1) && text.contains("would send"), "{code:?} {text}");
    let rejected = std::fs::read_to_string(&rejects).unwrap();
    assert!(rejected.contains("deprivation_decile") && rejected.contains("E01") && !rejected.contains("E02"), "{rejected}");
    let population = write("residents.csv", "code,population\nE02,7\n");
    let (code, text) = dry(&["--population", &population, &rows]);
    assert!(code == Some(2) && text.contains("has no column \"area\"; it has code, population"), "{code:?} {text}");
}
