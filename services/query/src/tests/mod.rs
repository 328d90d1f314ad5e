//! The whole server in front of a projection that answers what a test says.

mod areas;
mod as_of;
mod asking;
mod fake;
mod publishing;
mod values;
mod watching;

use crate::{Books, QueryServer, Settings};
use fake::Fake;
use std::sync::Arc;
use tandem_proto::internal::v1::projection_service_server::ProjectionServiceServer;
use tandem_proto::v1::{Dimension, QueryValueRequest, Scope};
use tandem_wire::auth::Authenticator;
use tonic::{Request, Status};
use tonic_types::StatusExt;

type Server = QueryServer<ProjectionServiceServer<Fake>>;

/// A server that knows nobody.
fn server(fake: &Fake) -> Server {
    with(fake, Authenticator::local())
}

fn with(fake: &Fake, authenticator: Authenticator) -> Server {
    QueryServer::new(Books::in_one(ProjectionServiceServer::new(fake.clone())), Settings { authenticator, limits: Default::default() })
}

/// A server whose token "secret" may what is said. printf %s secret | sha256sum
fn with_rights(fake: &Fake, rights: &str) -> Server {
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let tokens = format!("[[principal]]\nname = \"ana\"\ntoken_sha256 = \"{hash}\"\n{rights}");
    with(fake, Authenticator::from_toml(&tokens).unwrap())
}

/// A request with that token.
fn signed<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", "Bearer secret".parse().unwrap());
    request
}

/// Response rate of one council by service.
fn question() -> QueryValueRequest {
    QueryValueRequest {
        scope: Some(Scope { councils: vec!["E09000001".into()], ..Default::default() }),
        metrics: vec!["response_rate".into()],
        group_by: vec![Dimension::Service.into()],
        ..Default::default()
    }
}

/// The fields that a status says are wrong.
fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|request| request.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

fn shared<T>(value: T) -> Arc<std::sync::Mutex<T>> {
    Arc::new(std::sync::Mutex::new(value))
}
