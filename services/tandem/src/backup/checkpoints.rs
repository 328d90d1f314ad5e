//! What was published since a backup, from a checkpoint store that survived.

use anyhow::Context;
use std::path::Path;
use tandem_book::checkpoint::Checkpoint;
use tandem_book::note::Note;

/// Ends the name of a book's file.
const SUFFIX: &str = ".checkpoint";

/// Takes checkpoints from a store that are larger than those in a restored one, or of books that have none there; says how many. Their signatures
/// are checked by whoever publishes next.
pub(super) fn take_newer(from: &Path, into: &Path) -> anyhow::Result<u64> {
    std::fs::create_dir_all(into).with_context(|| format!("cannot make {}", into.display()))?;
    let mut taken = 0;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read --checkpoints {}", from.display()))? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|name| name.to_string_lossy().ends_with(SUFFIX)) else { continue };
        let to = into.join(name);
        let known = if to.exists() { Some(published(&to)?) } else { None };
        if known.is_none_or(|known| known < published(&path).unwrap_or(0)) {
            published(&path)?;
            std::fs::copy(&path, &to)
                .and_then(|_| std::fs::File::open(&to)?.sync_all())
                .with_context(|| format!("cannot copy {}", path.display()))?;
            taken += 1;
        }
    }
    Ok(taken)
}

/// How many entries a checkpoint says are published.
fn published(file: &Path) -> anyhow::Result<u64> {
    let note = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let checkpoint = Note::parse(&note).and_then(|note| Checkpoint::parse(note.text()));
    Ok(checkpoint.with_context(|| format!("{} is no checkpoint", file.display()))?.size)
}
