//! Backups of a real server, and what becomes of them: restored, killed, damaged, too old, in a bucket.

use crate::compare::{compare_all, model_of};
use crate::stop::{wait_for, wait_until_folded};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tandem_book::checkpoint::Checkpoint;
use tandem_book::note::Note;
use tandem_tests::client::{Gateway, batch_request, connect};
use tandem_tests::events::{Generator, Manner};
use tandem_tests::given::{COUNCIL, contributed, contribution};
use tandem_tests::random::{Random, seeds, with_seed};
use tandem_tests::s3::{BUCKET, S3};
use tandem_tests::server::{PATIENCE, Server, binary, run};
use tonic::transport::Channel;

const COUNCILS: [&str; 3] = ["E09000001", "E09000002", "S12000033"];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a command that must succeed; gives its standard output.
#[track_caller]
fn ok(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must be refused, in one line.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.lines().count() == 1, "{arguments:?}: {error}");
    error
}

fn backup(data_dir: &Path, to: &str) -> serde_json::Value {
    serde_json::from_str(&ok(&["backup", "--data-dir", text(data_dir), "--to", to, "--json"])).unwrap()
}

fn listed(from: &str) -> Vec<serde_json::Value> {
    serde_json::from_str(&ok(&["backup", "list", "--from", from, "--json"])).unwrap()
}

/// Waits until something is so.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Directories of one test.
struct Place {
    parent: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { parent: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.parent.path().join(name)
    }

    fn url(&self) -> String {
        text(&self.path("store")).to_owned()
    }

    /// Gives a restored directory the key, as a person would.
    fn bring_key(&self, to: &str) {
        std::fs::copy(self.path("data").join("signing.key"), self.path(to).join("signing.key")).unwrap();
    }
}

/// Records batches of one council; gives the last positions.
async fn record(channel: &Channel, generator: &mut Generator, batches: usize) -> Vec<String> {
    let gateway = Gateway::new(channel);
    let mut positions = Vec::new();
    for _ in 0..batches {
        let batch: Vec<_> = (0..200).map(|_| generator.event()).collect();
        let answer = gateway.batch(batch_request(&batch, false)).await.unwrap();
        assert_eq!((answer.recorded as usize, answer.refusals), (batch.len(), vec![]));
        positions = answer.positions.into_iter().map(|position| position.position).collect();
    }
    positions
}

fn generator(council: &str, random: &mut Random) -> Generator {
    Generator::new(council, Random::new(random.bits()), Manner::Acceptable)
}

/// Size and root that are published of a book of a data directory.
fn published(data_dir: &Path, council: &str) -> Option<(u64, [u8; 32])> {
    let note = std::fs::read(data_dir.join(format!("checkpoints/{council}.checkpoint"))).ok()?;
    let checkpoint = Checkpoint::parse(Note::parse(&note).unwrap().text()).unwrap();
    Some((checkpoint.size, checkpoint.root))
}

fn readyz(server: &Server) -> String {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(&server.http).unwrap();
    write!(socket, "GET /readyz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.http).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_server_that_backs_itself_up_under_load_is_restored_as_it_was() {
    for seed in seeds(1) {
        with_seed(seed, |mut random| tokio::runtime::Runtime::new().unwrap().block_on(backed_up_under_load(&mut random)));
    }
}

async fn backed_up_under_load(random: &mut Random) {
    let place = Place::new();
    let (data, url) = (place.path("data"), place.url());
    let server = Server::start_with(&data, &["--backup-to", &url, "--backup-every", "1", "--backup-keep", "3"]).unwrap();
    let loads: Vec<_> = COUNCILS
        .into_iter()
        .map(|council| {
            let (mut generator, grpc) = (generator(council, random), server.grpc.clone());
            tokio::spawn(async move {
                let channel = connect(&grpc).await.unwrap();
                // Until the server is killed.
                let gateway = Gateway::new(&channel);
                while gateway.batch(batch_request(&(0..50).map(|_| generator.event()).collect::<Vec<_>>(), false)).await.is_ok() {}
            })
        })
        .collect();
    // Some are taken while events come, and the first ones are pruned.
    let number = |snapshot: &serde_json::Value| snapshot["snapshot"].as_str().unwrap()[..10].parse::<u64>().unwrap();
    let url_of = url.clone();
    let snapshots = tokio::task::spawn_blocking(move || {
        until("five backups", || {
            let output = run(&["backup", "list", "--from", &url_of, "--json"]);
            // One that is being pruned while it is listed is gone a moment later.
            let listed: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).ok()?;
            (listed.iter().map(number).max() >= Some(5)).then_some(listed)
        })
    })
    .await
    .unwrap();
    assert!(snapshots.len() <= 4, "{snapshots:?}");
    assert!(snapshots.is_sorted_by_key(|snapshot| snapshot["entries"].as_u64().unwrap()), "{snapshots:?}");
    let output = server.output();
    server.kill();
    for load in loads {
        load.await.unwrap();
    }
    assert!(output.contains("backed up") && !output.contains("ERROR"), "{output}");

    let restored = ok(&["restore", "--from", &url, "--data-dir", text(&place.path("restored"))]);
    assert!(restored.starts_with("restored snapshot "), "{restored}");
    for name in ["signing.key", "backup.tmp", "restoring"] {
        assert!(!place.path("restored").join(name).exists(), "{name}");
    }
    place.bring_key("restored");
    let server = Server::start(&place.path("restored")).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    wait_until_folded(&channel).await;
    let councils = COUNCILS.map(str::to_owned);
    let model = model_of(&channel, &councils).await;
    let entries: usize = model.councils.values().map(|council| council.entries.len()).sum();
    assert!(entries as u64 >= listed(&url).last().unwrap()["entries"].as_u64().unwrap());
    compare_all(&channel, &model, random, 60).await;

    // It goes on.
    let positions = record(&channel, &mut generator(COUNCILS[0], random), 3).await;
    wait_for(&channel, &positions).await;
    wait_until_folded(&channel).await;
    let model = model_of(&channel, &councils).await;
    compare_all(&channel, &model, random, 20).await;
    let size = model.councils[COUNCILS[0]].entries.len() as u64;
    until("a checkpoint of what was recorded since", || published(&place.path("restored"), COUNCILS[0]).filter(|(published, _)| *published == size));
    assert!(readyz(&server).ends_with("ready\n"), "{}", readyz(&server));
    let (status, output) = server.stop();
    assert!(status.success(), "{output}");
}

/// A data directory of a server that recorded so many batches and was stopped.
async fn stopped(data_dir: &Path, generator: &mut Generator, batches: usize) {
    let server = Server::start(data_dir).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let positions = record(&channel, generator, batches).await;
    wait_for(&channel, &positions).await;
    wait_until_folded(&channel).await;
    let (status, output) = server.stop();
    assert!(status.success(), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_ledger_is_backed_up_listed_checked_pruned_and_restored() {
    let place = Place::new();
    let (data, url) = (place.path("data"), place.url());
    let mut random = Random::new(21);
    let mut generator = generator(COUNCIL, &mut random);
    stopped(&data, &mut generator, 5).await;
    let first = backup(&data, &url);
    // Files of equal bytes, like RocksDB's empty ones, are one.
    assert_eq!(first["bytes_sent"], first["bytes"], "{first}");
    stopped(&data, &mut generator, 5).await;
    let second = backup(&data, &url);
    let number = |of: &serde_json::Value, field: &str| of[field].as_u64().unwrap();
    assert!(number(&second, "files_sent") < number(&second, "files") && number(&second, "bytes_sent") < number(&second, "bytes"), "{second}");
    assert!(number(&second, "entries") > number(&first, "entries"));
    assert!(!data.join("backup.tmp").exists());

    let all = listed(&url);
    assert_eq!(all.iter().map(|one| &one["snapshot"]).collect::<Vec<_>>(), [&first["snapshot"], &second["snapshot"]]);
    assert!(ok(&["backup", "list", "--from", &url]).contains(" entries of 1 councils, "));
    assert!(ok(&["backup", "check", "--from", &url]).contains("are what was written"));

    // Each as it was; the key is in neither.
    let key = std::fs::read(data.join("signing.key")).unwrap();
    for (snapshot, of) in [("1", &first), ("2", &second)] {
        let into = place.path(snapshot);
        let output = run(&["restore", "--from", &url, "--snapshot", snapshot, "--data-dir", text(&into)]);
        assert!(output.status.success() && said(&output).contains("the signing key is in no backup"), "{}", said(&output));
        let refusal = Server::start(&into).unwrap_err();
        assert!(refusal.output.contains("signing.key is missing, and books were published with it"), "{}", refusal.output);
        place.bring_key(snapshot);
        let server = Server::start(&into).unwrap();
        let channel = connect(&server.grpc).await.unwrap();
        let model = model_of(&channel, &[COUNCIL.to_owned()]).await;
        assert_eq!(model.councils[COUNCIL].entries.len() as u64, number(of, "entries"));
        compare_all(&channel, &model, &mut random, 20).await;
    }
    let secret = key.windows(32).next().unwrap();
    let mut directories = vec![place.path("store")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                assert!(!std::fs::read(&path).unwrap().windows(32).any(|part| part == secret), "{} holds the signing key", path.display());
            }
        }
    }

    let pruned = ok(&["backup", "prune", "--from", &url, "--keep", "1"]);
    assert!(pruned.starts_with("removed 1 snapshots and ") && pruned.ends_with("1 snapshots are left\n"), "{pruned}");
    ok(&["backup", "check", "--from", &url]);
    assert!(refused(&["restore", "--from", &url, "--snapshot", "1", "--data-dir", text(&place.path("late"))]).contains("there is no snapshot 1 in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_refused_in_one_line() {
    let place = Place::new();
    let (data, url) = (place.path("data"), place.url());
    let nowhere = place.path("nowhere");
    assert!(refused(&["backup", "--data-dir", text(&nowhere), "--to", &url]).contains("there is no directory"));
    assert!(refused(&["backup", "list", "--from", text(&nowhere)]).contains("cannot open the snapshot store"));
    assert!(
        refused(&["backup", "--to", "ftp://x", "--data-dir", text(place.parent.path())]).contains("give a directory, file:///DIRECTORY or s3://")
    );
    assert!(refused(&["backup", "--to", &url, "--data-dir", text(place.parent.path())]).contains("there is no projection in"));
    assert!(refused(&["restore", "--from", &url, "--data-dir", text(&nowhere)]).contains("there is no snapshot in"));

    let server = Server::start(&data).unwrap();
    let error = refused(&["backup", "--data-dir", text(&data), "--to", &url]);
    assert!(error.contains("a process uses") && error.contains("--backup-to"), "{error}");
    assert!(server.stop().0.success());
    backup(&data, &url);
    let error = refused(&["restore", "--from", &url, "--data-dir", text(&data)]);
    assert!(error.contains("is not empty: restore into a directory that is empty or not there"), "{error}");

    // A file of it is altered.
    let mut files: Vec<_> = std::fs::read_dir(place.path("store/files")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let file = std::fs::read_dir(&files[0]).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    for command in [&["backup", "check"][..], &["restore", "--data-dir", text(&nowhere)]] {
        let error = refused(&[command, &["--from", &url]].concat());
        assert!(error.contains(name) && error.contains("is not what was written"), "{error}");
    }
    assert!(!nowhere.join("log").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_killed_leaves_a_store_that_is_used_on() {
    let place = Place::new();
    let (data, url) = (place.path("data"), place.url());
    let mut random = Random::new(22);
    let mut generator = generator(COUNCIL, &mut random);
    stopped(&data, &mut generator, 20).await;
    backup(&data, &url);
    stopped(&data, &mut generator, 20).await;
    let files = || {
        let directories = std::fs::read_dir(place.path("store/files")).into_iter().flatten().filter_map(Result::ok);
        directories.flat_map(|entry| std::fs::read_dir(entry.path()).into_iter().flatten()).count()
    };
    let mut died = 0;
    for round in 0..8 {
        let before = files();
        let mut child = Command::new(binary());
        child.args(["backup", "--data-dir", text(&data), "--to", &url]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        // As soon as it begins, or when it has sent something.
        until("its first sign of life", || {
            let is_begun = if round % 2 == 0 { data.join("backup.tmp").exists() } else { files() > before };
            (is_begun || child.try_wait().unwrap().is_some()).then_some(())
        });
        child.kill().unwrap();
        if !child.wait().unwrap().success() {
            died += 1;
        }
    }
    println!("{died} of 8 were killed before they were done");
    assert!(died > 0, "none was killed in time");
    // What they left is no snapshot, does no harm, and goes.
    ok(&["backup", "check", "--from", &url]);
    let next = backup(&data, &url);
    assert!(!data.join("backup.tmp").exists());
    ok(&["restore", "--from", &url, "--data-dir", text(&place.path("restored"))]);
    place.bring_key("restored");
    let server = Server::start(&place.path("restored")).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let model = model_of(&channel, &[COUNCIL.to_owned()]).await;
    assert_eq!(Some(model.councils[COUNCIL].entries.len() as u64), next["entries"].as_u64());
    compare_all(&channel, &model, &mut random, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_state_signs_nothing_that_does_not_go_on_from_what_was_published() {
    let place = Place::new();
    let (data, url) = (place.path("data"), place.url());
    let server = Server::start(&data).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let batch = |numbers: std::ops::Range<u64>| -> Vec<_> { numbers.map(|number| contributed(number, contribution())).collect() };
    Gateway::new(&channel).batch(batch_request(&batch(0..300), false)).await.unwrap();
    until("a checkpoint", || published(&data, COUNCIL).filter(|(size, _)| *size == 300));
    assert!(server.stop().0.success());
    backup(&data, &url);
    let server = Server::start(&data).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    Gateway::new(&channel).batch(batch_request(&batch(300..400), false)).await.unwrap();
    let newest = until("a checkpoint", || published(&data, COUNCIL).filter(|(size, _)| *size == 400));
    server.kill();

    // The machine is gone but for what was published, and the 100 events are in no backup.
    let restored = place.path("restored");
    let checkpoints = data.join("checkpoints");
    let output = run(&["restore", "--from", &url, "--data-dir", text(&restored), "--checkpoints", text(&checkpoints)]);
    assert!(output.status.success() && said(&output).contains("took 1 newer checkpoints"), "{}", said(&output));
    place.bring_key("restored");
    let server = Server::start(&restored).unwrap();
    until("a refusal", || readyz(&server).contains("the book has 300 entries and 400 are published").then_some(()));
    // Not when it has grown beyond them either: it is another history.
    let channel = connect(&server.grpc).await.unwrap();
    Gateway::new(&channel).batch(batch_request(&batch(300..450), false)).await.unwrap();
    until("another refusal", || readyz(&server).contains("the book is not the one of which 400 entries are published").then_some(()));
    assert_eq!(published(&restored, COUNCIL), Some(newest), "nothing was signed");
    assert!(server.stop().0.success());

    // Under another name it is another book, and may begin.
    std::fs::rename(restored.join("checkpoints"), place.path("of the old name")).unwrap();
    let server = Server::start_with(&restored, &["--book-name", "second.tandem.local"]).unwrap();
    until("a checkpoint", || published(&restored, COUNCIL).filter(|(size, _)| *size == 450));
    assert!(readyz(&server).ends_with("ready\n"));
}

/// Runs a command with the variables of a bucket.
fn in_bucket(s3: &S3, arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).envs(s3.environment()).stdin(Stdio::null()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_backups_as_a_directory_does() {
    let (place, s3) = (Place::new(), S3::start());
    let data = place.path("data");
    let url = format!("s3://{BUCKET}/ledgers/one");
    let mut random = Random::new(23);
    let mut generator = generator(COUNCIL, &mut random);
    // Enough for a file that goes in several parts.
    stopped(&data, &mut generator, 100).await;
    let backup = |url: &str| in_bucket(&s3, &["backup", "--data-dir", text(&data), "--to", url, "--json"]);
    let first = backup(&url);
    assert!(first.status.success(), "{}", said(&first));
    stopped(&data, &mut generator, 2).await;
    let second: serde_json::Value = serde_json::from_slice(&backup(&url).stdout).unwrap();
    assert!(second["files_sent"].as_u64() < second["files"].as_u64(), "{second}");
    let (uploads, pages) = s3.uploads_and_pages();
    println!("{uploads} uploads in parts, {pages} pages of lists, {} objects", s3.keys().len());
    assert!(pages > 4 && s3.keys().iter().all(|key| key.starts_with("ledgers/one/files/") || key.starts_with("ledgers/one/snapshots/")));

    let check = in_bucket(&s3, &["backup", "check", "--from", &url]);
    assert!(check.status.success(), "{}", said(&check));
    let restored = place.path("restored");
    let restore = in_bucket(&s3, &["restore", "--from", &url, "--data-dir", text(&restored)]);
    assert!(restore.status.success(), "{}", said(&restore));
    place.bring_key("restored");
    let server = Server::start(&restored).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let model = model_of(&channel, &[COUNCIL.to_owned()]).await;
    assert_eq!(Some(model.councils[COUNCIL].entries.len() as u64), second["entries"].as_u64());
    compare_all(&channel, &model, &mut random, 10).await;
    drop(server);

    let before = s3.keys().len();
    let pruned = in_bucket(&s3, &["backup", "prune", "--from", &url, "--keep", "1"]);
    assert!(pruned.status.success() && s3.keys().len() < before, "{}", said(&pruned));
    // Altered, and gone.
    let file = s3.keys().into_iter().find(|key| key.contains("/files/")).unwrap();
    for (change, why) in [(true, "is not what was written"), (false, "is missing")] {
        s3.change(&file, |bytes| change.then(|| bytes.iter().map(|byte| byte ^ 1).collect()));
        let check = in_bucket(&s3, &["backup", "check", "--from", &url]);
        assert!(!check.status.success() && said(&check).contains(why), "{}", said(&check));
        if !change {
            break;
        }
    }
    // Not what the variables allow: another bucket, and a server without TLS where nobody said so.
    let other = in_bucket(&s3, &["backup", "list", "--from", "s3://other/x"]);
    assert!(!other.status.success() && said(&other).lines().count() == 1, "{}", said(&other));
    let plain =
        Command::new(binary()).args(["backup", "list", "--from", &url]).envs(s3.environment()).env("AWS_ALLOW_HTTP", "false").output().unwrap();
    assert!(!plain.status.success(), "{}", said(&plain));
}
