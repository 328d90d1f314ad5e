//! Books on a server that is good, slow, broken or gone.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tandem_tests::books::{COUNCIL, plain};
use tandem_tests::served::{Reply, Served};

/// Serves the book; `fault` may answer otherwise, by the path below the book's prefix.
fn serve(files: Files, fault: impl Fn(&str, &[u8]) -> Option<Reply> + Send + Sync + 'static) -> Served {
    Served::start(move |path| {
        let file = path.strip_prefix(&format!("/books/{COUNCIL}/")).and_then(|path| Some((path, files.by_path.get(path)?)));
        match file {
            Some((path, bytes)) => fault(path, bytes).unwrap_or_else(|| Reply::File(bytes.clone())),
            None => Reply::Status(404),
        }
    })
}

#[test]
fn a_served_book_is_fetched_once_with_a_cache_and_only_what_is_new_later() {
    let cache = tempfile::tempdir().unwrap();
    let good = serve(plain(70_000), |_, _| None);
    let verdict = verify(&["--url", &good.url, "--cache", text(cache.path())]);
    assert_true(&verdict, 70_000);
    // Those on the way to the root are read before they can be checked: once for that, and once to be kept.
    assert!(good.asked().values().all(|&count| count <= 2), "{:?}", good.asked());
    let more = serve(plain(70_300), |_, _| None);
    let verdict = verify(&["--url", &format!("{}/books/{COUNCIL}/", more.url), "--cache", text(cache.path())]);
    assert_true(&verdict, 70_300);
    assert_eq!(verdict.files_cached, 273 * 2 + 1, "full tiles and bundles of the 70,000");
    assert!(verdict.files_read < 15, "{} files", verdict.files_read);
}

#[test]
fn an_interrupted_download_goes_on_where_it_was() {
    let (cache, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let state = state.path().join("state.json");
    let answered = Arc::new(AtomicU64::new(0));
    let counted = answered.clone();
    let breaks = serve(plain(70_000), move |_, _| (counted.fetch_add(1, Ordering::Relaxed) >= 300).then_some(Reply::Close));
    let run = |url: &str| verify(&["--url", url, "--cache", text(cache.path()), "--state", text(&state), "--jobs", "4"]);
    assert_says(&run(&breaks.url), Verdict::Unchecked, &["could not check", "tile/", "tried 3 times", "not fetched twice"]);
    let good = serve(plain(70_000), |_, _| None);
    let verdict = run(&good.url);
    assert_true(&verdict, 70_000);
    assert!(verdict.files_cached >= 250, "{} files were kept of the first time", verdict.files_cached);
    assert!(verdict.files_read <= 549 - 250 + 10, "{} files", verdict.files_read);
}

#[test]
fn a_cache_that_was_damaged_is_mended_and_accuses_nobody() {
    let cache = tempfile::tempdir().unwrap();
    let good = serve(plain(600), |_, _| None);
    assert_true(&verify(&["--url", &good.url, "--cache", text(cache.path())]), 600);
    let book = std::fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
    let kept = crate::audit::slots::Slots::path(&book, "tile/entries/001".parse().unwrap());
    let bytes = std::fs::read(&kept).unwrap();
    let mut damaged = bytes.clone();
    // In the second place, of which the tile comes first.
    damaged[256 * (32 + 76) + 256 * 32 + 100] ^= 1;
    std::fs::write(&kept, damaged).unwrap();
    let verdict = verify(&["--url", &good.url, "--cache", text(cache.path())]);
    assert_true(&verdict, 600);
    assert_eq!(std::fs::read(&kept).unwrap(), bytes);
}

/// c2sp.org/tlog-tiles: a log may drop partial tiles once the full one is there.
#[test]
fn a_partial_tile_that_has_become_full_is_taken_from_the_full_one() {
    let mut files = plain(600);
    let grown = plain(768);
    for path in ["tile/0/002", "tile/entries/002"] {
        files.by_path.remove(&format!("{path}.p/88")).unwrap();
        files.by_path.insert(path.to_owned(), grown.by_path[path].clone());
    }
    assert_true(&verify(&["--url", &serve(files, |_, _| None).url]), 600);
}

/// What is answered instead of these bytes.
type Fault = fn(&[u8]) -> Reply;

#[test]
fn a_server_that_errs_breaks_off_is_silent_or_gone_is_no_mismatch() {
    let faults: [(&str, Fault); 5] = [
        ("the server answered 500", |_| Reply::Status(500)),
        ("the server answered 403", |_| Reply::Status(403)),
        ("the answer broke off", |bytes| Reply::Half(bytes.to_vec())),
        ("tried 3 times", |_| Reply::Close),
        ("timeout", |_| Reply::Silence),
    ];
    let try_one = |broken: &'static str, word: &str, fault: Fault| {
        let server = serve(plain(600), move |path, bytes| (path == broken).then(|| fault(bytes)));
        assert_says(&verify(&["--url", &server.url, "--timeout", "1"]), Verdict::Unchecked, &["could not check", broken, word]);
    };
    // All at once, as each waits for its server.
    std::thread::scope(|scope| {
        for broken in ["checkpoint", "tile/1/000.p/2", "tile/entries/001"] {
            for (word, fault) in faults {
                scope.spawn(move || try_one(broken, word, fault));
            }
        }
    });
    let nobody = verify(&["--url", "http://127.0.0.1:1"]);
    assert_says(&nobody, Verdict::Unchecked, &["http://127.0.0.1:1/books/E09000001/checkpoint", "refused"]);
    let empty = Served::start(|_| Reply::Status(404));
    assert_says(&verify(&["--url", &empty.url]), Verdict::Unchecked, &["the server answered 404"]);
}

#[test]
fn a_server_that_stumbles_once_is_asked_again() {
    let asked = Arc::new(AtomicU64::new(0));
    let server = serve(plain(600), move |path, _| match path {
        "tile/entries/001" if asked.fetch_add(1, Ordering::Relaxed) == 0 => Some(Reply::Status(503)),
        _ => None,
    });
    assert_true(&verify(&["--url", &server.url]), 600);
    assert_eq!(server.asked()[&format!("/books/{COUNCIL}/tile/entries/001")], 2);
}

/// A server that answers without an end is not read without an end.
#[test]
fn a_file_that_is_much_too_long_is_a_mismatch() {
    let server = serve(plain(600), |path, _| (path == "tile/0/001").then(|| Reply::File(vec![0; 4 << 20])));
    assert_says(&verify(&["--url", &server.url]), Verdict::Mismatch, &["tile/0/001"]);
}
