//! CSV files, plain or gzip, row by row. Bytes that are not UTF-8 concern their own row only.

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A CSV file that is being read.
pub struct Input {
    reader: csv::Reader<Box<dyn Read + Send>>,
    header: Vec<String>,
    record: csv::ByteRecord,
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The row as it stands; what is not UTF-8 is replaced.
    pub values: Vec<String>,
    /// Why it cannot be used.
    pub problem: Option<String>,
}

/// Counts the bytes that are read of a file, before they are unpacked.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// True for `-`: standard input.
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Input {
    /// Opens a file, or standard input for `-`. What begins as gzip is read as gzip, whatever its name.
    pub fn open(path: &Path, delimiter: u8) -> io::Result<Self> {
        if is_stdin(path) {
            return Self::new(io::stdin(), None, delimiter);
        }
        let file = File::open(path).map_err(|error| io::Error::new(error.kind(), format!("cannot be read: {error}")))?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::other("is a directory; name a CSV file"));
        }
        let total = metadata.is_file().then_some(metadata.len());
        Self::new(file, total, delimiter)
    }

    fn new(inner: impl Read + Send + 'static, total: Option<u64>, delimiter: u8) -> io::Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let mut counted = Counted { inner, read: read.clone() };
        let mut start = Vec::new();
        counted.by_ref().take(3).read_to_end(&mut start)?;
        let (is_gzip, has_mark) = (start.starts_with(&[0x1f, 0x8b]), start == [0xef, 0xbb, 0xbf]);
        let whole = io::Cursor::new(if has_mark { Vec::new() } else { start }).chain(counted);
        let plain: Box<dyn Read + Send> = match is_gzip {
            true => Box::new(MultiGzDecoder::new(BufReader::with_capacity(256 * 1024, whole))),
            false => Box::new(whole),
        };
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(true).buffer_capacity(256 * 1024).from_reader(plain);
        let header = reader.byte_headers().map_err(|error| io::Error::other(format!("has no header line that can be read: {error}")))?;
        let header = header.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim_start_matches('\u{feff}').to_owned()));
        let header = header
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| io::Error::other("line 1: the header is not UTF-8; convert the file, e.g. with iconv"))?;
        if header.is_empty() {
            return Err(io::Error::other("is empty: it has no header line"));
        }
        Ok(Self { reader, header, record: csv::ByteRecord::new(), read, total })
    }

    /// The names of its columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// How many bytes of the file have been read, as a counter that goes on; and how many there are, if that is known.
    pub fn progress(&self) -> (Arc<AtomicU64>, Option<u64>) {
        (self.read.clone(), self.total)
    }

    /// The next row, or none at the end.
    #[allow(clippy::should_implement_trait)] // an iterator cannot fail and borrow as this does
    pub fn next(&mut self) -> io::Result<Option<Row>> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => Ok(Some(self.row())),
            Ok(false) => Ok(None),
            Err(error) => Err(io::Error::other(format!("breaks off after line {}: {error}", self.reader.position().line()))),
        }
    }

    fn row(&self) -> Row {
        let line = self.record.position().map_or(0, csv::Position::line);
        let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        let values: Vec<_> = self.record.iter().map(text).collect();
        let problem = match self.record.iter().position(|field| std::str::from_utf8(field).is_err()) {
            Some(column) => {
                let name = self.header.get(column).map_or_else(|| format!("column {}", column + 1), |name| format!("{name:?}"));
                Some(format!("{name} is not UTF-8"))
            }
            None if values.len() != self.header.len() => Some(format!("has {} columns; the header has {}", values.len(), self.header.len())),
            None => None,
        };
        Row { line, values, problem }
    }
}

/// SHA-256 of a file, as hexadecimal digits.
pub fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn rows(bytes: &[u8], delimiter: u8) -> (Vec<String>, Vec<Row>) {
        let mut input = Input::new(io::Cursor::new(bytes.to_vec()), None, delimiter).unwrap();
        let rows = std::iter::from_fn(|| input.next().unwrap()).collect();
        (input.header, rows)
    }

    #[test]
    fn reads_plain_and_packed_files_with_quotes_and_marks() {
        let text = "\u{feff}a;b\n1;\"x;y\nz\"\n2;\n".as_bytes();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(text).unwrap();
        for bytes in [text.to_vec(), packed.finish().unwrap()] {
            let (header, rows) = rows(&bytes, b';');
            assert_eq!(header, ["a", "b"]);
            assert_eq!(rows[0].values, ["1", "x;y\nz"]);
            assert_eq!(rows[0].problem, None);
            assert_eq!((rows[0].line, rows[1].line), (2, 4));
        }
    }

    #[test]
    fn a_bad_row_does_not_stop_the_file() {
        let (_, rows) = rows(b"a,b\n1,\xff\n2\n3,4\n", b',');
        assert_eq!(rows[0].problem.as_deref(), Some("\"b\" is not UTF-8"));
        assert_eq!(rows[0].values, ["1", "\u{fffd}"]);
        assert_eq!(rows[1].problem.as_deref(), Some("has 1 columns; the header has 2"));
        assert_eq!(rows[1].line, 3);
        assert_eq!(rows[2].problem, None);
    }

    #[test]
    fn a_torn_gzip_is_an_error() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&b"a,b\n1,2\n".repeat(10_000)).unwrap();
        let bytes = packed.finish().unwrap();
        let mut input = Input::new(io::Cursor::new(bytes[..bytes.len() / 2].to_vec()), None, b',').unwrap();
        let error = loop {
            match input.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the end is missing"),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().starts_with("breaks off after line"), "{error}");
    }

    #[test]
    fn an_empty_file_says_so() {
        assert!(Input::new(io::empty(), None, b',').err().unwrap().to_string().contains("is empty"));
    }
}
