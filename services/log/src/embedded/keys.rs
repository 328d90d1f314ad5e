//! What is stored under which key. These are storage formats: once written, they never change meaning.
//!
//! | key | value, after its checksum |
//! |---|---|
//! | partition (4) ‖ offset (8) | append time (8) ‖ encoded `Frame` |
//! | 0xFFFFFFFF ‖ `log` | format version (1, = 1) ‖ log id (16) ‖ partitions (4) |
//! | 0xFFFFFFFF ‖ `start` ‖ partition (4) | start (8) ‖ the log's newest append time when it was trimmed to there (8) |
//!
//! Numbers are big-endian, times microseconds since 1970 UTC. Each value begins with the CRC-32 (IEEE) of key ‖ rest of the value, in 4
//! bytes: RocksDB checks its files, this checks that what comes out of them is what was put in, under this very key.

use tandem_domain::position::LogId;

/// Length of a checksum.
const CHECKSUM: usize = 4;
/// What stands before the frame in its value.
pub(super) const FRAME_HEADER: usize = CHECKSUM + 8;
/// Format version of the whole.
const VERSION: u8 = 1;
/// Prefix of the rows that are not frames.
const OTHER: [u8; 4] = [0xff; 4];

/// Key of a frame.
pub(super) type FrameKey = [u8; 12];

/// The key of the frame at an offset.
pub(super) fn frame_key(partition: u32, offset: u64) -> FrameKey {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&partition.to_be_bytes());
    key[4..].copy_from_slice(&offset.to_be_bytes());
    key
}

/// The offset that a key names, if it is a frame's key in this partition.
pub(super) fn offset_in(partition: u32, key: &[u8]) -> Option<u64> {
    let (head, tail) = key.split_first_chunk::<4>()?;
    (u32::from_be_bytes(*head) == partition).then_some(u64::from_be_bytes(tail.try_into().ok()?))
}

/// Finishes a frame's value, whose first [`FRAME_HEADER`] bytes were left free.
pub(super) fn seal_frame(key: &FrameKey, append_us: u64, value: &mut [u8]) {
    value[CHECKSUM..FRAME_HEADER].copy_from_slice(&append_us.to_be_bytes());
    let checksum = checksum(key, &value[CHECKSUM..]);
    value[..CHECKSUM].copy_from_slice(&checksum);
}

/// Append time and encoded frame of a frame's value.
pub(super) fn open_frame<'a>(key: &[u8], value: &'a [u8]) -> Option<(u64, &'a [u8])> {
    let (append_us, frame) = unseal(key, value)?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*append_us), frame))
}

/// Key of what the log is.
pub(super) fn log_key() -> Vec<u8> {
    [&OTHER[..], b"log"].concat()
}

/// What the log is.
pub(super) fn log_value(id: LogId, partitions: u32) -> Vec<u8> {
    seal(&log_key(), &[&[VERSION][..], &id.0, &partitions.to_be_bytes()].concat())
}

/// What the log is, or what is wrong with that row.
pub(super) fn open_log(value: &[u8]) -> Result<(LogId, u32), &'static str> {
    let rest = unseal(&log_key(), value).ok_or("the row that says which log this is cannot be read")?;
    match rest.split_first() {
        Some((&VERSION, rest)) => {
            let (id, partitions) = rest.split_first_chunk::<16>().ok_or("the row that says which log this is is too short")?;
            let partitions = partitions.try_into().map(u32::from_be_bytes).map_err(|_| "the row that says which log this is has a wrong length")?;
            Ok((LogId(*id), partitions))
        }
        _ => Err("it is of a format that this program does not know: use a newer one"),
    }
}

/// Key of a partition's start; without the row it is 0.
pub(super) fn start_key(partition: u32) -> Vec<u8> {
    [&OTHER[..], b"start", &partition.to_be_bytes()].concat()
}

/// A partition's start, and the log's newest append time at that moment: when every frame is trimmed, no other row knows it.
pub(super) fn start_value(partition: u32, start: u64, append_us: u64) -> Vec<u8> {
    seal(&start_key(partition), &[start.to_be_bytes(), append_us.to_be_bytes()].concat())
}

/// A partition's start, and the newest append time then.
pub(super) fn open_start(partition: u32, value: &[u8]) -> Option<(u64, u64)> {
    let (start, append_us) = unseal(&start_key(partition), value)?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*start), u64::from_be_bytes(append_us.try_into().ok()?)))
}

fn checksum(key: &[u8], rest: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(rest);
    hasher.finalize().to_be_bytes()
}

fn seal(key: &[u8], rest: &[u8]) -> Vec<u8> {
    [&checksum(key, rest)[..], rest].concat()
}

fn unseal<'a>(key: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
    let (sum, rest) = value.split_first_chunk::<CHECKSUM>()?;
    (*sum == checksum(key, rest)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_fixed_vectors() {
        let key = frame_key(1, 2);
        assert_eq!(key, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        let mut value = [&[0; FRAME_HEADER][..], b"frame"].concat();
        seal_frame(&key, 3, &mut value);
        // python3 -c 'import zlib,struct; print(hex(zlib.crc32(struct.pack(">IQQ", 1, 2, 3) + b"frame")))'
        assert_eq!(value, [&FRAME_CRC[..], &[0, 0, 0, 0, 0, 0, 0, 3], b"frame"].concat());
        assert_eq!(open_frame(&key, &value), Some((3, &b"frame"[..])));
        assert_eq!(offset_in(1, &key), Some(2));
        assert_eq!(offset_in(2, &key), None);
    }

    /// See above.
    const FRAME_CRC: [u8; 4] = [0xea, 0xc7, 0x17, 0x9c];

    #[test]
    fn a_value_is_good_for_its_own_key_only() {
        let key = frame_key(1, 2);
        let mut value = vec![0; FRAME_HEADER + 100];
        seal_frame(&key, 3, &mut value);
        assert_eq!(open_frame(&frame_key(1, 3), &value), None);
        for at in 0..value.len() {
            let mut damaged = value.clone();
            damaged[at] ^= 1 << (at % 8);
            assert_eq!(open_frame(&key, &damaged), None, "byte {at}");
            assert_eq!(open_frame(&key, &value[..at]), None, "length {at}");
        }
    }

    #[test]
    fn other_rows_go_there_and_back() {
        let id = LogId([9; 16]);
        let value = log_value(id, 16);
        assert_eq!(open_log(&value), Ok((id, 16)));
        assert!(open_log(&value[..value.len() - 1]).is_err());
        let newer = seal(&log_key(), &[2, 1, 1]);
        assert!(open_log(&newer).unwrap_err().contains("newer"));
        assert_eq!(open_start(3, &start_value(3, 77, 88)), Some((77, 88)));
        assert_eq!(open_start(4, &start_value(3, 77, 88)), None);
        assert!(offset_in(u32::MAX, &log_key()).is_none());
    }
}
