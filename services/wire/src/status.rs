//! The one map from failures to gRPC status, with the standard `google.rpc` details: which field, why, whether to try again.

use std::{collections::HashMap, time::Duration};
use tandem_domain::event::Invalid;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt};

/// The domain of every `google.rpc.ErrorInfo` that Tandem sends.
pub const DOMAIN: &str = "tandem.v1";

/// Most violations that one status lists: details travel as a header, and those are small.
const VIOLATIONS_MAX: usize = 16;

/// Why a call fails, in words for its caller. Each crate turns its own errors into one of these; only here do they become status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Fields are wrong. Trying again does not help.
    Invalid(Vec<Invalid>),
    /// The request cannot be read at all: not protobuf, too large, cut off. Trying again does not help.
    Unreadable(String),
    /// No token, or one that nobody has.
    Unauthenticated(&'static str),
    /// This principal may not do that; the field says which part of the request it is about, empty for the whole call.
    Forbidden(Invalid),
    /// The system is not in a state for this request; the text says what to do first.
    Precondition {
        /// Constant name of the case, UPPER_SNAKE_CASE.
        reason: &'static str,
        /// What it is about.
        subject: String,
        /// What is wrong and what to do.
        description: String,
    },
    /// There is no such thing.
    NotFound(String),
    /// A bounded queue is full; nothing was recorded of this call, or what was may safely be sent again.
    Overloaded {
        /// What is full.
        what: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// Not now, and nothing was done; try again.
    Unavailable {
        /// Why.
        why: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// A write may or may not have become durable.
    OutcomeUnknown {
        /// True if time ran out, false if something broke.
        timed_out: bool,
        /// What happened.
        why: String,
    },
    /// A read ran out of time.
    Expired(String),
    /// Our own fault. The detail goes to the log, never to the caller.
    Internal(String),
}

impl Failure {
    /// One wrong field.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![Invalid::new(field, description)])
    }

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) | Self::Unreadable(_) => Code::InvalidArgument,
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::Forbidden(_) => Code::PermissionDenied,
            Self::Precondition { .. } => Code::FailedPrecondition,
            Self::NotFound(_) => Code::NotFound,
            Self::Overloaded { .. } => Code::ResourceExhausted,
            Self::Unavailable { .. } | Self::OutcomeUnknown { timed_out: false, .. } => Code::Unavailable,
            Self::OutcomeUnknown { timed_out: true, .. } | Self::Expired(_) => Code::DeadlineExceeded,
            Self::Internal(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_FIELD",
            Self::Unreadable(_) => "UNREADABLE_REQUEST",
            Self::Unauthenticated(_) => "UNAUTHENTICATED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::Precondition { reason, .. } => reason,
            Self::NotFound(_) => "NOT_FOUND",
            Self::Overloaded { .. } => "OVERLOADED",
            Self::Unavailable { .. } => "UNAVAILABLE",
            Self::OutcomeUnknown { .. } => "OUTCOME_UNKNOWN",
            Self::Expired(_) => "DEADLINE_EXCEEDED",
            Self::Internal(_) => "INTERNAL",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Invalid(violations) => match violations.as_slice() {
                [] => "the request is not valid".into(),
                [only] => only.to_string(),
                [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
            },
            Self::Forbidden(about) if about.field.is_empty() => about.description.clone(),
            Self::Forbidden(about) => about.to_string(),
            Self::Unauthenticated(text) => (*text).into(),
            Self::Precondition { description, .. } => description.clone(),
            Self::Overloaded { what, retry_after } => format!("{what}: try again in {} ms", retry_after.as_millis()),
            Self::Unavailable { why, retry_after } => format!("{why}: try again in {} ms", retry_after.as_millis()),
            Self::OutcomeUnknown { why, .. } => format!("{why}: the outcome is unknown; send the same event ids again, which records nothing twice"),
            Self::Unreadable(text) | Self::NotFound(text) | Self::Expired(text) => text.clone(),
            Self::Internal(_) => "internal error: it is not the request's fault; the server's log says more".into(),
        }
    }

    fn details(&self) -> ErrorDetails {
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason(), DOMAIN, HashMap::new());
        let field_violation = |about: &Invalid| FieldViolation::new(&about.field, &about.description);
        match self {
            Self::Invalid(violations) => {
                details.set_bad_request(violations.iter().take(VIOLATIONS_MAX).map(field_violation).collect::<Vec<_>>());
            }
            Self::Forbidden(about) if !about.field.is_empty() => {
                details.set_bad_request(vec![field_violation(about)]);
            }
            Self::Precondition { reason, subject, description } => {
                details.set_precondition_failure(vec![PreconditionViolation::new(*reason, subject, description)]);
            }
            Self::Overloaded { retry_after, .. } | Self::Unavailable { retry_after, .. } => {
                details.set_retry_info(Some(*retry_after));
            }
            _ => {}
        }
        details
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![invalid])
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        if let Failure::Internal(detail) = &failure {
            tracing::error!(detail, "internal error answered to a call");
        }
        Status::with_error_details(failure.code(), failure.message(), failure.details())
    }
}

/// The fields that a status says are wrong, in the order in which it lists them.
pub fn violations(status: &Status) -> Vec<Invalid> {
    let listed = status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    listed.into_iter().map(|about| Invalid::new(about.field, about.description)).collect()
}

/// The constant name of the case that a status is about; empty if it says none.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// What to say of a request that tonic could not read. Its own words name Rust's limits; ours say what to send instead.
/// `bytes_max` is the largest request that the call takes.
pub fn unreadable(status: Status, bytes_max: usize) -> Status {
    match status.code() {
        // Ours already.
        Code::InvalidArgument => status,
        Code::OutOfRange | Code::ResourceExhausted => {
            Failure::Unreadable(format!("the request is larger than {bytes_max} bytes: send less at once")).into()
        }
        Code::Internal => Failure::Unreadable(format!("the request cannot be read: {}", status.message())).into(),
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_field_carries_bad_request_and_error_info() {
        let status = Status::from(Failure::invalid("envelope.source", "is required"));
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "envelope.source: is required"));
        let details = status.get_error_details();
        let violations = &details.bad_request().expect("BadRequest").field_violations;
        assert_eq!((violations[0].field.as_str(), violations[0].description.as_str()), ("envelope.source", "is required"));
        let info = details.error_info().expect("ErrorInfo");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID_FIELD", DOMAIN));
        assert_eq!(
            (super::violations(&status), super::reason(&status)),
            (vec![Invalid::new("envelope.source", "is required")], "INVALID_FIELD".into())
        );
        assert_eq!((super::violations(&Status::internal("x")), super::reason(&Status::internal("x"))), (vec![], String::new()));
    }

    #[test]
    fn many_bad_fields_stay_small_enough_for_a_header() {
        let violations = (0..10_000).map(|n| Invalid::new(format!("events[{n}]"), "x".repeat(100))).collect();
        let status = Status::from(Failure::Invalid(violations));
        assert!(status.details().len() < 4_096, "{}", status.details().len());
        assert!(status.message().ends_with("(and 9999 more)"));
    }

    #[test]
    fn overload_says_when_to_try_again() {
        let status = Status::from(Failure::Overloaded { what: "the log's queue is full", retry_after: Duration::from_millis(250) });
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.message(), "the log's queue is full: try again in 250 ms");
        assert_eq!(status.get_error_details().retry_info().and_then(|info| info.retry_delay), Some(Duration::from_millis(250)));
    }

    #[test]
    fn internal_text_stays_inside() {
        let status = Status::from(Failure::Internal("/secret/path is broken".into()));
        assert!(!status.message().contains("secret"));
        assert!(!String::from_utf8_lossy(status.details()).contains("secret"));
    }

    #[test]
    fn an_unknown_outcome_says_what_to_do() {
        for (timed_out, code) in [(true, Code::DeadlineExceeded), (false, Code::Unavailable)] {
            let status = Status::from(Failure::OutcomeUnknown { timed_out, why: "the log did not answer".into() });
            assert_eq!(status.code(), code);
            assert!(status.message().contains("unknown") && status.message().contains("same event ids again"));
        }
    }

    #[test]
    fn what_tonic_cannot_read_is_the_callers_to_mend() {
        for code in [Code::OutOfRange, Code::ResourceExhausted, Code::Internal] {
            assert_eq!(unreadable(Status::new(code, "found 9 bytes"), 10).code(), Code::InvalidArgument);
        }
        assert_eq!(unreadable(Status::cancelled("gone"), 10).code(), Code::Cancelled);
    }
}
