//! tandem-log.
