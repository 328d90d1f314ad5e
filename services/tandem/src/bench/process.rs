//! Memory of a process and space of a directory, as the kernel counts them.

use anyhow::Context;
use serde::Serialize;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Memory of a process, bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// Resident at most since it started (VmHWM).
    pub peak_bytes: u64,
    /// Resident now (VmRSS).
    pub now_bytes: u64,
    /// Resident now and not of a file (RssAnon).
    pub anonymous_bytes: u64,
}

impl Memory {
    /// Of a running process.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("cannot read the memory of process {pid}"))?;
        let bytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kib = line.and_then(|line| line.trim().strip_suffix("kB")).and_then(|digits| digits.trim().parse::<u64>().ok());
            kib.map(|kib| kib * 1_024).with_context(|| format!("process {pid} has no {name}"))
        };
        Ok(Self { peak_bytes: bytes("VmHWM")?, now_bytes: bytes("VmRSS")?, anonymous_bytes: bytes("RssAnon")? })
    }
}

/// Bytes that a directory takes on disk, in blocks, with all that is in it. Files that go away meanwhile count as gone.
pub fn disk_bytes(directory: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    let entries = std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    for entry in entries.filter_map(Result::ok) {
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += match metadata.is_dir() {
            true => disk_bytes(&entry.path()).unwrap_or(0),
            false => metadata.blocks() * 512,
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_a_directory_has_blocks() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.peak_bytes >= memory.now_bytes && memory.now_bytes > 0);
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("deep")).unwrap();
        std::fs::write(directory.path().join("deep/file"), vec![1; 10_000]).unwrap();
        assert!(disk_bytes(directory.path()).unwrap() >= 10_000);
        assert!(disk_bytes(&directory.path().join("none")).is_err());
    }
}
