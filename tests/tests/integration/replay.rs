//! `tandem audit replay` against a real server: an honest one passes; one whose rows or entries were altered behind its back is caught,
//! and what was altered is named.

use rocksdb::{DB, Options};
use serde_json::Value;
use std::path::Path;
use tandem_domain::tables::Table;
use tandem_tests::client::{Gateway, batch_request, connect};
use tandem_tests::events::{Generator, Manner, Parts};
use tandem_tests::random::{Random, seeds};
use tandem_tests::server::{Server, run};

const COUNCIL: &str = "E09000001";

/// The vkey of a council's book.
pub fn vkey(data_dir: &Path, council: &str) -> String {
    let output = run(&["keygen", "--show", data_dir.join("signing.key").to_str().unwrap(), "--council", council]);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// `tandem audit replay --independent --json`: exit status and document.
pub fn replay(server: &Server, data_dir: &Path, council: &str, more: &[&str]) -> (Option<i32>, Value) {
    let (grpc, http, key) = (format!("http://{}", server.grpc), format!("http://{}", server.http), vkey(data_dir, council));
    let arguments = ["audit", "replay", "--quiet", "--json", "--independent", "--server", &grpc, "--url", &http, "--council", council, "--key", &key];
    let output = run(&[&arguments[..], more].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), document)
}

async fn record(server: &Server, events: &[Parts]) {
    let channel = connect(&server.grpc).await.unwrap();
    for batch in events.chunks(500) {
        Gateway::new(&channel).batch(batch_request(batch, false)).await.unwrap();
    }
}

/// A history of everything that a gateway lets through.
fn history(count: usize) -> Vec<Parts> {
    let seed = seeds(1)[0];
    println!("TANDEM_SEED={seed}");
    let mut generator = Generator::new(COUNCIL, Random::new(seed), Manner::Acceptable);
    (0..count).map(|_| generator.event()).collect()
}

/// A server that has this history, stopped and altered by `alter`, started again.
async fn altered(data_dir: &Path, events: &[Parts], alter: impl FnOnce(&Path)) -> Server {
    let server = Server::start(data_dir).unwrap();
    record(&server, events).await;
    let (code, document) = replay(&server, data_dir, COUNCIL, &[]);
    assert_eq!(code, Some(0), "before it was altered: {document:#}");
    assert!(server.stop().0.success());
    alter(&data_dir.join("projection"));
    Server::start(data_dir).unwrap()
}

/// The rows of a table as they logically are.
fn rows(store: &Path, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    tandem_projection::dump(store, |of, key, value| {
        if of == table {
            rows.push((key.to_vec(), value.to_vec()));
        }
    })
    .unwrap();
    rows
}

/// Changes the store as somebody does who has the disk and knows the format: checksums and all else hold.
fn write(store: &Path, group: &str, change: impl FnOnce(&DB, &rocksdb::ColumnFamily)) {
    let mut options = Options::default();
    options.set_disable_auto_compactions(true);
    let families = DB::list_cf(&options, store).unwrap();
    // Merges need operators that only the server has; it merges when it reads.
    let db = DB::open_cf(&options, store, families).unwrap();
    let family = db.cf_handle(group).unwrap();
    change(&db, family);
    db.flush_cf(family).unwrap();
}

fn told(document: &Value) -> String {
    let of = |difference: &Value| format!("{}: {} {}", difference["question"], difference["row"], difference["figure"]);
    document["differences"].as_array().unwrap().iter().map(of).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_server_gives_what_its_history_comes_to_also_while_it_grows() {
    let (data_dir, events) = (tempfile::tempdir().unwrap(), history(1_500));
    let server = Server::start(data_dir.path()).unwrap();
    record(&server, &events[..1_400]).await;
    let (code, document) = replay(&server, data_dir.path(), COUNCIL, &[]);
    assert_eq!((code, &document["verdict"]), (Some(0), &"TRUE".into()), "{document:#}");
    let at_least = [("questions", 300), ("rows", 1_000), ("independent", 20)];
    for (name, least) in at_least {
        assert!(document[name].as_u64().unwrap() >= least, "{name}: {document:#}");
    }
    // The sample is of each kind, and of all if there are no more.
    assert!(document["sampled"].as_array().unwrap().iter().all(|count| count.as_u64().unwrap() > 0), "{document:#}");
    record(&server, &events[1_400..]).await;
    let (code, document) = replay(&server, data_dir.path(), COUNCIL, &["--sample", "0"]);
    assert_eq!((code, document["sampled"].clone()), (Some(0), serde_json::json!([0, 0, 0])), "{document:#}");
    // In words.
    let (grpc, key) = (format!("http://{}", server.grpc), vkey(data_dir.path(), COUNCIL));
    let output = run(&["audit", "replay", "-q", "--server", &grpc, "-c", COUNCIL, "--key", &key]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.lines().count() == 1 && text.starts_with("true: tandem.local/E09000001: "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_exchange_is_named() {
    let (data_dir, events) = (tempfile::tempdir().unwrap(), history(1_000));
    let mut name = String::new();
    let server = altered(data_dir.path(), &events, |store| {
        let exchanges = rows(store, Table::Exchange);
        // One is given what another has.
        let (key, value) = &exchanges[0];
        let other = exchanges.iter().find(|(_, other)| other != value).expect("exchanges differ");
        name = String::from_utf8_lossy(&key[1 + COUNCIL.len() + 1..]).into_owned();
        write(store, "exchanges", |db, family| db.put_cf(family, key, &other.1).unwrap());
    })
    .await;
    let (code, document) = replay(&server, data_dir.path(), COUNCIL, &["--show", "1000"]);
    let told = told(&document);
    assert!(code == Some(1) && told.contains(&format!("\"exchanges\": \"{name}\"")), "{name}: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_cell_of_the_cube_is_named_by_both_counts() {
    let (data_dir, events) = (tempfile::tempdir().unwrap(), history(1_000));
    let server = altered(data_dir.path(), &events, |store| {
        let sheets = rows(store, Table::CubeMonths);
        let (key, value) = &sheets[0];
        let other = sheets.iter().find(|(_, other)| other != value).expect("sheets differ");
        write(store, "sheets", |db, family| db.put_cf(family, key, &other.1).unwrap());
    })
    .await;
    let (code, document) = replay(&server, data_dir.path(), COUNCIL, &["--show", "1000"]);
    let told = told(&document);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("quantity by service, month\": \"service "), "{told}");
    assert!(told.contains("second count of quantity, entries by service, measure, month"), "{told}");
}

/// What is done to a row.
type Change = fn(&mut Vec<u8>);

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_were_changed_or_are_withheld_are_named() {
    let events = history(600);
    let cases: [(&str, Change); 3] =
        [("a bit of the record", |row| *row.last_mut().unwrap() ^= 1), ("its contents", |row| row.truncate(8)), ("its book time", |row| row[7] ^= 1)];
    for (what, change) in cases {
        let data_dir = tempfile::tempdir().unwrap();
        let server = altered(data_dir.path(), &events, |store| {
            let entries = rows(store, Table::Entry);
            let (key, mut value) = entries[300].clone();
            change(&mut value);
            write(store, "archive", |db, family| db.put_cf(family, key, value).unwrap());
        })
        .await;
        let (code, document) = replay(&server, data_dir.path(), COUNCIL, &[]);
        let reason = document["reason"].as_str().unwrap_or_default();
        assert!(code == Some(1) && reason.contains("entry 300"), "{what}: {document:#}");
    }
    let data_dir = tempfile::tempdir().unwrap();
    let server = altered(data_dir.path(), &events, |store| {
        let (key, _) = &rows(store, Table::Entry)[300];
        write(store, "archive", |db, family| db.delete_cf(family, key).unwrap());
    })
    .await;
    let (code, document) = replay(&server, data_dir.path(), COUNCIL, &[]);
    assert!(code == Some(2) && document["reason"].as_str().unwrap().contains("on cannot be read"), "{document:#}");
}
