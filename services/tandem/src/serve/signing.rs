//! Which key signs the books, under which name, and where their checkpoints are.

use crate::keygen;
use crate::witness::HttpPost;
use anyhow::{Context, bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tandem_book::key::{SigningKey, VerifierKey};
use tandem_projection::Publisher;

/// The variable that holds the key's text, for those who keep secrets out of files.
const VARIABLE: &str = "TANDEM_SIGNING_KEY";
/// The key that a data directory has of its own.
const FILE: &str = "signing.key";
/// Where a data directory keeps what was published.
const CHECKPOINTS: &str = "checkpoints";

/// Flags of a server that publishes books.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Signing {
    /// File of the key that signs the books' checkpoints, which nobody else may read; `tandem keygen` makes one
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// Name of this server's books, which are called NAME/COUNCIL: a host name of yours, for good [default: that of the key]
    #[arg(long, value_name = "NAME")]
    book_name: Option<String>,
    /// Directory of the published checkpoints; servers that hold the same books share it [default: checkpoints in the data directory]
    #[arg(long, value_name = "DIRECTORY")]
    checkpoints: Option<PathBuf>,
    /// A witness that cosigns the books' checkpoints, by the URL below which it has add-checkpoint, and its vkey; may be given several times
    #[arg(long = "witness", value_name = "URL=VKEY")]
    witnesses: Vec<String>,
}

impl Signing {
    fn checkpoints(&self, data_dir: &Path) -> PathBuf {
        self.checkpoints.clone().unwrap_or_else(|| data_dir.join(CHECKPOINTS))
    }

    /// The key that is named; `None`: none is.
    fn named(&self) -> anyhow::Result<Option<SigningKey>> {
        match (&self.signing_key, std::env::var(VARIABLE)) {
            (Some(file), _) => Ok(Some(keygen::read(file)?)),
            (None, Ok(text)) => Ok(Some(SigningKey::from_secret_text(text.trim()).with_context(|| format!("{VARIABLE} has no signing key"))?)),
            (None, Err(_)) => Ok(None),
        }
    }

    /// Who publishes this server's books. Without a key that is named it is the data directory's own, if `may_own`.
    pub fn publisher(&self, data_dir: &Path, may_own: bool) -> anyhow::Result<Arc<Publisher>> {
        let checkpoints = self.checkpoints(data_dir);
        let key = match self.named()? {
            Some(key) => key,
            None => {
                ensure!(
                    may_own,
                    "projections that hold some partitions each sign with one key: make it with `tandem keygen`, and give it to each with --signing-key"
                );
                own(data_dir, &checkpoints, self.book_name.as_deref())?
            }
        };
        let name = self.book_name.as_deref().unwrap_or(key.name());
        let witnesses = self.witnesses.iter().map(|text| HttpPost::witness(text)).collect::<anyhow::Result<_>>()?;
        Ok(Arc::new(Publisher::new(name, &key, &checkpoints)?.with_witnesses(witnesses)))
    }

    /// Who serves what others publish, and never signs: by the public half of the key.
    pub fn standby(&self, data_dir: &Path, verifier: Option<&VerifierKey>) -> anyhow::Result<Arc<Publisher>> {
        let verifier = match (verifier, self.named()?) {
            (Some(verifier), _) => verifier.clone(),
            (None, Some(key)) => key.verifier(),
            (None, None) => bail!("a standby verifies what others publish: name their key with --verifier-key VKEY or --signing-key FILE"),
        };
        let name = self.book_name.as_deref().unwrap_or(verifier.name()).to_owned();
        Ok(Arc::new(Publisher::standby(&name, &verifier, &self.checkpoints(data_dir))?))
    }
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
