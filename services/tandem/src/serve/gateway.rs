//! `tandem gateway`: the door for writes, over a log in Kafka.

use super::catalogue::Learned;
use super::listening;
use super::logs::{Kafka, Kind, Reads};
use super::parts::Parts;
use super::running;
use super::upstreams::Projections;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tandem_gateway::{Catalogue, Gateway, Known, Settings};
use tandem_wire::auth::Authenticator;
use tokio::task::spawn_blocking;

/// Runs the gateway: takes events and appends them to a log in Kafka
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem gateway --kafka-brokers 10.0.0.1:9092 --projection http://10.0.0.3:50053,http://10.0.0.4:50053

Calls with require_known are checked against the catalogues of the projections, as they were at most two seconds ago; without --projection
they are refused. Port 0 takes a free one. When it serves, the addresses are printed: `grpc ADDRESS` and `http ADDRESS`.
The HTTP port has /healthz, /readyz and /metrics.")]
pub struct Args {
    /// Address of the gRPC services
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    grpc: SocketAddr,
    /// Address of health checks and metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    http: SocketAddr,
    /// Which log: a service by itself has one in Kafka
    #[arg(long, value_enum, default_value_t = Kind::Kafka)]
    log: Kind,
    #[command(flatten)]
    kafka: Kafka,
    #[command(flatten)]
    projections: Projections,
    #[command(flatten)]
    flags: listening::Flags,
}

/// Serves.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    args.kafka.check_alone(args.log)?;
    let listening = args.flags.check(args.grpc, args.http)?;
    let authenticator = listening.authenticator.clone();
    running::run(listening, build(&args, authenticator)).await
}

async fn build(args: &Args, authenticator: Authenticator) -> anyhow::Result<Parts> {
    let kafka = args.kafka.clone();
    // It reads no partition.
    let log = Arc::new(spawn_blocking(move || kafka.open(&Reads::Some(&|_| Ok(Vec::new())))).await??);
    let books = args.projections.books()?;
    let known = books.map(|books| Arc::new(Catalogue::new(Learned(books))) as Arc<dyn Known>);
    let gateway = Arc::new(Gateway::new(log.clone(), Settings { authenticator, known, ..Settings::default() }));
    Ok(Parts { log: Some(log), gateway: Some(gateway), ..Parts::default() })
}
