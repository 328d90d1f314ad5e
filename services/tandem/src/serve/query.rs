//! `tandem query`: answers questions and auditors from projections elsewhere.

use super::front::Front;
use super::listening;
use super::parts::Parts;
use super::running;
use super::upstreams::Projections;
use anyhow::Context;
use std::net::SocketAddr;
use std::process::ExitCode;
use tandem_query::{QueryServer, Settings};

/// Runs the query server: answers questions and auditors from projections
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tandem query --projection http://10.0.0.3:50053,http://10.0.0.4:50053
  tandem query --projection https://projections.internal:50053 --projection-ca /etc/tandem/ca.pem --projection-token-file /etc/tandem/token

It finds out by itself which projection holds what, follows how far each is, and asks another one where one is away. /readyz says what nobody
answers for. Port 0 takes a free one. When it serves, the addresses are printed: `grpc ADDRESS` and `http ADDRESS`.
The HTTP port has /healthz, /readyz, /metrics and the published books: /books/COUNCIL/checkpoint and /books/COUNCIL/tile/….")]
pub struct Args {
    /// Address of the gRPC services
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50052")]
    grpc: SocketAddr,
    /// Address of health checks, metrics and published books
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    #[command(flatten)]
    projections: Projections,
    #[command(flatten)]
    flags: listening::Flags,
}

/// Serves.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let listening = args.flags.check(args.grpc, args.http)?;
    let authenticator = listening.authenticator.clone();
    let build = async {
        let books = args.projections.books()?.context("a query server needs projections: name them with --projection URL")?;
        let query = QueryServer::new(books, Settings { authenticator, limits: Default::default() });
        Ok(Parts { front: Some(Front::Others(query)), ..Parts::default() })
    };
    running::run(listening, build).await
}
