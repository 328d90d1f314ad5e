//! `tandem audit replay`: the history folded once more by the auditor, and every answer compared with the server's.
//!
//! ```text
//!  signed checkpoint ──▶ entries, each against its commitment ──▶ their root is the signed one ──▶ fold ──▶ the same questions to both
//!                                  └────────────────▶ --independent: totals by other rules ──▶ the server's totals
//! ```

mod compare;
mod entries;
mod feed;
mod fresh;
mod questions;
mod sample;
mod second;

use super::http::{Client, Served};
use super::independent::Recount;
use super::shelf::Shelf;
use super::trust::Keys;
use super::verdict::{Failure, Signed, Verdict};
use super::{progress, say};
use crate::client::{Connection, Server, explain};
use crate::output;
use anyhow::Context;
use compare::{Compared, Difference, Incomparable};
use entries::Entries;
use fresh::Fresh;
use questions::{Answerer, Defined};
use rand::Rng;
use sample::Sample;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use tandem_book::checkpoint::{self, Opened, Trust};
use tandem_domain::is_council;
use tandem_proto::v1::audit_service_client::AuditServiceClient;
use tandem_proto::v1::query_service_client::QueryServiceClient;
use tandem_proto::v1::{CatalogueKind, GetCheckpointRequest, ReadEntriesRequest};

/// Largest answer of a server.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Differences of one question that are told.
const PER_QUESTION: usize = 3;
/// Questions that may fail before the server is given up.
const UNANSWERED_MAX: usize = 50;
/// How long a file of the book may take.
const FILE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the server has to publish what it has.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what is published.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Fold a book's history again, from its entries, and compare every view with the server's
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem audit replay --server http://127.0.0.1:50051 --council E09000001 --key council.vkey --independent

It needs the auditor's and the reader's role. Each entry's contents are checked against its commitment in the book that the key signed;
they are folded into a projection of your own in a temporary directory; then both are asked the same: every metric by every sensible
grouping, valuation and indicator, as of now and half way; every exchange; all in suspense; the catalogue; the counts; and, of each of
people's statements, exchanges' postings and events' states, a sample that the server cannot foresee (--sample). A book that grows
meanwhile is followed, --attempts times; then only what can be asked as of a point is compared, and the verdict is 2.
--independent counts the totals once more by a second, deliberately simple implementation, and compares them too; it keeps about 200
bytes of each entry in memory. What no question shows is not compared, such as how many records were exact duplicates.

Exit status: 0 the same, 1 something differs, 2 could not check. Each difference is a line: question, row, figure, both values.")]
pub struct Args {
    #[command(flatten)]
    server: Server,
    /// The council
    #[arg(long, short, value_name = "COUNCIL")]
    council: String,
    #[command(flatten)]
    keys: Keys,
    /// Where the book's files are: then it can be said where entries part from the signed book
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Count the totals once more by a second implementation
    #[arg(long)]
    independent: bool,
    /// People, exchanges and events to look at one by one, of each so many
    #[arg(long, value_name = "N", default_value_t = 200)]
    sample: usize,
    /// How often a book that grows is followed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    attempts: u32,
    /// Differences to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    show: u64,
    /// Directory for the temporary projection, about 400 bytes an entry [default: the system's]
    #[arg(long, value_name = "DIRECTORY")]
    work: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON document; its fields stay as they are
    #[arg(long)]
    json: bool,
}

/// What a replay says. The field names are those of the JSON document and stay.
#[derive(Debug, Default, Serialize)]
struct Document {
    /// The verdict.
    verdict: Option<Verdict>,
    /// The council.
    council: String,
    /// Which book.
    origin: String,
    /// Why it is not true, if it is not for differences; null: it is, or they are why.
    reason: Option<String>,
    /// The signed checkpoint as of which everything is.
    checkpoint: Option<Signed>,
    /// Entries that were replayed.
    entries: u64,
    /// Of them, those whose person is forgotten.
    forgotten: u64,
    /// Questions that both answered.
    questions: u64,
    /// Questions that both refused in the same way.
    refused: u64,
    /// Rows that were compared.
    rows: u64,
    /// People, exchanges and events that were looked at one by one.
    sampled: [usize; 3],
    /// Figures that the second implementation counted; null: it was not asked.
    independent: Option<u64>,
    /// Questions that one of both could not answer, and why, the first of them.
    unanswered: Vec<String>,
    /// What differs, the first of them.
    differences: Vec<Difference>,
    /// Whether there are more.
    more: bool,
    /// How long it took.
    milliseconds: u64,
}

/// Replays and prints.
pub async fn run(args: &Args) -> anyhow::Result<Verdict> {
    anyhow::ensure!(is_council(&args.council), "--council {:?} is no council: 2 to 32 bytes of [A-Za-z0-9_-]", args.council);
    let (trust, started) = (args.keys.trust(&args.council)?, Instant::now());
    let mut document = Document { council: args.council.clone(), origin: trust.origin.clone(), ..Document::default() };
    let verdict = match judge(args, &trust, &mut document).await {
        Ok(()) if !document.differences.is_empty() => Verdict::Mismatch,
        Ok(()) => match document.unanswered.first() {
            None => Verdict::True,
            Some(why) => {
                document.reason = Some(format!("not everything was answered: {why}"));
                Verdict::Unchecked
            }
        },
        Err(failure) => {
            document.reason = Some(failure.why);
            // What was found wrong stays wrong, whatever could not be looked at afterwards.
            if document.differences.is_empty() { failure.verdict } else { Verdict::Mismatch }
        }
    };
    document.verdict = Some(verdict);
    document.milliseconds = started.elapsed().as_millis() as u64;
    if args.json {
        output::print(&(serde_json::to_string_pretty(&document)? + "\n"))?;
    } else {
        say(verdict, false, &document.lines(verdict))?;
    }
    Ok(verdict)
}

impl Document {
    fn lines(&self, verdict: Verdict) -> String {
        let origin = &self.origin;
        if let (true, Some(reason)) = (self.differences.is_empty(), &self.reason) {
            let word = if verdict == Verdict::Mismatch { "mismatch" } else { "could not check" };
            return format!("{word}: {origin}: {}", reason.replace('\n', " "));
        }
        let [people, exchanges, events] = self.sampled;
        let second = self.independent.map_or(String::new(), |figures| format!("; a second count of {figures} figures"));
        let what = format!(
            "{} entries folded again; {} questions with {} rows compared, of which {people} people, {exchanges} exchanges and {events} events one by one{second}",
            self.entries, self.questions, self.rows
        );
        if self.differences.is_empty() {
            return format!("true: {origin}: {what}");
        }
        let more = if self.more { " or more" } else { "" };
        let mut lines = vec![format!("mismatch: {origin}: {}{more} differences; {what}", self.differences.len())];
        lines.extend(self.differences.iter().map(|difference| difference.line().replace('\n', " ")));
        lines.extend(self.reason.iter().map(|reason| format!("not all was compared: {}", reason.replace('\n', " "))));
        lines.join("\n")
    }
}

/// The server's side.
struct Live {
    audit: AuditServiceClient<Connection>,
    query: QueryServiceClient<Connection>,
}

async fn judge(args: &Args, trust: &Trust, document: &mut Document) -> Result<(), Failure> {
    let connection = args.server.connect().await?;
    let mut live = Live {
        audit: AuditServiceClient::new(connection.clone()).max_decoding_message_size(ANSWER_BYTES_MAX),
        query: QueryServiceClient::new(connection).max_decoding_message_size(ANSWER_BYTES_MAX),
    };
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    let recount = args.independent.then(|| Recount::new(&args.council));
    let mut entries = Entries::new(&args.council, Sample::new(salt, args.sample), recount);
    let work = args.work.clone().unwrap_or_else(std::env::temp_dir);
    let (council, at) = (args.council.clone(), work);
    let mut fresh = tokio::task::spawn_blocking(move || Fresh::new(&council, &at)).await.context("it panicked")??;
    let mut grown = 0;
    for _ in 0..args.attempts {
        let opened = read_to_checkpoint(args, trust, &mut live, &mut entries, &fresh).await?;
        document.checkpoint = Some((&opened).into());
        (document.entries, document.forgotten) = (entries.size(), entries.forgotten);
        fresh.settle(entries.size()).await?;
        match compare_all(args, &mut live, &mut fresh, &entries, document, false).await {
            Err(Incomparable::Grown(size)) => grown = size,
            other => return other.map_err(|incomparable| failed(&incomparable)),
        }
    }
    compare_all(args, &mut live, &mut fresh, &entries, document, true).await.map_err(|incomparable| failed(&incomparable))?;
    let why = "the book grows while it is compared, so that only what can be asked as of a point was: raise --attempts, or ask in a quiet hour";
    Err(Failure::unchecked(format!("{} entries were replayed and the server has {grown}: {why}", entries.size())))
}

fn failed(incomparable: &Incomparable) -> Failure {
    match incomparable {
        Incomparable::Grown(size) => Failure::unchecked(format!("the book has {size} entries now")),
        Incomparable::Failed(why) => Failure::unchecked(why.clone()),
    }
}

/// Waits until what the server has folded is published, and reads up to there.
async fn read_to_checkpoint(args: &Args, trust: &Trust, live: &mut Live, entries: &mut Entries, fresh: &Fresh) -> Result<Opened, Failure> {
    let started = Instant::now();
    let opened = loop {
        let opened = published(live, &args.council, trust).await?;
        let progress = questions::ask_status(&mut live.query, &args.council).await.map_err(|status| explain(&status))?;
        if opened.checkpoint.size >= progress.folded || started.elapsed() > PUBLISH_PATIENCE {
            break opened;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let (size, done) = (opened.checkpoint.size, AtomicU64::new(entries.size()));
    if size < entries.size() {
        return Err(Failure::wrong(format!("{}: it has {size} entries, but had {} a moment ago", trust.origin, entries.size())));
    }
    let request = ReadEntriesRequest { council: args.council.clone(), from_sequence: entries.size(), to_sequence: Some(size), ..Default::default() };
    let mut stream = live.audit.read_entries(request).await.map_err(|status| explain(&status))?.into_inner();
    let (handle, feed, origin) = (tokio::runtime::Handle::current(), fresh.feed(), trust.origin.clone());
    // Checking is work, and handing over may block: neither belongs on a thread that serves others.
    tokio::task::block_in_place(|| {
        progress::during(&origin, size, &done, args.quiet, || -> Result<(), Failure> {
            loop {
                let unread = |status| Failure::unchecked(format!("entries from {} on cannot be read: {}", entries.size(), explain(&status)));
                let Some(answer) = handle.block_on(stream.message()).map_err(unread)? else { return Ok(()) };
                if !entries.take(answer.entries, &feed, &done)? {
                    return Ok(());
                }
            }
        })
    })?;
    if entries.size() != size {
        return Err(Failure::wrong(format!("{origin}: the server withholds entries from {} on: its signed book has {size}", entries.size())));
    }
    tokio::task::block_in_place(|| {
        let served = args.url.as_deref().map(|url| Served::new(Client::new(1, FILE_TIMEOUT, None)?, url, &args.council)).transpose()?;
        let shelf = served.as_ref().map(|served| Shelf::new(served, None));
        entries.is_book(&opened.checkpoint, shelf.as_ref())
    })?;
    Ok(opened)
}

async fn published(live: &mut Live, council: &str, trust: &Trust) -> Result<Opened, Failure> {
    let answer = live.audit.get_checkpoint(GetCheckpointRequest { council: council.into() }).await.map_err(|status| explain(&status))?;
    Ok(checkpoint::open(&answer.into_inner().checkpoint, trust)?)
}

/// Asks both everything, or only what says itself as of which entry it is.
async fn compare_all(
    args: &Args,
    live: &mut Live,
    fresh: &mut Fresh,
    entries: &Entries,
    document: &mut Document,
    only_as_of: bool,
) -> Result<(), Incomparable> {
    let mut defined = Vec::new();
    for kind in [CatalogueKind::Valuation, CatalogueKind::Indicator] {
        let items = fresh.answerer().defined(&args.council, kind).await;
        defined.extend(items.map_err(|status| Incomparable::Failed(status.message().to_owned()))?);
    }
    let size = entries.size();
    let mut questions = questions::others(&args.council, &entries.sample);
    questions.extend(questions::values(&args.council, &Defined::of(&defined), size));
    questions.retain(|question| !only_as_of || question.is_as_of());
    (document.questions, document.refused, document.rows, document.more) = (0, 0, 0, false);
    document.differences.clear();
    document.unanswered.clear();
    document.sampled = [entries.sample.actors().count(), entries.sample.exchanges().count(), entries.sample.events().count()];
    let (mut live, mut fresh) = (Answerer::new(&mut live.query), fresh.answerer());
    for question in &questions {
        let Compared { rows, differences, refused } = match compare::compare(&mut live, &mut fresh, question, size, PER_QUESTION).await {
            Err(Incomparable::Failed(why)) if document.unanswered.len() < UNANSWERED_MAX => {
                document.unanswered.push(why);
                continue;
            }
            other => other?,
        };
        document.rows += rows;
        *if refused { &mut document.refused } else { &mut document.questions } += 1;
        document.add(differences, args.show);
    }
    if let (Some(recount), false) = (&entries.recount, only_as_of) {
        let price = recount.price();
        match second::compare(&mut live, &args.council, &recount.tally(price.as_ref()), price.as_ref(), size).await {
            Err(Incomparable::Failed(why)) => document.unanswered.push(why),
            other => {
                let (figures, differences) = other?;
                document.independent = Some(figures);
                document.add(differences, args.show);
            }
        }
    }
    Ok(())
}

impl Document {
    fn add(&mut self, differences: Vec<Difference>, show: u64) {
        for difference in differences {
            if (self.differences.len() as u64) < show {
                self.differences.push(difference);
            } else {
                self.more = true;
            }
        }
    }
}
