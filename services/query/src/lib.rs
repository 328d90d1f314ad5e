//! tandem-query.
