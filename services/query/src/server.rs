//! `tandem.v1.QueryService`.

use crate::books::{Books, Client, Gathered, Part, Transport};
use crate::check::check;
use crate::front::{Answers, Front, Settings, empty_answer};
use crate::gathered;
use crate::question::Question;
use crate::upstream::Deadline;
use crate::{AuditServer, PublicationServer, value, watch};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tandem_proto::internal::v1 as internal;
use tandem_proto::v1::query_service_server::{QueryService, QueryServiceServer};
use tandem_proto::v1::{
    GetCatalogueRequest, GetCatalogueResponse, GetEntryRequest, GetEntryResponse, GetExchangeRequest, GetExchangeResponse, GetStatementRequest,
    GetStatementResponse, GetStatusRequest, GetStatusResponse, ListExchangesRequest, ListExchangesResponse, ListSuspenseRequest,
    ListSuspenseResponse, QueryValueRequest, QueryValueResponse, WatchValueRequest, WatchValueResponse,
};
use tandem_wire::auth::Role;
use tandem_wire::status::Failure;
use tonic::{Request, Response, Status};

/// Answers questions from the projections' partial results.
pub struct QueryServer<T>(Arc<Front<T>>);

impl<T> Clone for QueryServer<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Transport> QueryServer<T> {
    /// A query server in front of these books.
    pub fn new(books: Books<T>, settings: Settings) -> Self {
        Self(Arc::new(Front::new(books, settings)))
    }

    /// The service for `tonic::transport::Server::add_service`.
    pub fn service(&self) -> QueryServiceServer<Self> {
        QueryServiceServer::new(self.clone())
    }

    /// The books.
    pub fn books(&self) -> &Books<T> {
        &self.0.books
    }

    /// The auditors' front of the same books.
    pub fn audit(&self) -> AuditServer<T> {
        AuditServer::new(self.0.clone())
    }

    /// The front for tables for the public.
    pub fn publication(&self) -> PublicationServer<T> {
        PublicationServer::new(self.0.clone())
    }

    /// Begins a graceful stop: new calls are refused and streams end. Call it before the server's own shutdown, which waits for streams.
    pub fn drain(&self) {
        self.0.draining.cancel();
    }
}

/// A question about one council, passed on to the projection that holds its book.
macro_rules! pass_on {
    ($self:ident, $request:ident, $method:ident, $wrapper:ident) => {{
        let (question, deadline) = $self.0.admit($request, Role::Reader)?;
        let call = |mut projection: Client<T>, question| async move {
            projection.$method(deadline.request(internal::$wrapper { request: Some(question) })).await
        };
        let answer = $self.0.books.ask(question, deadline, call).await?;
        answer.response.map(Response::new).ok_or_else(empty_answer)
    }};
}

#[tonic::async_trait]
impl<T: Transport> QueryService for QueryServer<T> {
    async fn query_value(&self, request: Request<QueryValueRequest>) -> Result<Response<QueryValueResponse>, Status> {
        let principal = self.0.caller(request.metadata(), Role::Reader)?;
        let deadline = Deadline::of(request.metadata());
        let question = Question::new(request.into_inner())?;
        question.permitted(&principal)?;
        let _room = self.0.room()?;
        Ok(Response::new(value::page(&self.0, &question, deadline).await?))
    }

    type WatchValueStream = Answers<WatchValueResponse>;

    async fn watch_value(&self, request: Request<WatchValueRequest>) -> Result<Response<Self::WatchValueStream>, Status> {
        let principal = self.0.caller(request.metadata(), Role::Reader)?;
        let deadline = Deadline::of(request.metadata());
        let query = request.into_inner().query.ok_or_else(|| Failure::invalid("query", "is required"))?;
        let question = Question::watched(query)?;
        question.permitted(&principal)?;
        let full = |_| Failure::Overloaded { what: "too many watches at once", retry_after: Duration::from_secs(5) };
        let room = self.0.watches.clone().try_acquire_owned().map_err(full)?;
        let answers = watch::watch(self.0.clone(), question, deadline).await?;
        // The place is given back when the stream is dropped.
        let answers = answers.inspect(move |_| _ = &room);
        Ok(Response::new(self.0.until_stopped(answers)))
    }

    async fn get_exchange(&self, request: Request<GetExchangeRequest>) -> Result<Response<GetExchangeResponse>, Status> {
        pass_on!(self, request, get_exchange, GetExchangeRequest)
    }

    async fn list_exchanges(&self, request: Request<ListExchangesRequest>) -> Result<Response<ListExchangesResponse>, Status> {
        pass_on!(self, request, list_exchanges, ListExchangesRequest)
    }

    async fn get_statement(&self, request: Request<GetStatementRequest>) -> Result<Response<GetStatementResponse>, Status> {
        pass_on!(self, request, get_statement, GetStatementRequest)
    }

    async fn get_entry(&self, request: Request<GetEntryRequest>) -> Result<Response<GetEntryResponse>, Status> {
        pass_on!(self, request, get_entry, GetEntryRequest)
    }

    async fn list_suspense(&self, request: Request<ListSuspenseRequest>) -> Result<Response<ListSuspenseResponse>, Status> {
        pass_on!(self, request, list_suspense, ListSuspenseRequest)
    }

    async fn get_catalogue(&self, request: Request<GetCatalogueRequest>) -> Result<Response<GetCatalogueResponse>, Status> {
        pass_on!(self, request, get_catalogue, GetCatalogueRequest)
    }

    /// Of all councils a caller sees those that it may use; of the ones that it names it must be allowed each.
    async fn get_status(&self, request: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        let principal = self.0.caller(request.metadata(), Role::Reader)?;
        let deadline = Deadline::of(request.metadata());
        let question = request.into_inner();
        check(&question)?;
        for (index, council) in question.councils.iter().enumerate() {
            principal.require_council(&format!("councils[{index}]"), council)?;
        }
        let which = Gathered { councils: &question.councils, at_least: &question.at_least, allow_partial: question.allow_partial };
        let call = |mut projection: Client<T>, Part { partitions, at_least }| {
            let request = Some(GetStatusRequest { at_least, ..question.clone() });
            async move { projection.get_status(deadline.request(internal::GetStatusRequest { request, partitions })).await }
        };
        let (answers, missing) = self.0.books.ask_all(which, deadline, call).await?;
        let answers = answers.into_iter().map(|answer: internal::GetStatusResponse| answer.response.ok_or_else(empty_answer));
        let mut answer = gathered::status(answers.collect::<Result<_, _>>()?, missing, &question)?;
        answer.councils.retain(|status| status.reflects.as_ref().is_none_or(|reflects| principal.may_council(&reflects.council)));
        Ok(Response::new(answer))
    }
}
