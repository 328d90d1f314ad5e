//! What a gateway knows of the catalogues.

use futures::future::{BoxFuture, try_join_all};
use std::time::Duration;
use tandem_gateway::{Definitions, Known, Source};
use tandem_proto::v1::CatalogueKind;
use tandem_query::Books;
use tandem_wire::connect::Connection;
use tandem_wire::status::Failure;

/// The catalogue of the projection in the same process.
pub(super) struct Own(pub tandem_projection::Known);

impl Known for Own {
    fn service(&self, council: &str, id: &str) -> bool {
        self.0.service(council, id)
    }

    fn measure(&self, council: &str, id: &str) -> bool {
        self.0.measure(council, id)
    }

    fn indicator(&self, council: &str, id: &str) -> bool {
        self.0.indicator(council, id)
    }
}

/// How long a write may wait for a catalogue.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Catalogues of projections elsewhere.
pub(super) struct Learned(pub Books<Connection>);

impl Source for Learned {
    fn definitions<'a>(&'a self, council: &'a str) -> BoxFuture<'a, Result<Definitions, Failure>> {
        Box::pin(async move {
            let kinds = [CatalogueKind::Service, CatalogueKind::Measure, CatalogueKind::Indicator];
            let read = kinds.map(|kind| self.0.defined(council, kind, TIMEOUT));
            let unavailable = |status: tonic::Status| Failure::Unavailable {
                why: format!("require_known: the catalogue of {council} cannot be read ({})", status.message()),
                retry_after: Duration::from_secs(1),
            };
            let mut kinds = try_join_all(read).await.map_err(unavailable)?.into_iter().map(|ids| ids.into_iter().collect());
            let mut next = || kinds.next().unwrap_or_default();
            Ok(Definitions { services: next(), measures: next(), indicators: next() })
        })
    }
}
