//! A projection that answers what a test says.

use super::shared;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tandem_proto::internal::v1::projection_service_server::ProjectionService;
use tandem_proto::internal::v1::*;
use tandem_proto::v1::catalogue_item::Definition;
use tandem_proto::v1::{self, CatalogueItem, CouncilReflected, GroupKey, ServiceDefined, ValuationRef};
use tandem_wire::status::Failure;
use tokio::sync::broadcast;
use tokio_stream::{Stream, StreamExt, wrappers::BroadcastStream};
use tonic::{Request, Response, Status};

/// What it answers, and what it was asked.
#[derive(Clone)]
pub struct Fake {
    /// By council; no answer: it waits for ever.
    pub answers: Arc<Mutex<HashMap<String, AggregateResponse>>>,
    /// Aggregate requests so far, and whether they had a deadline.
    pub asked: Arc<Mutex<Vec<(AggregateRequest, bool)>>>,
    /// Calls of GetCatalogue so far.
    pub catalogue_calls: Arc<Mutex<u32>>,
    /// What GetLattice answers, and what it was asked.
    pub lattice: Arc<Mutex<(Vec<GetLatticeResponse>, Vec<GetLatticeRequest>)>>,
    commits: broadcast::Sender<()>,
}

impl Default for Fake {
    fn default() -> Self {
        let (answers, asked, catalogue_calls, lattice) = (shared(HashMap::new()), shared(Vec::new()), shared(0), Default::default());
        Self { answers, asked, catalogue_calls, lattice, commits: broadcast::Sender::new(64) }
    }
}

pub fn reflects(council: &str) -> CouncilReflected {
    CouncilReflected { council: council.into(), position: format!("position of {council}"), entries: 7, book_time_us: 1 }
}

pub fn key(dimension: v1::Dimension, value: &str) -> GroupKey {
    GroupKey { dimension: dimension.into(), value: value.into(), ..Default::default() }
}

/// Exchanges of a group: so many opened, so many of them two-sided.
pub fn exchanges(keys: Vec<GroupKey>, opened: u64, two_sided: u64) -> Partial {
    let exchanges = ExchangePartial {
        opened,
        two_sided,
        one_sided_citizen_value: zero(),
        one_sided_state_value: zero(),
        reciprocal: zero(),
        both_sides: zero(),
        ..Default::default()
    };
    Partial { keys, exchanges: Some(exchanges), ..empty() }
}

/// Value of the citizens' side of a group, in units of 1 ÷ the answer's denominator.
pub fn value(keys: Vec<GroupKey>, central: i64, priced: i64, count: i64) -> Partial {
    let amount = Amount { low: central.to_string(), central: central.to_string(), high: central.to_string() };
    let citizen = SidePartial { value: Some(amount), matched_value: zero(), count, priced_count: priced, ..Default::default() };
    Partial { keys, citizen: Some(citizen), ..empty() }
}

fn zero() -> Option<Amount> {
    Some(Amount { low: "0".into(), central: "0".into(), high: "0".into() })
}

fn empty() -> Partial {
    let side = || Some(SidePartial { value: zero(), matched_value: zero(), ..Default::default() });
    let exchanges = ExchangePartial {
        one_sided_citizen_value: zero(),
        one_sided_state_value: zero(),
        reciprocal: zero(),
        both_sides: zero(),
        ..Default::default()
    };
    Partial { citizen: side(), state: side(), exchanges: Some(exchanges), ..Default::default() }
}

impl Fake {
    /// From now on answers this for a council.
    pub fn answer(&self, council: &str, groups: Vec<Partial>, total: Partial) -> &Self {
        let answer = AggregateResponse { groups, total: Some(total), amount_denominator: 1, reflects: Some(reflects(council)), ..Default::default() };
        self.answers.lock().unwrap().insert(council.into(), answer);
        self
    }

    /// The same, valued.
    pub fn valued(&self, council: &str, total: Partial, version: u32, currency: &str, denominator: u64) -> &Self {
        let answer = AggregateResponse {
            groups: vec![total.clone()],
            total: Some(total),
            valuation: Some(ValuationRef { id: "floor".into(), version }),
            currency: currency.into(),
            amount_denominator: denominator,
            reflects: Some(reflects(council)),
            ..Default::default()
        };
        self.answers.lock().unwrap().insert(council.into(), answer);
        self
    }

    /// Tells watchers that something was committed.
    pub fn commit(&self) {
        // Nobody watches: nobody need know.
        let _ = self.commits.send(());
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn not_here<T>() -> Result<T, Status> {
    Err(Failure::NotFound("there is no such thing".into()).into())
}

#[tonic::async_trait]
impl ProjectionService for Fake {
    async fn aggregate(&self, request: Request<AggregateRequest>) -> Result<Response<AggregateResponse>, Status> {
        let timed = request.metadata().contains_key("grpc-timeout");
        let question = request.into_inner();
        self.asked.lock().unwrap().push((question.clone(), timed));
        let answer = self.answers.lock().unwrap().get(&question.council).cloned();
        match answer {
            Some(answer) => Ok(Response::new(answer)),
            None => std::future::pending().await,
        }
    }

    type GetLatticeStream = Answers<GetLatticeResponse>;

    async fn get_lattice(&self, request: Request<GetLatticeRequest>) -> Result<Response<Self::GetLatticeStream>, Status> {
        let mut lattice = self.lattice.lock().unwrap();
        lattice.1.push(request.into_inner());
        Ok(Response::new(Box::pin(tokio_stream::iter(lattice.0.clone().into_iter().map(Ok)))))
    }

    async fn get_catalogue(&self, request: Request<GetCatalogueRequest>) -> Result<Response<GetCatalogueResponse>, Status> {
        *self.catalogue_calls.lock().unwrap() += 1;
        let question = request.into_inner().request.unwrap_or_default();
        let service = |id: &str, name: &str| CatalogueItem {
            sequence: 0,
            definition: Some(Definition::Service(ServiceDefined { id: id.into(), name: name.into(), ..Default::default() })),
        };
        // Two pages.
        let (item, next) = if question.page_token.is_empty() { (service("a", "Name of a"), "2") } else { (service("b", "Name of b"), "") };
        let response = v1::GetCatalogueResponse { items: vec![item], next_page_token: next.into(), reflects: Some(reflects(&question.council)) };
        Ok(Response::new(GetCatalogueResponse { response: Some(response) }))
    }

    async fn get_status(&self, _: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        let council = |council: &str| v1::CouncilStatus { reflects: Some(reflects(council)), ..Default::default() };
        let response = v1::GetStatusResponse { councils: vec![council("E09000001"), council("E09000002")], ..Default::default() };
        Ok(Response::new(GetStatusResponse { response: Some(response) }))
    }

    async fn list_books(&self, _: Request<ListBooksRequest>) -> Result<Response<ListBooksResponse>, Status> {
        let book = |council: &str| v1::Book { council: council.into(), ..Default::default() };
        let response = v1::ListBooksResponse { books: vec![book("E09000001"), book("E09000002")], ..Default::default() };
        Ok(Response::new(ListBooksResponse { response: Some(response) }))
    }

    async fn get_checkpoint(&self, _: Request<GetCheckpointRequest>) -> Result<Response<GetCheckpointResponse>, Status> {
        not_here()
    }

    async fn get_receipt(&self, _: Request<GetReceiptRequest>) -> Result<Response<GetReceiptResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }

    async fn get_consistency_proof(&self, _: Request<GetConsistencyProofRequest>) -> Result<Response<GetConsistencyProofResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }

    async fn read_tile(&self, _: Request<ReadTileRequest>) -> Result<Response<ReadTileResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }

    async fn get_exchange(&self, request: Request<GetExchangeRequest>) -> Result<Response<GetExchangeResponse>, Status> {
        let question = request.into_inner().request.unwrap_or_default();
        let exchange = v1::Exchange { id: question.exchange, ..Default::default() };
        let response = v1::GetExchangeResponse { exchange: Some(exchange), reflects: Some(reflects(&question.council)), ..Default::default() };
        Ok(Response::new(GetExchangeResponse { response: Some(response) }))
    }

    async fn list_exchanges(&self, _: Request<ListExchangesRequest>) -> Result<Response<ListExchangesResponse>, Status> {
        Ok(Response::new(ListExchangesResponse { response: None }))
    }

    async fn get_statement(&self, _: Request<GetStatementRequest>) -> Result<Response<GetStatementResponse>, Status> {
        not_here()
    }

    async fn get_entry(&self, _: Request<GetEntryRequest>) -> Result<Response<GetEntryResponse>, Status> {
        not_here()
    }

    async fn list_suspense(&self, _: Request<ListSuspenseRequest>) -> Result<Response<ListSuspenseResponse>, Status> {
        not_here()
    }

    type ReadEntriesStream = Answers<ReadEntriesResponse>;

    /// One message, and then nothing for ever.
    async fn read_entries(&self, _: Request<ReadEntriesRequest>) -> Result<Response<Self::ReadEntriesStream>, Status> {
        let response = v1::ReadEntriesResponse { entries: vec![v1::Entry::default()] };
        let one = tokio_stream::once(Ok(ReadEntriesResponse { response: Some(response) }));
        Ok(Response::new(Box::pin(one.chain(tokio_stream::pending()))))
    }

    type WatchPartitionsStream = Answers<WatchPartitionsResponse>;

    /// All of a log of one partition, and then nothing for ever.
    async fn watch_partitions(&self, _: Request<WatchPartitionsRequest>) -> Result<Response<Self::WatchPartitionsStream>, Status> {
        let partitions = vec![HeldPartition { partition: 0, next_offset: 7, next_index: 0 }];
        let message = WatchPartitionsResponse { log_id: vec![7; 16], log_partitions: 1, partitions };
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(message)).chain(tokio_stream::pending()))))
    }

    type WatchBooksStream = Answers<WatchBooksResponse>;

    async fn watch_books(&self, request: Request<WatchBooksRequest>) -> Result<Response<Self::WatchBooksStream>, Status> {
        let councils = request.into_inner().councils;
        let message = move || WatchBooksResponse { reflects: councils.iter().map(|council| reflects(council)).collect() };
        let first = tokio_stream::once(Ok(message()));
        let commits = BroadcastStream::new(self.commits.subscribe()).map(move |_| Ok(message()));
        Ok(Response::new(Box::pin(first.chain(commits))))
    }
}
