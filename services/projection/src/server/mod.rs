//! `tandem.internal.v1.ProjectionService`: each call waits for the positions it asks for, takes one snapshot and reads it on a thread
//! that may block.

mod deadline;
mod streams;
mod wait;

use crate::progress::Health;
use crate::projection::{Projection, Shared};
use crate::read::{self, Audit, EntriesQuestion, View, check_council};
use crate::store::Snapshot;
use deadline::Deadline;
use std::sync::Arc;
use std::time::Duration;
use tandem_proto::internal::v1::projection_service_server::{ProjectionService, ProjectionServiceServer};
use tandem_proto::internal::v1::{
    AggregateRequest, AggregateResponse, GetCatalogueRequest, GetCatalogueResponse, GetCheckpointRequest, GetCheckpointResponse,
    GetConsistencyProofRequest, GetConsistencyProofResponse, GetEntryRequest, GetEntryResponse, GetExchangeRequest, GetExchangeResponse,
    GetLatticeRequest, GetLatticeResponse, GetReceiptRequest, GetReceiptResponse, GetStatementRequest, GetStatementResponse, GetStatusRequest,
    GetStatusResponse, ListBooksRequest, ListBooksResponse, ListExchangesRequest, ListExchangesResponse, ListSuspenseRequest, ListSuspenseResponse,
    ReadEntriesRequest, ReadEntriesResponse, ReadTileRequest, ReadTileResponse, WatchBooksRequest, WatchBooksResponse, WatchPartitionsRequest,
    WatchPartitionsResponse,
};
use tandem_wire::status::Failure;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::Iter;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

/// When to try again after a refusal for want of room, or while the projection does not serve.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// The service over a projection. Clones share their bounds. The calls are the methods of the generated trait `ProjectionService`, for
/// whoever is in the same process; [`ProjectionServer::into_service`] is for the wire.
#[derive(Clone)]
pub struct ProjectionServer {
    /// Keeps the threads running for as long as somebody serves.
    projection: Projection,
    reads: Arc<Semaphore>,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl ProjectionServer {
    /// Serves this projection within the bounds of its options.
    pub fn new(projection: Projection) -> Self {
        let options = &projection.shared.options;
        let bound = |permits: usize| Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)));
        Self { reads: bound(options.reads_max), calls: bound(options.calls_max), streams: bound(options.streams_max), projection }
    }

    /// For `tonic::transport::Server::add_service`.
    pub fn into_service(self) -> ProjectionServiceServer<Self> {
        ProjectionServiceServer::new(self)
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.projection.shared
    }

    /// Answers one call: admits it, waits for `at_least`, and reads under one snapshot.
    async fn answer<T: Send + 'static>(
        &self,
        metadata: &MetadataMap,
        about: About<'_>,
        read: impl FnOnce(&Snapshot<'_>, &Shared, Deadline) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let _call = self.calls.try_acquire().map_err(|_| Failure::Overloaded { what: "too many reads at once", retry_after: RETRY_AFTER })?;
        let deadline = Deadline::of(metadata);
        serving(self.shared())?;
        about.councils.iter().try_for_each(|council| self.shared().partitions.require(council))?;
        wait::until_caught_up(self.shared(), deadline).await?;
        wait::until_reflected(self.shared(), about.at_least, about.councils, deadline).await?;
        self.read(deadline, move |snapshot, shared| read(snapshot, shared, deadline)).await
    }

    /// Reads under one snapshot on a thread that may block, when one of the bounded number is free.
    async fn read<T: Send + 'static>(
        &self,
        deadline: Deadline,
        read: impl FnOnce(&Snapshot<'_>, &Shared) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = match deadline.timeout(self.reads.clone().acquire_owned()).await {
            Some(Ok(permit)) => permit,
            Some(Err(_)) => unreachable!("the semaphore is never closed"),
            None => return Err(Failure::Expired("no read was free before the call's deadline: ask again".into())),
        };
        let shared = self.shared().clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            read(&shared.store.snapshot(), &shared)
        });
        reading.await.map_err(|error| Failure::Internal(format!("a read panicked: {error}")))?
    }

    fn stream_slot(&self) -> Result<OwnedSemaphorePermit, Failure> {
        self.streams.clone().try_acquire_owned().map_err(|_| Failure::Overloaded { what: "too many streams at once", retry_after: RETRY_AFTER })
    }
}

/// What a call must reflect.
struct About<'a> {
    councils: &'a [String],
    at_least: &'a [String],
}

/// Refuses while the projection does not serve.
fn serving(shared: &Shared) -> Result<(), Failure> {
    let why = match &*shared.health_now() {
        Health::Serving => return Ok(()),
        Health::Starting(what) => format!("the projection starts: {what}"),
        Health::Failed(why) => format!("the projection has stopped: {why}"),
        Health::Stopped => "the projection was stopped".into(),
    };
    Err(Failure::Unavailable { why, retry_after: RETRY_AFTER })
}

fn required<T>(request: Option<T>) -> Result<T, Failure> {
    request.ok_or_else(|| Failure::invalid("request", "is required"))
}

/// A call about one council whose public messages are wrapped.
macro_rules! wrapped {
    ($self:ident, $request:ident, $wrapper:ident, $function:path) => {{
        let (metadata, _, message) = $request.into_parts();
        let request = required(message.request)?;
        check_council(&request.council)?;
        let (councils, at_least) = ([request.council.clone()], request.at_least.clone());
        let about = About { councils: &councils, at_least: &at_least };
        let read = move |snapshot: &Snapshot<'_>, shared: &Shared, deadline: Deadline| {
            let view = View::new(snapshot, &request.council, shared.source.id(), Some(deadline.instant()));
            $function(&view, &request)
        };
        let response = $self.answer(&metadata, about, read).await?;
        Ok(Response::new($wrapper { response: Some(response) }))
    }};
}

/// A call about one council's published book.
macro_rules! audited {
    ($self:ident, $metadata:ident, $request:ident, $at_least:expr, $method:ident) => {{
        check_council(&$request.council)?;
        let (councils, at_least): ([String; 1], Vec<String>) = ([$request.council.clone()], $at_least);
        let about = About { councils: &councils, at_least: &at_least };
        let read = move |snapshot: &Snapshot<'_>, shared: &Shared, deadline: Deadline| {
            let view = View::new(snapshot, &$request.council, shared.source.id(), Some(deadline.instant()));
            Audit::new(&view, shared.options.publisher.as_deref()).$method(&$request)
        };
        $self.answer(&$metadata, about, read).await?
    }};
}

#[tonic::async_trait]
impl ProjectionService for ProjectionServer {
    async fn aggregate(&self, request: Request<AggregateRequest>) -> Result<Response<AggregateResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        check_council(&request.council)?;
        let (councils, at_least) = ([request.council.clone()], request.at_least.clone());
        let about = About { councils: &councils, at_least: &at_least };
        let read = move |snapshot: &Snapshot<'_>, shared: &Shared, deadline: Deadline| {
            read::aggregate(&View::new(snapshot, &request.council, shared.source.id(), Some(deadline.instant())), &request)
        };
        Ok(Response::new(self.answer(&metadata, about, read).await?))
    }

    type GetLatticeStream = Iter<Box<dyn Iterator<Item = Result<GetLatticeResponse, Status>> + Send>>;

    async fn get_lattice(&self, request: Request<GetLatticeRequest>) -> Result<Response<Self::GetLatticeStream>, Status> {
        let (metadata, _, request) = request.into_parts();
        check_council(&request.council)?;
        let (councils, at_least) = ([request.council.clone()], request.at_least.clone());
        let about = About { councils: &councils, at_least: &at_least };
        let read = move |snapshot: &Snapshot<'_>, shared: &Shared, deadline: Deadline| {
            read::get_lattice(&View::new(snapshot, &request.council, shared.source.id(), Some(deadline.instant())), &request)
        };
        let messages: Box<dyn Iterator<Item = _> + Send> = Box::new(self.answer(&metadata, about, read).await?.map(Ok));
        Ok(Response::new(tokio_stream::iter(messages)))
    }

    async fn get_exchange(&self, request: Request<GetExchangeRequest>) -> Result<Response<GetExchangeResponse>, Status> {
        wrapped!(self, request, GetExchangeResponse, read::get_exchange)
    }

    async fn list_exchanges(&self, request: Request<ListExchangesRequest>) -> Result<Response<ListExchangesResponse>, Status> {
        wrapped!(self, request, ListExchangesResponse, read::list_exchanges)
    }

    async fn get_statement(&self, request: Request<GetStatementRequest>) -> Result<Response<GetStatementResponse>, Status> {
        wrapped!(self, request, GetStatementResponse, read::get_statement)
    }

    async fn get_entry(&self, request: Request<GetEntryRequest>) -> Result<Response<GetEntryResponse>, Status> {
        wrapped!(self, request, GetEntryResponse, read::get_entry)
    }

    async fn list_suspense(&self, request: Request<ListSuspenseRequest>) -> Result<Response<ListSuspenseResponse>, Status> {
        wrapped!(self, request, ListSuspenseResponse, read::list_suspense)
    }

    async fn get_catalogue(&self, request: Request<GetCatalogueRequest>) -> Result<Response<GetCatalogueResponse>, Status> {
        wrapped!(self, request, GetCatalogueResponse, read::get_catalogue)
    }

    async fn get_status(&self, request: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let request = required(message.request)?;
        let among = self.shared().partitions.narrowed(&message.partitions);
        // Who asks for some partitions only has the other councils from elsewhere.
        let is_asked = |council: &&String| message.partitions.is_empty() || among.has_council(council);
        let (councils, at_least): (Vec<String>, _) = (request.councils.iter().filter(is_asked).cloned().collect(), request.at_least.clone());
        let about = About { councils: &councils, at_least: &at_least };
        let read = move |snapshot: &Snapshot<'_>, shared: &Shared, deadline: Deadline| {
            let ends = among.iter().map(|partition| Ok((partition, shared.source.end(partition)?))).collect::<Result<Vec<_>, tandem_log::Error>>();
            let ends = ends.map_err(|error| Failure::Internal(error.to_string()))?;
            let view = View::new(snapshot, "", shared.source.id(), Some(deadline.instant()));
            read::get_status(&view, &among, &ends, &request)
        };
        let response = self.answer(&metadata, about, read).await?;
        Ok(Response::new(GetStatusResponse { response: Some(response) }))
    }

    async fn list_books(&self, request: Request<ListBooksRequest>) -> Result<Response<ListBooksResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let request = required(message.request)?;
        let among = self.shared().partitions.narrowed(&message.partitions);
        let about = About { councils: &[], at_least: &[] };
        let read = move |snapshot: &Snapshot<'_>, shared: &Shared, deadline: Deadline| {
            let view = View::new(snapshot, "", shared.source.id(), Some(deadline.instant()));
            let mut books = read::list_books(&view, &among, &request)?;
            if let Some(publisher) = &shared.options.publisher {
                read::add_published(&mut books, publisher)?;
            }
            Ok(books)
        };
        let response = self.answer(&metadata, about, read).await?;
        Ok(Response::new(ListBooksResponse { response: Some(response) }))
    }

    async fn get_checkpoint(&self, request: Request<GetCheckpointRequest>) -> Result<Response<GetCheckpointResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let request = required(message.request)?;
        let response = audited!(self, metadata, request, Vec::new(), checkpoint);
        Ok(Response::new(GetCheckpointResponse { response: Some(response) }))
    }

    async fn get_receipt(&self, request: Request<GetReceiptRequest>) -> Result<Response<GetReceiptResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let request = required(message.request)?;
        let response = audited!(self, metadata, request, request.at_least.clone(), receipt);
        Ok(Response::new(GetReceiptResponse { response: Some(response) }))
    }

    async fn get_consistency_proof(&self, request: Request<GetConsistencyProofRequest>) -> Result<Response<GetConsistencyProofResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let request = required(message.request)?;
        let response = audited!(self, metadata, request, Vec::new(), consistency);
        Ok(Response::new(GetConsistencyProofResponse { response: Some(response) }))
    }

    async fn read_tile(&self, request: Request<ReadTileRequest>) -> Result<Response<ReadTileResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        Ok(Response::new(audited!(self, metadata, request, Vec::new(), tile)))
    }

    type ReadEntriesStream = ReceiverStream<Result<ReadEntriesResponse, Status>>;

    async fn read_entries(&self, request: Request<ReadEntriesRequest>) -> Result<Response<Self::ReadEntriesStream>, Status> {
        let question = EntriesQuestion::new(&required(request.into_inner().request)?)?;
        serving(self.shared())?;
        self.shared().partitions.require(&question.council)?;
        let slot = self.stream_slot()?;
        Ok(Response::new(streams::read_entries(self.clone(), question, slot)))
    }

    type WatchBooksStream = ReceiverStream<Result<WatchBooksResponse, Status>>;

    async fn watch_books(&self, request: Request<WatchBooksRequest>) -> Result<Response<Self::WatchBooksStream>, Status> {
        let councils = streams::watched(request.into_inner().councils)?;
        serving(self.shared())?;
        councils.iter().try_for_each(|council| self.shared().partitions.require(council))?;
        let slot = self.stream_slot()?;
        Ok(Response::new(streams::watch_books(self.clone(), councils, slot)))
    }

    type WatchPartitionsStream = ReceiverStream<Result<WatchPartitionsResponse, Status>>;

    async fn watch_partitions(&self, _: Request<WatchPartitionsRequest>) -> Result<Response<Self::WatchPartitionsStream>, Status> {
        serving(self.shared())?;
        let slot = self.stream_slot()?;
        Ok(Response::new(streams::watch_partitions(self.clone(), slot)))
    }
}
