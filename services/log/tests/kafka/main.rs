//! The log in Kafka as its users meet it, against a real broker.

mod faults;
mod mock;
mod opening;
mod support;

use support::place;

tandem_log::conformance_tests!(optional place);
