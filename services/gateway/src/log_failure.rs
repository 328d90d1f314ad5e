//! What to tell a caller of an error of the log.

use crate::limits::RETRY_AFTER;
use tandem_log::Error;
use tandem_wire::status::Failure;

/// The failure of an append. Only of a full or closed log do we know that nothing was recorded.
pub(crate) fn failure(error: Error) -> Failure {
    match error {
        Error::Overloaded => Failure::Overloaded { what: "the log's queue is full", retry_after: RETRY_AFTER },
        Error::Closed => crate::gateway::stopping(),
        error => {
            tracing::error!(%error, "append to the log failed");
            Failure::OutcomeUnknown { timed_out: false, why: "the log failed".into() }
        }
    }
}
