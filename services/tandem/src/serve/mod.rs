//! `tandem serve`: log, projection, gateway and query in one process.
//!
//! ```text
//!  configuration ──▶ listeners ──▶ log ──▶ projection ──▶ gateway, query ──▶ serve ──signal──▶ drain ──▶ close
//!  refused first     ports taken   locked  locked          gRPC + HTTP                        deadline
//! ```

mod args;
mod books;
mod grpc;
mod health;
mod http;
mod process;
mod signing;
mod stop;

pub use args::Args;

use crate::backup::periodic::Backups;
use anyhow::Context;
use args::Checked;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use stop::Signals;
use tandem_gateway::{Gateway, Settings as GatewaySettings};
use tandem_log::{EmbeddedLog, EventLog, embedded};
use tandem_projection::{Projection, ProjectionServer, Publisher};
use tandem_query::{Books, QueryServer, Settings as QuerySettings};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// All that serves, in the order in which it was built.
pub(crate) struct Parts {
    pub log: Arc<EmbeddedLog>,
    pub projection: Projection,
    pub gateway: Arc<Gateway<EmbeddedLog>>,
    pub query: QueryServer<grpc::InProcess>,
    pub started: Instant,
    pub backups: Option<Backups>,
}

/// Serves until a signal; then drains and closes. A second signal ends the process at once.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let checked = args.check()?;
    let grpc = listen("--grpc", checked.grpc).await?;
    let http = listen("--http", checked.http).await?;
    let (grpc_at, http_at) = (grpc.local_addr()?, http.local_addr()?);
    let mut signals = Signals::new()?;
    let parts = Arc::new(build(&checked).await?);

    let stopping = CancellationToken::new();
    let health = health::Reports::new(&parts).await;
    let mut grpc = tokio::spawn(grpc::serve(grpc, checked.tls.clone(), parts.clone(), health.clone(), stopping.clone()));
    let mut http = tokio::spawn(http::serve(http, checked.tls.clone(), checked.authenticator.clone(), parts.clone(), stopping.clone()));
    tokio::spawn(back_up(parts.clone(), stopping.clone()));
    let follow = tokio::spawn(health.clone().follow(parts.clone()));
    // In one write, so that whoever waits for the first line can read both.
    crate::output::print(&format!("grpc {grpc_at}\nhttp {http_at}\n"))?;
    tracing::info!(grpc = %grpc_at, http = %http_at, data_dir = %checked.data_dir.display(), "serving");

    let ended = tokio::select! {
        signal = signals.next() => { tracing::info!(signal, "stopping"); Ok(()) }
        ended = &mut grpc => Err(("gRPC", ended)),
        ended = &mut http => Err(("HTTP", ended)),
    };
    follow.abort();
    health.not_serving().await;
    parts.gateway.drain();
    parts.query.drain();
    stopping.cancel();
    if ended.is_ok() {
        stop::drain(&mut signals, checked.drain, [&mut grpc, &mut http]).await;
    }
    close(&parts).await?;
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err((which, ended)) => {
            ended.context("a server panicked")??;
            anyhow::bail!("the {which} server ended by itself: see the log, and start again")
        }
    }
}

async fn listen(flag: &str, addr: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.with_context(|| format!("cannot listen on {addr}: name another address with {flag}"))
}

/// Takes backups until told to stop, if it was asked for.
async fn back_up(parts: Arc<Parts>, stopping: CancellationToken) {
    if let Some(backups) = &parts.backups {
        backups.run(parts.projection.clone(), parts.log.clone(), stopping).await;
    }
}

async fn build(checked: &Checked) -> anyhow::Result<Parts> {
    let backups = checked.backup.open(&checked.data_dir)?;
    let (log, projection) = open(&checked.data_dir, signing::publisher(checked)?).await?;
    // Now the directory is ours.
    crate::backup::tidy(&checked.data_dir);
    let known = grpc::Catalogue(projection.known());
    let settings = GatewaySettings { authenticator: checked.authenticator.clone(), known: Some(Arc::new(known)), ..GatewaySettings::default() };
    let gateway = Arc::new(Gateway::new(log.clone(), settings));
    let books = Books::in_one(ProjectionServer::new(projection.clone()).into_service());
    let query = QueryServer::new(books, QuerySettings { authenticator: checked.authenticator.clone(), limits: Default::default() });
    Ok(Parts { log, projection, gateway, query, started: Instant::now(), backups })
}

/// Opens log and projection, which blocks while they recover.
async fn open(data_dir: &Path, publisher: Arc<Publisher>) -> anyhow::Result<(Arc<EmbeddedLog>, Projection)> {
    let (log_dir, projection_dir) = (data_dir.join("log"), data_dir.join("projection"));
    let open = move || -> anyhow::Result<_> {
        let log = Arc::new(EmbeddedLog::open(log_dir, embedded::Options::default())?);
        let options = tandem_projection::Options { trim_after_bytes: Some(TRIM_AFTER_BYTES), publisher: Some(publisher), ..Default::default() };
        let projection = Projection::open(&projection_dir, log.clone(), options)?;
        Ok((log, projection))
    };
    spawn_blocking(open).await?
}

/// The log's frames go once the book holds their records: a quarter of a gigabyte at a time.
const TRIM_AFTER_BYTES: u64 = 256 << 20;

/// What is in the log's queue is made durable, and the round of the fold under way is committed.
async fn close(parts: &Parts) -> anyhow::Result<()> {
    let (log, projection) = (parts.log.clone(), parts.projection.clone());
    spawn_blocking(move || {
        log.close();
        projection.stop()
    })
    .await??;
    tracing::info!("stopped");
    Ok(())
}
