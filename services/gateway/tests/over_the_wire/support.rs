//! A log in memory that can be told to hang, to be full or to fail; a gateway before it; clients of it.

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tandem_domain::position::{LogId, Position};
use tandem_gateway::{Gateway, GatewayServer, InFlight, Limits, Settings};
use tandem_log::{Error, EventLog, StoredFrame};
use tandem_proto::v1::gateway_service_client::GatewayServiceClient;
use tandem_proto::v1::{ContributionRecorded, Envelope, Event, Facts, Person, Record, facts::Body};
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// 2026-01-02 00:00 UTC, the time on the gateway's clock in these tests.
pub const NOW_US: u64 = 1_767_312_000_000_000;

/// Keeps records in memory. Councils in `held` wait.
#[derive(Debug)]
pub struct MemoryLog {
    records: Mutex<BTreeMap<String, Vec<Record>>>,
    /// Each council's appends come one after the other, in the order of their first polls.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    held: watch::Sender<BTreeSet<String>>,
    pub full: AtomicBool,
    /// What appends of a council fail with.
    failing: Mutex<BTreeMap<String, Error>>,
    /// Appends that have begun and are neither done nor dropped.
    pub waiting: AtomicUsize,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self {
            records: Mutex::default(),
            turns: Mutex::default(),
            held: watch::Sender::new(BTreeSet::new()),
            full: false.into(),
            failing: Mutex::default(),
            waiting: 0.into(),
        }
    }
}

/// Counts an append for as long as it lives, dropped futures included.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl MemoryLog {
    pub fn hold(&self, council: &str) {
        self.held.send_modify(|held| {
            held.insert(council.into());
        });
    }

    pub fn release(&self) {
        self.held.send_modify(BTreeSet::clear);
    }

    pub fn fail(&self, council: &str, error: Error) {
        self.failing.lock().unwrap().insert(council.into(), error);
    }

    pub fn records(&self, council: &str) -> Vec<Record> {
        self.records.lock().unwrap().get(council).cloned().unwrap_or_default()
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(SeqCst)
    }
}

impl EventLog for MemoryLog {
    fn id(&self) -> LogId {
        LogId([7; 16])
    }

    fn partitions(&self) -> u32 {
        1
    }

    async fn append(&self, council: &str, records: Vec<Bytes>) -> Result<Position, Error> {
        self.waiting.fetch_add(1, SeqCst);
        let _waiting = Waiting(&self.waiting);
        assert!(!records.is_empty());
        let turn = self.turns.lock().unwrap().entry(council.into()).or_default().clone();
        let _turn = turn.lock().await;
        self.held.subscribe().wait_for(|held| !held.contains(council)).await.map_err(|_| Error::Closed)?;
        if let Some(error) = self.failing.lock().unwrap().get(council) {
            return Err(error.clone());
        }
        let mut all = self.records.lock().unwrap();
        let book = all.entry(council.into()).or_default();
        book.extend(records.into_iter().map(|record| Record::decode(record).unwrap()));
        Ok(Position { log: self.id(), partition: 0, offset: 0, index: book.len() as u32 - 1 })
    }

    async fn try_append(&self, council: &str, records: Vec<Bytes>) -> Result<Position, Error> {
        if self.full.load(SeqCst) { Err(Error::Overloaded) } else { self.append(council, records).await }
    }

    fn read(&self, _: u32, _: u64, _: usize) -> Result<Vec<StoredFrame>, Error> {
        Ok(Vec::new())
    }

    fn start(&self, _: u32) -> Result<u64, Error> {
        Ok(0)
    }

    fn end(&self, _: u32) -> Result<u64, Error> {
        Ok(0)
    }

    fn wait(&self, _: &[u64], _: Duration) -> bool {
        false
    }

    fn trim(&self, _: u32, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn close(&self) {}
}

/// What a log says whose disk failed in the middle of an append.
pub fn broken() -> Error {
    Error::OutcomeUnknown { why: "the disk is full".into() }
}

/// A running gateway.
pub struct Running {
    pub log: Arc<MemoryLog>,
    pub gateway: Arc<Gateway<MemoryLog>>,
    pub channel: Channel,
}

pub type Client = GatewayServiceClient<Channel>;

impl Running {
    pub async fn start(settings: Settings) -> Self {
        let log = Arc::new(MemoryLog::default());
        let gateway = Arc::new(Gateway::new(log.clone(), Settings { clock: || NOW_US, ..settings }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = tandem_wire::listen::server(None).unwrap().add_service(GatewayServer::new(gateway.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let channel = Channel::from_shared(format!("http://{addr}")).unwrap().connect().await.unwrap();
        Self { log, gateway, channel }
    }

    pub async fn with_limits(limits: Limits) -> Self {
        Self::start(Settings { limits, ..Default::default() }).await
    }

    pub fn client(&self) -> Client {
        GatewayServiceClient::new(self.channel.clone())
    }

    /// Sends any bytes as the message of a call.
    pub async fn send_bytes(&self, method: &str, bytes: Vec<u8>) -> Status {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        grpc.ready().await.unwrap();
        let path = format!("/tandem.v1.GatewayService/{method}").parse().unwrap();
        let answer: Result<Response<Bytes>, Status> = grpc.unary(Request::new(Bytes::from(bytes)), path, BytesCodec).await;
        answer.map(|answer| answer.into_inner()).expect_err("the call should fail")
    }

    pub async fn idle(&self) {
        until("nothing is in flight", || self.gateway.in_flight() == InFlight::default() && self.log.waiting() == 0).await;
    }
}

/// Waits for a state that must come.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A good event; its number makes its id and its quantity.
pub fn event(n: usize, council: &str) -> Event {
    let contribution = ContributionRecorded {
        service: "waste/recycling".into(),
        measure: "paper".into(),
        quantity: 1 + n as i64,
        evidence: 4,
        ..Default::default()
    };
    Event {
        envelope: Some(Envelope {
            event_id: id(n),
            council: council.into(),
            source: "bins/north".into(),
            occurred_start: "2026-01-01".into(),
            ..Default::default()
        }),
        facts: Some(Facts { body: Some(Body::ContributionRecorded(contribution)) }),
        person: Some(Person { actor: "ana".into(), actor_kind: 1, ..Default::default() }),
    }
}

pub fn id(n: usize) -> String {
    format!("0190a000-0000-7000-8000-{n:012x}")
}

pub fn events(numbers: impl IntoIterator<Item = usize>, council: &str) -> Vec<Event> {
    numbers.into_iter().map(|n| event(n, council)).collect()
}

/// The event ids that a council's ledger has, in order.
pub fn ids(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| Envelope::decode(record.envelope.as_slice()).unwrap().event_id).collect()
}

/// The field of the first violation that a status names.
pub fn field(status: &Status) -> String {
    let details: ErrorDetails = status.get_error_details();
    details.bad_request().map(|bad| bad.field_violations[0].field.clone()).unwrap_or_default()
}

/// Why a status says that it failed.
pub fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// Bytes as they are.
#[derive(Clone, Copy, Default)]
pub struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(bytes.copy_to_bytes(bytes.remaining())))
    }
}
