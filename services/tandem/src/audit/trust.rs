//! Whom an auditor trusts: the book's key, and witnesses.

use super::source::read_file;
use anyhow::{Context, bail, ensure};
use std::path::Path;
use tandem_book::checkpoint::Trust;
use tandem_book::key::{Use, VerifierKey};
use tandem_domain::is_council;

/// Longest file with a key.
const KEY_FILE_BYTES_MAX: usize = 4096;

/// The flags that say it.
#[derive(Clone, Debug, clap::Args)]
pub struct Keys {
    /// Verifier key of the book, as its council gave it to you, or a file that holds it: name+id+key. Its name is the book's origin,
    /// <name>/<council>; of one that is only <name>, the book of --council is <name>/<council>. May be given for several books
    #[arg(long = "key", required = true, value_name = "VKEY")]
    keys: Vec<String>,
    /// Verifier key of a witness that you trust, or a file that holds it
    #[arg(long = "witness", value_name = "VKEY")]
    witnesses: Vec<String>,
    /// How many of these witnesses have to have cosigned [default: all]
    #[arg(long = "witness-quorum", alias = "quorum", value_name = "N", requires = "witnesses")]
    quorum: Option<usize>,
}

impl Keys {
    /// The councils that the keys are named after.
    pub fn councils(&self) -> anyhow::Result<Vec<String>> {
        let mut councils = Vec::new();
        for key in &self.keys {
            let key = read(key)?;
            match key.name().rsplit_once('/') {
                Some((_, council)) if is_council(council) => councils.push(council.to_owned()),
                _ => bail!("--council is needed, since the key {} is not named after a book, <name>/<council>", key.label()),
            }
        }
        Ok(councils)
    }

    /// Whom to trust in about a council's book.
    pub fn trust(&self, council: &str) -> anyhow::Result<Trust> {
        ensure!(is_council(council), "the council {council:?} is not 2 to 32 letters, digits, _ and -");
        let keys: Vec<VerifierKey> = self.keys.iter().map(|key| read(key)).collect::<Result<_, _>>()?;
        if let Some(key) = keys.iter().find(|key| key.purpose() != Use::Note) {
            bail!("the key {} is a witness's: give it with --witness", key.label());
        }
        let own = keys.iter().find(|key| key.name().rsplit_once('/').is_some_and(|(_, last)| last == council));
        let log = match (own, keys.as_slice()) {
            (Some(key), _) => key.clone(),
            (None, [key]) => key.named(&format!("{}/{council}", key.name()))?,
            (None, _) => bail!("none of the {} keys is named after {council}: <name>/{council}", keys.len()),
        };
        let witnesses: Vec<VerifierKey> = self.witnesses.iter().map(|key| read(key)).collect::<Result<_, _>>()?;
        if let Some(key) = witnesses.iter().find(|key| key.purpose() != Use::Cosignature) {
            bail!("the key {} signs notes: a witness's has type 0x04", key.label());
        }
        let quorum = self.quorum.unwrap_or(witnesses.len());
        ensure!(quorum <= witnesses.len(), "--witness-quorum {quorum} is more than the {} witnesses", witnesses.len());
        Ok(Trust { witnesses, quorum, ..Trust::of(log) })
    }
}

/// A key: its text, or that in a file.
fn read(given: &str) -> anyhow::Result<VerifierKey> {
    let path = Path::new(given);
    if !path.is_file() {
        return Ok(given.trim().parse()?);
    }
    let bytes = read_file(path, KEY_FILE_BYTES_MAX).with_context(|| format!("cannot read {given}"))?;
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{given} is not text"))?;
    text.trim().parse().with_context(|| format!("{given} holds no verifier key"))
}
