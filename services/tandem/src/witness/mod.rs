//! `tandem witness`: a server that cosigns the checkpoints of books that it watches (c2sp.org/tlog-witness), and the client of one for
//! `tandem serve --witness`.
//!
//! ```text
//!  POST /add-checkpoint ──▶ read ──▶ signed by a key of the book? ──▶ lock the memory ──▶ goes on from the last? ──▶ fsync ──▶ cosign
//! ```

mod cosigner;
mod memory;
mod post;

pub use post::HttpPost;

use crate::keygen;
use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cosigner::{Cosigner, Reply};
use memory::Memory;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tandem_book::key::VerifierKey;
use tandem_book::witness::{REQUEST_BYTES_MAX, SIZE_CONTENT_TYPE, Watched};
use tandem_wire::listen::{check_listen, server};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

/// Largest file of watched logs.
const LOGS_BYTES_MAX: usize = 1024 * 1024;

/// Runs a witness: cosigns checkpoints of books, each of which goes on from all that it cosigned of that book before
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  tandem keygen --witness witness.example.org/w1 --out witness.key
  tandem witness --key witness.key --logs logs.txt --state witness-state --new

LOGS has a line for each book: its vkey, and after a space its origin if that is not the key's name. Empty lines and lines that begin with
# are passed over. The state is what makes a witness one: without it, it would cosign a second history. It is made with --new, once; if it
is lost, make a new key, so that nobody takes the cosignatures of a forgetful witness for those of the old one.
When it serves, it prints `http ADDRESS`. Others reach it through a reverse proxy that has the certificate: it listens on loopback only.")]
pub struct Args {
    /// File of the books to watch
    #[arg(long, value_name = "FILE")]
    logs: PathBuf,
    /// File of the key that cosigns; `tandem keygen --witness NAME` makes one
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Directory of what it has cosigned
    #[arg(long, value_name = "DIRECTORY")]
    state: PathBuf,
    /// Make the state: this key has never cosigned anything
    #[arg(long)]
    new: bool,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
}

/// Serves until a signal.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    check_listen(args.listen, false, false).context("a witness has neither TLS nor tokens: put a reverse proxy in front of it")?;
    let (key, watched) = (keygen::read(&args.key)?, read_logs(&args.logs)?);
    let memory = Memory::open(&args.state, &key.verifier(), args.new)?;
    let cosigner = Arc::new(Cosigner::new(key, watched, memory)?);
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}: name another with --listen", args.listen))?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/healthz", get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(cosigner.clone());
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    crate::output::print(&format!("http {address}\n"))?;
    tracing::info!(%address, books = cosigner.watched().len(), key = %cosigner.verifier(), "witnessing");
    server(None)?
        .accept_http1(true)
        .add_routes(Routes::from(router))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), async {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        })
        .await?;
    Ok(ExitCode::SUCCESS)
}

async fn add_checkpoint(State(cosigner): State<Arc<Cosigner>>, body: Bytes) -> Response {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let reply = tokio::task::spawn_blocking(move || cosigner.add_checkpoint(&body, now)).await;
    let reply = reply.unwrap_or_else(|error| Reply { status: 500, is_size: false, body: format!("the witness panicked: {error}\n") });
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if reply.is_size { SIZE_CONTENT_TYPE } else { "text/plain; charset=utf-8" };
    (status, [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], reply.body).into_response()
}

/// Reads the books to watch.
fn read_logs(path: &Path) -> anyhow::Result<Vec<Watched>> {
    let bytes = crate::audit::read_file(path, LOGS_BYTES_MAX).with_context(|| format!("cannot read {}", path.display()))?;
    let text = std::str::from_utf8(&bytes).ok().filter(|_| bytes.len() <= LOGS_BYTES_MAX);
    let text = text.with_context(|| format!("{} is no text of at most {LOGS_BYTES_MAX} bytes", path.display()))?;
    let lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let watched: Vec<Watched> = lines
        .map(|(number, line)| {
            let (key, origin) = line.split_once(' ').map_or((line, None), |(key, origin)| (key, Some(origin.trim())));
            let key: VerifierKey = key.parse().with_context(|| format!("{}, line {number}", path.display()))?;
            Ok(Watched { origin: origin.unwrap_or(key.name()).to_owned(), key })
        })
        .collect::<anyhow::Result<_>>()?;
    ensure!(!watched.is_empty(), "{} names no book: a line for each, its vkey", path.display());
    Ok(watched)
}

#[cfg(test)]
mod tests;
