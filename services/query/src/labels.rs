//! Names for people, from the councils' catalogues.

use crate::books::{Books, Client, Transport};
use crate::front::empty_answer;
use crate::upstream::Deadline;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tandem_proto::internal::v1 as internal;
use tandem_proto::v1::catalogue_item::Definition;
use tandem_proto::v1::{CatalogueItem, CatalogueKind, CouncilReflected, Dimension, GetCatalogueRequest};
use tonic::Status;

/// Names by id.
pub(crate) type Names = Arc<HashMap<String, String>>;

/// Items of one call.
const PAGE: u32 = 1_000;
/// Calls for one catalogue: ids beyond 50,000 go without a name.
const PAGES_MAX: usize = 50;
/// Catalogues that are kept. Beyond it all are forgotten, which costs a few calls.
const KEPT_MAX: usize = 512;

/// The names last read. A catalogue stands in the book, so it is as it was while the book is no longer.
#[derive(Default)]
pub(crate) struct Labels(Mutex<HashMap<(String, CatalogueKind), (u64, Names)>>);

/// The part of a catalogue that names a dimension's values.
pub(crate) fn kind_of(dimension: Dimension) -> Option<CatalogueKind> {
    match dimension {
        Dimension::Service => Some(CatalogueKind::Service),
        Dimension::Measure => Some(CatalogueKind::Measure),
        Dimension::Area | Dimension::ParentArea => Some(CatalogueKind::Area),
        _ => None,
    }
}

impl Labels {
    /// Names as they are in the book that an answer reflects, or in a later one.
    pub async fn names<T: Transport>(
        &self,
        books: &Books<T>,
        at: &CouncilReflected,
        kind: CatalogueKind,
        deadline: Deadline,
    ) -> Result<Names, Status> {
        let key = (at.council.clone(), kind);
        if let Some((entries, names)) = self.kept().get(&key)
            && *entries >= at.entries
        {
            return Ok(names.clone());
        }
        let (entries, items) = read(books, at, kind, deadline).await?;
        // Areas come by vintage, ascending: the newest name stays.
        let names: Names = Arc::new(items.into_iter().filter(|(_, name)| !name.is_empty()).collect());
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, (entries, names.clone()));
        Ok(names)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<(String, CatalogueKind), (u64, Names)>> {
        // Whoever panicked with it left a map of whole entries.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids of one kind that a council has defined.
pub(crate) async fn ids<T: Transport>(books: &Books<T>, council: &str, kind: CatalogueKind, deadline: Deadline) -> Result<Vec<String>, Status> {
    let at = CouncilReflected { council: council.into(), ..Default::default() };
    Ok(read(books, &at, kind, deadline).await?.1.into_iter().map(|(id, _)| id).collect())
}

/// Reads a catalogue, page by page: ids and names, and the size of the book that its first page reflects.
async fn read<T: Transport>(
    books: &Books<T>,
    at: &CouncilReflected,
    kind: CatalogueKind,
    deadline: Deadline,
) -> Result<(u64, Vec<(String, String)>), Status> {
    let mut items = Vec::new();
    let mut entries = None;
    let mut page_token = String::new();
    // Another projection than the one that answered may have to catch up.
    let at_least: Vec<String> = Some(at.position.clone()).filter(|position| !position.is_empty()).into_iter().collect();
    for _ in 0..PAGES_MAX {
        let (council, at_least) = (at.council.clone(), at_least.clone());
        let question = GetCatalogueRequest { council, kind: kind.into(), page_size: PAGE, page_token, at_least };
        let call = |mut projection: Client<T>, question| async move {
            projection.get_catalogue(deadline.request(internal::GetCatalogueRequest { request: Some(question) })).await
        };
        let answer = books.ask(question, deadline, call).await?.response.ok_or_else(empty_answer)?;
        entries = entries.or(answer.reflects.map(|reflects| reflects.entries));
        items.extend(answer.items.into_iter().filter_map(id_and_name));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok((entries.unwrap_or_default(), items))
}

fn id_and_name(item: CatalogueItem) -> Option<(String, String)> {
    Some(match item.definition? {
        Definition::Service(service) => (service.id, service.name),
        Definition::Measure(measure) => (measure.id, measure.name),
        Definition::Indicator(indicator) => (indicator.id, indicator.name),
        Definition::Area(area) => (area.area, area.name),
        Definition::Valuation(valuation) => (valuation.id, valuation.name),
    })
}
