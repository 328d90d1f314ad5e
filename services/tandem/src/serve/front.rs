//! The query server, in front of the projection of its own process or of others.

use tandem_projection::ProjectionServer;
use tandem_proto::internal::v1::projection_service_server::ProjectionServiceServer;
use tandem_query::QueryServer;
use tandem_wire::connect::Connection;
use tonic::Status;
use tonic::service::RoutesBuilder;

/// How query reaches the projection of its own process: without a network.
type InProcess = ProjectionServiceServer<ProjectionServer>;

/// A query server.
pub(super) enum Front {
    /// Its projection is in this process.
    Own(QueryServer<InProcess>),
    /// Its projections are others.
    Others(QueryServer<Connection>),
}

/// The same for both kinds.
macro_rules! both {
    ($self:ident, $query:ident => $body:expr) => {
        match $self {
            Front::Own($query) => $body,
            Front::Others($query) => $body,
        }
    };
}

impl Front {
    /// Adds its services.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        both!(self, query => routes.add_service(query.service()).add_service(query.audit().service()).add_service(query.publication().service()));
    }

    /// A book's signed checkpoint.
    pub async fn checkpoint(&self, council: &str) -> Result<Vec<u8>, Status> {
        both!(self, query => query.audit().public_checkpoint(council).await)
    }

    /// A tile of a published book or, without a level, an entry bundle.
    pub async fn tile(&self, council: &str, level: Option<u32>, index: u64, width: u32) -> Result<Vec<u8>, Status> {
        both!(self, query => query.audit().public_tile(council, level, index, width).await)
    }

    /// Takes no more calls.
    pub fn drain(&self) {
        both!(self, query => query.drain());
    }

    /// Why it can answer nothing at all; `None`: it can answer something.
    pub fn unready(&self) -> Option<String> {
        both!(self, query => query.books().unreached())
    }

    /// What cannot be answered now, a line each.
    pub fn notes(&self) -> String {
        let missing = both!(self, query => query.books().missing());
        // Who can answer nothing has said so.
        let missing = missing.filter(|_| self.unready().is_none());
        missing.map_or_else(String::new, |why| why + "\n") + &both!(self, query => query.books().report())
    }

    /// Appends gauges in Prometheus' text format.
    pub fn render_metrics(&self, out: &mut String) {
        both!(self, query => query.books().render_metrics(out));
    }
}
