//! Bounds of a projection, what it holds, and whether it publishes.

use crate::Publisher;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How much memory and how many threads a projection may use, and whether it trims the log. The default suits a machine of two cores.
#[derive(Clone, Debug)]
pub struct Options {
    /// RocksDB's block cache, indexes and filters included. Write buffers come on top: 32 MiB each, see `buffers_bytes`.
    pub cache_bytes: usize,
    /// All write buffers together.
    pub buffers_bytes: usize,
    /// Frames of one round of the fold: it ends with the frame that reaches this many bytes.
    pub round_bytes: usize,
    /// Records of one round of the fold, about: they are counted by their bytes.
    pub round_records: usize,
    /// Cures of one council that one round carries out.
    pub round_cures: usize,
    /// Trim the log each time this many bytes of frames were folded, as far as the time before; `None`: never.
    pub trim_after_bytes: Option<u64>,
    /// Reads of the store at once, each on a thread of its own.
    pub reads_max: usize,
    /// Calls that may wait for a read or a position; the next is `RESOURCE_EXHAUSTED`.
    pub calls_max: usize,
    /// Streams at once; the next is `RESOURCE_EXHAUSTED`.
    pub streams_max: usize,
    /// Partitions of the log that it folds; `None`: all. Others may be added later if the log still has their first frames; what is left out
    /// later stays in the store and is not answered from.
    pub partitions: Option<BTreeSet<u32>>,
    /// Publishes the books' checkpoints, or as a standby only serves them; `None`: nothing of them is served.
    pub publisher: Option<Arc<Publisher>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 256 << 20,
            buffers_bytes: 768 << 20,
            round_bytes: 16 << 20,
            round_records: 131_072,
            round_cures: 8_192,
            trim_after_bytes: None,
            reads_max: 8,
            calls_max: 4_096,
            streams_max: 256,
            partitions: None,
            publisher: None,
        }
    }
}
