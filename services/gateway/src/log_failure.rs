//! What to tell a caller of an error of the log.

use crate::limits::RETRY_AFTER;
use std::time::Duration;
use tandem_log::Error;
use tandem_wire::status::Failure;

/// When to try a failed log again: somebody has to mend it and restart it first.
const FAILED_RETRY_AFTER: Duration = Duration::from_secs(10);

/// The failure of an append. Only where the log says so do we know that nothing was recorded.
pub(crate) fn failure(error: Error) -> Failure {
    match error {
        Error::Overloaded => Failure::Overloaded { what: "the log's queue is full", retry_after: RETRY_AFTER },
        Error::Closed => crate::gateway::stopping(),
        error @ Error::Failed { .. } => {
            tracing::error!(%error, "the log takes no more appends");
            Failure::Unavailable { why: "the log has failed and takes no more".into(), retry_after: FAILED_RETRY_AFTER }
        }
        error => {
            tracing::error!(%error, "append to the log failed");
            Failure::OutcomeUnknown { timed_out: false, why: "the log failed".into() }
        }
    }
}
