//! Which key signs the books, and under which name.

use super::args::Checked;
use crate::keygen;
use crate::witness::HttpPost;
use anyhow::{Context, bail};
use std::path::Path;
use std::sync::Arc;
use tandem_book::key::SigningKey;
use tandem_projection::Publisher;

/// The variable that holds the key's text, for those who keep secrets out of files.
const VARIABLE: &str = "TANDEM_SIGNING_KEY";
/// The key that a data directory has of its own.
const FILE: &str = "signing.key";
/// Where a data directory keeps what was published.
const CHECKPOINTS: &str = "checkpoints";

/// Who publishes this server's books.
pub(super) fn publisher(checked: &Checked) -> anyhow::Result<Arc<Publisher>> {
    let checkpoints = checked.data_dir.join(CHECKPOINTS);
    let key = match (&checked.signing_key, std::env::var(VARIABLE)) {
        (Some(file), _) => keygen::read(file)?,
        (None, Ok(text)) => SigningKey::from_secret_text(text.trim()).with_context(|| format!("{VARIABLE} has no signing key"))?,
        (None, Err(_)) => own(&checked.data_dir, &checkpoints, checked.book_name.as_deref())?,
    };
    let name = checked.book_name.as_deref().unwrap_or(key.name());
    let witnesses = checked.witnesses.iter().map(|text| HttpPost::witness(text)).collect::<anyhow::Result<_>>()?;
    Ok(Arc::new(Publisher::new(name, &key, &checkpoints)?.with_witnesses(witnesses)))
}

/// The data directory's own key. A new one is made only where nothing was ever signed.
fn own(data_dir: &Path, checkpoints: &Path, name: Option<&str>) -> anyhow::Result<SigningKey> {
    let file = data_dir.join(FILE);
    if file.exists() {
        return keygen::read(&file);
    }
    let has_published = std::fs::read_dir(checkpoints).is_ok_and(|mut files| files.next().is_some());
    if has_published {
        bail!("{} is missing, and books were published with it: put it back, or name it with --signing-key", file.display());
    }
    std::fs::create_dir_all(data_dir).with_context(|| format!("cannot make {}", data_dir.display()))?;
    let key = keygen::make(&file, name.unwrap_or(keygen::NAME))?;
    let vkey = key.verifier();
    eprintln!(
        "tandem: made the key that signs the books, {}: keep a copy of it. Its vkey is {vkey}; that of one book: tandem keygen --show {} --council COUNCIL",
        file.display(),
        file.display()
    );
    Ok(key)
}
