//! `tandem suspense`.

use super::entry::{Entry, table};
use super::shown::{Reflects, reach};
use super::{Asking, answered};
use crate::output::number::grouped;
use crate::output::{Document, Format};
use clap::ValueEnum;
use serde::Serialize;
use std::process::ExitCode;
use tandem_proto::v1::{ListSuspenseRequest, SuspenseReason};

/// Entries that have no effect yet, and what would cure them.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem suspense --council E09000001
  tandem suspense --council E09000001 --reason unknown-measure,conflict --csv")]
pub struct Args {
    #[command(flatten)]
    asking: Asking,
    /// The council
    #[arg(long, short)]
    council: String,
    /// Only for these reasons
    #[arg(long, value_delimiter = ',')]
    reason: Vec<Reason>,
    /// List at most so many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    format: Format,
}

/// Why an entry is in suspense.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reason {
    UnknownService,
    UnknownMeasure,
    UnknownIndicator,
    UnknownTarget,
    Conflict,
    UnknownBody,
    WrongSide,
    AlreadyReversed,
    NotReversible,
    NotPermitted,
    ExchangeFull,
    Redefinition,
}

impl Reason {
    fn number(self) -> i32 {
        let reason = match self {
            Self::UnknownService => SuspenseReason::UnknownService,
            Self::UnknownMeasure => SuspenseReason::UnknownMeasure,
            Self::UnknownIndicator => SuspenseReason::UnknownIndicator,
            Self::UnknownTarget => SuspenseReason::UnknownTarget,
            Self::Conflict => SuspenseReason::Conflict,
            Self::UnknownBody => SuspenseReason::UnknownBody,
            Self::WrongSide => SuspenseReason::WrongSide,
            Self::AlreadyReversed => SuspenseReason::AlreadyReversed,
            Self::NotReversible => SuspenseReason::NotReversible,
            Self::NotPermitted => SuspenseReason::NotPermitted,
            Self::ExchangeFull => SuspenseReason::ExchangeFull,
            Self::Redefinition => SuspenseReason::Redefinition,
        };
        reason.into()
    }
}

/// Asks and prints.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut asker = args.asking.connect().await?;
    let mut question = ListSuspenseRequest {
        council: args.council,
        reasons: args.reason.iter().map(|reason| reason.number()).collect(),
        at_least: args.asking.at_least,
        page_size: args.limit.clamp(1, 1_000) as u32,
        page_token: String::new(),
    };
    let mut document = Suspense::default();
    loop {
        let (client, request) = asker.request(question.clone());
        let page = answered(client.list_suspense(request).await)?;
        document.entries.extend(page.entries.into_iter().map(Entry::from));
        document.total = page.total;
        document.reflects = document.reflects.or(page.reflects.map(Reflects::from));
        question.page_token = page.next_page_token;
        document.more = !question.page_token.is_empty() || document.entries.len() > args.limit;
        if question.page_token.is_empty() || document.entries.len() >= args.limit {
            break;
        }
    }
    document.entries.truncate(args.limit);
    args.format.print(&document)?;
    Ok(ExitCode::SUCCESS)
}

/// Entries in suspense. The field names are those of the JSON document and stay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Suspense {
    /// By sequence.
    pub entries: Vec<Entry>,
    /// How many there are in all, for whatever reason.
    pub total: u64,
    /// Whether there are, or may be, more than the limit let through.
    pub more: bool,
    /// How far the answer reaches.
    pub reflects: Option<Reflects>,
}

impl Document for Suspense {
    fn text(&self) -> String {
        let table = table(&self.entries);
        let table = if table.is_empty() { "nothing is in suspense\n".into() } else { table.render() };
        let more = if self.more { "; more than are listed here: raise --limit" } else { "" };
        let count = format!("{} in suspense in all{more}\n", grouped(&self.total.to_string()));
        format!("{table}\n{count}{}", reach(self.reflects.as_slice()))
    }

    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        (Entry::CSV.to_vec(), self.entries.iter().map(Entry::csv).collect())
    }
}
