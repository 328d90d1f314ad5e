//! The workspace's own shape: dependencies point one way, and the README tells the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What each of our crates may depend on (not for its tests). See services/ARCHITECTURE.md.
fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    BTreeMap::from([
        ("tandem-proto", BTreeSet::from([])),
        ("tandem-domain", BTreeSet::from([])),
        ("tandem-book", BTreeSet::from(["tandem-domain"])),
        ("tandem-wire", BTreeSet::from(["tandem-domain", "tandem-proto"])),
        ("tandem-log", BTreeSet::from(["tandem-domain", "tandem-proto"])),
        ("tandem-projection", BTreeSet::from(["tandem-domain", "tandem-book", "tandem-proto", "tandem-wire", "tandem-log"])),
        ("tandem-gateway", BTreeSet::from(["tandem-domain", "tandem-proto", "tandem-wire", "tandem-log"])),
        ("tandem-query", BTreeSet::from(["tandem-domain", "tandem-proto", "tandem-wire"])),
    ])
}

#[test]
fn dependencies_point_one_way_and_the_core_does_no_io() {
    let output = Command::new(env!("CARGO")).args(["metadata", "--format-version=1", "--no-deps", "--offline"]).current_dir(root()).output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let dependencies = package["dependencies"].as_array().unwrap().iter().filter(|dependency| dependency["kind"].is_null());
        let names: BTreeSet<&str> = dependencies.map(|dependency| dependency["name"].as_str().unwrap()).collect();
        if let Some(may) = allowed().get(name) {
            let ours: BTreeSet<&str> = names.iter().copied().filter(|name| name.starts_with("tandem")).collect();
            assert!(ours.is_subset(may), "{name} depends on {:?}", ours.difference(may).collect::<Vec<_>>());
            seen.insert(name.to_owned());
        }
        if name == "tandem-domain" || name == "tandem-book" {
            let io = BTreeSet::from(["tokio", "tonic", "rocksdb", "rdkafka", "rand", "jiff", "uuid"]);
            assert!(
                names.is_disjoint(&io),
                "{name} does no I/O and reads no clock, but depends on {:?}",
                names.intersection(&io).collect::<Vec<_>>()
            );
        }
    }
    assert_eq!(seen.len(), allowed().len(), "every crate of the map is in the workspace: {seen:?}");
}

/// Commands that the README and quickstart show are ones that the binary has: their words are in its help.
#[test]
fn the_readme_shows_commands_that_exist() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut commands = BTreeSet::new();
    for part in readme.split('`').filter(|part| part.starts_with("tandem ")) {
        commands.insert(part.split_whitespace().nth(1).unwrap().to_owned());
    }
    assert!(commands.len() >= 10, "the README shows what can be asked: {commands:?}");
    for command in commands {
        let help = Command::new(tandem_tests::server::binary()).args([&command, "--help"]).output().unwrap();
        assert!(help.status.success(), "README.md shows `tandem {command}`: {}", String::from_utf8_lossy(&help.stderr));
    }
}
