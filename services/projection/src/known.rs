//! What councils have defined, for a gateway.

use crate::projection::Shared;
use rustc_hash::FxHashSet;
use std::sync::{Arc, PoisonError, RwLock};
use tandem_domain::tables::{DefinitionKind, Key, Rows, Table};

/// Looks into the catalogues as they are folded at this moment; they lag behind the log a little. A definition never goes away, so what
/// was found once is remembered.
#[derive(Clone)]
pub struct Known {
    shared: Arc<Shared>,
    found: Arc<RwLock<FxHashSet<Vec<u8>>>>,
}

impl Known {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, found: Arc::default() }
    }

    /// Whether the council has defined this service. False, too, if the store cannot be read.
    pub fn service(&self, council: &str, id: &str) -> bool {
        self.is_defined(DefinitionKind::Service, council, id)
    }

    /// Whether the council has defined this measure. False, too, if the store cannot be read.
    pub fn measure(&self, council: &str, id: &str) -> bool {
        self.is_defined(DefinitionKind::Measure, council, id)
    }

    /// Whether the council has defined this indicator. False, too, if the store cannot be read.
    pub fn indicator(&self, council: &str, id: &str) -> bool {
        self.is_defined(DefinitionKind::Indicator, council, id)
    }

    fn is_defined(&self, kind: DefinitionKind, council: &str, id: &str) -> bool {
        let mut key = Key::of(Table::Definition, council);
        key.byte(kind as u8).bytes(id.as_bytes());
        if self.found.read().unwrap_or_else(PoisonError::into_inner).contains(key.as_slice()) {
            return true;
        }
        let defined = match self.shared.store.get(Table::Definition, key.as_slice()) {
            Ok(row) => row.is_some(),
            Err(error) => {
                tracing::error!(%error, "cannot look into the catalogue");
                false
            }
        };
        if defined {
            self.found.write().unwrap_or_else(PoisonError::into_inner).insert(key.into_vec());
        }
        defined
    }
}
