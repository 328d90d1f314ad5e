//! One embedded log, projections of some of its partitions, each a server of its own, and query servers in front of them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_domain::position::partition_of;
use tandem_gateway::{Gateway, GatewayServer};
use tandem_log::{EmbeddedLog, EventLog, embedded};
use tandem_projection::{Options, Projection, ProjectionServer};
use tandem_proto::internal::v1::projection_service_server::ProjectionServiceServer;
use tandem_proto::v1::GetStatusRequest;
use tandem_proto::v1::query_service_server::QueryService;
use tandem_query::{Books, QueryServer, Settings};
use tandem_tests::client;
use tandem_tests::events::{Generator, Manner};
use tandem_tests::random::Random;
use tandem_wire::auth::Authenticator;
use tandem_wire::connect::{Connection, Credentials};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::Request;
use tonic::transport::server::TcpIncoming;

/// Partitions of the log.
pub const PARTITIONS: u32 = 4;
/// Nothing here takes longer, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Councils, two of each partition, ascending.
pub fn councils() -> Vec<String> {
    let mut left = [2; PARTITIONS as usize];
    let mut all = Vec::new();
    for n in 0.. {
        let council = format!("E09{n:06}");
        let left = &mut left[partition_of(&council, PARTITIONS) as usize];
        if *left > 0 {
            *left -= 1;
            all.push(council);
        }
        if all.len() == 2 * PARTITIONS as usize {
            break;
        }
    }
    all
}

/// Those that live in these partitions.
pub fn councils_of(partitions: &[u32]) -> Vec<String> {
    councils().into_iter().filter(|council| partitions.contains(&partition_of(council, PARTITIONS))).collect()
}

/// A log with a random history of every council.
pub struct Ledger {
    pub log: Arc<EmbeddedLog>,
    pub directory: tempfile::TempDir,
    /// The last position of each council.
    pub positions: Vec<String>,
}

impl Ledger {
    pub async fn start(random: &mut Random) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = embedded::Options { partitions: PARTITIONS, ..Default::default() };
        let log = Arc::new(EmbeddedLog::open(directory.path().join("log"), options).unwrap());
        let mut ledger = Self { log, directory, positions: Vec::new() };
        for council in councils() {
            let mut generator = Generator::new(&council, Random::new(random.bits()), Manner::Acceptable);
            let position = ledger.record((0..400).map(|_| generator.event()).collect()).await;
            ledger.positions.push(position);
        }
        ledger
    }

    /// Records events of one council through a gateway on loopback.
    pub async fn record(&self, events: Vec<tandem_tests::events::Parts>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = GatewayServer::new(Arc::new(Gateway::new(self.log.clone(), Default::default())));
        let serving = tokio::spawn(tonic::transport::Server::builder().add_service(gateway).serve_with_incoming(TcpIncoming::from(listener)));
        let channel = client::connect(&address.to_string()).await.unwrap();
        let answer = client::Gateway::new(&channel).batch(client::batch_request(&events, false)).await.unwrap();
        assert_eq!(answer.refusals, vec![]);
        serving.abort();
        answer.positions.into_iter().next_back().unwrap().position
    }

    /// A projection of these partitions.
    pub fn project(&self, name: &str, partitions: &[u32]) -> Projection {
        open(&self.directory.path().join(name), &self.log, partitions)
    }

    /// A query server in front of one projection of everything, in this process.
    pub async fn whole(&self) -> QueryServer<ProjectionServiceServer<ProjectionServer>> {
        let all: Vec<u32> = (0..PARTITIONS).collect();
        let books = Books::in_one(ProjectionServer::new(self.project("whole", &all)).into_service());
        let server = QueryServer::new(books, settings());
        server.get_status(Request::new(GetStatusRequest { at_least: self.positions.clone(), ..Default::default() })).await.unwrap();
        server
    }
}

pub fn open<L: EventLog>(path: &Path, log: &Arc<L>, partitions: &[u32]) -> Projection {
    let partitions = Some(partitions.iter().copied().collect());
    Projection::open(path, log.clone(), Options { cache_bytes: 8 << 20, partitions, ..Options::default() }).unwrap()
}

pub fn settings() -> Settings {
    Settings { authenticator: Authenticator::local(), limits: Default::default() }
}

/// A projection's own server, on a thread of its own: to kill it is to break its connections.
pub struct Served {
    pub address: SocketAddr,
    pub projection: Projection,
    runtime: Option<Runtime>,
}

impl Served {
    pub fn start(projection: Projection, address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = {
            let _inside = runtime.enter();
            let listener = std::net::TcpListener::bind(address).unwrap();
            listener.set_nonblocking(true).unwrap();
            TcpListener::from_std(listener).unwrap()
        };
        let address = listener.local_addr().unwrap();
        let service = ProjectionServer::new(projection.clone()).into_service();
        runtime.spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        Self { address, projection, runtime: Some(runtime) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it without a word.
    pub fn kill(mut self) -> SocketAddr {
        self.runtime.take().unwrap().shutdown_background();
        self.projection.stop().unwrap();
        self.address
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A query server in front of these projections, once it knows what they hold.
pub async fn over(projections: &[&Served]) -> QueryServer<Connection> {
    let urls: Vec<String> = projections.iter().map(|served| served.url()).collect();
    let server = QueryServer::new(Books::at(&urls, Credentials::default()).unwrap(), settings());
    until("all partitions are held", || server.books().missing().is_none() && server.books().report().is_empty()).await;
    server
}

/// Waits until something is so.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
