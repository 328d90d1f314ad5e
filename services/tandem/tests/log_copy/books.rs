//! What a projection makes of a log.

use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;
use tandem_domain::rows::Book;
use tandem_domain::tables::Table;
use tandem_log::embedded::Options as LogOptions;
use tandem_log::{EmbeddedLog, EventLog};
use tandem_projection::{Health, Options, Projection, dump};

/// Every row that does not say where in the log something stood: table, key, merged value.
#[derive(Clone, Debug)]
pub struct Books(Vec<(Table, Vec<u8>, Vec<u8>)>);

/// Folds the log of a data directory to its end into the projection there.
pub fn folded(data_dir: &Path) -> Books {
    let log = Arc::new(EmbeddedLog::open(data_dir.join("log"), LogOptions::default()).unwrap());
    fold(&data_dir.join("projection"), log)
}

/// Folds a log to its end into a new projection.
pub fn folded_on<L: EventLog>(log: L) -> Books {
    let directory = tempfile::tempdir().unwrap();
    fold(directory.path(), Arc::new(log))
}

fn fold<L: EventLog>(path: &Path, log: Arc<L>) -> Books {
    let projection = Projection::open(path, log.clone(), Options { cache_bytes: 8 << 20, ..Options::default() }).unwrap();
    loop {
        let health = projection.health().borrow().clone();
        assert!(!matches!(health, Health::Failed(_)), "{health:?}");
        let mut metrics = String::new();
        projection.render_metrics(&mut metrics);
        if health == Health::Serving && projection.lag_frames() == 0 && metrics.lines().any(|line| line == "tandem_projection_cures_pending 0") {
            break;
        }
        sleep(Duration::from_millis(5));
    }
    projection.stop().unwrap();
    drop(projection);
    let mut rows = Vec::new();
    dump(path, |table, key, value| match table {
        Table::Cursor | Table::Meta => {}
        Table::Book => {
            let book = Book { partition: 0, offset: 0, index: 0, ..Book::decode(value).unwrap() };
            rows.push((table, key.to_vec(), encoded(&book)));
        }
        _ => rows.push((table, key.to_vec(), value.to_vec())),
    })
    .unwrap();
    Books(rows)
}

fn encoded(book: &Book) -> Vec<u8> {
    let mut out = Vec::new();
    book.encode(&mut out);
    out
}

impl Books {
    /// Entries of all of them.
    pub fn entries(&self) -> usize {
        self.0.iter().filter(|(table, ..)| *table == Table::Entry).count()
    }

    /// The same but for the count of exact duplicates, which are in no book.
    pub fn without_duplicates(mut self) -> Self {
        for (_, _, value) in self.0.iter_mut().filter(|(table, ..)| *table == Table::Book) {
            *value = encoded(&Book { duplicates: 0, ..Book::decode(value).unwrap() });
        }
        self
    }

    /// Panics where they part.
    #[track_caller]
    pub fn assert_same(&self, found: &Self, what: &str) {
        if let Some((one, other)) = self.0.iter().zip(&found.0).find(|(one, other)| one != other) {
            panic!(
                "{what}: rows part at\n  {:?} {} = {}\n  {:?} {} = {}",
                one.0,
                text(&one.1),
                text(&one.2),
                other.0,
                text(&other.1),
                text(&other.2)
            );
        }
        assert_eq!(self.0.len(), found.0.len(), "{what}: number of rows");
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
