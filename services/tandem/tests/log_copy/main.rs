//! `tandem log copy`: the same records in another log give the same books, roots and views, byte for byte.

mod books;
mod support;

use books::{Books, folded, folded_on};
use std::path::{Path, PathBuf};
use support::{copy, copy_fails, kafka_log, topic};
use tandem_log::embedded::Options;
use tandem_log::{Copying, EmbeddedLog, EventLog};
use tandem_tests::events::{Council, history};
use tandem_tests::kafka;
use tandem_tests::random::{Random, seeds};
use tandem_tests::server::Server;

/// A server's data directory with histories of some councils, folded; and what the fold made of them.
fn made(directory: &Path, random: &mut Random) -> Books {
    let councils: Vec<Council> = ["E09000001", "E08000003", "S12000033"].map(|code| history(code, random, 400)).into();
    let log = EmbeddedLog::open(directory.join("log"), Options::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for Council { code, taken } in &councils {
        for frame in taken.chunk_by(|one, next| one.offset == next.offset) {
            // A log's clock never says 0: that is none.
            let records = frame.iter().map(|taken| taken.record.clone().into()).collect();
            runtime.block_on(log.append_copy(code, records, frame[0].append_us.max(1))).unwrap();
        }
    }
    drop(log);
    folded(directory)
}

#[test]
fn a_ledger_goes_to_kafka_to_other_partitions_and_back() {
    if !kafka::is_there() {
        return;
    }
    let brokers = kafka::shared().unwrap();
    let seed = seeds(1)[0];
    println!("TANDEM_SEED={seed}");
    let home = tempfile::tempdir().unwrap();
    let (from, back) = (home.path().join("from"), home.path().join("back"));
    let expected = made(&from, &mut Random::new(seed));
    assert!(expected.entries() > 900, "{}", expected.entries());

    let (first, second) = (topic(), topic());
    let said = copy(brokers, &["--from-data-dir", from.to_str().unwrap(), "--to-topic", &first]);
    assert!(said.contains("copied 1,200 records of "), "{said}");
    expected.assert_same(&folded_on(kafka_log(brokers, &first)), "in Kafka");

    copy(brokers, &["--from-topic", &first, "--to-topic", &second, "--partitions", "5"]);
    let log = kafka_log(brokers, &second);
    assert_eq!(log.partitions(), 5);
    expected.assert_same(&folded_on(log), "in five partitions");

    copy(brokers, &["--from-topic", &second, "--to-data-dir", back.to_str().unwrap()]);
    expected.assert_same(&folded(&back), "back on this machine");

    let again = copy_fails(brokers, &["--from-topic", &second, "--to-data-dir", back.to_str().unwrap()]);
    assert!(again.contains("is not empty: delete it"), "{again}");
    let again = copy_fails(brokers, &["--from-topic", &second, "--to-topic", &first]);
    assert!(again.contains("is not empty: delete it"), "{again}");
}

#[test]
fn what_is_trimmed_is_taken_from_the_books() {
    let seed = seeds(1)[0];
    println!("TANDEM_SEED={seed}");
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    made(&from, &mut Random::new(seed));
    // All but the newest frame, as a server does; and something that no book has yet.
    let log = EmbeddedLog::open(from.join("log"), Options::default()).unwrap();
    let mut random = Random::new(seed ^ 1);
    let late = history("E09000001", &mut random, 20);
    for partition in 0..log.partitions() {
        log.trim(partition, log.end(partition).unwrap().saturating_sub(1)).unwrap();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for taken in &late.taken {
        runtime.block_on(log.append_copy("E09000001", vec![taken.record.clone().into()], taken.append_us.max(1))).unwrap();
    }
    drop(log);
    let projection = from.join("projection");
    let (away, no_books) = (home.path().join("away"), home.path().join("no-books"));
    std::fs::rename(&projection, &away).unwrap();
    let said = copy_fails("", &["--from-data-dir", from.to_str().unwrap(), "--to-data-dir", no_books.to_str().unwrap()]);
    assert!(said.contains("--projection") && said.contains("delete"), "{said}");

    let said = copy("", &["--from-data-dir", from.to_str().unwrap(), "--to-data-dir", to.to_str().unwrap(), "--projection", away.to_str().unwrap()]);
    assert!(said.contains("entries of books whose frames were trimmed") && said.contains("copied 20 records"), "{said}");
    std::fs::rename(&away, &projection).unwrap();
    folded(&from).without_duplicates().assert_same(&folded(&to).without_duplicates(), "from the books");
}

#[test]
fn a_real_set_is_the_same_in_kafka() {
    let Some(data) = data() else { return };
    if !kafka::is_there() {
        return;
    }
    let brokers = kafka::shared().unwrap();
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path()).unwrap();
    let mapping = root().join("services/tandem/mappings/chicago-requests.toml");
    let url = format!("http://{}", server.grpc);
    let mut arguments = vec!["import", "--no-progress", "--server", &url, "--mapping", mapping.to_str().unwrap()];
    let files = chicago(&data);
    arguments.extend(files.iter().map(String::as_str));
    let output = tandem_tests::server::run(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (status, said) = server.stop();
    assert!(status.success(), "{said}");

    let expected = folded(home.path());
    assert!(expected.entries() > 70_000, "{}", expected.entries());
    let topic = topic();
    copy(brokers, &["--from-data-dir", home.path().to_str().unwrap(), "--to-topic", &topic]);
    expected.assert_same(&folded_on(kafka_log(brokers, &topic)), "in Kafka");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where the real sets are. Without them the test fails, unless TANDEM_WITHOUT_DATA=1 leaves it out.
fn data() -> Option<PathBuf> {
    let data = std::env::var_os("TANDEM_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if data.join("README.md").is_file() {
        return Some(data);
    }
    let message = format!("the real input sets are not in {}: name their directory in TANDEM_DATA, or set TANDEM_WITHOUT_DATA=1", data.display());
    assert_eq!(std::env::var("TANDEM_WITHOUT_DATA").as_deref(), Ok("1"), "{message}");
    println!("left out, since TANDEM_WITHOUT_DATA=1: {message}");
    None
}

/// Chicago's files, as tests/data/expected.toml names them.
fn chicago(data: &Path) -> Vec<String> {
    let table: toml::Table = std::fs::read_to_string(root().join("tests/data/expected.toml")).unwrap().parse().unwrap();
    let imports = table["import"].as_array().unwrap();
    let import = imports.iter().find(|import| import["mapping"].as_str() == Some("chicago-requests.toml")).unwrap();
    import["files"].as_array().unwrap().iter().map(|file| data.join(file.as_str().unwrap()).to_str().unwrap().to_owned()).collect()
}
