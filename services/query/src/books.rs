//! Which projection holds which council's book, and how it is reached.

use bytes::Bytes;
use tandem_proto::internal::v1::projection_service_client::ProjectionServiceClient;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{self, StdError};

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

/// The way from a council to the projection that holds its book. One projection holds them all, so far.
#[derive(Clone, Debug)]
pub struct Books<T> {
    projection: Client<T>,
}

impl<T: Transport> Books<T> {
    /// All books are in the projection that this reaches.
    pub fn in_one(transport: T) -> Self {
        Self { projection: Client::new(transport).max_decoding_message_size(ANSWER_BYTES_MAX) }
    }

    /// Who holds this council's book.
    pub(crate) fn of(&self, _council: &str) -> Client<T> {
        self.projection.clone()
    }

    /// Who answers for all councils together.
    pub(crate) fn all(&self) -> Client<T> {
        self.projection.clone()
    }

    /// Splits councils by who holds their books.
    pub(crate) fn by_holder(&self, councils: &[String]) -> Vec<(Client<T>, Vec<String>)> {
        vec![(self.projection.clone(), councils.to_vec())]
    }
}
