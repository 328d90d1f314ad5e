//! Rows through whole mappings.
