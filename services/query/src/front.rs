//! What both services share: who may ask what, and the ways to the books.

use crate::books::{Books, Transport};
use crate::check::{Checked, check};
use crate::kept::Kept;
use crate::labels::Labels;
use crate::upstream::Deadline;
use futures::stream::{BoxStream, StreamExt, once};
use std::sync::Arc;
use std::time::Duration;
use tandem_wire::auth::{Authenticator, Principal, Role};
use tandem_wire::status::Failure;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

/// How much is done at once.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Value questions that are being answered; the next is `RESOURCE_EXHAUSTED`.
    pub values_max: usize,
    /// Watches; the next is `RESOURCE_EXHAUSTED`.
    pub watches_max: usize,
    /// Councils of one question that are asked at the same time.
    pub councils_at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { values_max: 256, watches_max: 128, councils_at_once: 16 }
    }
}

/// How a query server is set up.
#[derive(Debug)]
pub struct Settings {
    /// Who may call.
    pub authenticator: Authenticator,
    /// Bounds.
    pub limits: Limits,
}

/// What both services share.
pub(crate) struct Front<T> {
    pub books: Books<T>,
    pub labels: Labels,
    pub kept: Kept,
    pub limits: Limits,
    pub values: Semaphore,
    pub watches: Arc<Semaphore>,
    pub draining: CancellationToken,
    authenticator: Authenticator,
}

impl<T: Transport> Front<T> {
    pub fn new(books: Books<T>, settings: Settings) -> Self {
        let limits = settings.limits;
        Self {
            books,
            labels: Labels::default(),
            kept: Kept::default(),
            values: Semaphore::new(limits.values_max),
            watches: Arc::new(Semaphore::new(limits.watches_max)),
            limits,
            draining: CancellationToken::new(),
            authenticator: settings.authenticator,
        }
    }

    /// Who calls, if they have the role and we still take calls.
    pub fn caller(&self, metadata: &MetadataMap, role: Role) -> Result<Arc<Principal>, Status> {
        if self.draining.is_cancelled() {
            return Err(stopping());
        }
        let principal = self.authenticator.authenticate(metadata)?;
        principal.require(&[role])?;
        Ok(principal)
    }

    /// A checked request about one council from somebody who may ask it, and until when it is to be answered.
    pub fn admit<M: Checked>(&self, request: Request<M>, role: Role) -> Result<(M, Deadline), Status> {
        let principal = self.caller(request.metadata(), role)?;
        let deadline = Deadline::of(request.metadata());
        let message = request.into_inner();
        check(&message)?;
        let council = message.council().unwrap_or_default();
        principal.require_council("council", council)?;
        Ok((message, deadline))
    }

    /// Room for one more value question.
    pub fn room(&self) -> Result<SemaphorePermit<'_>, Failure> {
        let full = |_| Failure::Overloaded { what: "too many value questions at once", retry_after: Duration::from_millis(200) };
        self.values.try_acquire().map_err(full)
    }

    /// Ends a stream when the server stops, and says so.
    pub fn until_stopped<M: Send + 'static>(&self, stream: impl futures::Stream<Item = Result<M, Status>> + Send + 'static) -> Answers<M> {
        let draining = self.draining.clone();
        let farewell = once(async move { draining.is_cancelled().then(|| Err(stopping())) }).filter_map(std::future::ready);
        stream.take_until(self.draining.clone().cancelled_owned()).chain(farewell).boxed()
    }
}

/// Answers of a stream.
pub(crate) type Answers<M> = BoxStream<'static, Result<M, Status>>;

fn stopping() -> Status {
    Failure::Unavailable { why: "the query server is stopping".into(), retry_after: Duration::from_secs(1) }.into()
}

/// An answer of a projection without the message that it wraps.
pub(crate) fn empty_answer() -> Status {
    Failure::Internal("a projection's answer has no response: it is of another release".into()).into()
}
