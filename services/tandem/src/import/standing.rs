//! What the ledger counts for the councils of an import, before it and after it.

use super::gateway;
use crate::client::{Connection, explain};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tandem_proto::v1::GetStatusRequest;
use tandem_proto::v1::query_service_client::QueryServiceClient;
use tonic::Request;

/// Councils of one question.
const COUNCILS: usize = 1_000;

/// Counts of some councils together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Entries that took effect.
    pub applied: u64,
    /// Records that were exact duplicates.
    pub duplicate: u64,
    /// Entries in suspense.
    pub suspended: i64,
}

impl Counts {
    /// What was added since `before`. Suspense may have shrunk by cures, which are then applied.
    pub fn since(self, before: Self) -> Self {
        Self {
            applied: self.applied.saturating_sub(before.applied),
            duplicate: self.duplicate.saturating_sub(before.duplicate),
            suspended: self.suspended - before.suspended,
        }
    }

    fn add(&mut self, other: Self) {
        self.applied += other.applied;
        self.duplicate += other.duplicate;
        self.suspended += other.suspended;
    }
}

/// Counts of these councils when their views reflect at least these positions (by council; empty: any), and no cure is pending.
pub async fn counts(connection: Connection, positions: &BTreeMap<String, String>, patience: Duration) -> anyhow::Result<Counts> {
    let mut client = QueryServiceClient::new(connection).max_decoding_message_size(16 * 1024 * 1024);
    let until = tokio::time::Instant::now() + patience;
    let mut sum = Counts::default();
    let councils: Vec<_> = positions.iter().collect();
    for chunk in councils.chunks(COUNCILS) {
        let mut attempt = 0;
        loop {
            let mut request = Request::new(GetStatusRequest {
                councils: chunk.iter().map(|(council, _)| council.to_string()).collect(),
                page_size: COUNCILS as u32,
                at_least: chunk.iter().map(|(_, position)| position.to_string()).filter(|position| !position.is_empty()).collect(),
                ..GetStatusRequest::default()
            });
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            request.set_timeout(left.max(Duration::from_secs(1)));
            let answer = match client.get_status(request).await {
                Ok(answer) => answer.into_inner(),
                Err(status) => {
                    let wait = gateway::retry_after(&status, attempt).filter(|wait| *wait < left).ok_or_else(|| explain(&status))?;
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                    continue;
                }
            };
            let cures: u64 = answer.councils.iter().map(|council| council.cures_pending).sum();
            if cures > 0 && !left.is_zero() {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            for council in answer.councils {
                sum.add(Counts { applied: council.applied, duplicate: council.duplicates, suspended: i64::try_from(council.suspended)? });
            }
            break;
        }
    }
    Ok(sum)
}
