//! What librdkafka says: to our log, and kept for the next error that needs a reason.

use crate::{Error, lock};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use std::sync::{Arc, Mutex};

/// The newest trouble with the brokers, in one line.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    fn note(&self, what: String) {
        *lock(&self.0) = Some(what);
    }

    /// It, as the end of a sentence.
    pub fn told(&self) -> String {
        lock(&self.0).as_ref().map_or_else(String::new, |what| format!(": {what}"))
    }
}

/// Context of the clients that have no other.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(pub Trouble);

impl ClientContext for Heard {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => tracing::error!(facility, "{}", one_line(message)),
            // That a broker is away is said by the error callback, and again and again here.
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => tracing::info!(facility, "{}", one_line(message)),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::debug!(facility, "{}", one_line(message)),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let reason = one_line(reason);
        tracing::warn!(%error, reason, "trouble with kafka");
        self.0.note(reason);
    }
}

impl ConsumerContext for Heard {}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A failure of a client, as an error that may go away.
pub(super) fn io(what: &str, error: &KafkaError, trouble: &Trouble) -> Error {
    Error::Io { what: format!("{what}: {}{}", one_line(&reason(error)), trouble.told()) }
}

/// What an error says, without what kind of Rust value it is.
pub(super) fn reason(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(code) => code.to_string(),
        None => error.to_string(),
    }
}
