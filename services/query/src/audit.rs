//! `tandem.v1.AuditService`: books and their entries, for auditors.

use crate::books::Transport;
use crate::check::check;
use crate::front::{Answers, Front, empty_answer};
use crate::upstream::{Deadline, pass_on};
use futures::StreamExt;
use std::sync::Arc;
use tandem_proto::internal::v1 as internal;
use tandem_proto::v1::audit_service_server::{AuditService, AuditServiceServer};
use tandem_proto::v1::{ListBooksRequest, ListBooksResponse, ReadEntriesRequest, ReadEntriesResponse};
use tandem_wire::auth::Role;
use tonic::{Request, Response, Status};

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
}

#[tonic::async_trait]
impl<T: Transport> AuditService for AuditServer<T> {
    /// A caller sees the books that it may use; a page may therefore hold fewer than asked, or none, and still have a next one.
    async fn list_books(&self, request: Request<ListBooksRequest>) -> Result<Response<ListBooksResponse>, Status> {
        let principal = self.0.caller(request.metadata(), Role::Auditor)?;
        let deadline = Deadline::of(request.metadata());
        let question = request.into_inner();
        check(&question)?;
        let wrapped = deadline.request(internal::ListBooksRequest { request: Some(question) });
        let answer = deadline.call(self.0.books.all().list_books(wrapped)).await?;
        let mut answer = answer.response.ok_or_else(empty_answer)?;
        answer.books.retain(|book| principal.may_council(&book.council));
        Ok(Response::new(answer))
    }

    type ReadEntriesStream = Answers<ReadEntriesResponse>;

    async fn read_entries(&self, request: Request<ReadEntriesRequest>) -> Result<Response<Self::ReadEntriesStream>, Status> {
        let (question, deadline, mut books) = self.0.admit(request, Role::Auditor)?;
        let wrapped = deadline.request(internal::ReadEntriesRequest { request: Some(question) });
        let entries = deadline.call(books.read_entries(wrapped)).await?;
        let entries = entries.map(|answer| answer.map_err(pass_on)?.response.ok_or_else(empty_answer));
        Ok(Response::new(self.0.until_stopped(entries)))
    }
}
