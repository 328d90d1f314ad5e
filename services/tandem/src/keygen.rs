//! `tandem keygen`, and signing keys in files.

use anyhow::{Context, ensure};
use rand::Rng;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tandem_book::key::{SigningKey, Use};
use tandem_domain::event::is_council;

/// Name of books that nobody has given one.
pub const NAME: &str = "tandem.local";

/// Makes a key that signs books, or shows the public part of one
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem keygen --out /etc/tandem/signing.key --book-name books.example.org
  tandem keygen --show ./tandem-data/signing.key --council E09000001

  tandem keygen --out witness.key --witness witness.example.org/w1

Prints the vkey (c2sp.org/signed-note): that of the name, or with --council that of each council's book, NAME/COUNCIL, a line each. Auditors
verify a book with its vkey. The file is the secret: only its owner may read it, and it is never overwritten.")]
pub struct Args {
    /// File to make
    #[arg(long, value_name = "FILE", default_value = "signing.key", conflicts_with = "show")]
    out: PathBuf,
    /// File of a key that is there: makes none
    #[arg(long, value_name = "FILE")]
    show: Option<PathBuf>,
    /// Name of the books, which are called NAME/COUNCIL [default: tandem.local, or that of the key that is shown]
    #[arg(long, value_name = "NAME")]
    book_name: Option<String>,
    /// Make the key of a witness of this name instead, which cosigns what others sign (type 0x04): a URL without scheme, for good
    #[arg(long, value_name = "NAME", conflicts_with_all = ["show", "book_name", "council"])]
    witness: Option<String>,
    /// Councils whose vkeys to print
    #[arg(long, value_name = "COUNCIL", value_delimiter = ',')]
    council: Vec<String>,
}

/// Makes or shows a key.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let wrong = args.council.iter().find(|council| !is_council(council));
    ensure!(wrong.is_none(), "--council {:?} is no council: 2 to 32 bytes of [A-Za-z0-9_-]", wrong.map_or("", String::as_str));
    let key = match &args.show {
        Some(file) => read(file)?,
        None => match &args.witness {
            Some(name) => make_for(&args.out, name, Use::Cosignature)?,
            None => make(&args.out, args.book_name.as_deref().unwrap_or(NAME))?,
        },
    };
    let key = args.book_name.as_deref().map_or_else(|| Ok(key.clone()), |name| key.named(name)).context("--book-name")?;
    if args.show.is_none() {
        eprintln!("tandem: made the signing key {}: keep a copy of it", args.out.display());
    }
    let mut text = String::new();
    for council in &args.council {
        text += &format!("{}\n", key.named(&format!("{}/{council}", key.name()))?.verifier());
    }
    if args.council.is_empty() {
        text += &format!("{}\n", key.verifier());
    }
    crate::output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a key file. Refuses one that others may read: what is signed with it proves nothing then.
pub(crate) fn read(file: &Path) -> anyhow::Result<SigningKey> {
    let cannot = || format!("cannot read the signing key {}", file.display());
    let mode = std::fs::metadata(file).with_context(cannot)?.permissions().mode();
    ensure!(mode & 0o077 == 0, "others than its owner may use the signing key {0}: chmod 600 {0}", file.display());
    let text = std::fs::read_to_string(file).with_context(cannot)?;
    SigningKey::from_secret_text(text.trim()).with_context(|| format!("{} has no signing key", file.display()))
}

/// Makes a file of a key that signs books, durably; never over another.
pub(crate) fn make(file: &Path, name: &str) -> anyhow::Result<SigningKey> {
    make_for(file, name, Use::Note)
}

fn make_for(file: &Path, name: &str, purpose: Use) -> anyhow::Result<SigningKey> {
    let mut seed = [0; 32];
    rand::rng().fill_bytes(&mut seed);
    let key = SigningKey::from_seed(name, purpose, &seed)?;
    let cannot = || format!("cannot make the signing key {}", file.display());
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).with_context(cannot)?;
    out.write_all(format!("{}\n", key.to_secret_text()).as_bytes()).and_then(|()| out.sync_all()).with_context(cannot)?;
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).with_context(cannot)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_its_owners_alone_and_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("signing.key");
        let key = make(&file, "books.example.org").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&file).unwrap().verifier(), key.verifier());
        assert!(format!("{:#}", make(&file, "other").unwrap_err()).contains("cannot make the signing key"));
        for mode in [0o640, 0o604, 0o660] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(read(&file).unwrap_err().to_string().contains("chmod 600"), "{mode:o}");
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&file, key.to_secret_text().replace("books.", "looks.")).unwrap();
        let error = format!("{:#}", read(&file).unwrap_err());
        assert!(error.contains("key id") && !error.contains(&key.to_secret_text()[40..]), "{error}");
    }
}
