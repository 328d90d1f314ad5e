//! The real input sets through the real binary: what each import says is what `tests/data/expected.toml` says, a second import changes
//! nothing, and every book is in order.

use crate::compare::{compare_all, model_of};
use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use tandem_proto::v1::ListBooksRequest;
use tandem_tests::client::{audit, connect};
use tandem_tests::random::Random;
use tandem_tests::server::{Server, run};
use tonic::transport::Channel;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where the real sets are. Without them the test fails, unless TANDEM_WITHOUT_DATA=1 leaves it out.
pub fn data() -> Option<PathBuf> {
    let data = env::var_os("TANDEM_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if data.join("README.md").is_file() {
        return Some(data);
    }
    let message = format!("the real input sets are not in {}: name their directory in TANDEM_DATA, or set TANDEM_WITHOUT_DATA=1", data.display());
    assert_eq!(env::var("TANDEM_WITHOUT_DATA").as_deref(), Ok("1"), "{message}");
    println!("left out, since TANDEM_WITHOUT_DATA=1: {message}");
    None
}

/// One import and what it should come to.
pub struct Import {
    pub mapping: String,
    files: Vec<String>,
    figures: BTreeMap<String, i64>,
    skipped: BTreeMap<String, i64>,
}

fn numbers(table: &toml::Table) -> BTreeMap<String, i64> {
    table.iter().filter_map(|(name, value)| Some((name.clone(), value.as_integer()?))).collect()
}

fn table() -> toml::Table {
    std::fs::read_to_string(root().join("tests/data/expected.toml")).unwrap().parse().unwrap()
}

/// The check figures.
pub fn checks() -> BTreeMap<String, i64> {
    numbers(table()["checks"].as_table().unwrap())
}

pub fn imports(data: &Path) -> Vec<Import> {
    let table = table();
    let import = |import: &toml::Value| {
        let import = import.as_table().unwrap();
        let path = |file: &toml::Value| data.join(file.as_str().unwrap()).to_str().unwrap().to_owned();
        Import {
            mapping: root().join("services/tandem/mappings").join(import["mapping"].as_str().unwrap()).to_str().unwrap().to_owned(),
            files: import["files"].as_array().unwrap().iter().map(path).collect(),
            figures: numbers(import),
            skipped: import.get("skipped").map(|skipped| numbers(skipped.as_table().unwrap())).unwrap_or_default(),
        }
    };
    table["import"].as_array().unwrap().iter().map(import).collect()
}

/// Runs `tandem import`, and gives its summary.
pub fn import(server: &Server, import: &Import) -> serde_json::Value {
    let (url, rejects) = (format!("http://{}", server.grpc), tempfile::tempdir().unwrap());
    let rejects = rejects.path().join("rejects.csv");
    let mut arguments =
        vec!["import", "--json", "--no-progress", "--server", &url, "--rejects", rejects.to_str().unwrap(), "--mapping", &import.mapping];
    arguments.extend(import.files.iter().map(String::as_str));
    let output = run(&arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}: {text}{}", import.mapping, String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_real_sets_come_to_what_they_should() {
    let Some(data) = data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).unwrap();
    let imports = imports(&data);
    for one in &imports {
        let summary = import(&server, one);
        for (name, figure) in &one.figures {
            assert_eq!(summary[name].as_i64(), Some(*figure), "{name} of {}: {summary}", one.mapping);
        }
        let skipped: BTreeMap<String, i64> = serde_json::from_value(summary["skipped"].clone()).unwrap();
        assert_eq!(skipped, one.skipped, "skipped of {}", one.mapping);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sizes = || runtime.block_on(async { books(&connect(&server.grpc).await.unwrap()).await });
    let before = sizes();
    for one in &imports {
        let again = import(&server, one);
        let figures = ["applied", "suspended", "duplicate"].map(|name| again[name].as_i64());
        assert_eq!(figures, [Some(0), Some(0), Some(one.figures["events"])], "{} once more: {again}", one.mapping);
    }
    assert_eq!(before, sizes(), "the same files twice change nothing");
    runtime.block_on(verify(&server, &before));
}

/// Entries of each council.
async fn books(channel: &Channel) -> BTreeMap<String, u64> {
    let (mut sizes, mut page_token) = (BTreeMap::new(), String::new());
    loop {
        let page = audit(channel).list_books(ListBooksRequest { page_size: 100, page_token, ..Default::default() }).await.unwrap().into_inner();
        sizes.extend(page.books.into_iter().map(|book| (book.council, book.size)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return sizes;
        }
    }
}

/// Verifies every book; asks everything of the middling ones, which the model answers in reasonable time.
async fn verify(server: &Server, sizes: &BTreeMap<String, u64>) {
    let channel = connect(&server.grpc).await.unwrap();
    let mut compared = 0;
    for (council, size) in sizes {
        let model = model_of(&channel, std::slice::from_ref(council)).await;
        if (500..10_000).contains(size) && compared < 5 {
            compare_all(&channel, &model, &mut Random::new(*size), 5).await;
            compared += 1;
        }
    }
}
