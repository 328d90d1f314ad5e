//! Removes old snapshots, and files that none refers to any more.

use super::Error;
use super::manifest::{Manifest, Named};
use super::marks::{Doing, Mark};
use super::place::{FILES, SNAPSHOTS, SnapshotStore};
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::Path;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Snapshots.
    pub snapshots: u64,
    /// Files, and their bytes.
    pub files: (u64, u64),
    /// Snapshots that are left.
    pub kept: u64,
}

impl SnapshotStore {
    /// Keeps the newest `keep` snapshots of each log (and set of partitions), at least one, and removes the others and every file that none of the kept refers to.
    ///
    /// Refuses while a snapshot is being written, and as long as there is one that this version cannot read: it could not know what that
    /// one needs.
    pub async fn prune(&self, keep: usize) -> Result<Pruned, Error> {
        let mark = Mark::put(self, Doing::Pruning).await?;
        let pruned = self.prune_marked(keep.max(1), &mark).await;
        mark.remove().await;
        pruned
    }

    async fn prune_marked(&self, keep: usize, mark: &Mark) -> Result<Pruned, Error> {
        if let Some(since) = mark.other(self, Doing::Writing).await? {
            return Err(Error::Writing { url: self.url.clone(), since });
        }
        if let Some(since) = mark.other(self, Doing::Pruning).await? {
            return Err(Error::Pruning { url: self.url.clone(), since });
        }
        let mut snapshots = Vec::new();
        for named in self.list().await? {
            let manifest = self.manifest(&named).await?;
            snapshots.push((named, manifest));
        }
        let (kept, old) = split(snapshots, keep);
        let needed: FxHashSet<&str> = kept.iter().flat_map(|(_, manifest)| &manifest.files).map(|file| file.sha256.as_str()).collect();
        let there = self.objects(FILES).await?;
        let unneeded: Vec<_> = there.into_iter().filter(|object| !object.location.filename().is_some_and(|name| needed.contains(name))).collect();
        let bytes = unneeded.iter().map(|object| object.size).sum();
        mark.check()?;
        // First what refers, then what is referred to: if this is interrupted, nothing refers to what is not there.
        let removed = self.delete(old.iter().map(|(named, _)| named.key()).collect()).await?;
        mark.check()?;
        let files = self.delete(unneeded.into_iter().map(|object| object.location).collect()).await?;
        if let Some(directory) = &self.directory {
            remove_unfinished(directory);
        }
        Ok(Pruned { snapshots: removed, files: (files, bytes), kept: kept.len() as u64 })
    }
}

type Snapshots = Vec<(Named, Manifest)>;

/// Those to keep, and the others.
fn split(snapshots: Snapshots, keep: usize) -> (Snapshots, Snapshots) {
    let mut newer: FxHashMap<(String, Vec<u32>, bool), usize> = FxHashMap::default();
    let (mut kept, mut old) = (Vec::new(), Vec::new());
    for (named, manifest) in snapshots.into_iter().rev() {
        let newer = newer.entry((manifest.log.clone(), manifest.held.clone(), manifest.log_copy.is_some())).or_default();
        *newer += 1;
        if *newer <= keep { kept.push((named, manifest)) } else { old.push((named, manifest)) }
    }
    (kept, old)
}

/// What a writer to a local directory that was killed had not finished: nobody writes now, and such names are never listed.
fn remove_unfinished(directory: &Path) {
    let mut directories = vec![directory.join(SNAPSHOTS), directory.join(FILES)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().filter_map(Result::ok) {
            let is_unfinished = entry.file_name().to_string_lossy().rsplit_once('#').is_some_and(|(_, number)| number.parse::<u64>().is_ok());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(entry.path()),
                // One that stays takes room, no more.
                Ok(_) if is_unfinished => drop(std::fs::remove_file(entry.path())),
                _ => {}
            }
        }
    }
}
