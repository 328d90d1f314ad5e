//! The files in deploy/ tell the truth: every flag that they give a server is one that it has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const SERVERS: [&str; 4] = ["serve", "gateway", "projection", "query"];

/// The files that start servers.
fn files() -> Vec<PathBuf> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let mut files = vec![deploy.join("compose.yaml")];
    for directory in ["systemd", "kubernetes"] {
        for entry in std::fs::read_dir(deploy.join(directory)).unwrap() {
            files.push(entry.unwrap().path());
        }
    }
    files
}

/// Each flag behind the name of a server, up to that of the next: these files have no other flags there.
fn flags(text: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut server = None;
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for word in line.split(|c: char| c.is_whitespace() || "=[]\"`,".contains(c)) {
            if SERVERS.contains(&word) {
                server = Some(word);
            }
            if let (Some(server), Some(flag)) = (server, word.strip_prefix("--"))
                && flag.starts_with(|c: char| c.is_ascii_lowercase())
            {
                found.insert((server.to_owned(), format!("--{flag}")));
            }
        }
    }
    found
}

#[test]
fn every_flag_of_the_files_in_deploy_is_one_that_the_server_has() {
    let mut helps = BTreeMap::new();
    for server in SERVERS {
        let help = tandem_tests::server::run(&[server, "--help"]);
        assert!(help.status.success(), "tandem {server} --help: {}", String::from_utf8_lossy(&help.stderr));
        helps.insert(server.to_owned(), String::from_utf8(help.stdout).unwrap());
    }
    let mut started = BTreeSet::new();
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        for (server, flag) in flags(&text) {
            let known = helps[&server].split_whitespace().any(|word| word == flag);
            assert!(known, "{} gives `tandem {server}` {flag}, which it does not have", file.display());
            started.insert(server);
        }
    }
    assert_eq!(started, SERVERS.map(String::from).into(), "the files start every server");
}
