//! Outcomes and comparisons through the real binary: the real sets against figures computed from their files alone, and questions that
//! cannot be asked.

use crate::data_sets::{data, root};
use std::collections::BTreeMap;
use tandem_tests::server::{Server, run};

/// `[answers]` of `tests/data/expected.toml`, which `figures.py` recomputes.
fn expected() -> BTreeMap<String, String> {
    let table: toml::Table = std::fs::read_to_string(root().join("tests/data/expected.toml")).unwrap().parse().unwrap();
    let answers = table["answers"].as_table().unwrap();
    answers.iter().map(|(name, answer)| (name.clone(), answer.as_str().unwrap().to_owned())).collect()
}

/// Runs a client command against the server; its two outputs, and whether it succeeded.
fn command(server: &Server, arguments: &[&str]) -> (String, String, bool) {
    let url = format!("http://{}", server.grpc);
    let output = run(&[&[arguments[0], "--server", &url], &arguments[1..]].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.success())
}

fn import(server: &Server, mapping: &str, file: &str) {
    let Some(data) = data() else { return };
    let mapping = root().join("services/tandem/mappings").join(mapping);
    let file = data.join("waste-scotland").join(file);
    let (_, error, fine) = command(server, &["import", "--no-progress", "--mapping", mapping.to_str().unwrap(), file.to_str().unwrap()]);
    assert!(fine, "{error}");
}

/// Asks with `--json`, and gives each row's keys and its only figure: what it is, was, and the change.
fn rows(server: &Server, arguments: &[&str]) -> BTreeMap<String, String> {
    let (text, error, fine) = command(server, &[&["value", "--json"], arguments].concat());
    assert!(fine, "{error}");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let shown = |value: &serde_json::Value| value.as_str().unwrap_or("none").to_owned();
    let row = |row: &serde_json::Value| {
        let figure = &row["values"][0];
        let earlier = &figure["earlier"];
        let change = format!("{} was {} change {}", shown(&figure["central"]), shown(&earlier["central"]), shown(&earlier["change"]));
        (shown(&row["keys"][0]["value"]), change)
    };
    answer["rows"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn real_outcomes_and_quantities_beside_those_before() {
    if data().is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).unwrap();
    import(&server, "scotland-household-waste.toml", "household-waste.csv.gz");
    import(&server, "scotland-community-food-visits.toml", "stirling-community-food-footfall.csv");
    let mut answered = BTreeMap::new();
    for council in ["S12000030", "S12000049"] {
        let question = ["--council", council, "--metric", "quantity", "--measure", "waste/sorted", "--by", "year", "--compare-previous"];
        answered.extend(rows(&server, &question).into_iter().map(|(year, change)| (format!("{council} waste/sorted {year}"), change)));
    }
    let visits = ["--council", "S12000030", "--metric", "outcome", "--indicator", "food/visits-a-day", "--by", "month", "--compare-previous"];
    answered.extend(rows(&server, &visits).into_iter().map(|(month, change)| (format!("food/visits-a-day {month}"), change)));
    let named = |name: &str| name.contains("waste/sorted") || name.starts_with("food/visits-a-day");
    assert_eq!(answered, expected().into_iter().filter(|(name, _)| named(name)).collect());

    // A period beside another: that of a year is the same whichever way it is asked.
    let period = ["--from", "2019-01-01", "--to", "2019-12-31", "--compare", "2018-01-01..2018-12-31", "--by", "council"];
    let question = [&["--council", "S12000030", "--metric", "quantity", "--measure", "waste/sorted"], &period[..]].concat();
    assert_eq!(rows(&server, &question)["S12000030"], answered["S12000030 waste/sorted 2019"]);
    let (text, ..) = command(&server, &[&["value"], &question[..]].concat());
    assert!(text.contains("before") && text.contains("605,000,000 g"), "{text}");
    refusals(&server);
}

fn refusals(server: &Server) {
    let refused = |arguments: &[&str], words: &[&str]| {
        let (_, error, fine) = command(server, &[&["value", "--council", "S12000030", "--metric"], arguments].concat());
        assert!(!fine && words.iter().all(|word| error.contains(word)), "{arguments:?}: {error}");
    };
    refused(&["outcome"], &["indicator", "is required"]);
    refused(&["outcome", "--indicator", "food/visits"], &["has not defined the indicator food/visits", "nearest to it are food/visits-a-day"]);
    refused(&["outcome", "--indicator", "food/visits-a-day", "--side", "citizen"], &["scope.sides", "observed of a service"]);
    refused(&["entries", "--compare", "2018-01-01..2018-12-31"], &["scope.period_start", "is required with compare_start"]);
    refused(&["entries", "--from", "2018-12-31", "--compare", "2018-01-01..2018-12-31"], &["compare_end", "is not before scope.period_start"]);
    refused(&["entries", "--compare-previous"], &["compare_previous", "calendar unit"]);
    refused(&["entries", "--compare", "2018"], &["--compare", "two days"]);
    refused(&["cost_shift", "--indicator", "food/visits-a-day", "--valuation", "floor"], &["compare_start", "compares two periods"]);
}
