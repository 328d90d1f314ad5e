//! tandem-gateway.
