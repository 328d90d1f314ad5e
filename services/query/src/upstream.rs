//! Calls to projections: with the caller's deadline, and with answers that are fit to be passed on.

use std::time::Duration;
use tandem_wire::status::{Failure, reason};
use tokio::time::{Instant, timeout_at};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};

/// When the caller stops waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// From the metadata `grpc-timeout`; without it there is none.
    pub fn of(metadata: &MetadataMap) -> Self {
        let timeout = metadata.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(parse_timeout);
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// Somebody who waits for ever.
    pub fn none() -> Self {
        Self(None)
    }

    /// So much time from now on.
    pub fn within(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    /// A request that carries what is left of it.
    pub fn request<M>(self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        if let Some(at) = self.0 {
            request.set_timeout(at.saturating_duration_since(Instant::now()));
        }
        request
    }

    /// Waits for a projection's answer, until then.
    pub async fn call<M>(self, answer: impl Future<Output = Result<Response<M>, Status>>) -> Result<M, Status> {
        let answer = match self.0 {
            None => answer.await,
            Some(at) => timeout_at(at, answer).await.map_err(|_| expired())?,
        };
        answer.map(Response::into_inner).map_err(pass_on)
    }
}

fn expired() -> Status {
    Failure::Expired("the answer was not ready before the call's deadline: allow more time, or ask for less".into()).into()
}

/// The part of a projection's status that is meant for callers: not its headers, and not what only says that something broke.
pub(crate) fn pass_on(status: Status) -> Status {
    match status.code() {
        _ if is_broken(&status) => {
            tracing::warn!(%status, "a projection cannot be reached");
            Failure::Unavailable { why: "the projection that holds this book cannot be reached".into(), retry_after: Duration::from_secs(1) }.into()
        }
        Code::Unknown => Failure::Internal(format!("a projection answered: {status}")).into(),
        code => Status::with_details(code, status.message(), status.details().to_vec().into()),
    }
}

/// Whether the connection broke, or was never made: a projection's own words carry details and have no cause on this side.
fn is_broken(status: &Status) -> bool {
    let says_nothing = status.details().is_empty();
    let has_cause = std::error::Error::source(status).is_some();
    says_nothing && (status.code() == Code::Unavailable || has_cause && matches!(status.code(), Code::Unknown | Code::Internal | Code::Cancelled))
}

/// Whether another projection of the same partitions may answer instead: this one is away, does not serve, or does not hold them any more.
pub(crate) fn is_away(status: &Status) -> bool {
    status.code() == Code::Unavailable || reason(status) == "OTHER_PARTITION"
}

/// Reads a `grpc-timeout`: at most 8 digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = !digits.is_empty() && digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = is_number.then(|| digits.parse().ok())??;
    Some(match unit {
        "H" => Duration::from_secs(number * 60 * 60),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        for (text, expected) in [("5S", 5_000), ("250m", 250), ("2M", 120_000), ("1H", 3_600_000), ("99999999m", 99_999_999), ("3000u", 3)] {
            assert_eq!(parse_timeout(text), Some(Duration::from_millis(expected)), "{text}");
        }
        for text in ["", "S", "5", "5x", "-5S", "+5S", "123456789S", "5 S", "５S"] {
            assert_eq!(parse_timeout(text), None, "{text}");
        }
    }

    #[test]
    fn what_broke_stays_inside() {
        let status = pass_on(Status::unknown("transport error at 10.0.0.7"));
        assert_eq!((status.code(), status.message().contains("10.0.0.7")), (Code::Internal, false));
        let status = pass_on(Status::unavailable("tcp connect error at 10.0.0.7"));
        assert_eq!((status.code(), status.message().contains("10.0.0.7")), (Code::Unavailable, false));
        assert!(is_away(&status) && !is_away(&Status::deadline_exceeded("")));
        let moved = Failure::Precondition { reason: "OTHER_PARTITION", subject: "partitions/3".into(), description: "ask another".into() };
        assert!(is_away(&Status::from(moved)));
        let own = Status::from(Failure::NotFound("no exchange plan-7".into()));
        let passed = pass_on(own.clone());
        assert_eq!((passed.code(), passed.message(), passed.details()), (own.code(), own.message(), own.details()));
    }

    #[tokio::test]
    async fn a_call_ends_with_its_deadline() {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", "20m".parse().unwrap());
        let deadline = Deadline::of(&metadata);
        assert!(deadline.request(()).metadata().contains_key("grpc-timeout"));
        let never = std::future::pending::<Result<Response<()>, Status>>();
        assert_eq!(deadline.call(never).await.unwrap_err().code(), Code::DeadlineExceeded);
        assert!(!Deadline::of(&MetadataMap::new()).request(()).metadata().contains_key("grpc-timeout"));
    }
}
