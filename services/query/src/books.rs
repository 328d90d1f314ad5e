//! Which projection holds which council's book, and how it is reached.

use crate::about::About;
use crate::projections::{Addresses, Projections};
use crate::upstream::Deadline;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tandem_domain::position::partition_of;
use tandem_proto::internal::v1::projection_service_client::ProjectionServiceClient;
use tandem_proto::v1::CatalogueKind;
use tandem_wire::connect::{Connection, Credentials};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{self, StdError};
use tonic::{Response, Status};

/// Largest answer of a projection: the groups of one council. A hundred thousand groups take about 50 MiB.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A way to a projection: its server object in the same process, or a channel over the network.
pub trait Transport:
    GrpcService<Body, Future: Send, ResponseBody: codegen::Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<T> Transport for T where
    T: GrpcService<Body, Future: Send, ResponseBody: codegen::Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// A client of one projection.
pub(crate) type Client<T> = ProjectionServiceClient<T>;

/// A client on this way.
pub(crate) fn client<T: Transport>(transport: T) -> Client<T> {
    Client::new(transport).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// The way from a council to a projection that holds its book.
pub struct Books<T>(Ways<T>);

enum Ways<T> {
    /// One projection holds them all.
    One(Client<T>),
    /// Several hold some each.
    Many(Arc<Projections<T>>),
}

impl<T: Clone> Clone for Books<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Ways::One(client) => Ways::One(client.clone()),
            Ways::Many(projections) => Ways::Many(projections.clone()),
        })
    }
}

impl Books<Connection> {
    /// The books are in the projections at these URLs, and at all addresses that a URL's name has. They are found, followed and, when they
    /// went away, found again in the background: a runtime must run. Refuses what is no URL.
    pub fn at(urls: &[String], credentials: Credentials) -> Result<Self, tandem_wire::Error> {
        let addresses = Addresses::new(urls, credentials)?;
        let projections = Arc::new(Projections::new());
        addresses.follow(&projections);
        Ok(Self(Ways::Many(projections)))
    }
}

impl<T: Transport> Books<T> {
    /// All books are in the projection that this reaches.
    pub fn in_one(transport: T) -> Self {
        Self(Ways::One(client(transport)))
    }

    /// The books are in several projections, each with a name for the log, that these reach.
    pub fn in_many(transports: impl IntoIterator<Item = (String, T)>) -> Self {
        let projections = Projections::new();
        transports.into_iter().for_each(|(name, transport)| projections.join(name, transport));
        Self(Ways::Many(Arc::new(projections)))
    }

    /// Asks a projection that holds the council's book and is far enough, or soon will be; another one if the first is away.
    pub(crate) async fn ask<Q: About, R, F>(&self, question: Q, deadline: Deadline, call: impl Fn(Client<T>, Q) -> F) -> Result<R, Status>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        match &self.0 {
            Ways::One(client) => deadline.call(call(client.clone(), question)).await,
            Ways::Many(projections) => {
                let council = [question.council().to_owned()];
                let at_least = question.at_least().to_vec();
                let (answer, ()) =
                    tokio::try_join!(projections.ask(question, deadline, call), projections.reach_elsewhere(&council, &at_least, deadline),)?;
                Ok(answer)
            }
        }
    }

    /// The same for one of several councils of a question. Positions in partitions where none of them lives are not waited for: see
    /// [`Books::reach_elsewhere`].
    pub(crate) async fn ask_one_of<Q: About, R, F>(&self, question: Q, deadline: Deadline, call: impl Fn(Client<T>, Q) -> F) -> Result<R, Status>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        match &self.0 {
            Ways::One(client) => deadline.call(call(client.clone(), question)).await,
            Ways::Many(projections) => projections.ask(question, deadline, call).await,
        }
    }

    /// Waits for the positions that no answer about these councils waits for, since they stand in other partitions.
    pub(crate) async fn reach_elsewhere(&self, councils: &[String], at_least: &[String], deadline: Deadline) -> Result<(), Status> {
        match &self.0 {
            Ways::One(_) => Ok(()),
            Ways::Many(projections) => projections.reach_elsewhere(councils, at_least, deadline).await,
        }
    }

    /// Asks all, each about some partitions (none named: all that there are), so that each partition is asked about once; and says which
    /// partitions nobody answers for. Of these none may be in `needed`; `None`: none at all, unless `allow_partial`.
    pub(crate) async fn ask_all<R, F>(
        &self,
        which: Gathered<'_>,
        deadline: Deadline,
        call: impl Fn(Client<T>, Part) -> F,
    ) -> Result<(Vec<R>, Vec<u32>), Status>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        match &self.0 {
            Ways::One(client) => {
                let part = Part { partitions: Vec::new(), at_least: which.at_least.to_vec() };
                Ok((vec![deadline.call(call(client.clone(), part)).await?], Vec::new()))
            }
            Ways::Many(projections) => projections.ask_all(which, deadline, call).await,
        }
    }

    /// Asks who holds the councils' books about those that live together; says whether all could be reached, which without `allow_partial`
    /// they must.
    pub(crate) async fn ask_together<R, F>(
        &self,
        councils: &[String],
        allow_partial: bool,
        deadline: Deadline,
        call: impl Fn(Client<T>, Vec<String>) -> F,
    ) -> Result<(Vec<R>, bool), Status>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        match &self.0 {
            Ways::One(client) => Ok((vec![deadline.call(call(client.clone(), councils.to_vec())).await?], true)),
            Ways::Many(projections) => projections.ask_together(councils, allow_partial, deadline, call).await,
        }
    }

    /// Why no book at all can be reached now, in words; `None`: some can.
    pub fn unreached(&self) -> Option<String> {
        match &self.0 {
            Ways::One(_) => None,
            Ways::Many(projections) => projections.unreached(),
        }
    }

    /// Why not every book can be reached now, in words for who keeps the servers; `None`: every one can, as far as can be known.
    pub fn missing(&self) -> Option<String> {
        match &self.0 {
            Ways::One(_) => None,
            Ways::Many(projections) => projections.missing(),
        }
    }

    /// How each projection stands, a line each, for who keeps the servers.
    pub fn report(&self) -> String {
        match &self.0 {
            Ways::One(_) => String::new(),
            Ways::Many(projections) => projections.report(),
        }
    }

    /// Appends gauges in Prometheus' text format.
    pub fn render_metrics(&self, out: &mut String) {
        if let Ways::Many(projections) = &self.0 {
            projections.render_metrics(out);
        }
    }

    /// Ids of one kind that a council has defined, at most 50,000, as its projection has them now; within `timeout`.
    pub async fn defined(&self, council: &str, kind: CatalogueKind, timeout: std::time::Duration) -> Result<Vec<String>, Status> {
        crate::labels::ids(self, council, kind, Deadline::within(timeout)).await
    }
}

/// What is gathered from all projections.
pub(crate) struct Gathered<'a> {
    /// Councils whose partitions must be there. Empty: all must.
    pub councils: &'a [String],
    /// Positions that the answer must reflect.
    pub at_least: &'a [String],
    /// Whether partitions may be missing.
    pub allow_partial: bool,
}

impl Gathered<'_> {
    /// Of these missing partitions the ones that may not be missing.
    pub fn lacks(&self, missing: &[u32], of: u32) -> Vec<u32> {
        if self.allow_partial {
            return Vec::new();
        }
        let needed: BTreeSet<u32> = self.councils.iter().map(|council| partition_of(council, of)).collect();
        missing.iter().copied().filter(|partition| needed.is_empty() || needed.contains(partition)).collect()
    }
}

/// What one projection is asked about in a question to all.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Partitions. Empty: all that it holds.
    pub partitions: Vec<u32>,
    /// Positions in these.
    pub at_least: Vec<String>,
}

/// Councils by the partition in which they live.
pub(crate) fn by_partition(councils: &[String], of: u32) -> BTreeMap<u32, Vec<String>> {
    let mut all: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for council in councils {
        all.entry(partition_of(council, of)).or_default().push(council.clone());
    }
    all
}
