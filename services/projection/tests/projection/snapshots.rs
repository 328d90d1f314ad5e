//! Snapshots of a projection: a node that starts from one ends with the same rows, and one that is altered starts nothing.

use crate::history::{Planned, append, random, seed};
use crate::support::{Dump, MemoryLog, assert_same, dump, open, options, settle};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tandem_domain::position::LogId;
use tandem_log::EventLog;
use tandem_projection::snapshot::{Error, Manifest, SnapshotStore, check, restore};
use tandem_projection::{Health, Options, Projection};

const PARTITIONS: u32 = 3;
const HELD: [u32; 3] = [0, 1, 2];
const LOG: LogId = LogId([7; 16]);

/// A projection, and a directory that snapshots of it go to.
struct Setup {
    parent: tempfile::TempDir,
    log: Arc<MemoryLog>,
    projection: Projection,
    store: SnapshotStore,
}

impl Setup {
    fn start() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let log = MemoryLog::new(7, PARTITIONS);
        let projection = open(&parent.path().join("projection"), &log);
        let store = SnapshotStore::open_or_make(parent.path().join("store").to_str().unwrap()).unwrap();
        Self { parent, log, projection, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.parent.path().join(name)
    }

    fn add(&self, plan: &[Planned], first: usize) {
        append(&self.log, plan, first);
        assert_eq!(settle(&self.projection), Health::Serving);
    }

    /// Restores the newest snapshot into a directory.
    async fn restore(&self, into: &str) -> Result<Option<String>, Error> {
        let restored = restore(&self.store, LOG, PARTITIONS, &HELD, &self.path(into)).await?;
        Ok(restored.map(|restored| restored.id))
    }

    /// Opens what was restored, lets it catch up, and gives its rows.
    fn rows(&self, name: &str) -> Dump {
        let projection = open(&self.path(name), &self.log);
        assert_eq!(settle(&projection), Health::Serving);
        drop(projection);
        dump(&self.path(name))
    }

    /// Every file below a directory of the store.
    fn objects(&self, directory: &str) -> Vec<PathBuf> {
        let (mut found, mut directories) = (Vec::new(), vec![self.path("store").join(directory)]);
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { directories.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }

    async fn manifest(&self) -> Manifest {
        let newest = self.store.list().await.unwrap().pop().unwrap();
        self.store.manifest(&newest).await.unwrap()
    }
}

/// The rows of one uninterrupted run.
fn reference(plan: &[Planned]) -> Dump {
    let (log, directory) = (MemoryLog::new(7, PARTITIONS), tempfile::tempdir().unwrap());
    append(&log, plan, 0);
    let projection = open(directory.path(), &log);
    assert_eq!(settle(&projection), Health::Serving);
    drop(projection);
    dump(directory.path())
}

fn is_empty_or_gone(path: &Path) -> bool {
    fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_node_starts_from_the_newest_snapshot_and_catches_up() {
    let seed = seed();
    println!("SEED={seed}");
    let plan = random(seed, 200);
    let setup = Setup::start();
    assert_eq!(setup.restore("none").await.unwrap(), None, "an empty store has none");
    let mut ids = Vec::new();
    // Taken while the fold goes on: frames are appended and not waited for.
    for (at, frames) in plan.chunks(60).enumerate() {
        append(&setup.log, frames, at * 60);
        ids.push(setup.projection.snapshot(&setup.store).await.unwrap().id);
    }
    assert!(ids.is_sorted(), "{ids:?}");
    assert_eq!(settle(&setup.projection), Health::Serving);
    assert!(!setup.path("projection.frozen").exists(), "the copy is removed");

    assert_eq!(setup.restore("newest").await.unwrap().as_ref(), ids.last());
    let expected = reference(&plan);
    assert_same(&setup.rows("newest"), &expected, "from the newest");
    // From an older one as well: the newer ones are away.
    for file in &setup.objects("snapshots")[1..] {
        fs::remove_file(file).unwrap();
    }
    assert_eq!(setup.restore("oldest").await.unwrap().as_ref(), ids.first());
    assert_same(&setup.rows("oldest"), &expected, "from the oldest");

    // The log forgot its beginning: only a snapshot helps.
    for partition in HELD {
        let before = setup.manifest().await.cursors.iter().find(|cursor| cursor.partition == partition).map_or(0, |cursor| cursor.offset);
        setup.log.trim(partition, before).unwrap();
    }
    assert!(Projection::open(&setup.path("from nothing"), setup.log.clone(), options()).is_err());
    setup.restore("trimmed").await.unwrap();
    assert_same(&setup.rows("trimmed"), &expected, "of a trimmed log");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_restored_says_what_it_was_and_is_nobody_elses() {
    let plan = random(9, 60);
    let setup = Setup::start();
    setup.add(&plan, 0);
    let sent = setup.projection.snapshot(&setup.store).await.unwrap();
    let manifest = setup.manifest().await;
    let (entries, _) = setup.projection.counts();
    assert_eq!((sent.entries, manifest.entries()), (entries, entries));
    assert_eq!((manifest.partitions, manifest.held.as_slice(), manifest.log.as_str()), (3, &HELD[..], LOG.to_string().as_str()));
    for cursor in &manifest.cursors {
        assert_eq!((cursor.offset, cursor.index), (setup.log.end(cursor.partition).unwrap(), 0));
    }
    for (log, partitions, held) in [(LogId([8; 16]), 3, &HELD[..]), (LOG, 4, &HELD[..]), (LOG, 3, &HELD[..2])] {
        assert!(restore(&setup.store, log, partitions, held, &setup.path("other")).await.unwrap().is_none());
    }
    fs::create_dir(setup.path("full")).unwrap();
    fs::write(setup.path("full").join("a file"), "mine").unwrap();
    let error = setup.restore("full").await.unwrap_err();
    assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
    assert_eq!(fs::read_dir(setup.path("full")).unwrap().count(), 1);
    // An empty one that is there may be a volume.
    fs::create_dir(setup.path("empty")).unwrap();
    setup.restore("empty").await.unwrap();
    assert_same(&setup.rows("empty"), &reference(&plan), "restored");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_sent_again() {
    let plan = random(10, 120);
    let setup = Setup::start();
    setup.add(&plan[..100], 0);
    let first = setup.projection.snapshot(&setup.store).await.unwrap();
    assert_eq!(first.sent, first.files, "an empty store lacks everything");
    let before: BTreeSet<String> = setup.manifest().await.files.into_iter().map(|file| file.sha256).collect();

    setup.add(&plan[100..], 100);
    let second = setup.projection.snapshot(&setup.store).await.unwrap();
    let files = setup.manifest().await.files;
    let new: Vec<_> = files.iter().filter(|file| !before.contains(&file.sha256)).collect();
    let distinct: BTreeSet<_> = new.iter().map(|file| &file.sha256).collect();
    assert_eq!(second.sent, (distinct.len() as u64, new.iter().map(|file| file.bytes).sum()));
    let tables = |files: &[&tandem_projection::snapshot::File]| files.iter().filter(|file| file.path.ends_with(".sst")).count();
    let (all, new) = (tables(&files.iter().collect::<Vec<_>>()), tables(&new));
    assert!(new > 0 && new < all, "{new} of {all} tables are new");
    // The store holds each once.
    let kept: BTreeSet<String> = before.into_iter().chain(files.iter().map(|file| file.sha256.clone())).collect();
    assert_eq!(setup.objects("files").len(), kept.len());

    // Of a store that did not change no table is sent, by another process too, which has hashed nothing yet.
    let other = SnapshotStore::open(setup.store.url()).unwrap();
    let third = setup.projection.snapshot(&other).await.unwrap();
    let known: BTreeSet<String> = files.into_iter().map(|file| file.sha256).collect();
    assert!(setup.manifest().await.files.iter().filter(|file| file.path.ends_with(".sst")).all(|file| known.contains(&file.sha256)));
    assert!(third.sent.0 <= 3, "only RocksDB's own lists: {third:?}");
    assert_eq!(setup.objects("marks"), Vec::<PathBuf>::new());
}

/// Damages a file in one of four ways.
fn damage(file: &Path, kind: &str, random: &mut StdRng) {
    let mut bytes = fs::read(file).unwrap();
    match kind {
        "gone" => return fs::remove_file(file).unwrap(),
        "short" => bytes.truncate(bytes.len() / 2),
        "grown" => bytes.push(0),
        _ => {
            let at = random.random_range(0..bytes.len());
            bytes[at] ^= 1 << random.random_range(0..8);
        }
    }
    fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_file_is_refused_and_nothing_is_restored() {
    let seed = seed();
    println!("SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let setup = Setup::start();
    setup.add(&crate::history::random(11, 60), 0);
    setup.projection.snapshot(&setup.store).await.unwrap();
    let (files, manifests) = (setup.objects("files"), setup.objects("snapshots"));
    assert!(files.len() > 9 && manifests.len() == 1);
    for file in files.iter().chain(&manifests) {
        let whole = fs::read(file).unwrap();
        // An empty file (RocksDB has one) has nothing that could be cut off or flipped.
        let kinds: &[&str] = if whole.is_empty() { &["gone", "grown"] } else { &["gone", "grown", "short", "flipped"] };
        for &kind in kinds {
            damage(file, kind, &mut random);
            let what = format!("{} {kind}", file.display());
            match setup.restore("restored").await {
                // Without its manifest there is no snapshot.
                Ok(None) => assert!(kind == "gone" && manifests.contains(file), "{what}"),
                Ok(Some(id)) => panic!("{what}: {id} was restored"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(matches!(error, Error::Unusable { .. }) && !text.contains('\n'), "{what}: {text}");
                    assert!(text.contains(file.file_name().unwrap().to_str().unwrap()) && text.contains("take another one"), "{what}: {text}");
                    check(&setup.store, None).await.unwrap_err();
                }
            }
            assert!(is_empty_or_gone(&setup.path("restored")), "{what}");
            fs::write(file, &whole).unwrap();
        }
    }
    check(&setup.store, None).await.unwrap();
    setup.restore("restored").await.unwrap().unwrap();
}

/// Puts a manifest there as a writer would, with its right name, but what `change` makes of it.
fn forge(setup: &Setup, change: impl Fn(&mut String)) -> PathBuf {
    use sha2::{Digest, Sha256};
    let file = setup.objects("snapshots").pop().unwrap();
    let mut text = fs::read_to_string(&file).unwrap();
    change(&mut text);
    let hash: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    let forged = file.with_file_name(format!("9999999999-20260101T000000Z-{hash}.json"));
    fs::write(&forged, text).unwrap();
    forged
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_tells_something_else_is_refused() {
    let setup = Setup::start();
    setup.add(&random(12, 60), 0);
    setup.projection.snapshot(&setup.store).await.unwrap();
    let root = setup.manifest().await.books[0].root.clone();
    let cases: [(&str, &str, &str); 6] = [
        ("\"format\": 1", "\"format\": 2", "has format 2, and this version of tandem knows 1 only"),
        ("\"format\": 1,", "", "it has no format"),
        ("projection/CURRENT", "projection/../CURRENT", "names a file"),
        (&root, &"0".repeat(64), "root 0000"),
        ("\"store_format\": 2", "\"store_format\": 7", "another moment"),
        ("{\n", "", "is no manifest"),
    ];
    for (from, to, why) in cases {
        let forged = forge(&setup, |text| *text = text.replacen(from, to, 1));
        let error = setup.restore("restored").await.unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains('\n'), "{from} → {to}: {error}");
        assert!(is_empty_or_gone(&setup.path("restored")), "{from} → {to}");
        // Nobody knows which files it needs.
        if from != root && !from.starts_with("\"store") {
            setup.store.prune(1).await.unwrap_err();
        }
        fs::remove_file(forged).unwrap();
    }
    // A file of RocksDB's that the manifest leaves out.
    let forged = forge(&setup, |text| {
        let mut json: serde_json::Value = serde_json::from_str(text).unwrap();
        let files = json["files"].as_array_mut().unwrap();
        let table = files.iter().position(|file| file["path"].as_str().unwrap().ends_with(".sst")).unwrap();
        files.remove(table);
        *text = json.to_string();
    });
    let error = setup.restore("restored").await.unwrap_err().to_string();
    assert!(error.contains("cannot be opened") && error.contains("damaged"), "{error}");
    fs::remove_file(forged).unwrap();

    let foreign = setup.path("store").join("snapshots/latest.json");
    fs::write(&foreign, "{}").unwrap();
    let error = setup.restore("restored").await.unwrap_err().to_string();
    assert!(error.contains("snapshots/latest.json") && error.contains("is not a snapshot"), "{error}");
    fs::remove_file(foreign).unwrap();
    setup.restore("restored").await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_keeps_what_the_newest_need_and_nothing_else() {
    let plan = random(13, 120);
    let setup = Setup::start();
    for (at, frames) in plan.chunks(30).enumerate() {
        setup.add(frames, at * 30);
        setup.projection.snapshot(&setup.store).await.unwrap();
    }
    // What a writer leaves that is killed: a file that nothing refers to, one that is not whole, and a mark of long ago.
    let orphan = setup.path("store").join("files/00").join("0".repeat(64));
    fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    fs::write(&orphan, "half a backup").unwrap();
    fs::write(orphan.with_extension("x#1"), "half a file").unwrap();
    let mark = setup.path("store").join("marks/writing-0123456789abcdef");
    fs::create_dir_all(mark.parent().unwrap()).unwrap();
    fs::write(&mark, "").unwrap();

    let error = setup.store.prune(2).await.unwrap_err();
    assert!(matches!(error, Error::Writing { .. }) && error.to_string().contains("after an hour"), "{error}");
    assert!(orphan.exists() && setup.objects("snapshots").len() == 4, "nothing is pruned while somebody writes");
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 3_600);
    File::options().write(true).open(&mark).unwrap().set_modified(long_ago).unwrap();

    let pruned = setup.store.prune(2).await.unwrap();
    assert_eq!((pruned.snapshots, pruned.kept), (2, 2));
    assert!(pruned.files.0 > 0 && !orphan.exists());
    let mut needed = BTreeSet::new();
    for named in setup.store.list().await.unwrap() {
        needed.extend(setup.store.manifest(&named).await.unwrap().files.into_iter().map(|file| file.sha256));
        check(&setup.store, Some(&named.id())).await.unwrap();
    }
    let there: BTreeSet<String> = setup.objects("files").iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(there, needed);
    assert_eq!(setup.store.prune(2).await.unwrap().files, (0, 0), "there is nothing more");
    setup.restore("restored").await.unwrap().unwrap();
    assert_same(&setup.rows("restored"), &reference(&plan), "after pruning");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_waits_for_one_who_prunes() {
    let setup = Setup::start();
    setup.add(&random(14, 30), 0);
    let mark = setup.path("store").join("marks/pruning-0123456789abcdef");
    fs::create_dir_all(mark.parent().unwrap()).unwrap();
    fs::write(&mark, "").unwrap();
    let projection = setup.projection.clone();
    let store = SnapshotStore::open(setup.store.url()).unwrap();
    let writing = tokio::spawn(async move { projection.snapshot(&store).await });
    // It has said that it writes, looks for files only later, and has sent none.
    while setup.objects("marks").len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!writing.is_finished() && setup.objects("files").is_empty());
    assert!(matches!(setup.store.prune(1).await.unwrap_err(), Error::Writing { .. }));
    fs::remove_file(mark).unwrap();
    writing.await.unwrap().unwrap();
    // Whoever starts a node may do so on any thread.
    let (store, into) = (SnapshotStore::open(setup.store.url()).unwrap(), setup.path("restored"));
    tokio::spawn(async move { restore(&store, LOG, PARTITIONS, &HELD, &into).await }).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_and_pruners_at_once_leave_only_whole_snapshots() {
    let seed = seed();
    println!("SEED={seed}");
    let plan = random(seed, 150);
    let setup = Setup::start();
    setup.add(&plan[..30], 0);
    setup.projection.snapshot(&setup.store).await.unwrap();
    let url = setup.store.url().to_owned();
    let pruner = SnapshotStore::open(&url).unwrap();
    let pruning = tokio::spawn(async move {
        let (mut pruned, mut gave_way) = (0, 0);
        while pruned + gave_way < 200 {
            match pruner.prune(1).await {
                Ok(_) => pruned += 1,
                Err(Error::Writing { .. }) => gave_way += 1,
                Err(error) => panic!("{error}"),
            }
            tokio::task::yield_now().await;
        }
        (pruned, gave_way)
    });
    let mut taken = 0;
    while !pruning.is_finished() {
        if taken < 4 {
            append(&setup.log, &plan[30 * (taken + 1)..30 * (taken + 2)], 30 * (taken + 1));
        }
        setup.projection.snapshot(&setup.store).await.unwrap();
        taken += 1;
        // Whatever is listed is whole, unless it was pruned meanwhile: then it is not listed any more.
        for named in setup.store.list().await.unwrap() {
            if let Err(error) = check(&setup.store, Some(&named.id())).await {
                assert!(!setup.store.list().await.unwrap().contains(&named), "{error}");
            }
        }
    }
    println!("{taken} snapshots; pruned and gave way: {:?}", pruning.await.unwrap());
    check(&setup.store, None).await.unwrap();
    setup.restore("restored").await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_trimmed_again_after_a_snapshot() {
    let plan = random(15, 100);
    let parent = tempfile::tempdir().unwrap();
    let log = MemoryLog::new(7, PARTITIONS);
    let trimming = Options { trim_after_bytes: Some(1_000), round_bytes: 2_000, ..options() };
    let projection = Projection::open(&parent.path().join("projection"), log.clone(), trimming).unwrap();
    append(&log, &plan[..20], 0);
    settle(&projection);
    let before = log.trims();
    assert!(before > 0);
    let store = SnapshotStore::open_or_make(parent.path().join("store").to_str().unwrap()).unwrap();
    projection.snapshot(&store).await.unwrap();
    append(&log, &plan[20..], 20);
    settle(&projection);
    assert!(log.trims() > before, "afterwards it is trimmed again");
    drop(projection);
    assert_same(&dump(&parent.path().join("projection")), &reference(&plan), "with trims and snapshots");
}
