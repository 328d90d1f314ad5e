//! `tandem publish` through the real binary on a generated council: what is shown is what `tandem value` says, what is hidden does not follow from
//! totals, and a later table does not give away what an earlier one hid.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tandem_tests::server::{Server, run};

const COUNCIL: &str = "E09000001";
const VALUATION: &str = "synthetic-dated";

/// A council of 30,000 events of 2024.
fn generated(data_dir: &Path) -> Server {
    let server = Server::start(data_dir).unwrap();
    let url = format!("http://{}", server.grpc);
    let sizes = ["--events", "30000", "--areas", "12", "--services", "4", "--actors", "900", "--year", "2024", "--seed", "5"];
    let arguments = [&["generate", "--server", &url, "--council", COUNCIL, "--quiet", "--check"][..], &sizes].concat();
    let output = run(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server
}

/// Standard output, or the one line on standard error.
fn tandem(server: &Server, arguments: &[&str]) -> Result<String, String> {
    let url = format!("http://{}", server.grpc);
    let output = run(&[&[arguments[0], "--server", &url][..], &arguments[1..]].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn published(server: &Server, more: &[&str]) -> Value {
    let answer = tandem(server, &[&["publish", "--json", "--council", COUNCIL][..], more].concat()).unwrap();
    serde_json::from_str(&answer).unwrap()
}

fn rows(table: &Value) -> &Vec<Value> {
    table["rows"].as_array().unwrap()
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_default().to_owned()
}

/// What a row is about.
fn key(row: &Value) -> (String, String, String, String, String) {
    let rest = |field: &str, rest: &str| format!("{}{}", text(row, field), if row[rest] == true { "+" } else { "" });
    (text(row, "service"), text(row, "measure"), text(row, "side"), rest("area", "area_rest"), rest("period", "period_rest"))
}

/// One figure of `tandem value` by the values of its keys.
fn values(server: &Server, metric: &str, field: &str, more: &[&str]) -> BTreeMap<Vec<String>, String> {
    let answer = tandem(server, &[&["value", "--json", "--council", COUNCIL, "--metric", metric][..], more].concat()).unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let keys = |row: &Value| row["keys"].as_array().unwrap().iter().map(|key| text(key, "value")).collect();
    // What is longer than the unit asked has a row of its own.
    let is_whole = |row: &&Value| row["keys"].as_array().unwrap().iter().all(|key| key["coarser"] == false);
    rows(&answer).iter().filter(is_whole).map(|row| (keys(row), text(&row["values"][0], field))).collect()
}

#[test]
fn what_is_published_is_what_the_ledger_says_and_what_is_hidden_stays_so() {
    let directory = tempfile::tempdir().unwrap();
    let server = generated(&directory.path().join("data"));
    let table = published(&server, &["--by", "month", "--valuation", VALUATION]);
    figures_agree(&server, &table);
    nothing_follows(&[published(&server, &["--by", "year"]), published(&server, &["--by", "quarter"]), published(&server, &["--by", "month"])]);
    selections_agree(&server, &table);
    a_later_table(&server, directory.path());
    refusals(&server);
}

/// Months of areas against `tandem value`, which knows nothing of lattices.
fn figures_agree(server: &Server, table: &Value) {
    let quantities = values(server, "quantity", "central", &["--by", "service,measure,area,month"]);
    let valued = ["--by", "service,measure,area,month", "--valuation", VALUATION];
    let (citizen, state) = (values(server, "citizen_value", "central", &valued), values(server, "state_value", "central", &valued));
    let (mut quantity_rows, mut value_rows, mut suppressed) = (0, 0, 0);
    for row in rows(table).iter().filter(|row| row["area_rest"] == false && !row["area"].is_null() && !row["measure"].is_null()) {
        if row["suppressed"].is_string() {
            assert!(row["quantity"].is_null() && row["entries"].is_null() && row["value"].is_null() && row["people"].is_null(), "{row}");
            suppressed += 1;
            continue;
        }
        let of = [text(row, "service"), text(row, "measure"), text(row, "area"), text(row, "period")].to_vec();
        if let Some(quantity) = quantities.get(&of) {
            assert_eq!(&text(row, "quantity"), quantity, "{row}");
            quantity_rows += 1;
        }
        let value = if row["side"] == "CITIZEN" { citizen.get(&of) } else { state.get(&of) };
        if let (Some(value), Some(shown)) = (value, row["value"].as_str()) {
            assert_eq!(shown, value, "{row}");
            value_rows += 1;
        }
    }
    assert!(quantity_rows > 20 && value_rows > 10 && suppressed > 20, "{quantity_rows} {value_rows} {suppressed}");
}

/// No published total, of areas or of units, has exactly one part that is hidden.
fn nothing_follows(tables: &[Value]) {
    let all: Vec<&Value> = tables.iter().flat_map(rows).filter(|row| !row["measure"].is_null()).collect();
    let mut parts: BTreeMap<_, Vec<bool>> = BTreeMap::new();
    for row in &all {
        let (service, measure, side, area, period) = key(row);
        let is_hidden = row["suppressed"].is_string();
        if !area.is_empty() {
            let above = if row["area_rest"] == true { text(row, "area") } else { text(row, "area_parent") };
            parts.entry((service.clone(), measure.clone(), side.clone(), above, period.clone(), "areas")).or_default().push(is_hidden);
        }
        let year = &text(row, "period")[..4];
        let above = match (row["period_rest"] == true, period.len()) {
            (true, _) => Some(text(row, "period")),
            (false, 7) if period.contains('Q') => Some(year.to_owned()),
            (false, 7) => Some(format!("{year}-Q{}", (period[5..].parse::<u32>().unwrap() - 1) / 3 + 1)),
            _ => None,
        };
        if let Some(above) = above {
            parts.entry((service, measure, side, area, above, "units")).or_default().push(is_hidden);
        }
    }
    let shown: BTreeSet<_> = all.iter().filter(|row| row["suppressed"].is_null()).map(|row| key(row)).collect();
    let mut totals = 0;
    for ((service, measure, side, area, period, of), hidden) in parts {
        if shown.contains(&(service.clone(), measure.clone(), side, area.clone(), period.clone())) {
            let hidden = hidden.iter().filter(|is_hidden| **is_hidden).count();
            assert_ne!(hidden, 1, "{service} {measure} {area} {period}: its {of}");
            totals += usize::from(hidden > 0);
        }
    }
    assert!(totals > 20, "{totals}");
}

/// Which rows are asked for changes nothing in them; nor does a valuation.
fn selections_agree(server: &Server, table: &Value) {
    let all: BTreeMap<_, &Value> = rows(table).iter().map(|row| (key(row), row)).collect();
    for more in [&["--area-level", "council"][..], &["--period", "2024-03"], &["--area-level", "parent", "--from-year", "2024", "--to-year", "2024"]]
    {
        let some = published(server, &[&["--by", "month", "--valuation", VALUATION][..], more].concat());
        assert!(!rows(&some).is_empty() && rows(&some).len() < all.len(), "{more:?}");
        rows(&some).iter().for_each(|row| assert_eq!(*row, *all[&key(row)], "{more:?}"));
    }
    let unvalued = published(server, &["--by", "month"]);
    for row in rows(&unvalued) {
        let valued = all[&key(row)];
        assert_eq!((&row["suppressed"], &row["quantity"], &row["people"]), (&valued["suppressed"], &valued["quantity"], &valued["people"]));
    }
}

/// A table as of an earlier entry, and one that follows it.
fn a_later_table(server: &Server, directory: &Path) {
    let file = directory.join("earlier.csv");
    let name = file.to_str().unwrap();
    let by = ["publish", "--council", COUNCIL, "--by", "month", "--csv"];
    tandem(server, &[&by[..], &["--as-of-sequence", "25000", "--out", name]].concat()).unwrap();
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("# entries: 25001\n") && written.contains("# licence: \n") && written.contains("# k: 10\n"), "{}", &written[..2_000]);
    let refused = tandem(server, &[&by[..], &["--out", name]].concat()).unwrap_err();
    assert!(refused.contains("cannot create") && refused.contains("--out"), "{refused}");

    let earlier = published(server, &["--by", "month", "--as-of-sequence", "25000"]);
    let later = published(server, &["--by", "month", "--previous", name]);
    assert_eq!(later["previous_entries"], 25_001);
    let hidden: BTreeSet<_> = rows(&earlier).iter().filter(|row| row["suppressed"].is_string()).map(key).collect();
    let mut changed = 0;
    for row in rows(&later) {
        assert!(row["suppressed"].is_string() || !hidden.contains(&key(row)), "{row}");
        changed += usize::from(row["suppressed"] == "CHANGE");
    }
    assert!(!hidden.is_empty() && changed > 0, "{} {changed}", hidden.len());
    let other = tandem(server, &[&by[..], &["--previous", name, "--k", "12"]].concat()).unwrap_err();
    assert!(other.contains("--k 10 --unnamed holder --grace-days 30: use the same"), "{other}");
    let none = tandem(server, &[&by[..], &["--previous", directory.join("nothing").to_str().unwrap()]].concat()).unwrap_err();
    assert!(none.contains("cannot read"), "{none}");
}

fn refusals(server: &Server) {
    let month = ["publish", "--council", COUNCIL, "--by", "month"];
    for (more, expected) in [
        (&["--k", "2"][..], "k: is 2; it must be 3 to 1000"),
        (&["--valuation", "nobodys"], "has not published the valuation nobodys"),
        (&["--period", "9998-12"], "9998-12 is open: it closes 30 days after its end"),
        (&["--period", "2024"], "period: must be one unit of the grain"),
        (&["--area-vintage", "1066"], "no area is defined in the vintage 1066"),
        (&["--as-of-sequence", "99999999"], "as_of_sequence: is 99999999; the book ends with"),
    ] {
        let error = tandem(server, &[&month[..], more].concat()).unwrap_err();
        assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
    }
}
