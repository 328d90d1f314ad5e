//! The embedded log as its users meet it.

mod damage;
mod disk_full;
mod faults;
mod opening;
mod power_loss;
mod space;
mod support;

use support::place;

tandem_log::conformance_tests!(place);
