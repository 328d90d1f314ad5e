//! The HTTP server: health checks for machines that do not speak gRPC, metrics in Prometheus' text format, and the published books.

use super::parts::Parts;
use super::{books, process};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::fmt::Write;
use std::sync::Arc;
use tandem_log::Statistics;
use tandem_wire::auth::Authenticator;
use tandem_wire::listen::{Tls, server};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

/// What there is.
const PATHS: &str = "there are /healthz, /readyz, /metrics and, where questions are answered, /books/COUNCIL/checkpoint\n";

/// What the handlers need.
#[derive(Clone)]
struct Context {
    parts: Arc<Parts>,
    authenticator: Authenticator,
}

/// Serves until told to stop, with TLS if the gRPC server has it.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    authenticator: Authenticator,
    parts: Arc<Parts>,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/books/{*path}", get(book))
        .fallback(|| async { (StatusCode::NOT_FOUND, PATHS) })
        .with_state(Context { parts, authenticator });
    server(tls.as_ref())?
        .accept_http1(true)
        .add_routes(Routes::from(router))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopping.cancelled_owned())
        .await?;
    Ok(())
}

async fn ready(State(context): State<Context>) -> Response {
    match context.parts.unready() {
        None => format!("ready\n{}", context.parts.notes()).into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n{}", context.parts.notes())).into_response(),
    }
}

async fn book(State(context): State<Context>, uri: Uri) -> Response {
    match &context.parts.front {
        Some(front) => books::answer(front, uri.path()).await,
        None => (StatusCode::NOT_FOUND, PATHS).into_response(),
    }
}

/// Counts tell something about a council: where there are tokens, one of them is needed.
async fn metrics(State(context): State<Context>, headers: HeaderMap) -> Response {
    if let Err(status) = context.authenticator.authenticate(&MetadataMap::from_headers(headers)) {
        return (StatusCode::UNAUTHORIZED, format!("{}\n", status.message())).into_response();
    }
    let parts = &context.parts;
    let mut text = String::new();
    if let Some(gateway) = &parts.gateway {
        gateway.render_metrics(&mut text);
    }
    if let Some(log) = &parts.log {
        render_log(&log.statistics(), &mut text);
    }
    if let Some(projection) = &parts.projection {
        projection.render_metrics(&mut text);
    }
    if let Some(front) = &parts.front {
        front.render_metrics(&mut text);
    }
    if let Some(backups) = &parts.backups {
        backups.render(&mut text);
    }
    process::render(parts.started, &mut text);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn render_log(log: &Statistics, out: &mut String) {
    let families = [
        ("tandem_log_commits_total", "counter", "Commits, each with one fsync.", log.commits),
        ("tandem_log_frames_total", "counter", "Frames appended.", log.frames),
        ("tandem_log_records_total", "counter", "Records appended.", log.records),
        ("tandem_log_bytes_total", "counter", "Bytes of frames appended.", log.bytes),
        ("tandem_log_queue_bytes", "gauge", "Bytes that wait to be made durable.", log.queue_bytes as u64),
        ("tandem_log_appends_waiting", "gauge", "Appends that wait for room in the queue.", log.appends_waiting as u64),
        ("tandem_log_failed", "gauge", "1 if a commit failed, so that the log takes no more appends.", u64::from(log.failed)),
    ];
    for (name, kind, help, value) in families {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }
}
