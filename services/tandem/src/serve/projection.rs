//! `tandem projection`: folds some or all partitions of a log in Kafka, and answers query servers.

use super::listening;
use super::logs::{Kafka, Kind, Reads, Shard, parse_partitions};
use super::parts::Parts;
use super::running;
use super::signing::Signing;
use crate::backup::periodic::BackupArgs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tandem_book::key::VerifierKey;
use tandem_log::{AnyLog, EventLog};
use tandem_projection::{Options, Projection, Publisher};
use tandem_wire::auth::Authenticator;
use tokio::task::spawn_blocking;

/// Runs a projection: folds a log in Kafka into books and views, and answers query servers
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem projection --kafka-brokers 10.0.0.1:9092 --data-dir /var/lib/tandem
  tandem projection --kafka-brokers 10.0.0.1:9092 --data-dir /var/lib/tandem --shard 2/4 \\
      --checkpoints /shared/checkpoints --signing-key /etc/tandem/signing.key
  tandem projection --kafka-brokers 10.0.0.1:9092 --data-dir /var/lib/tandem --shard 2/4 \\
      --checkpoints /shared/checkpoints --standby --verifier-key books.example.org+1a2b3c4d+…

With --backup-to it sends snapshots of its store there, and a new one, whose data directory is empty, begins with the newest of the same partitions.
Several projections may hold the same partitions: one publishes, the others are --standby. All of them answer, and share --checkpoints.
Whoever may ask needs a token of a principal with the roles reader and auditor and all councils, if there are --tokens.
Port 0 takes a free one. When it serves, the addresses are printed: `grpc ADDRESS` and `http ADDRESS`.
The HTTP port has /healthz, /readyz and /metrics.")]
pub struct Args {
    /// Where books and views are kept; made if it is not there
    #[arg(long, value_name = "DIRECTORY", default_value = "./tandem-data")]
    data_dir: PathBuf,
    /// Address of the gRPC services
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50053")]
    grpc: SocketAddr,
    /// Address of health checks and metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8083")]
    http: SocketAddr,
    /// Which log: a service by itself has one in Kafka
    #[arg(long, value_enum, default_value_t = Kind::Kafka)]
    log: Kind,
    #[command(flatten)]
    kafka: Kafka,
    /// Partitions to hold, as 0-7,12 [default: all]
    #[arg(long, value_name = "RANGES", conflicts_with = "shard")]
    partitions: Option<String>,
    /// The share of the partitions to hold, as 2/4: the second of four
    #[arg(long, value_name = "SHARE/OF")]
    shard: Option<Shard>,
    #[command(flatten)]
    signing: Signing,
    /// Never sign or publish; answer, with what others publish in --checkpoints
    #[arg(long)]
    standby: bool,
    /// With --standby: the key that verifies what others publish, as `tandem keygen --show` prints it
    #[arg(long, value_name = "VKEY", requires = "standby")]
    verifier_key: Option<VerifierKey>,
    #[command(flatten)]
    flags: listening::Flags,
    #[command(flatten)]
    backup: BackupArgs,
}

/// Serves.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    args.kafka.check_alone(args.log)?;
    let listening = args.flags.check(args.grpc, args.http)?;
    let publisher = args.publisher()?;
    let authenticator = listening.authenticator.clone();
    running::run(listening, build(args, publisher, authenticator)).await
}

async fn build(args: Args, publisher: Arc<Publisher>, authenticator: Authenticator) -> anyhow::Result<Parts> {
    let backups = args.backup.open(&args.data_dir)?;
    let opening = args.clone();
    let (log, held) = spawn_blocking(move || opening.open_log()).await??;
    if let Some(backups) = &backups {
        backups.begin_with_newest(&log, &held).await?;
    }
    let (folded, data_dir) = (log.clone(), args.data_dir.clone());
    let projection = spawn_blocking(move || open(&data_dir, folded, held, publisher)).await??;
    tracing::info!(partitions = %projection.partitions(), "the projection is open");
    Ok(Parts { log: Some(log), projection: Some(projection), internal: Some(authenticator), backups, ..Parts::default() })
}

impl Args {
    fn publisher(&self) -> anyhow::Result<Arc<Publisher>> {
        let holds_all = self.partitions.is_none() && self.shard.is_none();
        match self.standby {
            true => self.signing.standby(&self.data_dir, self.verifier_key.as_ref()),
            false => self.signing.publisher(&self.data_dir, holds_all),
        }
    }

    /// Its partitions of a log of so many.
    fn held(&self, of: u32) -> anyhow::Result<Vec<u32>> {
        match (&self.partitions, self.shard) {
            (Some(text), _) => parse_partitions(text),
            (None, Some(shard)) => shard.partitions(of),
            (None, None) => Ok((0..of).collect()),
        }
    }

    /// Opens the log, and says which partitions of it are held here, ascending.
    fn open_log(&self) -> anyhow::Result<(Arc<AnyLog>, Vec<u32>)> {
        let log = Arc::new(self.kafka.open(&Reads::Some(&|of| self.held(of)))?);
        let held = self.held(log.partitions())?;
        Ok((log, held))
    }
}

/// Opens the projection, which blocks while it recovers.
fn open(data_dir: &Path, log: Arc<AnyLog>, held: Vec<u32>, publisher: Arc<Publisher>) -> anyhow::Result<Projection> {
    // A topic of Kafka is kept whole: others read it.
    let options = Options { partitions: Some(held.into_iter().collect()), publisher: Some(publisher), trim_after_bytes: None, ..Options::default() };
    Ok(Projection::open(&data_dir.join("projection"), log, options)?)
}
