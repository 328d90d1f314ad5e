//! The auditor's commands as a person runs them: exit status, one line, JSON. What they find is tested in `services/tandem/src/audit/tests`.

use std::process::Output;
use tandem_tests::books::{ORIGIN, key, plain, told_otherwise};
use tandem_tests::served::{Reply, Served};
use tandem_tests::server::run;

fn audit(arguments: &[&str]) -> (Option<i32>, String, String) {
    let key = key().verifier().to_string();
    let Output { status, stdout, stderr } = run(&[&["audit"], arguments, &["--key", &key]].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn verify_ends_with_0_1_or_2_and_says_why_in_one_line() {
    let home = tempfile::tempdir().unwrap();
    let (book, state) = (home.path().join("book"), home.path().join("state.json"));
    let (dir, state) = (book.to_str().unwrap(), state.to_str().unwrap());
    plain(300).write(&book);
    let (code, out, err) = audit(&["verify", "--dir", dir, "--state", state]);
    assert_eq!((code, out.lines().count(), err.as_str()), (Some(0), 1, ""), "{out}");
    assert!(out.starts_with(&format!("true: {ORIGIN}: 300 entries, root ")), "{out}");

    told_otherwise(400, 7).write(&book);
    let (code, out, err) = audit(&["verify", "--dir", dir, "--state", state]);
    assert_eq!((code, out.lines().count(), err.as_str()), (Some(1), 1, ""), "{out}");
    assert!(out.starts_with(&format!("mismatch: {ORIGIN}: the history of {ORIGIN} was rewritten")), "{out}");

    let (code, out, _) = audit(&["verify", "--dir", dir, "--state", state, "--json"]);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["verdict"], &document["books"][0]["verdict"]), (Some(1), &"MISMATCH".into(), &"MISMATCH".into()));
    assert_eq!(document["books"][0]["checkpoint"]["size"], 400);

    let broken = Served::start(|_| Reply::Status(500));
    let (code, out, err) = audit(&["verify", "--url", &broken.url]);
    assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 1), "{err}");
    assert!(err.starts_with(&format!("tandem: could not check: {ORIGIN}: the checkpoint cannot be read: {}", broken.url)), "{err}");
    assert!(err.contains("the server answered 500"), "{err}");
}

#[test]
fn what_was_asked_wrongly_is_2_and_one_line() {
    for (arguments, words) in [
        (&["verify", "--dir", "nowhere"] as &[&str], "nowhere/books/E09000001/checkpoint"),
        (&["verify", "--dir", ".", "--council", "../etc"], "the council"),
        (&["verify", "--url", "ftp://x"], "does not begin with http"),
        (&["verify", "--dir", ".", "--witness", "w+0+x"], "verifier key"),
        (&["receipt", "nowhere", "--event", "nowhere"], "cannot read nowhere"),
    ] {
        let (code, out, err) = audit(arguments);
        assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 1), "{arguments:?}: {err}");
        assert!(err.starts_with("tandem: could not check: ") && err.contains(words), "{arguments:?}: {err}");
    }
}
