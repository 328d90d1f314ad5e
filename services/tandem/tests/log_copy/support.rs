//! The command, and topics for it.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tandem_log::KafkaLog;
use tandem_log::kafka::Options;

/// A name that no other topic has.
pub fn topic() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    format!("tandem-copy.{now}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed))
}

/// The log in a topic that is there.
pub fn kafka_log(brokers: &str, topic: &str) -> KafkaLog {
    let (brokers, topic) = (vec![brokers.into()], topic.into());
    KafkaLog::open(Options { brokers, topic, replication_factor: 1, min_insync_replicas: 1, ..Options::default() }).unwrap()
}

fn run(brokers: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(["log", "copy"]).args(arguments);
    if !brokers.is_empty() {
        command.args(["--kafka-brokers", brokers, "--kafka-replicas", "1", "--kafka-min-insync-replicas", "1"]);
    }
    command.output().unwrap()
}

/// Copies; what it said.
pub fn copy(brokers: &str, arguments: &[&str]) -> String {
    let output = run(brokers, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Does not copy; why not, in one line.
pub fn copy_fails(brokers: &str, arguments: &[&str]) -> String {
    let output = run(brokers, arguments);
    assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8(output.stderr).unwrap();
    said.lines().find(|line| line.starts_with("tandem: ")).unwrap_or_else(|| panic!("{said}")).to_owned()
}
