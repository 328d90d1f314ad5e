//! The published books over HTTP, as c2sp.org/tlog-tiles v0.1 says: below `/books/<council>/`, `checkpoint`, `tile/<L>/<N>[.p/<W>]` and
//! `tile/entries/<N>[.p/<W>]`. Anybody may read them: there is nothing personal in them.

use super::front::Front;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tandem_book::tile::{Kind, Tile};
use tonic::{Code, Status};

/// A tile, full or partial, never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Below which path the books are.
pub(super) const PREFIX: &str = "/books/";

/// Answers a path below [`PREFIX`].
pub(super) async fn answer(front: &Front, path: &str) -> Response {
    // The path as it was sent: nothing that has to be escaped is in a council or a tile.
    let Some((council, rest)) = path.strip_prefix(PREFIX).and_then(|path| path.split_once('/')) else {
        return unknown(format!("{path} is no book: there are /books/COUNCIL/checkpoint and /books/COUNCIL/tile/…"));
    };
    if rest == "checkpoint" {
        return match front.checkpoint(council).await {
            Ok(note) => served("text/plain; charset=utf-8", "no-cache", note),
            Err(status) => failed(&status),
        };
    }
    let tile: Tile = match rest.parse() {
        Ok(tile) => tile,
        Err(error) => return unknown(format!("{error}")),
    };
    let level = if let Kind::Hashes(level) = tile.kind() { Some(level.into()) } else { None };
    match front.tile(council, level, tile.index(), tile.width().into()).await {
        Ok(bytes) => served("application/octet-stream", FOR_EVER, bytes),
        Err(status) => failed(&status),
    }
}

fn served(content_type: &'static str, caching: &'static str, body: Vec<u8>) -> Response {
    let nosniff = (HeaderName::from_static("x-content-type-options"), "nosniff");
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, caching), nosniff], body).into_response()
}

/// What is not there now may be soon.
fn unknown(why: String) -> Response {
    (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-cache")], why + "\n").into_response()
}

fn failed(status: &Status) -> Response {
    match status.code() {
        Code::NotFound | Code::InvalidArgument | Code::FailedPrecondition => unknown(status.message().to_owned()),
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => {
            let headers = [(header::RETRY_AFTER, "1"), (header::CACHE_CONTROL, "no-store")];
            (StatusCode::SERVICE_UNAVAILABLE, headers, format!("{}\n", status.message())).into_response()
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CACHE_CONTROL, "no-store")], format!("{}\n", status.message())).into_response(),
    }
}
