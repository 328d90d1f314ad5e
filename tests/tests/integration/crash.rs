//! `kill -9` under load, again and again on one data directory: nothing acknowledged is lost, nothing is doubled, and every answer is
//! the model's.

use crate::compare::{compare_all, model_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tandem_proto::v1::Record;
use tandem_tests::client::{Gateway, batch_request, connect, numbered, record_request};
use tandem_tests::events::{Generator, Manner, Parts};
use tandem_tests::model::Model;
use tandem_tests::random::{Random, seeds, with_seed};
use tandem_tests::server::{PATIENCE, Server};
use tokio::sync::{mpsc, watch};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::Channel;

const KILLS: usize = 20;
const COUNCILS: [&str; 3] = ["E09000001", "E09000002", "S12000033"];
/// Two clients of each kind; two write to each council.
const CLIENTS: usize = 6;

#[test]
fn killed_under_load_it_loses_nothing_and_doubles_nothing() {
    for seed in seeds(1) {
        with_seed(seed, |mut random| tokio::runtime::Runtime::new().unwrap().block_on(killed(&mut random)));
    }
}

/// What clients know together.
#[derive(Default)]
struct Ledger {
    /// Every event that was ever sent, by council.
    sent: Mutex<BTreeMap<String, BTreeSet<Vec<u8>>>>,
    /// Every event that was acknowledged.
    acknowledged: Mutex<BTreeMap<String, BTreeSet<Vec<u8>>>>,
    acknowledgements: AtomicU64,
}

impl Ledger {
    fn put(of: &Mutex<BTreeMap<String, BTreeSet<Vec<u8>>>>, council: &str, batch: &[Parts]) {
        of.lock().unwrap().entry(council.to_owned()).or_default().extend(batch.iter().map(Parts::event));
    }

    fn acknowledge(&self, council: &str, batch: &[Parts]) {
        Self::put(&self.acknowledged, council, batch);
        self.acknowledgements.fetch_add(batch.len() as u64, Ordering::SeqCst);
    }
}

async fn killed(random: &mut Random) {
    let data_dir = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::default());
    // Where the server is.
    let (address, _) = watch::channel(None);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let council = COUNCILS[number % COUNCILS.len()];
            let generator = Generator::new(council, Random::new(random.bits()), Manner::Acceptable);
            let client = Client { number, generator, random: Random::new(random.bits()), ledger: ledger.clone(), address: address.subscribe() };
            tokio::spawn(client.run())
        })
        .collect();

    for _ in 0..KILLS {
        let server = Server::start(data_dir.path()).unwrap();
        address.send_replace(Some(Serving { grpc: server.grpc.clone(), is_last: false }));
        // After some more acknowledgements; of none, while clients and server still find each other.
        let more = *random.pick(&[0, 1, 50, 500, 3_000, 6_000]);
        let until = ledger.acknowledgements.load(Ordering::SeqCst) + if more > 1 { random.between(1, more) } else { more };
        tokio::time::timeout(PATIENCE, async {
            while ledger.acknowledgements.load(Ordering::SeqCst) < until {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("clients get acknowledgements");
        server.kill();
        if random.percent(30) {
            Server::kill_while_starting(data_dir.path(), random.below(4) as usize);
        }
    }

    let server = Server::start(data_dir.path()).unwrap();
    address.send_replace(Some(Serving { grpc: server.grpc.clone(), is_last: true }));
    for client in clients {
        client.await.unwrap();
    }
    let channel = connect(&server.grpc).await.unwrap();
    check(&channel, &ledger, random).await;
}

async fn check(channel: &Channel, ledger: &Ledger, random: &mut Random) {
    let councils: Vec<String> = COUNCILS.iter().map(|council| (*council).to_owned()).collect();
    crate::stop::wait_until_folded(channel).await;
    let model = model_of(channel, &councils).await;
    check_events(&model, ledger);
    compare_all(channel, &model, random, 60).await;
}

/// Every entry is an event that was sent, once; every event that was acknowledged is an entry.
fn check_events(model: &Model, ledger: &Ledger) {
    let (sent, acknowledged) = (ledger.sent.lock().unwrap(), ledger.acknowledged.lock().unwrap());
    for (code, council) in &model.councils {
        let mut entries = BTreeSet::new();
        for entry in &council.entries {
            let event = event_of(&entry.record);
            assert!(sent[code].contains(&event), "entry {} of {code} is none of the events sent", entry.sequence);
            assert!(entries.insert(event), "the event of entry {} of {code} is there twice", entry.sequence);
        }
        let lost: Vec<_> = acknowledged[code].difference(&entries).collect();
        assert!(lost.is_empty(), "{} acknowledged events of {code} are lost", lost.len());
        println!("{code}: {} entries, {} acknowledged, {} sent", entries.len(), acknowledged[code].len(), sent[code].len());
    }
}

fn event_of(record: &Record) -> Vec<u8> {
    Parts { envelope: record.envelope.clone(), facts: record.facts.clone(), person: record.person.clone() }.event()
}

/// Where a server is.
#[derive(Clone)]
struct Serving {
    grpc: String,
    is_last: bool,
}

struct Client {
    number: usize,
    generator: Generator,
    random: Random,
    ledger: Arc<Ledger>,
    address: watch::Receiver<Option<Serving>>,
}

impl Client {
    /// Sends until the last server has taken everything. What has no answer is sent again, as it was.
    async fn run(mut self) {
        let mut pending: Vec<Vec<Parts>> = Vec::new();
        loop {
            let serving = self.address.borrow_and_update().clone();
            let Some(serving) = serving else {
                self.address.changed().await.unwrap();
                continue;
            };
            let ended = match connect(&serving.grpc).await {
                Ok(channel) => self.load(&channel, &mut pending, serving.is_last).await,
                Err(error) => Err(Status::unavailable(error.to_string())),
            };
            match ended {
                Ok(()) => return,
                Err(status) if serving.is_last => panic!("client {}: {status:?} from a server that nobody kills", self.number),
                // The server was killed. Another comes.
                Err(_) => self.address.changed().await.unwrap(),
            }
        }
    }

    /// Ends well only with the last server, when nothing is pending.
    async fn load(&mut self, channel: &Channel, pending: &mut Vec<Vec<Parts>>, is_last: bool) -> Result<(), Status> {
        let gateway = Gateway::new(channel);
        if self.number < 2 {
            return self.stream(&gateway, pending, is_last).await;
        }
        loop {
            if pending.is_empty() {
                if is_last {
                    return Ok(());
                }
                pending.push(self.batch());
            }
            if self.number < 4 {
                let answer = gateway.batch(batch_request(&pending[0], false)).await?;
                assert_eq!(answer.refusals, vec![]);
                self.ledger.acknowledge(&self.generator.council, &pending.remove(0));
            } else {
                while let Some(parts) = pending[0].first() {
                    gateway.record(record_request(&parts.event(), false)).await?;
                    let parts = pending[0].remove(0);
                    self.ledger.acknowledge(&self.generator.council, &[parts]);
                }
                pending.remove(0);
            }
        }
    }

    /// Many batches in flight; answers come in the order of the requests.
    async fn stream(&mut self, gateway: &Gateway, pending: &mut Vec<Vec<Parts>>, is_last: bool) -> Result<(), Status> {
        const IN_FLIGHT: usize = 8;
        let (requests, receiver) = mpsc::channel(IN_FLIGHT);
        let mut answers = gateway.stream(ReceiverStream::new(receiver)).await?;
        let mut number = 0;
        let mut in_flight = 0;
        loop {
            while in_flight < IN_FLIGHT {
                if in_flight == pending.len() {
                    if is_last {
                        break;
                    }
                    pending.push(self.batch());
                }
                let request = numbered(batch_request(&pending[in_flight], false), number);
                requests.send(request).await.map_err(|_| Status::unavailable("the stream has ended"))?;
                (number, in_flight) = (number + 1, in_flight + 1);
            }
            if in_flight == 0 {
                return Ok(());
            }
            let answer = answers.next().await.ok_or_else(|| Status::unavailable("the stream has ended"))??;
            assert_eq!((answer.batch, answer.refusals), (number - in_flight as u64, vec![]), "answers come in order");
            self.ledger.acknowledge(&self.generator.council, &pending.remove(0));
            in_flight -= 1;
        }
    }

    fn batch(&mut self) -> Vec<Parts> {
        let most = if self.number < 4 { 200 } else { 5 };
        let batch: Vec<_> = (0..self.random.between(1, most)).map(|_| self.generator.event()).collect();
        Ledger::put(&self.ledger.sent, &self.generator.council, &batch);
        batch
    }
}
