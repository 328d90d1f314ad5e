//! A real server, a real witness and the auditor's command: what is cosigned, what an auditor who demands it sees, and what befalls both.

use std::path::{Path, PathBuf};
use std::time::Instant;
use tandem_book::checkpoint::{Opened, Trust, open};
use tandem_proto::v1::Side;
use tandem_tests::client::{Gateway, batch_request, connect};
use tandem_tests::foreign::Verifiers;
use tandem_tests::given::{COUNCIL, contributed, contribution, measure_defined, service_defined};
use tandem_tests::server::{PATIENCE, Server, run};
use tandem_tests::witness::{Detour, WitnessServer};

/// Keys of a council's server and of a witness, and the witness's list of books.
struct Keys {
    home: tempfile::TempDir,
    /// vkey of the council's book.
    book: String,
    /// vkey of the witness.
    witness: String,
}

impl Keys {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
        let book = said(&["keygen", "--out", &at("signing.key"), "--book-name", "books.example.org", "--council", COUNCIL]);
        let witness = said(&["keygen", "--out", &at("witness.key"), "--witness", "witness.example.org/w1"]);
        std::fs::write(home.path().join("logs.txt"), format!("# whom we watch\n{book}\n")).unwrap();
        Self { book, witness, home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn witness(&self, new: bool) -> Result<WitnessServer, String> {
        WitnessServer::start(&self.path("witness.key"), &self.path("logs.txt"), &self.path("state"), new)
    }

    fn server(&self, data_dir: &Path, witness_url: &str) -> Server {
        let (key, witness) = (self.path("signing.key"), format!("{witness_url}={}", self.witness));
        Server::start_with(data_dir, &["--signing-key", key.to_str().unwrap(), "--witness", &witness]).unwrap()
    }

    fn trust(&self, quorum: usize) -> Trust {
        Trust { witnesses: vec![self.witness.parse().unwrap()], quorum, ..Trust::of(self.book.parse().unwrap()) }
    }

    /// `tandem audit verify` of a served book, with a witness demanded.
    fn verify(&self, server: &Server, witness: &str) -> (Option<i32>, String) {
        let url = format!("http://{}", server.http);
        let output = run(&["audit", "verify", "--quiet", "--url", &url, "--key", &self.book, "--witness", witness, "--witness-quorum", "1"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }
}

fn said(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn record(server: &Server, numbers: std::ops::Range<u64>) {
    let channel = connect(&server.grpc).await.unwrap();
    let mut batch = vec![service_defined(1), measure_defined(2, "tutoring", Side::Citizen)];
    batch.extend(numbers.map(|number| contributed(number, contribution())));
    Gateway::new(&channel).batch(batch_request(&batch, false)).await.unwrap();
}

/// Waits until a data directory has published so many entries as a reader with this trust demands.
fn until(data_dir: &Path, trust: &Trust, size: u64) -> Opened {
    let (started, file) = (Instant::now(), data_dir.join(format!("checkpoints/{COUNCIL}.checkpoint")));
    loop {
        let opened = std::fs::read(&file).ok().and_then(|note| open(&note, trust).ok());
        if let Some(opened) = opened.filter(|opened| opened.checkpoint.size == size) {
            return opened;
        }
        assert!(started.elapsed() < PATIENCE, "{size} entries are not published with {} witnesses", trust.quorum);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_book_is_cosigned_and_an_auditor_can_demand_it() {
    let (keys, data_dir) = (Keys::new(), tempfile::tempdir().unwrap());
    let witness = keys.witness(true).unwrap();
    let server = keys.server(data_dir.path(), &witness.url);
    record(&server, 10..308).await;
    until(data_dir.path(), &keys.trust(1), 300);
    let (code, out) = keys.verify(&server, &keys.witness);
    assert!(code == Some(0) && out.contains("300 entries") && out.contains("cosigned by 1 witness"), "{out}");
    if let Some(verifiers) = Verifiers::build() {
        let url = format!("http://{}/books/{COUNCIL}/checkpoint", server.http);
        let other = said(&["keygen", "--out", keys.path("other.key").to_str().unwrap(), "--witness", "witness.example.org/w1"]);
        for (witness, is_true) in [(&keys.witness, true), (&other, false)] {
            let said = verifiers.cosigned(&url, &keys.book, witness);
            assert!(said.as_ref().is_none_or(|said| said.is_ok() == is_true), "{witness}: {said:?}");
        }
    }
    let other = said(&["keygen", "--out", keys.path("w2.key").to_str().unwrap(), "--witness", "witness.example.org/w2"]);
    let (code, out) = keys.verify(&server, &other);
    assert!(code == Some(1) && out.contains("1 of the 1 trusted witnesses"), "{out}");

    // A witness that is gone holds up nothing, and has the book again when it is back.
    witness.kill();
    record(&server, 308..408).await;
    until(data_dir.path(), &keys.trust(0), 400);
    let (code, _) = keys.verify(&server, &keys.witness);
    assert_eq!(code, Some(1), "it is not cosigned now");
    drop(server);
    let witness = keys.witness(false).unwrap();
    let server = keys.server(data_dir.path(), &witness.url);
    until(data_dir.path(), &keys.trust(1), 400);
    assert_eq!(keys.verify(&server, &keys.witness).0, Some(0));
}

/// The answer is lost after the witness has kept what it cosigned: the server is told the size, and asks again from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_is_killed_between_disk_and_answer_cosigns_when_it_is_back() {
    let (keys, data_dir) = (Keys::new(), tempfile::tempdir().unwrap());
    let witness = keys.witness(true).unwrap();
    let detour = Detour::to(&witness.url);
    detour.kill_while_answering(witness);
    let server = keys.server(data_dir.path(), &detour.url);
    record(&server, 10..308).await;
    until(data_dir.path(), &keys.trust(0), 300);
    let started = Instant::now();
    while detour.lost() == 0 {
        assert!(started.elapsed() < PATIENCE, "the witness was not asked");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let kept = std::fs::read_to_string(keys.path("state/cosigned.json")).unwrap();
    assert!(kept.contains("\\n300\\n"), "{kept}");
    let witness = keys.witness(false).unwrap();
    detour.turn(&witness.url);
    until(data_dir.path(), &keys.trust(1), 300);
}

/// One key, two histories: whoever is shown the second is warned.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_histories_is_never_cosigned() {
    let (keys, data_dirs) = (Keys::new(), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    let witness = keys.witness(true).unwrap();
    let first = keys.server(data_dirs[0].path(), &witness.url);
    record(&first, 10..308).await;
    until(data_dirs[0].path(), &keys.trust(1), 300);
    let second = keys.server(data_dirs[1].path(), &witness.url);
    record(&second, 1_000..1_398).await;
    until(data_dirs[1].path(), &keys.trust(0), 400);
    let started = Instant::now();
    while !second.output().contains("the book is not cosigned") {
        assert!(started.elapsed() < PATIENCE, "{}", second.output());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(keys.verify(&first, &keys.witness).0, Some(0));
    let (code, out) = keys.verify(&second, &keys.witness);
    assert!(code == Some(1) && out.contains("trusted witnesses"), "{out}");
    // The true one goes on.
    record(&first, 308..309).await;
    until(data_dirs[0].path(), &keys.trust(1), 301);
}

#[test]
fn a_witness_without_its_memory_does_not_start() {
    let keys = Keys::new();
    let refused = keys.witness(false).unwrap_err();
    assert!(refused.contains("--new"), "{refused}");
    drop(keys.witness(true).unwrap());
    std::fs::remove_file(keys.path("state/cosigned.json")).unwrap();
    let refused = keys.witness(false).unwrap_err();
    assert!(refused.contains("second history") && refused.lines().count() == 1, "{refused}");
}
