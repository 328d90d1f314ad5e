//! A witness that never cosigns back or aside, whatever it is asked, and whatever breaks.

use super::cosigner::{Cosigner, Reply};
use super::memory::Memory;
use super::read_logs;
use std::path::Path;
use std::sync::Arc;
use tandem_book::Error;
use tandem_book::checkpoint::{Checkpoint, Trust, open};
use tandem_book::key::{SigningKey, Use};
use tandem_book::nodes::{TileNodes, Tiles};
use tandem_book::note::{Note, Signature};
use tandem_book::proof::consistency;
use tandem_book::tile::Tile;
use tandem_book::witness::{Request, Watched};
use tandem_tests::books::{Files, ORIGIN, key, key_of, plain, told_otherwise};

const NOW: u64 = 1_741_600_060;

fn witness_key() -> SigningKey {
    SigningKey::from_seed("witness.example/w1", Use::Cosignature, &[8; 32]).unwrap()
}

fn watched() -> Vec<Watched> {
    vec![Watched { origin: ORIGIN.into(), key: key().verifier() }]
}

fn cosigner(state: &Path, new: bool) -> Cosigner {
    Cosigner::new(witness_key(), watched(), Memory::open(state, &witness_key().verifier(), new).unwrap()).unwrap()
}

struct Read<'a>(&'a Files);

impl Tiles for Read<'_> {
    fn read(&self, tile: Tile) -> Result<Vec<u8>, Error> {
        Ok(self.0.by_path[&tile.to_string()].clone())
    }
}

fn note(files: &Files) -> Note {
    Note::parse(&files.by_path["checkpoint"]).unwrap()
}

/// What an honest publisher of this book sends to a witness that has `old` entries of it.
fn request(files: &Files, old: u64) -> Request {
    let reader = Read(files);
    let proof = consistency(&mut TileNodes::new(&reader, files.size), old, files.size).unwrap();
    Request { old, proof, note: note(files) }
}

fn ask(cosigner: &Cosigner, request: &Request) -> Reply {
    cosigner.add_checkpoint(request.to_string().as_bytes(), NOW)
}

fn assert_size(reply: &Reply, size: u64) {
    assert_eq!((reply.status, reply.is_size, reply.body.as_str()), (409, true, format!("{size}\n").as_str()));
}

/// That it is a cosignature by which the checkpoint passes a reader who demands one.
fn assert_cosigned(reply: &Reply, files: &Files) {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let mut note = note(files);
    for signature in Signature::parse_lines(&reply.body).unwrap() {
        note.add(signature);
    }
    let trust = Trust { witnesses: vec![witness_key().verifier()], quorum: 1, ..Trust::of(key().verifier()) };
    let opened = open(note.to_string().as_bytes(), &trust).unwrap();
    assert_eq!((opened.cosigned[0].time, opened.checkpoint.size), (Some(NOW), files.size));
}

#[test]
fn a_book_that_goes_on_is_cosigned_at_every_size() {
    let state = tempfile::tempdir().unwrap();
    let witness = cosigner(state.path(), true);
    let mut old = 0;
    for size in [0, 1, 2, 255, 256, 257, 300, 70_000] {
        let files = plain(size);
        assert_cosigned(&ask(&witness, &request(&files, old)), &files);
        // The same once more: its answer may have been lost.
        assert_size(&ask(&witness, &Request { old: size + 1, ..request(&plain(size + 1), size + 1) }), size);
        assert_cosigned(&ask(&witness, &request(&files, size)), &files);
        old = size;
    }
}

#[test]
fn a_request_that_is_read_is_written_the_same() {
    let written = request(&plain(700), 300).to_string();
    assert_eq!(Request::parse(written.as_bytes()).unwrap().to_string(), written);
    assert!(written.starts_with("old 300\n") && written.contains(&format!("\n\n{ORIGIN}\n700\n")), "{written}");
}

#[test]
fn what_the_format_refuses_has_its_status() {
    let state = tempfile::tempdir().unwrap();
    let witness = cosigner(state.path(), true);
    let (small, large) = (plain(300), plain(700));
    assert_cosigned(&ask(&witness, &request(&small, 0)), &small);
    let signed = |origin: &str, by: &SigningKey, size: u64, root| Checkpoint::new(origin, size, root).sign(by).unwrap();
    let good = request(&large, 300);
    let cases: Vec<(&str, u16, Request)> = vec![
        ("another key", 403, Request { note: signed(ORIGIN, &key_of(ORIGIN, 9), 700, large.root), ..good.clone() }),
        (
            "an unknown book",
            404,
            Request { note: signed("ledger.example/E09000002", &key_of("ledger.example/E09000002", 7), 700, large.root), ..good.clone() },
        ),
        ("an unknown book with a known key", 404, Request { note: signed("ledger.example/E09000002", &key(), 700, large.root), ..good.clone() }),
        ("an old size above the new one", 400, Request { old: 701, ..good.clone() }),
        ("no proof", 422, Request { proof: vec![], ..good.clone() }),
        ("a proof too long", 422, Request { proof: [good.proof.clone(), vec![[0; 32]]].concat(), ..good.clone() }),
        ("another root", 422, Request { note: signed(ORIGIN, &key(), 700, [9; 32]), ..good.clone() }),
        ("the same size with another root", 409, Request { old: 300, proof: vec![], note: signed(ORIGIN, &key(), 300, [9; 32]) }),
    ];
    for (what, status, request) in cases {
        let reply = ask(&witness, &request);
        assert_eq!((reply.status, reply.is_size), (status, false), "{what}: {}", reply.body);
    }
    for (index, bit) in (0..good.proof.len()).flat_map(|index| (0..256).step_by(37).map(move |bit| (index, bit))) {
        let mut tampered = good.clone();
        tampered.proof[index][bit / 8] ^= 1 << (bit % 8);
        assert_eq!(ask(&witness, &tampered).status, 422, "bit {bit} of hash {index}");
    }
    for old in [0, 299, 301] {
        assert_size(&ask(&witness, &request(&large, old)), 300);
    }
    let text = good.to_string();
    let many = format!("old 300\n{}", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".repeat(64)) + &text[text.find("\n\n").unwrap() + 1..];
    let broken = [String::new(), text.replace("old 300", "old 0300"), text.replace("old 300", "old"), text.replacen("\n\n", "\n", 1), many];
    for body in broken.iter().map(String::as_bytes).chain([&b"\xff\n\n"[..]]) {
        let reply = witness.add_checkpoint(body, NOW);
        assert_eq!((reply.status, reply.is_size), (400, false), "{:?}: {}", String::from_utf8_lossy(body), reply.body);
    }
    // Nothing of all that moved it.
    assert_cosigned(&ask(&witness, &good), &large);
}

/// A rewritten history and a split view: one key signs two books, and each auditor would be shown one of them.
#[test]
fn of_two_histories_only_the_first_is_cosigned() {
    let state = tempfile::tempdir().unwrap();
    let witness = cosigner(state.path(), true);
    let (first, split, rewritten) = (plain(600), told_otherwise(600, 500), told_otherwise(700, 500));
    assert_cosigned(&ask(&witness, &request(&first, 0)), &first);
    for old in [0, 500, 600] {
        for files in [&split, &rewritten] {
            let reply = ask(&witness, &request(files, old));
            assert!([409, 422].contains(&reply.status), "{}: {}", reply.status, reply.body);
        }
    }
    let reply = ask(&witness, &request(&split, 600));
    assert!(reply.body.contains("another history of 600 entries"), "{}", reply.body);
    let reply = ask(&witness, &request(&rewritten, 600));
    assert!(reply.status == 422 && reply.body.contains("does not go on from the 600"), "{}", reply.body);
    let on = plain(601);
    assert_cosigned(&ask(&witness, &request(&on, 600)), &on);
}

#[test]
fn an_answer_that_was_lost_after_it_was_kept_is_had_again_and_nothing_else() {
    let state = tempfile::tempdir().unwrap();
    let witness = cosigner(state.path(), true);
    drop(ask(&witness, &request(&plain(300), 0)));
    // Killed between disk and answer: what is on disk counts.
    drop(witness);
    let witness = cosigner(state.path(), false);
    assert_size(&ask(&witness, &request(&plain(300), 0)), 300);
    assert_eq!(ask(&witness, &request(&told_otherwise(300, 10), 300)).status, 409);
    assert_cosigned(&ask(&witness, &request(&plain(300), 300)), &plain(300));
}

#[test]
fn nothing_is_cosigned_that_cannot_be_kept() {
    let state = tempfile::tempdir().unwrap();
    let witness = cosigner(state.path(), true);
    // A directory where the new file should be.
    std::fs::create_dir(state.path().join("cosigned.part")).unwrap();
    let reply = ask(&witness, &request(&plain(300), 0));
    assert_eq!((reply.status, reply.body.contains('—')), (500, false), "{}", reply.body);
    std::fs::remove_dir(state.path().join("cosigned.part")).unwrap();
    let other = told_otherwise(200, 0);
    assert_cosigned(&ask(&witness, &request(&other, 0)), &other);
    assert_size(&ask(&witness, &request(&plain(300), 0)), 200);
}

#[test]
fn a_lost_broken_foreign_or_shared_memory_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let (key, file) = (witness_key().verifier(), state.path().join("cosigned.json"));
    let refused = |key, new| format!("{:#}", Memory::open(state.path(), key, new).unwrap_err());
    assert!(refused(&key, false).contains("--new"));
    let witness = cosigner(state.path(), true);
    assert!(refused(&key, false).contains("another witness uses"));
    ask(&witness, &request(&plain(300), 0));
    drop(witness);
    assert!(refused(&key, true).contains("leave out --new"));
    let other = SigningKey::from_seed("witness.example/w2", Use::Cosignature, &[9; 32]).unwrap().verifier();
    assert!(refused(&other, false).contains("is the state of the key"));
    let whole = std::fs::read_to_string(&file).unwrap();
    for broken in ["", "{}", &whole[..whole.len() / 2], &whole.replace("\\n300\\n", "\\n3O0\\n"), &whole.replace("\"version\": 1", "\"version\": 2")]
    {
        std::fs::write(&file, broken).unwrap();
        assert!(refused(&key, false).contains("is no state of a witness"), "{broken}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(refused(&key, false).contains("second history"));
    std::fs::write(&file, whole).unwrap();
    assert_size(&ask(&cosigner(state.path(), false), &request(&plain(400), 0)), 300);
}

/// Many publishers at once, each with another idea of what comes next: whatever is cosigned is one line of history.
#[test]
fn concurrent_requests_make_one_history() {
    let state = tempfile::tempdir().unwrap();
    let witness = Arc::new(cosigner(state.path(), true));
    let base = plain(100);
    assert_cosigned(&ask(&witness, &request(&base, 0)), &base);
    let cosigned: Vec<u64> = std::thread::scope(|scope| {
        let tellings = (0..8u64).map(|n| told_otherwise(101 + n, 100));
        let both: Vec<Files> = tellings.chain((0..8).map(|n| plain(101 + n))).collect();
        let asking = both.into_iter().map(|files| {
            let witness = witness.clone();
            scope.spawn(move || (ask(&witness, &request(&files, 100)).status == 200).then_some(files.size))
        });
        let asking: Vec<_> = asking.collect();
        asking.into_iter().filter_map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(cosigned.len(), 1, "only one can go on from 100: {cosigned:?}");
    assert_size(&ask(&witness, &request(&base, 0)), cosigned[0]);
}

#[test]
fn keys_of_the_wrong_kind_and_files_without_books_are_refused() {
    let state = tempfile::tempdir().unwrap();
    let memory = || Memory::open(state.path(), &key().verifier(), !state.path().join("cosigned.json").exists()).unwrap();
    assert!(Cosigner::new(key(), watched(), memory()).is_err_and(|error| error.to_string().contains("keygen --witness")));
    let swapped = vec![Watched { origin: ORIGIN.into(), key: witness_key().verifier() }];
    assert!(Cosigner::new(witness_key(), swapped, memory()).is_err_and(|error| error.to_string().contains("is a witness's")));
    let file = state.path().join("logs.txt");
    std::fs::write(&file, format!("# ours\n\n{}\n{} moved.example/E09000001\n", key().verifier(), key().verifier())).unwrap();
    let origins: Vec<String> = read_logs(&file).unwrap().into_iter().map(|log| log.origin).collect();
    assert_eq!(origins, [ORIGIN, "moved.example/E09000001"]);
    std::fs::write(&file, "# nothing\n").unwrap();
    assert!(format!("{:#}", read_logs(&file).unwrap_err()).contains("names no book"));
    std::fs::write(&file, format!("\n{}x\n", key().verifier())).unwrap();
    assert!(format!("{:#}", read_logs(&file).unwrap_err()).contains("line 2"));
}
