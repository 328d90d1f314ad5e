//! What a council has defined.

use super::view::{View, corrupt};
use super::{Readable, reflected};
use prost::Message;
use tandem_domain::bytes::Corrupt;
use tandem_domain::rows::read_definition;
use tandem_domain::tables::Table;
use tandem_proto::v1::catalogue_item::Definition;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{CatalogueItem, CatalogueKind, Facts, GetCatalogueRequest, GetCatalogueResponse};
use tandem_wire::page::{self, Question};
use tandem_wire::status::Failure;

/// A page of one part of a catalogue by id.
pub fn get_catalogue<R: Readable>(view: &View<'_, R>, request: &GetCatalogueRequest) -> Result<GetCatalogueResponse, Failure> {
    let page_size = page::size(request.page_size)?;
    let kind = match CatalogueKind::try_from(request.kind) {
        Ok(CatalogueKind::Unspecified) => return Err(Failure::invalid("kind", "is required")),
        Ok(kind) => kind,
        Err(_) => return Err(Failure::invalid("kind", "must be one of the named kinds")),
    };
    let question =
        Question::of("GetCatalogue", &GetCatalogueRequest { page_size: 0, page_token: String::new(), at_least: Vec::new(), ..request.clone() });
    let from = question.from(&request.page_token)?;
    let mut prefix = view.key(Table::Definition);
    // The numbers of DefinitionKind are those of CatalogueKind.
    prefix.byte(kind as u8);
    let (mut items, mut last, mut more) = (Vec::new(), Vec::new(), false);
    view.scan(Table::Definition, &prefix, &from, |rest, row| {
        more = items.len() == page_size;
        if !more {
            items.push(item(row)?);
            last = rest.to_vec();
        }
        Ok(!more)
    })?;
    let next_page_token = if more { question.token(&last) } else { String::new() };
    Ok(GetCatalogueResponse { items, next_page_token, reflects: Some(reflected(view)?) })
}

fn item(row: &[u8]) -> Result<CatalogueItem, Failure> {
    let (sequence, facts) = read_definition(row).map_err(corrupt)?;
    let unreadable = || corrupt(Corrupt("Definition"));
    let definition = match Facts::decode(facts).map_err(|_| unreadable())?.body {
        Some(Body::ServiceDefined(service)) => Definition::Service(service),
        Some(Body::MeasureDefined(measure)) => Definition::Measure(measure),
        Some(Body::IndicatorDefined(indicator)) => Definition::Indicator(indicator),
        Some(Body::AreaDefined(area)) => Definition::Area(area),
        Some(Body::ValuationPublished(valuation)) => Definition::Valuation(valuation),
        _ => return Err(unreadable()),
    };
    Ok(CatalogueItem { sequence, definition: Some(definition) })
}
