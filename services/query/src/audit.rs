//! `tandem.v1.AuditService`: books and their entries, for auditors.

use crate::books::{Client, Gathered, Part, Transport};
use crate::check::check;
use crate::front::{Answers, Front, empty_answer};
use crate::gathered;
use crate::upstream::{Deadline, pass_on};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tandem_proto::internal::v1 as internal;
use tandem_proto::v1::audit_service_server::{AuditService, AuditServiceServer};
use tandem_proto::v1::{
    GetCheckpointRequest, GetCheckpointResponse, GetConsistencyProofRequest, GetConsistencyProofResponse, GetReceiptRequest, GetReceiptResponse,
    ListBooksRequest, ListBooksResponse, ReadEntriesRequest, ReadEntriesResponse,
};
use tandem_wire::auth::Role;
use tonic::{Request, Response, Status};

/// How long a call of the public paths may take.
const PUBLIC_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers auditors. It is made by [`crate::QueryServer::audit`], and stops with it.
pub struct AuditServer<T>(Arc<Front<T>>);

impl<T> Clone for AuditServer<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Transport> AuditServer<T> {
    pub(crate) fn new(front: Arc<Front<T>>) -> Self {
        Self(front)
    }

    /// The service for `tonic::transport::Server::add_service`.
    pub fn service(&self) -> AuditServiceServer<Self> {
        AuditServiceServer::new(self.clone())
    }

    /// A book's signed checkpoint, for whoever asks: nothing in it is personal.
    pub async fn public_checkpoint(&self, council: &str) -> Result<Vec<u8>, Status> {
        let question = GetCheckpointRequest { council: council.into() };
        check(&question)?;
        let deadline = Deadline::within(PUBLIC_TIMEOUT);
        let call = |mut projection: Client<T>, question| async move {
            projection.get_checkpoint(deadline.request(internal::GetCheckpointRequest { request: Some(question) })).await
        };
        let answer = self.0.books.ask(question, deadline, call).await?;
        Ok(answer.response.ok_or_else(empty_answer)?.checkpoint)
    }

    /// A tile (or, without a level, an entry bundle) of a published book, for whoever asks.
    pub async fn public_tile(&self, council: &str, level: Option<u32>, index: u64, width: u32) -> Result<Vec<u8>, Status> {
        check(&GetCheckpointRequest { council: council.into() })?;
        let question = internal::ReadTileRequest { council: council.into(), level, index, width };
        let deadline = Deadline::within(PUBLIC_TIMEOUT);
        let call = |mut projection: Client<T>, question| async move { projection.read_tile(deadline.request(question)).await };
        Ok(self.0.books.ask(question, deadline, call).await?.data)
    }
}

/// A question about one book, passed on to the projection that holds it.
macro_rules! pass_on {
    ($self:ident, $request:ident, $method:ident, $wrapper:ident) => {{
        let (question, deadline) = $self.0.admit($request, Role::Auditor)?;
        let call = |mut projection: Client<T>, question| async move {
            projection.$method(deadline.request(internal::$wrapper { request: Some(question) })).await
        };
        let answer = $self.0.books.ask(question, deadline, call).await?;
        answer.response.map(Response::new).ok_or_else(empty_answer)
    }};
}

#[tonic::async_trait]
impl<T: Transport> AuditService for AuditServer<T> {
    /// A caller sees the books that it may use; a page may therefore hold fewer than asked, or none, and still have a next one.
    async fn list_books(&self, request: Request<ListBooksRequest>) -> Result<Response<ListBooksResponse>, Status> {
        let principal = self.0.caller(request.metadata(), Role::Auditor)?;
        let deadline = Deadline::of(request.metadata());
        let question = request.into_inner();
        check(&question)?;
        let which = Gathered { councils: &[], at_least: &[], allow_partial: question.allow_partial };
        let call = |mut projection: Client<T>, Part { partitions, .. }| {
            let request = Some(question.clone());
            async move { projection.list_books(deadline.request(internal::ListBooksRequest { request, partitions })).await }
        };
        let (answers, missing) = self.0.books.ask_all(which, deadline, call).await?;
        let answers = answers.into_iter().map(|answer: internal::ListBooksResponse| answer.response.ok_or_else(empty_answer));
        let mut answer = gathered::books(answers.collect::<Result<_, _>>()?, missing, &question)?;
        answer.books.retain(|book| principal.may_council(&book.council));
        Ok(Response::new(answer))
    }

    async fn get_checkpoint(&self, request: Request<GetCheckpointRequest>) -> Result<Response<GetCheckpointResponse>, Status> {
        pass_on!(self, request, get_checkpoint, GetCheckpointRequest)
    }

    async fn get_receipt(&self, request: Request<GetReceiptRequest>) -> Result<Response<GetReceiptResponse>, Status> {
        pass_on!(self, request, get_receipt, GetReceiptRequest)
    }

    async fn get_consistency_proof(&self, request: Request<GetConsistencyProofRequest>) -> Result<Response<GetConsistencyProofResponse>, Status> {
        pass_on!(self, request, get_consistency_proof, GetConsistencyProofRequest)
    }

    type ReadEntriesStream = Answers<ReadEntriesResponse>;

    async fn read_entries(&self, request: Request<ReadEntriesRequest>) -> Result<Response<Self::ReadEntriesStream>, Status> {
        let (question, deadline) = self.0.admit(request, Role::Auditor)?;
        let call = |mut projection: Client<T>, question| async move {
            projection.read_entries(deadline.request(internal::ReadEntriesRequest { request: Some(question) })).await
        };
        let entries = self.0.books.ask(question, deadline, call).await?;
        let entries = entries.map(|answer| answer.map_err(pass_on)?.response.ok_or_else(empty_answer));
        Ok(Response::new(self.0.until_stopped(entries)))
    }
}
