//! Files with flipped bytes: the server refuses to start and says what to do, or calls fail, or its answers are right. Never wrong ones.

use crate::compare::model_of;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tandem_tests::client::{Gateway, batch_request, connect, query, read_book};
use tandem_tests::events::{Generator, Manner};
use tandem_tests::model::{self, Model};
use tandem_tests::random::{Random, seeds, with_seed};
use tandem_tests::server::{Server, run};
use tandem_tests::{book, questions};

const COUNCIL: &str = "E09000001";

#[test]
fn a_broken_file_never_makes_a_wrong_answer() {
    for seed in seeds(1) {
        with_seed(seed, |mut random| tokio::runtime::Runtime::new().unwrap().block_on(broken(&mut random)));
    }
}

async fn broken(random: &mut Random) {
    let whole = tempfile::tempdir().unwrap();
    let model = fill(whole.path(), random).await;
    for file in files(whole.path()) {
        let length = fs::metadata(whole.path().join(&file)).unwrap().len();
        let mut offsets: BTreeSet<u64> = [0, length / 2, length.saturating_sub(1)].into();
        offsets.extend((0..3).map(|_| random.below(length)));
        for offset in offsets.into_iter().filter(|offset| *offset < length) {
            let copy = tempfile::tempdir().unwrap();
            copy_all(whole.path(), copy.path());
            let path = copy.path().join(&file);
            let mut bytes = fs::read(&path).unwrap();
            bytes[offset as usize] ^= 1 << random.below(8);
            fs::write(&path, bytes).unwrap();
            let what = format!("{} broken at {offset} of {length}", file.display());
            let became = check(copy.path(), &model, random, &what).await;
            println!("{what}: {became}");
        }
    }
}

/// A ledger whose data lie in tables as well as in write-ahead logs.
async fn fill(data_dir: &Path, random: &mut Random) -> Model {
    let mut generator = Generator::new(COUNCIL, Random::new(random.bits()), Manner::Acceptable);
    for _ in 0..2 {
        let server = Server::start(data_dir).unwrap();
        let channel = connect(&server.grpc).await.unwrap();
        for _ in 0..4 {
            let batch: Vec<_> = (0..250).map(|_| generator.event()).collect();
            Gateway::new(&channel).batch(batch_request(&batch, false)).await.unwrap();
        }
        crate::stop::wait_until_folded(&channel).await;
        assert!(server.stop().0.success());
    }
    // A rebuild writes the projection's tables anew.
    assert!(run(&["rebuild", "--data-dir", data_dir.to_str().unwrap()]).status.success());
    let server = Server::start(data_dir).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let batch: Vec<_> = (0..250).map(|_| generator.event()).collect();
    Gateway::new(&channel).batch(batch_request(&batch, false)).await.unwrap();
    crate::stop::wait_until_folded(&channel).await;
    let model = model_of(&channel, &[COUNCIL.to_owned()]).await;
    // Killed, so that what was written last is only in the write-ahead logs.
    server.kill();
    model
}

/// Files that hold data; what RocksDB only writes for people is left out.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() {
                directories.push(path);
            } else if !name.starts_with("LOG") && !name.starts_with("OPTIONS") && name != "LOCK" && entry.metadata().unwrap().len() > 0 {
                files.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

fn copy_all(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap().success());
}

/// What became of it. Panics at a wrong answer.
async fn check(data_dir: &Path, model: &Model, random: &mut Random, what: &str) -> String {
    let server = match Server::start(data_dir) {
        Ok(server) => server,
        Err(refused) => {
            assert!(!refused.status.success(), "{what}");
            let complaint = refused.output.lines().rfind(|line| !line.contains(" INFO ") && !line.trim().is_empty()).unwrap_or_default();
            assert!(!complaint.is_empty() && !refused.output.contains("panicked"), "{what}: a refusal says what to do, not {:?}", refused.output);
            return format!("refused: {complaint}");
        }
    };
    let channel = connect(&server.grpc).await.unwrap();
    let mut became = "answers are right".to_owned();
    // What the projection has lost it may fold again from the log.
    if let Err(status) = crate::stop::try_until_folded(&channel).await {
        return format!("fails: {}", status.message());
    }
    match read_book(&channel, COUNCIL).await {
        Ok(entries) => {
            let council = &model.councils[COUNCIL];
            book::verify(&entries).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(entries.len(), council.entries.len(), "{what}: entries of the book");
            for (ours, theirs) in council.entries.iter().zip(&entries) {
                assert_eq!(Some(&ours.record), theirs.record.as_ref(), "{what}: entry {}", ours.sequence);
            }
        }
        Err(status) => became = format!("fails: {}", status.message()),
    }
    for _ in 0..12 {
        let question = questions::random(model, random);
        match query(&channel).query_value(question.clone()).await {
            Ok(answer) => match model::answer(model, &question) {
                Some(expected) => crate::compare::same_answer(&question, &expected, &answer.into_inner()),
                None => panic!("{what}: an answer where there is none"),
            },
            Err(status) if model::answer(model, &question).is_none() => drop(status),
            Err(status) => became = format!("fails: {}", status.message()),
        }
    }
    assert!(became == "answers are right" || server.output().contains("ERROR"), "{what}: {became}, and nobody is told of it: {}", server.output());
    became
}
