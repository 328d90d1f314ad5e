//! When a call's answer is of no use any more.

use std::time::{Duration, Instant};
use tonic::metadata::MetadataMap;

/// Of a call that names none.
const DEFAULT: Duration = Duration::from_secs(30);
/// The longest that a call may name: more is as good as none.
const MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The end of a call's time, a little early, so that there is still time to say how far it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// From the header `grpc-timeout`.
    pub fn of(metadata: &MetadataMap) -> Self {
        let named = metadata.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(parse);
        let timeout = named.unwrap_or(DEFAULT).min(MAX);
        Self::after(timeout - timeout / 20)
    }

    /// So long from now.
    pub fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout.min(MAX))
    }

    pub fn instant(self) -> Instant {
        self.0
    }

    /// What a future gives before the deadline; `None` if it does not.
    pub async fn timeout<F: Future>(self, future: F) -> Option<F::Output> {
        tokio::time::timeout_at(self.0.into(), future).await.ok()
    }
}

/// At most eight digits and a unit, as gRPC over HTTP/2 has it.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(["1H", "2M", "3S", "4m", "5000u", "6000000n"].map(parse), [3_600_000, 120_000, 3_000, 4, 5, 6].map(ms));
        for bad in ["", "S", "1", "1s", "-1S", "123456789S", "1,S", "１S"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
