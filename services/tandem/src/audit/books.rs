//! Which books an audit looks at, where, and how: the flags that `verify` and `export` share.

use super::http::{Client, Served};
use super::shelf::{Cache, Shelf};
use super::source::{Directory, Source};
use super::trust::Keys;
use super::verdict::{BookVerdict, Failure, Verdict};
use anyhow::ensure;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tandem_book::Error;
use tandem_book::checkpoint::{self, Opened, Trust};
use tandem_book::note::NOTE_BYTES_MAX;

/// How often a served checkpoint is read again that lacks cosignatures, and the wait between.
const WITNESS_WAITS: u32 = 10;
const WITNESS_WAIT: Duration = Duration::from_millis(500);
/// Most files read at once.
const JOBS_MAX: u64 = 256;

/// The flags.
#[derive(Clone, Debug, clap::Args)]
pub struct Books {
    /// The server's URL: the books are at URL/books/<council>
    #[arg(long, value_name = "URL", required_unless_present = "dir")]
    url: Option<String>,
    /// A directory instead: that of an exported book, or one with books/<council> in it
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    dir: Option<PathBuf>,
    /// Council whose book it is; may be given several times [default: those that the keys are named after]
    #[arg(long = "council", short, value_name = "COUNCIL")]
    councils: Vec<String>,
    #[command(flatten)]
    keys: Keys,
    /// How many files to read at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=JOBS_MAX))]
    jobs: u64,
    /// Give up on a file after this many seconds, three times
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// PEM file with the certificate authority of an https server [default: the system's]
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// One book: where it is and whom to trust about it.
pub struct Book {
    /// The council.
    pub council: String,
    /// Whom to trust.
    pub trust: Trust,
    /// Its files.
    pub source: Box<dyn Source>,
    /// Its directory, if it is in one.
    pub directory: Option<PathBuf>,
}

impl Books {
    /// The books, each once.
    pub fn all(&self) -> anyhow::Result<Vec<Book>> {
        let councils = if self.councils.is_empty() { self.keys.councils()? } else { self.councils.clone() };
        let councils: BTreeSet<String> = councils.into_iter().collect();
        let client = match self.url {
            Some(_) => Some(Client::new(self.jobs(), Duration::from_secs(self.timeout), self.tls_ca.as_deref())?),
            None => None,
        };
        councils.into_iter().map(|council| self.book(council, client.as_ref())).collect()
    }

    /// The one book that is asked for.
    pub fn one(&self) -> anyhow::Result<Book> {
        let mut books = self.all()?;
        ensure!(books.len() == 1, "one book at a time: name it with --council");
        Ok(books.remove(0))
    }

    fn book(&self, council: String, client: Option<&Client>) -> anyhow::Result<Book> {
        let trust = self.keys.trust(&council)?;
        let (source, directory): (Box<dyn Source>, _) = match (&self.url, &self.dir, client) {
            (Some(url), _, Some(client)) => (Box::new(Served::new(client.clone(), url, &council)?), None),
            (_, Some(dir), _) => {
                let found = Directory::find(dir, &council);
                let root = found.root().to_owned();
                (Box::new(found), Some(root))
            }
            _ => anyhow::bail!("--url or --dir says where the books are"),
        };
        Ok(Book { council, trust, source, directory })
    }

    /// How many files to read at once.
    pub fn jobs(&self) -> usize {
        self.jobs as usize
    }

    /// The certificate authority that was named.
    pub fn tls_ca(&self) -> Option<PathBuf> {
        self.tls_ca.clone()
    }

    /// Whether to show no progress.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }
}

impl Book {
    /// Its signed checkpoint, if the signatures hold. A server publishes a checkpoint before the witnesses have cosigned it: where they are
    /// demanded, they are waited for.
    pub fn checkpoint(&self) -> Result<Opened, Failure> {
        let unread = |unread: super::source::Unread| Failure::unchecked(format!("the checkpoint cannot be read: {}", unread.why));
        let waits = if self.directory.is_none() && self.trust.quorum > 0 { WITNESS_WAITS } else { 0 };
        let by_log = Trust { witnesses: Vec::new(), quorum: 0, ..self.trust.clone() };
        for _ in 0..waits {
            let bytes = self.source.read("checkpoint", NOTE_BYTES_MAX).map_err(unread)?;
            match checkpoint::open(&bytes, &self.trust) {
                Err(Error::Unsigned { .. }) if checkpoint::open(&bytes, &by_log).is_ok() => std::thread::sleep(WITNESS_WAIT),
                other => return Ok(other?),
            }
        }
        let bytes = self.source.read("checkpoint", NOTE_BYTES_MAX).map_err(unread)?;
        Ok(checkpoint::open(&bytes, &self.trust)?)
    }

    /// Where it is in a cache of many books.
    pub fn cache(&self, root: &Path) -> Cache {
        let hash = Sha256::digest(&self.trust.origin);
        let short: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Cache::new(root.join(format!("{}-{short}", self.council)))
    }

    /// The verdict before anything was looked at.
    pub fn verdict(&self) -> BookVerdict {
        BookVerdict {
            council: self.council.clone(),
            origin: self.trust.origin.clone(),
            verdict: Verdict::Unchecked,
            reason: None,
            checkpoint: None,
            goes_on_from: None,
            remembered: false,
            entries_checked: 0,
            files_read: 0,
            bytes_read: 0,
            files_cached: 0,
            milliseconds: 0,
        }
    }

    /// Its files, with this cache.
    pub fn shelf(&self, cache: Option<Cache>) -> Shelf<'_> {
        Shelf::new(&*self.source, cache)
    }
}
