//! How RocksDB is set for a log: values are written once, read soon, and forgotten in order.

use rocksdb::{DBCompressionType, DBRecoveryMode, Options, ReadOptions, WriteOptions};

const MIB: usize = 1024 * 1024;

/// Settings of the database.
pub(super) fn database(write_buffer_bytes: usize, create: bool) -> Options {
    let mut options = Options::default();
    options.create_if_missing(create);

    // The write-ahead log. Old files are written over rather than made anew: their size does not change then, and fdatasync has no
    // metadata to write (0.13 instead of 0.20 ms). Reading them needs to stop at the first record that is not whole: what follows it is
    // an older file's. Whether something acknowledged is missing then, `acknowledged` knows.
    options.set_recycle_log_file_num(4);
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_track_and_verify_wals_in_manifest(true);

    // Small write buffers: frames come nearly in order and are read back at once, there is nothing to gain from keeping more.
    options.set_write_buffer_size(write_buffer_bytes);
    options.set_max_write_buffer_number(4);
    // There is one writer thread, which does its own group commit.
    options.set_allow_concurrent_memtable_write(false);
    options.set_enable_write_thread_adaptive_yield(false);

    // Frames go to blob files, once, and compaction moves only their keys. A blob file goes when all frames in it are trimmed: moving
    // those that are not would write everything again.
    options.set_enable_blob_files(true);
    options.set_min_blob_size(64);
    options.set_blob_compression_type(DBCompressionType::None);
    options.set_enable_blob_gc(false);
    options.set_compression_type(DBCompressionType::None);

    options.set_paranoid_checks(true);
    options.set_max_background_jobs(2);
    options.set_max_open_files(512);
    options.set_advise_random_on_open(false);
    options.set_max_manifest_file_size(4 * MIB);
    // Its own text log.
    options.set_keep_log_file_num(4);
    options.set_max_log_file_size(4 * MIB);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

/// Durable when it returns.
pub(super) fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

/// From one key up to another.
pub(super) fn range(from: &[u8], to: &[u8]) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_verify_checksums(true);
    options.set_iterate_lower_bound(from);
    options.set_iterate_upper_bound(to);
    options
}
