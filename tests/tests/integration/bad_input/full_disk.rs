//! A disk that is full: writes are refused, nothing that was acknowledged is lost.

use crate::compare::{compare_all, model_of};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tandem_tests::client::{Gateway, batch_request, connect};
use tandem_tests::events::Parts;
use tandem_tests::given::{COUNCIL, contributed, contribution};
use tandem_tests::random::Random;
use tandem_tests::server::{PATIENCE, Server};
use tempfile::TempDir;
use tonic::Code;

/// A filesystem in memory of so many MiB; gone when it is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(mebibytes: u32) -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tandem-test"]).arg(disk.0.path()).output().expect("mount runs");
        assert!(
            mounted.status.success(),
            "cannot mount a small disk ({}): run the tests as root, or set TANDEM_WITHOUT_MOUNT=1 to leave this one out",
            String::from_utf8_lossy(&mounted.stderr).trim()
        );
        disk
    }

    fn resize(&self, mebibytes: u32) {
        let options = format!("remount,size={mebibytes}m");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.0.path()).status().unwrap().success());
    }

    fn data_dir(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind that it can help.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_forgets_nothing() {
    if std::env::var_os("TANDEM_WITHOUT_MOUNT").is_some_and(|value| value == "1") {
        println!("left out: TANDEM_WITHOUT_MOUNT=1");
        return;
    }
    let disk = SmallDisk::mount(24);
    let mut acknowledged = BTreeSet::new();
    fill(&disk.data_dir(), &mut acknowledged).await;
    assert!(!acknowledged.is_empty());

    // Space is made, and the server started again.
    disk.resize(512);
    let server = Server::start(&disk.data_dir()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let more = [contributed(9_999_999, contribution())];
    Gateway::new(&channel).batch(batch_request(&more, false)).await.unwrap();
    crate::stop::wait_until_folded(&channel).await;
    let model = model_of(&channel, &[COUNCIL.to_owned()]).await;
    let entries: BTreeSet<_> = model.councils[COUNCIL].entries.iter().map(|entry| entry.record.envelope.clone()).collect();
    assert_eq!(entries.len(), model.councils[COUNCIL].entries.len(), "nothing twice");
    let lost = acknowledged.difference(&entries).count();
    assert_eq!(lost, 0, "{lost} acknowledged events are lost of {}", acknowledged.len());
    compare_all(&channel, &model, &mut Random::new(1), 10).await;
    drop(server);
    assert!(fs::exists(disk.data_dir()).unwrap());
}

/// Records until the server has refused for want of space, or has ended, several times.
async fn fill(data_dir: &Path, acknowledged: &mut BTreeSet<Vec<u8>>) {
    let mut server = Server::start(data_dir).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let gateway = Gateway::new(&channel);
    let (mut refusals, started) = (0, std::time::Instant::now());
    for batch in 0_u64.. {
        let events: Vec<Parts> = (0..500).map(|event| contributed(batch * 1_000 + event, contribution())).collect();
        match gateway.batch(batch_request(&events, false)).await {
            Ok(answer) => {
                assert_eq!(answer.refusals, vec![]);
                acknowledged.extend(events.into_iter().map(|parts| parts.envelope));
            }
            Err(status) => {
                assert!(matches!(status.code(), Code::Unavailable | Code::ResourceExhausted | Code::FailedPrecondition), "{status:?}");
                assert!(!status.message().is_empty(), "a refusal says why");
                refusals += 1;
            }
        }
        if refusals >= 5 || !server.is_running() {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "the disk does not get full");
    }
    println!("{} acknowledged, {refusals} refused; the server said:\n{}", acknowledged.len(), server.output());
}
