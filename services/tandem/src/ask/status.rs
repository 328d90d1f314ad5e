//! `tandem status`.

use super::shown::Reflects;
use super::{Asking, answered};
use crate::output::number::grouped;
use crate::output::table::Table;
use crate::output::{Document, Format, or_empty};
use serde::Serialize;
use std::process::ExitCode;
use tandem_proto::v1::{CouncilStatus, GetStatusRequest, PartitionStatus};

/// How the ledger stands: councils, counts, and how far the projection is behind the log.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem status --server http://127.0.0.1:50051")]
pub struct Args {
    #[command(flatten)]
    asking: Asking,
    /// Only these councils
    #[arg(long, short, value_delimiter = ',')]
    council: Vec<String>,
    /// Leave out what cannot be reached now, and name its partitions
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    format: Format,
}

/// Asks and prints.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut asker = args.asking.connect().await?;
    let mut question = GetStatusRequest {
        councils: args.council,
        page_size: 1_000,
        page_token: String::new(),
        at_least: args.asking.at_least,
        allow_partial: args.partial,
    };
    let mut document = Status::default();
    loop {
        let (client, request) = asker.request(question.clone());
        let page = answered(client.get_status(request).await)?;
        document.councils.extend(page.councils.into_iter().filter_map(council));
        document.partitions = page.partitions.into_iter().map(Partition::from).collect();
        (document.log_id, document.version) = (page.log_id, page.version);
        document.missing_partitions = page.missing_partitions;
        question.page_token = page.next_page_token;
        if question.page_token.is_empty() {
            break;
        }
    }
    args.format.print(&document)?;
    Ok(ExitCode::SUCCESS)
}

/// How the ledger stands. The field names are those of the JSON document and stay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// The log's id.
    pub log_id: String,
    /// The server's version.
    pub version: String,
    /// By council.
    pub councils: Vec<Council>,
    /// By partition.
    pub partitions: Vec<Partition>,
    /// Partitions that could not be reached: nothing of them is above. Only if a partial answer was allowed, or other councils were named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_partitions: Vec<u32>,
}

/// One council's counts.
#[derive(Clone, Debug, Serialize)]
pub struct Council {
    /// How far its book is.
    #[serde(flatten)]
    pub reflects: Reflects,
    /// Entries that took effect.
    pub applied: u64,
    /// Entries in suspense.
    pub suspended: u64,
    /// Records that were exact duplicates.
    pub duplicates: u64,
    /// Entries that were cancelled.
    pub reversed: u64,
    /// Cures that are due.
    pub cures_pending: u64,
}

/// One partition.
#[derive(Clone, Debug, Serialize)]
pub struct Partition {
    /// Its number.
    pub partition: u32,
    /// Frames folded.
    pub applied_frames: u64,
    /// Frames in the log.
    pub log_frames: u64,
}

fn council(status: CouncilStatus) -> Option<Council> {
    Some(Council {
        reflects: status.reflects?.into(),
        applied: status.applied,
        suspended: status.suspended,
        duplicates: status.duplicates,
        reversed: status.reversed,
        cures_pending: status.cures_pending,
    })
}

impl From<PartitionStatus> for Partition {
    fn from(status: PartitionStatus) -> Self {
        Self { partition: status.partition, applied_frames: status.applied_frames, log_frames: status.log_frames }
    }
}

impl Document for Status {
    fn text(&self) -> String {
        let mut table =
            Table::new().left("council").right("entries").right("applied").right("suspended").right("reversed").right("duplicates").left("book time");
        let number = |number: u64| grouped(&number.to_string());
        for council in &self.councils {
            table.row(vec![
                council.reflects.council.clone(),
                number(council.reflects.entries),
                number(council.applied),
                number(council.suspended),
                number(council.reversed),
                number(council.duplicates),
                or_empty(&council.reflects.book_time),
            ]);
        }
        let table = if table.is_empty() { "no councils yet\n".into() } else { table.render() };
        let cures: u64 = self.councils.iter().map(|council| council.cures_pending).sum();
        let cures = if cures > 0 { format!("{} cures are being carried out\n", number(cures)) } else { String::new() };
        let lag: u64 = self.partitions.iter().map(|partition| partition.log_frames.saturating_sub(partition.applied_frames)).sum();
        let lag = match lag {
            0 => "all that is recorded is folded".into(),
            lag => format!("{} frames are recorded and not yet folded", number(lag)),
        };
        let missing = match self.missing_partitions.as_slice() {
            [] => String::new(),
            missing => {
                let list = missing.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                format!("PARTIAL: partitions {list} could not be reached; nothing of them is above\n")
            }
        };
        format!("{table}\n{lag}\n{cures}{missing}log {}, tandem {}\n", self.log_id, self.version)
    }

    fn csv(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let header = "council,position,entries,book_time,applied,suspended,duplicates,reversed,cures_pending".split(',').collect();
        let row = |council: &Council| {
            let reflects = &council.reflects;
            let counts = [council.applied, council.suspended, council.duplicates, council.reversed, council.cures_pending];
            let head = vec![reflects.council.clone(), or_empty(&reflects.position), reflects.entries.to_string(), or_empty(&reflects.book_time)];
            head.into_iter().chain(counts.map(|count| count.to_string())).collect()
        };
        (header, self.councils.iter().map(row).collect())
    }
}
