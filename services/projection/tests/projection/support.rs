//! A log in memory that can be held back, cut and falsified; a projection over it; what it holds.

use bytes::Bytes;
use prost::Message;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tandem_domain::position::{LogId, Position, partition_of};
use tandem_log::{Error, EventLog, StoredFrame};
use tandem_projection::{Health, Options, Projection, ProjectionServer};
use tandem_proto::v1::{Frame, Record};

/// Frames by partition, in memory.
#[derive(Debug)]
pub struct MemoryLog {
    id: LogId,
    partitions: u32,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    frames: Vec<Vec<StoredFrame>>,
    starts: Vec<u64>,
    /// Readers see no frame while this is set.
    held: bool,
    trims: usize,
}

impl MemoryLog {
    pub fn new(id: u8, partitions: u32) -> Arc<Self> {
        let state = State { frames: vec![Vec::new(); partitions as usize], starts: vec![0; partitions as usize], ..Default::default() };
        Arc::new(Self { id: LogId([id; 16]), partitions, state: Mutex::new(state), changed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Appends one frame; answers with the position of its last record.
    pub fn push(&self, council: &str, records: &[Record], append_us: u64) -> Position {
        let frame = Frame { version: 1, council: council.into(), records: records.to_vec(), original_append_us: 0 };
        let (partition, bytes) = (partition_of(council, self.partitions), Bytes::from(frame.encode_to_vec()));
        let offset = self.push_bytes(partition, bytes, append_us);
        Position { log: self.id, partition, offset, index: records.len() as u32 - 1 }
    }

    /// Appends whatever it is given.
    pub fn push_bytes(&self, partition: u32, bytes: Bytes, append_us: u64) -> u64 {
        let mut state = self.state();
        let frames = &mut state.frames[partition as usize];
        let offset = frames.len() as u64;
        frames.push(StoredFrame { partition, offset, append_us, bytes });
        drop(state);
        self.changed.notify_all();
        offset
    }

    pub fn hold(&self, held: bool) {
        self.state().held = held;
        self.changed.notify_all();
    }

    /// Loses the newest frame of a partition.
    pub fn pop(&self, partition: u32) {
        self.state().frames[partition as usize].pop();
    }

    pub fn trims(&self) -> usize {
        self.state().trims
    }

    /// A log of the same frames with another identity, or only its first frames.
    pub fn copy(&self, id: u8, frames_max: usize) -> Arc<Self> {
        let copy = Self::new(id, self.partitions);
        let cut = |frames: &Vec<StoredFrame>| frames.iter().take(frames_max).cloned().collect();
        copy.state().frames = self.state().frames.iter().map(cut).collect();
        copy
    }
}

impl EventLog for MemoryLog {
    fn id(&self) -> LogId {
        self.id
    }

    fn partitions(&self) -> u32 {
        self.partitions
    }

    async fn append(&self, council: &str, records: Vec<Bytes>) -> Result<Position, Error> {
        let records: Vec<Record> = records.into_iter().map(|record| Record::decode(record).unwrap()).collect();
        Ok(self.push(council, &records, 1))
    }

    async fn try_append(&self, council: &str, records: Vec<Bytes>) -> Result<Position, Error> {
        self.append(council, records).await
    }

    fn read(&self, partition: u32, from: u64, bytes_max: usize) -> Result<Vec<StoredFrame>, Error> {
        let state = self.state();
        let (frames, start) = (&state.frames[partition as usize], state.starts[partition as usize]);
        if from < start {
            return Err(Error::Trimmed { partition, offset: from, start });
        }
        let mut bytes = 0;
        let fits = |frame: &&StoredFrame| {
            bytes += frame.bytes.len();
            bytes == frame.bytes.len() || bytes <= bytes_max
        };
        Ok(frames.iter().skip(from as usize).take_while(fits).cloned().collect())
    }

    fn start(&self, partition: u32) -> Result<u64, Error> {
        Ok(self.state().starts[partition as usize])
    }

    fn end(&self, partition: u32) -> Result<u64, Error> {
        Ok(self.state().frames[partition as usize].len() as u64)
    }

    fn wait(&self, offsets: &[u64], timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut state = self.state();
        loop {
            let more = offsets.iter().zip(&state.frames).any(|(offset, frames)| (frames.len() as u64) > *offset);
            if more && !state.held {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    fn trim(&self, partition: u32, before: u64) -> Result<(), Error> {
        let mut state = self.state();
        let start = &mut state.starts[partition as usize];
        *start = before.max(*start);
        state.trims += 1;
        Ok(())
    }

    fn close(&self) {}
}

/// Small caches: these stores are small, and there are many.
pub fn options() -> Options {
    Options { cache_bytes: 8 << 20, ..Options::default() }
}

pub fn open(path: &Path, log: &Arc<MemoryLog>) -> Projection {
    Projection::open(path, log.clone(), options()).unwrap()
}

/// Waits until everything in the log is folded, cures too, or the projection has failed.
pub fn settle(projection: &Projection) -> Health {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let health = projection.health().borrow().clone();
        if matches!(health, Health::Failed(_))
            || (health == Health::Serving && projection.lag_frames() == 0 && metric(projection, "cures_pending") == 0)
        {
            return health;
        }
        assert!(Instant::now() < deadline, "waited in vain for the fold: {health:?}, {} frames", projection.lag_frames());
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn metric(projection: &Projection, name: &str) -> u64 {
    let mut text = String::new();
    projection.render_metrics(&mut text);
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("tandem_projection_{name} ")));
    line.unwrap().parse().unwrap()
}

/// Every row: table, key, merged value.
pub type Dump = Vec<(u8, Vec<u8>, Vec<u8>)>;

/// Every row, merged.
pub fn dump(path: &Path) -> Dump {
    try_dump(path).unwrap()
}

pub fn try_dump(path: &Path) -> Result<Dump, tandem_projection::Error> {
    let mut rows = Dump::new();
    tandem_projection::dump(path, |table, key, value| rows.push((table as u8, key.to_vec(), value.to_vec())))?;
    Ok(rows)
}

/// Two dumps must be the same; if not, says where they part.
#[track_caller]
pub fn assert_same(found: &[(u8, Vec<u8>, Vec<u8>)], expected: &[(u8, Vec<u8>, Vec<u8>)], what: &str) {
    if let Some((a, b)) = found.iter().zip(expected).find(|(a, b)| a != b) {
        panic!("{what}: rows part at\n  {:02x} {:?} = {:?}\n  {:02x} {:?} = {:?}", a.0, text(&a.1), text(&a.2), b.0, text(&b.1), text(&b.2));
    }
    assert_eq!(found.len(), expected.len(), "{what}: number of rows");
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Copies a store as a killed process would leave it: what it wrote is there, nothing is closed. RocksDB tidies up in the background:
/// a copy during which files came, went or grew is no state that a kill could leave, and is made again.
pub fn copy_directory(from: &Path, to: &Path) {
    let mut before = listing(from);
    loop {
        let _ = std::fs::remove_dir_all(to); // the first time there is none
        std::fs::create_dir_all(to).unwrap();
        let copied = before.iter().all(|(name, _)| std::fs::copy(from.join(name), to.join(name)).is_ok());
        let after = listing(from);
        if copied && before == after {
            return;
        }
        before = after;
    }
}

/// Names and lengths of what RocksDB reads when it opens.
fn listing(directory: &Path) -> Vec<(std::ffi::OsString, u64)> {
    let entries = std::fs::read_dir(directory).unwrap().filter_map(Result::ok);
    let mut files: Vec<_> = entries.filter_map(|entry| Some((entry.file_name(), entry.metadata().ok()?.len()))).collect();
    files.retain(|(name, _)| name != "LOCK" && !name.to_string_lossy().starts_with("LOG"));
    files.sort();
    files
}

/// Everything about a projection over a log that runs for one test.
pub struct Running {
    pub log: Arc<MemoryLog>,
    pub projection: Projection,
    pub server: ProjectionServer,
    _directory: tempfile::TempDir,
}

impl Running {
    pub fn start(partitions: u32) -> Self {
        let (log, directory) = (MemoryLog::new(7, partitions), tempfile::tempdir().unwrap());
        let projection = open(directory.path(), &log);
        Self { server: ProjectionServer::new(projection.clone()), log, projection, _directory: directory }
    }
}
