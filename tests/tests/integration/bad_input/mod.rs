//! Bad input over the wire: a clear error, no cost to anybody else, and never a wrong answer.

mod broken_files;
mod full_disk;
mod messages;
mod vanishing;

use crate::compare::{compare_all, model_of};
use tandem_proto::v1::{EntryState, EntryStatus, GetEntryRequest};
use tandem_tests::client::{Gateway, connect, query};
use tandem_tests::given::{COUNCIL, event_id};
use tandem_tests::model::Model;
use tandem_tests::random::Random;
use tandem_tests::server::Server;
use tempfile::TempDir;
use tonic::transport::Channel;

/// A server on a fresh directory, with a connection to it.
struct Fresh {
    server: Server,
    channel: Channel,
    _data_dir: TempDir,
}

impl Fresh {
    async fn start() -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let server = Server::start(data_dir.path()).unwrap();
        let channel = connect(&server.grpc).await.unwrap();
        Self { server, channel, _data_dir: data_dir }
    }

    fn gateway(&self) -> Gateway {
        Gateway::new(&self.channel)
    }

    /// What became of the only entry of an event.
    async fn entry(&self, number: u64, at_least: &str) -> EntryStatus {
        let at_least = vec![at_least.to_owned()];
        let request = GetEntryRequest { council: COUNCIL.into(), event_id: event_id(number), at_least, ..Default::default() };
        let mut entries = query(&self.channel).get_entry(request).await.unwrap().into_inner().entries;
        assert_eq!(entries.len(), 1);
        entries.remove(0)
    }

    /// The server runs, its books are in order, and its answers are the model's. Gives the model.
    async fn check(mut self) -> Model {
        assert!(self.server.is_running());
        crate::stop::wait_until_folded(&self.channel).await;
        let model = model_of(&self.channel, &[COUNCIL.to_owned()]).await;
        compare_all(&self.channel, &model, &mut Random::new(1), if model.councils.is_empty() { 0 } else { 20 }).await;
        model
    }
}

fn is_suspended(entry: &EntryStatus) -> bool {
    entry.state == i32::from(EntryState::Suspended)
}
