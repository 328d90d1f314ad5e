//! `tandem serve`: log, projection, gateway and query in one process.

use super::catalogue::Own;
use super::front::Front;
use super::listening;
use super::logs::{self, Kafka, Kind};
use super::parts::Parts;
use super::running;
use super::signing::Signing;
use crate::backup::periodic::BackupArgs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tandem_gateway::{Gateway, Settings as GatewaySettings};
use tandem_log::AnyLog;
use tandem_projection::{Options, Projection, ProjectionServer, Publisher};
use tandem_query::{Books, QueryServer, Settings as QuerySettings};
use tandem_wire::auth::Authenticator;
use tokio::task::spawn_blocking;

/// Runs everything in one process: log, projection, gateway, query
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem serve
  tandem serve --data-dir /var/lib/tandem --grpc 0.0.0.0:50051 --tokens /etc/tandem/tokens.toml \\
      --tls-cert /etc/tandem/server.pem --tls-key /etc/tandem/server.key
  tandem serve --log kafka --kafka-brokers 10.0.0.1:9092,10.0.0.2:9092

Port 0 takes a free one. When it serves, the addresses are printed, a line each: `grpc ADDRESS` and `http ADDRESS`.
The HTTP port has /healthz, /readyz, /metrics and the published books: /books/COUNCIL/checkpoint and /books/COUNCIL/tile/….
The key that signs them: --signing-key, else TANDEM_SIGNING_KEY (the text of one), else DIRECTORY/signing.key, which a new data directory
is given. SIGTERM and SIGINT stop gracefully, a second one at once. Logging: RUST_LOG.")]
pub struct Args {
    /// Where log and projection are kept; made if it is not there
    #[arg(long, value_name = "DIRECTORY", default_value = "./tandem-data")]
    data_dir: PathBuf,
    /// Address of the gRPC services
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    grpc: SocketAddr,
    /// Address of health checks, metrics and published books
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Which log
    #[arg(long, value_enum, default_value_t = Kind::Embedded)]
    log: Kind,
    #[command(flatten)]
    kafka: Kafka,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    flags: listening::Flags,
    #[command(flatten)]
    backup: BackupArgs,
}

/// The log's frames go once the book holds their records: a quarter of a gigabyte at a time.
const TRIM_AFTER_BYTES: u64 = 256 << 20;

/// Serves.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    args.kafka.check(args.log)?;
    let listening = args.flags.check(args.grpc, args.http)?;
    let authenticator = listening.authenticator.clone();
    running::run(listening, build(&args, &authenticator)).await
}

async fn build(args: &Args, authenticator: &Authenticator) -> anyhow::Result<Parts> {
    let backups = args.backup.open(&args.data_dir)?;
    let (log, projection) = open(args.clone(), args.signing.publisher(&args.data_dir, true)?).await?;
    // Now the directory is ours.
    crate::backup::tidy(&args.data_dir);
    let known = Own(projection.known());
    let settings = GatewaySettings { authenticator: authenticator.clone(), known: Some(Arc::new(known)), ..GatewaySettings::default() };
    let gateway = Arc::new(Gateway::new(log.clone(), settings));
    let books = Books::in_one(ProjectionServer::new(projection.clone()).into_service());
    let query = QueryServer::new(books, QuerySettings { authenticator: authenticator.clone(), limits: Default::default() });
    tracing::info!(data_dir = %args.data_dir.display(), "everything is open");
    Ok(Parts { log: Some(log), gateway: Some(gateway), projection: Some(projection), front: Some(Front::Own(query)), backups, ..Parts::default() })
}

/// Opens log and projection, which blocks while they recover.
async fn open(args: Args, publisher: Arc<Publisher>) -> anyhow::Result<(Arc<AnyLog>, Projection)> {
    let open = move || -> anyhow::Result<_> {
        let log = Arc::new(logs::open(args.log, &args.kafka, &args.data_dir)?);
        // A topic of Kafka is kept whole: others may read it.
        let trim_after_bytes = (args.log == Kind::Embedded).then_some(TRIM_AFTER_BYTES);
        let options = Options { trim_after_bytes, publisher: Some(publisher), ..Options::default() };
        let projection = Projection::open(&args.data_dir.join("projection"), log.clone(), options)?;
        Ok((log, projection))
    };
    spawn_blocking(open).await?
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_log_in_kafka_needs_brokers_and_the_embedded_one_has_none() {
        let check = |flags: &[&str]| {
            let args = Cli::try_parse_from([&["serve"], flags].concat()).unwrap().args;
            args.kafka.check(args.log).map_err(|error| error.to_string())
        };
        check(&[]).unwrap();
        check(&["--log", "kafka", "--kafka-brokers", "127.0.0.1:9092"]).unwrap();
        assert!(check(&["--log", "kafka"]).unwrap_err().contains("--kafka-brokers HOST:PORT"));
        assert!(check(&["--kafka-brokers", "127.0.0.1:9092"]).unwrap_err().contains("--log kafka"));
    }
}
