//! How every server runs: addresses taken, parts built, served until a signal, drained, closed.

use super::listening::Listening;
use super::parts::Parts;
use super::stop::{self, Signals};
use super::{grpc, health, http};
use anyhow::Context;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves until a signal; then drains and closes. A second signal ends the process at once.
pub(super) async fn run(listening: Listening, build: impl Future<Output = anyhow::Result<Parts>>) -> anyhow::Result<ExitCode> {
    let grpc = listen("--grpc", listening.grpc).await?;
    let http = listen("--http", listening.http).await?;
    let (grpc_at, http_at) = (grpc.local_addr()?, http.local_addr()?);
    let mut signals = Signals::new()?;
    let parts = Arc::new(build.await?);

    let stopping = CancellationToken::new();
    let health = health::Reports::new(&parts).await;
    let mut grpc = tokio::spawn(grpc::serve(grpc, listening.tls.clone(), parts.clone(), health.clone(), stopping.clone()));
    let mut http = tokio::spawn(http::serve(http, listening.tls, listening.authenticator, parts.clone(), stopping.clone()));
    let follow = tokio::spawn(health.clone().follow(parts.clone()));
    let (backed_up, until) = (parts.clone(), stopping.clone());
    tokio::spawn(async move { backed_up.back_up(until).await });
    // In one write, so that whoever waits for the first line can read both.
    crate::output::print(&format!("grpc {grpc_at}\nhttp {http_at}\n"))?;
    tracing::info!(grpc = %grpc_at, http = %http_at, "serving");

    let ended = tokio::select! {
        signal = signals.next() => { tracing::info!(signal, "stopping"); Ok(()) }
        ended = &mut grpc => Err(("gRPC", ended)),
        ended = &mut http => Err(("HTTP", ended)),
    };
    follow.abort();
    health.not_serving(&parts).await;
    parts.drain();
    stopping.cancel();
    if ended.is_ok() {
        stop::drain(&mut signals, listening.drain, [&mut grpc, &mut http]).await;
    }
    parts.close().await?;
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
