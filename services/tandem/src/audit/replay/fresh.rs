//! A projection that nobody has touched: the same fold and the same query front as a server's, over the entries that were just read.

use super::feed::Feed;
use super::questions::{Answerer, ask_status};
use crate::audit::verdict::Failure;
use anyhow::Context;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tandem_log::EventLog;
use tandem_projection::{Health, Options, Projection, ProjectionServer};
use tandem_proto::internal::v1::projection_service_server::ProjectionServiceServer;
use tandem_proto::v1::query_service_client::QueryServiceClient;
use tandem_proto::v1::query_service_server::QueryServiceServer;
use tandem_query::{Books, QueryServer, Settings};
use tandem_wire::auth::Authenticator;

/// Between two looks at how far the fold is.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Largest answer.
const ANSWER_BYTES_MAX: usize = 256 << 20;

type Front = QueryServiceServer<QueryServer<ProjectionServiceServer<ProjectionServer>>>;

/// The projection, in a directory that goes with it.
pub struct Fresh {
    council: String,
    feed: Arc<Feed>,
    projection: Projection,
    client: QueryServiceClient<Front>,
    _directory: tempfile::TempDir,
}

impl Fresh {
    /// Empty, in a directory below this one.
    pub fn new(council: &str, work: &Path) -> anyhow::Result<Self> {
        let directory =
            tempfile::tempdir_in(work).with_context(|| format!("cannot make a directory in {}: name another with --work", work.display()))?;
        let feed = Arc::new(Feed::new(council));
        let projection = Projection::open(directory.path(), feed.clone(), Options::default())?;
        let books = Books::in_one(ProjectionServer::new(projection.clone()).into_service());
        let front = QueryServer::new(books, Settings { authenticator: Authenticator::local(), limits: Default::default() });
        let client = QueryServiceClient::new(front.service()).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(Self { council: council.to_owned(), feed, projection, client, _directory: directory })
    }

    /// Where the entries go.
    pub fn feed(&self) -> Arc<Feed> {
        self.feed.clone()
    }

    /// Waits until so many entries are folded, cures too.
    pub async fn settle(&mut self, entries: u64) -> Result<(), Failure> {
        self.feed.flush();
        loop {
            if let Health::Failed(why) = &*self.projection.health().borrow() {
                return Err(Failure::unchecked(format!("the fold stopped: {why}")));
            }
            if self.projection.lag_frames() == 0 && *self.projection.health().borrow() == Health::Serving {
                let status = ask_status(&mut self.client, &self.council).await.map_err(|status| Failure::unchecked(status.message()))?;
                if status.folded != entries {
                    let why = format!("the fold makes {} entries of the {entries} in the book: it has a record more than once", status.folded);
                    return Err(Failure::wrong(why));
                }
                if status.cures_pending == 0 {
                    return Ok(());
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Answers questions.
    pub fn answerer(&mut self) -> Answerer<'_, Front> {
        Answerer::new(&mut self.client)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.feed.close();
    }
}
