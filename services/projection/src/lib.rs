//! tandem-projection.
