//! `tandem audit export`: a book, with its catalogue, as a directory that anybody can verify without us. `README.md` in it says how.

use super::books::{Book, Books};
use super::shelf::{Cache, write_whole};
use super::source::{Directory, Source};
use super::verdict::{BookVerdict, Failure, Verdict};
use super::{catalogue, check, print, progress, verify};
use crate::client::Server;
use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::Instant;
use tandem_book::checkpoint::Opened;
use tandem_book::tile::Tile;

/// The SHA-256 of every other file, as `sha256sum` writes and checks them. Written last: a pack without it is not finished.
const MANIFEST: &str = "MANIFEST.sha256";
/// Largest file of a pack: a catalogue.
const FILE_BYTES_MAX: usize = catalogue::BYTES_MAX;

/// Write a book into a directory that verifies offline: tiles, entries, checkpoint, catalogue, key, manifest and a README
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem audit export --url http://127.0.0.1:8080 --key council.vkey --out E09000001-book --catalogue http://127.0.0.1:50051
  tandem audit verify --dir E09000001-book --key council.vkey

The catalogue says what services, measures, areas and prices the figures are about. Its entries are asked of the server, which needs the
auditor's role, and each is proved by the book. It is verified while it is written. If it is interrupted, the same command goes on. Exit status: 0 written, 1 the book is not what it
should be, 2 could not check or write.")]
pub struct Args {
    #[command(flatten)]
    books: Books,
    /// The directory to write; it may hold what an interrupted export left
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The gRPC URL of the server, to pack the catalogue too: all entries of the book that define something
    #[arg(long, value_name = "URL")]
    catalogue: Option<String>,
    /// File with the bearer token for that (or set TANDEM_TOKEN to the token itself)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print one JSON document; its fields stay as they are
    #[arg(long)]
    json: bool,
}

/// Exports and prints.
pub fn run(args: &Args) -> anyhow::Result<Verdict> {
    let verdict = export_one(args)?;
    let status = verdict.verdict;
    print(&[verdict], args.json)?;
    Ok(status)
}

/// Exports the book.
pub fn export_one(args: &Args) -> anyhow::Result<BookVerdict> {
    let book = args.books.one()?;
    let finished = args.out.join(MANIFEST);
    ensure!(!finished.exists(), "{} holds a finished pack: name another directory with --out", args.out.display());
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let mut verdict = book.verdict();
    match export(args, &book, &mut verdict) {
        Ok(()) => verdict.verdict = Verdict::True,
        Err(failure) => (verdict.verdict, verdict.reason) = (failure.verdict, Some(failure.why)),
    }
    Ok(verdict)
}

/// The pack's directory is the cache: what verifies stays there.
fn export(args: &Args, book: &Book, verdict: &mut BookVerdict) -> Result<(), Failure> {
    let started = Instant::now();
    let shelf = book.shelf(Some(Cache::as_served(&args.out)));
    let opened = book.checkpoint()?;
    verdict.checkpoint = Some((&opened).into());
    let (checkpoint, done) = (&opened.checkpoint, AtomicU64::new(0));
    progress::during(&checkpoint.origin, checkpoint.size, &done, args.books.is_quiet(), || {
        check::book(&shelf, checkpoint, args.books.jobs(), &done)
    })?;
    // Partial tiles change with the size: they and what names the size come last.
    for (tile, bytes) in shelf.partial() {
        put(&args.out, &tile.to_string(), &bytes)?;
    }
    put(&args.out, "checkpoint", opened.note.to_string().as_bytes())?;
    if let Some(url) = &args.catalogue {
        let server = Server { server: url.clone(), token_file: args.token_file.clone(), tls_ca: args.books.tls_ca() };
        put(&args.out, catalogue::FILE, catalogue::fetch(&server, &book.council, checkpoint.size)?.as_bytes())?;
    }
    // Also that of an export which was interrupted at another size.
    catalogue::check(&args.out, &Directory::at(&args.out), checkpoint.size)?;
    put(&args.out, "vkey", format!("{}\n", book.trust.log).as_bytes())?;
    put(&args.out, "README.md", readme(&opened, &book.trust.log.to_string(), args.out.join(catalogue::FILE).exists()).as_bytes())?;
    write_manifest(&args.out, checkpoint.size).with_context(|| format!("cannot write {}", args.out.join(MANIFEST).display()))?;
    verdict.entries_checked = done.into_inner();
    verify::fill_counts(verdict, &shelf, started);
    Ok(())
}

fn put(out: &Path, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = out.join(path);
    write_whole(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn readme(opened: &Opened, vkey: &str, has_catalogue: bool) -> String {
    let checkpoint = &opened.checkpoint;
    let catalogue = if has_catalogue {
        "
`catalogue.jsonl` has every entry that defines a service, measure, indicator, area or price list, a line each: its place in the book, its
envelope, facts and salt as base64, from which its entry's first hash is computed, and what the facts say. Entries that are in suspense
are among them.
"
    } else {
        ""
    };
    format!(
        "\
# The book of {origin}

{size} entries. The root of their Merkle tree is `{root}`.

An entry is 74 bytes: what a recorded event commits to, and no personal data (version, kind, book time, salted hashes of the facts and of
the person part). The files are those that the council serves: `checkpoint` (signed size and root), `tile/entries/…` (the entries, 256 a
file) and `tile/<level>/…` (the hashes over them), in the formats c2sp.org/tlog-tiles, c2sp.org/tlog-checkpoint and
c2sp.org/signed-note. `vkey` is the key that signed, and `MANIFEST.sha256` has the SHA-256 of every file.
{catalogue}
Verify it, with a key that you did **not** take from here, but from the council or somebody whom you trust:

    tandem audit verify --dir . --key VKEY

or without any software of ours, with the checker of another project:

    go run github.com/transparency-dev/tessera/cmd/fsck@v1.0.4 -public_key vkey -storage_url \"file://$PWD/\" -ui=false

`sha256sum --check --quiet MANIFEST.sha256` finds a damaged copy. The key in `vkey` is

    {vkey}
",
        origin = checkpoint.origin,
        size = checkpoint.size,
        root = STANDARD.encode(checkpoint.root),
    )
}

/// The files of a finished pack but for the manifest, in the manifest's order.
fn files(directory: &Path, size: u64) -> impl Iterator<Item = String> {
    let catalogue = directory.join(catalogue::FILE).exists().then_some(catalogue::FILE);
    let named = ["README.md", "checkpoint", "vkey"].into_iter().chain(catalogue).map(str::to_owned);
    named.chain(Tile::all(size).map(|tile| tile.to_string()))
}

fn manifest_line(directory: &Directory, path: &str) -> Result<String, Failure> {
    let bytes =
        directory.read(path, FILE_BYTES_MAX).map_err(|unread| Failure::unchecked(format!("the pack's {path} cannot be read: {}", unread.why)))?;
    let mut line = String::with_capacity(64 + 2 + path.len());
    for byte in Sha256::digest(&bytes) {
        // Writing to a String cannot fail.
        let _ = write!(line, "{byte:02x}");
    }
    Ok(line + "  " + path)
}

fn write_manifest(out: &Path, size: u64) -> anyhow::Result<()> {
    let (directory, part) = (Directory::at(out), out.join("MANIFEST.part"));
    let mut file = BufWriter::new(File::create(&part)?);
    for path in files(out, size) {
        let line = manifest_line(&directory, &path).map_err(|failure| anyhow::anyhow!(failure.why))?;
        writeln!(file, "{line}")?;
    }
    file.into_inner()?.sync_all()?;
    Ok(std::fs::rename(part, out.join(MANIFEST))?)
}

/// Checks that a pack's manifest names exactly its files, each with its SHA-256. A directory without one is no pack: nothing to check.
pub fn check_manifest(directory: &Path, size: u64) -> Result<(), Failure> {
    let path = directory.join(MANIFEST);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::unchecked(format!("{} cannot be read: {error}", path.display()))),
    };
    let paths = files(directory, size);
    let directory = Directory::at(directory);
    let mut lines = BufReader::new(file).split(b'\n');
    for path in paths {
        let expected = manifest_line(&directory, &path)?;
        match lines.next() {
            Some(Ok(line)) if line == expected.as_bytes() => {}
            Some(Ok(_)) => return Err(Failure::wrong(format!("{MANIFEST}: its line for {path} is not what that file is"))),
            Some(Err(error)) => return Err(Failure::unchecked(format!("{MANIFEST} cannot be read: {error}"))),
            None => return Err(Failure::wrong(format!("{MANIFEST}: ends before {path}"))),
        }
    }
    if lines.next().is_some() {
        return Err(Failure::wrong(format!("{MANIFEST}: has lines about files that are not the pack's")));
    }
    Ok(())
}
