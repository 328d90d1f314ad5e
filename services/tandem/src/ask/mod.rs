//! The commands that ask: each turns its flags into a question, reads all pages that were asked for, and shows the answer.

pub mod catalogue;
pub mod entry;
pub mod exchange;
pub(crate) mod facts;
pub mod metrics;
mod points;
pub mod publish;
mod publish_document;
pub mod shown;
pub mod statement;
pub mod status;
pub mod suspense;
pub mod value;
mod value_beside;
mod value_change;
mod value_document;
mod value_explain;

use crate::client::{Connection, Server, explain};
use std::time::Duration;
use tandem_proto::v1::publication_service_client::PublicationServiceClient;
use tandem_proto::v1::query_service_client::QueryServiceClient;
use tonic::{Request, Response, Status};

/// Largest answer that a command takes: a page of 10,000 rows of 20 figures.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What commands that ask have in common.
#[derive(Clone, Debug, clap::Args)]
pub struct Asking {
    #[command(flatten)]
    server: Server,
    /// Positions that the answer must reflect, as a write or an earlier answer gave them
    #[arg(long, value_name = "POSITION", value_delimiter = ',')]
    pub at_least: Vec<String>,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub timeout: u64,
}

/// A connection for questions.
pub struct Asker {
    client: QueryServiceClient<Connection>,
    timeout: Duration,
}

impl Asking {
    /// Connects.
    pub async fn connect(&self) -> anyhow::Result<Asker> {
        let client = QueryServiceClient::new(self.server.connect().await?).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(Asker { client, timeout: Duration::from_secs(self.timeout) })
    }

    /// Connects for tables for the public; the request gets the command's deadline.
    pub async fn publications<M>(&self, message: M) -> anyhow::Result<(PublicationServiceClient<Connection>, Request<M>)> {
        let client = PublicationServiceClient::new(self.server.connect().await?).max_decoding_message_size(ANSWER_BYTES_MAX);
        let mut request = Request::new(message);
        request.set_timeout(Duration::from_secs(self.timeout));
        Ok((client, request))
    }
}

impl Asker {
    /// A request with the command's deadline, and the client for it.
    pub fn request<M>(&mut self, message: M) -> (&mut QueryServiceClient<Connection>, Request<M>) {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        (&mut self.client, request)
    }

    /// The client, for streams, which have no deadline.
    pub fn client(&mut self) -> &mut QueryServiceClient<Connection> {
        &mut self.client
    }
}

/// The answer, or its status as one line.
pub fn answered<M>(result: Result<Response<M>, Status>) -> anyhow::Result<M> {
    result.map(Response::into_inner).map_err(|status| explain(&status))
}
