//! What the gateway counts.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters since the start, to be read at any time.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Events that became durable.
    pub events_recorded: AtomicU64,
    /// Their bytes, as the clients sent them.
    pub bytes_recorded: AtomicU64,
    /// Events refused because a field is wrong.
    pub events_invalid: AtomicU64,
    /// Events refused because their sender may not write that council or source.
    pub events_forbidden: AtomicU64,
    /// Events refused because the catalogue does not know an id and the call asked for that.
    pub events_unknown: AtomicU64,
    /// Requests (calls of `Record` and `RecordBatch`, batches of `RecordStream`) that were answered.
    pub requests_answered: AtomicU64,
    /// Requests refused for want of room.
    pub requests_overloaded: AtomicU64,
    /// Requests that failed otherwise.
    pub requests_failed: AtomicU64,
}

/// What is going on at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// `Record` calls.
    pub records: usize,
    /// `RecordBatch` calls.
    pub batches: usize,
    /// `RecordStream` calls.
    pub streams: usize,
    /// Bytes of events on their way to the log.
    pub bytes: usize,
}

impl Metrics {
    pub(crate) fn add(counter: &AtomicU64, amount: u64) {
        if amount > 0 {
            counter.fetch_add(amount, Relaxed);
        }
    }

    /// Appends them in Prometheus' text format.
    pub(crate) fn render(&self, now: InFlight, out: &mut String) {
        let mut family = |name: &str, kind: &str, help: &str, series: &[(&str, u64)]| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in series {
                let _ = writeln!(out, "{name}{labels} {value}");
            }
        };
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        family("tandem_gateway_events_recorded_total", "counter", "Events that became durable.", &[("", read(&self.events_recorded))]);
        family("tandem_gateway_bytes_recorded_total", "counter", "Bytes of the events that became durable.", &[("", read(&self.bytes_recorded))]);
        let refused = [
            ("{reason=\"invalid\"}", read(&self.events_invalid)),
            ("{reason=\"forbidden\"}", read(&self.events_forbidden)),
            ("{reason=\"unknown\"}", read(&self.events_unknown)),
        ];
        family("tandem_gateway_events_refused_total", "counter", "Events that were refused.", &refused);
        let requests = [
            ("{result=\"answered\"}", read(&self.requests_answered)),
            ("{result=\"overloaded\"}", read(&self.requests_overloaded)),
            ("{result=\"failed\"}", read(&self.requests_failed)),
        ];
        family("tandem_gateway_requests_total", "counter", "Calls, and batches of streams.", &requests);
        let calls = [
            ("{method=\"Record\"}", now.records as u64),
            ("{method=\"RecordBatch\"}", now.batches as u64),
            ("{method=\"RecordStream\"}", now.streams as u64),
        ];
        family("tandem_gateway_calls_in_flight", "gauge", "Calls going on.", &calls);
        family("tandem_gateway_bytes_in_flight", "gauge", "Bytes of events on their way to the log.", &[("", now.bytes as u64)]);
    }
}
