//! Three real councils' books on a real server: what it serves is accepted by verifiers that nobody here wrote, its answers are what its
//! history comes to, and what is exported of it verifies offline. Imported once for all of that.

use crate::data_sets::{data, import, imports, root};
use crate::replay::{replay, vkey};
use std::path::Path;
use tandem_tests::foreign::Verifiers;
use tandem_tests::server::{Server, run};

/// Chicago's service requests, the reports to the police of Hainault, and the household waste of Stirling's and the others' bins of which one
/// council is looked at.
const COUNCILS: [&str; 3] = ["chicago", "police-hainault", "S12000039"];
/// Mappings of their files.
const MAPPINGS: [&str; 5] =
    ["chicago-requests.toml", "police-crimes.toml", "police-history.toml", "scotland-household-waste.toml", "scotland-population.toml"];

#[test]
fn the_real_councils_books_pass_every_check() {
    let Some(data) = data() else { return };
    let data_dir = tempfile::tempdir().unwrap();
    let server = Server::start(data_dir.path()).unwrap();
    for one in imports(&data).iter().filter(|one| MAPPINGS.iter().any(|mapping| one.mapping.ends_with(mapping))) {
        import(&server, one);
    }
    let prices = [("chicago", "constant-2025-usd.toml"), ("police-hainault", "constant-2025-gbp.toml"), ("S12000039", "constant-2025-gbp.toml")];
    for (council, file) in prices {
        let (url, file) = (format!("http://{}", server.grpc), root().join("services/tandem/catalogue").join(file));
        let output = run(&["catalogue", "record", "--server", &url, "--council", council, file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let verifiers = Verifiers::build();
    for council in COUNCILS {
        replays(&server, data_dir.path(), council);
        exports(&server, data_dir.path(), council);
        if let Some(verifiers) = &verifiers {
            foreign(verifiers, &server, data_dir.path(), council);
        }
    }
}

fn replays(server: &Server, data_dir: &Path, council: &str) {
    let (code, document) = replay(server, data_dir, council, &[]);
    println!(
        "{council}: {} entries, {} questions, {} rows in {} ms",
        document["entries"], document["questions"], document["rows"], document["milliseconds"]
    );
    assert_eq!(code, Some(0), "{council}: {document:#}");
}

/// After a replay, which waits until all is published.
fn foreign(verifiers: &Verifiers, server: &Server, data_dir: &Path, council: &str) {
    let (url, key) = (format!("http://{}/books/{council}", server.http), vkey(data_dir, council));
    let said = verifiers.go_accepts(&url, &key).unwrap_or_else(|refused| panic!("golang.org/x/mod/sumdb refuses {council}: {refused}"));
    println!("{council}: {said}");
    let file = data_dir.join("vkey");
    std::fs::write(&file, format!("{key}\n")).unwrap();
    if let Some(fsck) = verifiers.fsck_accepts(&url, &file) {
        fsck.unwrap_or_else(|refused| panic!("Tessera's fsck refuses {council}: {refused}"));
    }
}

/// With the catalogue, every way to spoil which is refused.
fn exports(server: &Server, data_dir: &Path, council: &str) {
    let (home, key) = (tempfile::tempdir().unwrap(), vkey(data_dir, council));
    let (url, grpc, out) = (format!("http://{}", server.http), format!("http://{}", server.grpc), home.path().join("pack"));
    let place = out.to_str().unwrap();
    let output = run(&["audit", "export", "--quiet", "--url", &url, "--key", &key, "--out", place, "--catalogue", &grpc]);
    assert!(output.status.success(), "{council}: {}", String::from_utf8_lossy(&output.stderr));
    let verify = || {
        let output = run(&["audit", "verify", "--quiet", "--dir", place, "--key", &key]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(verify().0, Some(0));
    let file = out.join("catalogue.jsonl");
    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    assert!(lines.len() >= 5 && whole.contains("measure_defined") && whole.contains("valuation_published"), "{whole}");
    let first: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    let (name, facts) = (first["definition"].to_string(), first["facts"].as_str().unwrap());
    let spoiled = [
        ("another meaning", whole.replacen(&name, "{\"service_defined\":{\"id\":\"other\"}}", 1), "is not what its facts say"),
        ("no meaning", whole.replacen(&name, "{}", 1), "is not what its facts say"),
        ("other facts", whole.replacen(facts, "ggEA", 1), "the book commits to"),
        ("a line less", lines[1..].join("\n") + "\n", "belongs"),
        ("the last line less", lines[..lines.len() - 1].join("\n") + "\n", "ends before entry"),
        ("a line twice", format!("{whole}{}\n", lines[lines.len() - 1]), "of no entry"),
        ("another time", whole.replacen("\"book_time\":\"2", "\"book_time\":\"3", 1), "book_time"),
        ("a space", whole.replacen(':', ": ", 1), "MANIFEST.sha256"),
    ];
    for (what, text, words) in spoiled {
        assert_ne!(text, whole, "{what}");
        std::fs::write(&file, text).unwrap();
        let (code, out) = verify();
        assert!(code == Some(1) && out.contains(words), "{council}, {what}: {out}");
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(verify().0, Some(1), "{council}: the manifest has one more");
    std::fs::write(&file, whole).unwrap();
    assert_eq!(verify().0, Some(0));
}
