//! Gateway, projections and query as processes of their own, over a real Kafka: they answer as one process does, say what is missing when one
//! of them is gone, and go on when it is back or another one stands in.

use crate::data_sets;
use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant, SystemTime};
use tandem_domain::position::partition_of;
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{ContributionRecorded, Envelope};
use tandem_tests::client::{Gateway, connect, record_request};
use tandem_tests::events::Parts;
use tandem_tests::given::{ana, contribution, envelope};
use tandem_tests::kafka;
use tandem_tests::server::{PATIENCE, Server, run};

const PARTITIONS: u32 = 8;
/// Events of the generated council.
const EVENTS: &str = "6000";
const BOOKS: &str = "books.example.org";

/// The services over one topic.
struct Services {
    directory: tempfile::TempDir,
    brokers: String,
    topic: String,
    /// Addresses that the projections and the standby keep when they are started again.
    addresses: [String; 3],
    gateway: Option<Server>,
    projections: [Option<Server>; 3],
    query: Option<Server>,
}

/// What query and gateway show to the projections. printf %s secret | sha256sum
const TOKEN: &str = "secret";
const TOKEN_SHA256: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

/// The third is a standby of the second's partitions.
const STANDBY: usize = 2;

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Services {
    /// Starts all but the standby.
    fn start(brokers: &str) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let mut services = Self {
            directory: tempfile::tempdir().unwrap(),
            brokers: brokers.into(),
            topic: format!("tandem.services.{}.{}", std::process::id(), since.as_nanos()),
            addresses: std::array::from_fn(|_| free_address()),
            gateway: None,
            projections: [None, None, None],
            query: None,
        };
        let made = run(&["keygen", "--out", &services.key(), "--book-name", BOOKS]);
        assert!(made.status.success(), "{made:?}");
        let rights = "councils = [\"*\"]\nroles = [\"reader\", \"auditor\"]";
        let tokens = format!("[[principal]]\nname = \"services\"\ntoken_sha256 = \"{TOKEN_SHA256}\"\n{rights}\n");
        std::fs::write(services.path("tokens.toml"), tokens).unwrap();
        std::fs::write(services.path("token"), TOKEN).unwrap();
        services.start_projection(0);
        services.start_projection(1);
        let urls = services.urls();
        let token = services.path("token");
        let projections = ["--projection", &urls, "--projection-token-file", &token];
        let gateway = services.with_kafka(&projections);
        services.gateway = Some(Server::start_service("gateway", "127.0.0.1:0", &strings(&gateway)).unwrap());
        services.query = Some(Server::start_service("query", "127.0.0.1:0", &projections).unwrap());
        services.wait_for_ready("ready\n");
        services
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn key(&self) -> String {
        self.path("signing.key")
    }

    fn urls(&self) -> String {
        self.addresses.each_ref().map(|address| format!("http://{address}")).join(",")
    }

    fn with_kafka(&self, arguments: &[&str]) -> Vec<String> {
        let (partitions, kafka) = (PARTITIONS.to_string(), ["--kafka-brokers", &self.brokers, "--kafka-topic", &self.topic]);
        let safety = ["--kafka-partitions", &partitions, "--kafka-replicas", "1", "--kafka-min-insync-replicas", "1"];
        [&kafka[..], &safety, arguments].concat().into_iter().map(str::to_owned).collect()
    }

    fn start_projection(&mut self, which: usize) {
        let (data, published, key) = (self.path(&format!("projection-{which}")), self.path("checkpoints"), self.key());
        let shard = if which == 0 { "1/2" } else { "2/2" };
        let standby = if which == STANDBY { &["--standby"][..] } else { &[] };
        let tokens = self.path("tokens.toml");
        let own = ["--data-dir", &data, "--shard", shard, "--checkpoints", &published, "--signing-key", &key, "--tokens", &tokens];
        let arguments = self.with_kafka(&[&own[..], standby].concat());
        self.projections[which] = Some(Server::start_service("projection", &self.addresses[which], &strings(&arguments)).unwrap());
    }

    fn query(&self) -> &Server {
        self.query.as_ref().unwrap()
    }

    fn gateway_url(&self) -> String {
        format!("http://{}", self.gateway.as_ref().unwrap().grpc)
    }

    fn query_url(&self) -> String {
        format!("http://{}", self.query().grpc)
    }

    /// Waits until query says so of itself, as its first words.
    fn wait_for_ready(&self, words: &str) {
        let started = Instant::now();
        loop {
            let answer = http(self.query(), "/readyz");
            if answer.starts_with(words) && (words != "ready\n" || !answer.contains("no projection that holds")) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "query does not become {words:?}: {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The whole book is published and true.
    fn verify(&self, council: &str) {
        let key = verifier(&self.key());
        let entries = self.entries(council);
        let started = Instant::now();
        let url = format!("http://{}", self.query().http);
        loop {
            let output = run(&["audit", "verify", "--url", &url, "--council", council, "--key", &key]);
            let text = text(&output.stdout);
            assert!(output.status.code() != Some(1), "{text}");
            if output.status.success() && text.contains(&format!(": {entries} entries, root ")) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "not published: {output:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn entries(&self, council: &str) -> u64 {
        let status = json(&["status", "--council", council, "--server", &self.query_url()]);
        status["councils"][0]["entries"].as_u64().unwrap()
    }
}

fn strings(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn http(server: &Server, path: &str) -> String {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(&server.http).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n", server.http).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The verifying half of a key.
fn verifier(key: &str) -> String {
    let output = run(&["keygen", "--show", key]);
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).trim().to_owned()
}

/// A command's document.
#[track_caller]
fn json(arguments: &[&str]) -> Value {
    let output = run(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Without what is not the same in two ledgers: where records stand, and when they were recorded.
fn bare(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in ["position", "positions", "book_time", "book_time_us", "recorded", "log_id", "partitions", "elapsed_ms", "seconds"] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

/// A council for the generator in the other half of the partitions than another council.
fn council_apart_from(other: &str) -> String {
    let half = |council: &str| partition_of(council, PARTITIONS) < PARTITIONS / 2;
    (0..).map(|n| format!("SYNTHETIC{n}")).find(|council| half(council) != half(other)).unwrap()
}

fn generate(server: &str, query: &str, council: &str) -> Output {
    run(&["generate", "--council", council, "--events", EVENTS, "--seed", "7", "--check", "--quiet", "--server", server, "--query", query])
}

fn import(data: &Path, server: &str, query: &str, rejects: &Path) -> Value {
    let mapping = data_sets::root().join("services/tandem/mappings/chicago-requests.toml");
    let file = data.join("requests-chicago-311-sanitation/requests.csv.gz");
    let [mapping, file, rejects] = [&mapping, &file, rejects].map(|path| path.to_str().unwrap());
    json(&["import", "--no-progress", "--mapping", mapping, "--rejects", rejects, "--server", server, "--query", query, file])
}

/// Questions of one council, and of both together.
fn questions(real: Option<&str>, generated: &str) -> Vec<Vec<String>> {
    let both = real.map_or(generated.to_owned(), |real| format!("{real},{generated}"));
    let mut all = Vec::new();
    for councils in [Some(both.as_str()), real, Some(generated)].into_iter().flatten() {
        for metrics in ["quantity,entries", "response_rate,match_latency,one_sided", "participants"] {
            for by in [&[][..], &["--by", "council"], &["--by", "service,month"], &["--by", "council,area"]] {
                all.push([&["value", "--council", councils, "--metric", metrics], by].concat());
            }
        }
    }
    for council in real.into_iter().chain([generated]) {
        all.push(vec!["suspense", "--council", council]);
        all.push(vec!["exchange", "--council", council, "--state", "two-sided"]);
        all.push(vec!["catalogue", "measures", "--council", council]);
        all.push(vec!["status", "--council", council]);
    }
    all.push(vec!["status"]);
    all.into_iter().map(|question| question.into_iter().map(str::to_owned).collect()).collect()
}

#[track_caller]
fn compare(one: &str, many: &str, questions: &[Vec<String>]) {
    for question in questions {
        let ask = |server: &str| bare(json(&[&strings(question)[..], &["--server", server]].concat()));
        assert_eq!(ask(many), ask(one), "{question:?}");
    }
}

#[test]
fn services_apart_over_kafka_answer_as_one_process() {
    let Some(brokers) = kafka::shared() else { return };
    let data: Option<PathBuf> = data_sets::data();
    let mut services = Services::start(brokers);
    let alone_directory = tempfile::tempdir().unwrap();
    let alone = Server::start(alone_directory.path()).unwrap();
    let (one, gateway, query) = (format!("http://{}", alone.grpc), services.gateway_url(), services.query_url());
    let generated = council_apart_from("chicago");
    let rejects = alone_directory.path().join("rejects.csv");
    if let Some(data) = &data {
        let [here, there] = [import(data, &one, &one, &rejects), import(data, &gateway, &query, &rejects)];
        assert_eq!(bare(there), bare(here));
    }
    for (server, query) in [(&one, &one), (&gateway, &query)] {
        let output = generate(server, query, &generated);
        assert!(output.status.success(), "{output:?}");
    }
    without_a_token(&services);
    known_to_the_gateway(&services, &generated);
    let real = data.as_ref().map(|_| "chicago");
    let questions = questions(real, &generated);
    compare(&one, &query, &questions);
    let councils: Vec<&str> = real.into_iter().chain([generated.as_str()]).collect();
    councils.iter().for_each(|council| services.verify(council));
    gone_and_back(&mut services, real, &generated);
    compare(&one, &query, &questions);
    stood_in_for(&mut services, &one, &generated);
    compare(&one, &query, &questions);
    councils.iter().for_each(|council| services.verify(council));
    // A graceful end of each.
    for server in [services.gateway.take(), services.query.take()].into_iter().chain(services.projections.each_mut().map(Option::take)).flatten() {
        let (status, output) = server.stop();
        assert!(status.success(), "{output}");
    }
}

/// A query server that shows no token gets nothing from projections that ask for one, and says why.
fn without_a_token(services: &Services) {
    let stranger = Server::start_service("query", "127.0.0.1:0", &["--projection", &services.urls()]).unwrap();
    let started = Instant::now();
    while !http(&stranger, "/readyz").contains("a token is needed") {
        assert!(started.elapsed() < PATIENCE, "{}", stranger.output());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(http(&stranger, "/readyz").starts_with("no projection answers\nprojection http://"));
    let output = run(&["status", "--server", &format!("http://{}", stranger.grpc)]);
    assert!(!output.status.success() && text(&output.stderr).contains("no projection could be reached yet"), "{output:?}");
    let (status, said) = stranger.stop();
    assert!(status.success(), "{said}");
}

/// What the projections' catalogues have is known to a gateway apart; what they do not have is refused where the call asks for that.
fn known_to_the_gateway(services: &Services, council: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let measures = json(&["catalogue", "measures", "--council", council, "--server", &services.query_url()]);
    assert!(!measures["items"].as_array().unwrap().is_empty(), "{measures}");
    let record = |number: u64, service: &str| {
        let envelope = Envelope { council: council.into(), ..envelope(number) };
        let body = ContributionRecorded { service: service.into(), measure: "unknown".into(), ..contribution() };
        let event = Parts::new(&envelope, Body::ContributionRecorded(body), &ana());
        runtime.block_on(async {
            let channel = connect(&services.gateway.as_ref().unwrap().grpc).await.unwrap();
            Gateway::new(&channel).record(record_request(&event.event(), true)).await.unwrap_err()
        })
    };
    let services = json(&["catalogue", "services", "--council", council, "--server", &services.query_url()]);
    let known = services["items"][0]["definition"]["id"].as_str().unwrap().to_owned();
    for (service, about) in [("nowhere/unknown", "service nowhere/unknown"), (known.as_str(), "measure unknown")] {
        let status = record(1, service);
        assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status}");
        assert!(status.message().contains(&format!("{about} is not in the catalogue of {council}")), "{status}");
    }
}

/// Which projection holds a council's book.
fn holder(council: &str) -> usize {
    usize::from(partition_of(council, PARTITIONS) >= PARTITIONS / 2)
}

fn entries_of(councils: &str, server: &str, more: &[&str]) -> Output {
    run(&[&["value", "--json", "--council", councils, "--metric", "entries", "--by", "council", "--server", server], more].concat())
}

/// A killed projection: what it holds is refused in words, what others hold is answered; all of it again once it is back.
fn gone_and_back(services: &mut Services, real: Option<&str>, generated: &str) {
    let (query, which) = (services.query_url(), holder(generated));
    let both = real.map_or(generated.to_owned(), |real| format!("{real},{generated}"));
    services.projections[which].take().unwrap().kill();
    let output = entries_of(&both, &query, &[]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "never a wrong total");
    let error = text(&output.stderr);
    assert!(error.contains(&format!("the book of {generated} cannot be reached: no projection that holds partition ")), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    if let Some(real) = real {
        assert!(entries_of(real, &query, &[]).status.success());
        let output = entries_of(&both, &query, &["--partial"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["missing_councils"], serde_json::json!([generated]));
    }
    // The gateway needs no projection for what it takes without asking the catalogue.
    let output = run(&["status", "--server", &query]);
    assert!(text(&output.stderr).contains("cannot be reached"), "{output:?}");
    assert!(http(services.query(), "/readyz").contains("no projection that holds partitions"), "query says what is missing");
    services.start_projection(which);
    services.wait_for_ready("ready\n");
}

/// A standby of the second half takes over reads when the first holder is killed; it publishes nothing.
fn stood_in_for(services: &mut Services, one: &str, generated: &str) {
    let query = services.query_url();
    services.start_projection(STANDBY);
    let second = council_of_the_second_half(generated);
    for (server, query) in [(one, one), (&services.gateway_url(), &query)] {
        let output = generate(server, query, &second);
        assert!(output.status.success(), "{output:?}");
    }
    services.verify(&second);
    let started = Instant::now();
    // Until the standby is known and has caught up.
    while !http(services.projections[STANDBY].as_ref().unwrap(), "/metrics").contains("tandem_projection_lag_frames 0\n") {
        assert!(started.elapsed() < PATIENCE, "the standby does not catch up");
        std::thread::sleep(Duration::from_millis(20));
    }
    while !http(services.query(), "/metrics").contains("tandem_query_projections{state=\"away\"} 0") {
        assert!(started.elapsed() < PATIENCE, "query does not find the standby");
        std::thread::sleep(Duration::from_millis(20));
    }
    let before = text(&entries_of(&second, &query, &[]).stdout);
    services.projections[1].take().unwrap().kill();
    for _ in 0..5 {
        let output = entries_of(&second, &query, &[]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(text(&output.stdout), before);
    }
    services.verify(&second);
    services.start_projection(1);
    services.wait_for_ready("ready\n");
}

/// Another council in the partitions that the second projection and the standby hold.
fn council_of_the_second_half(not: &str) -> String {
    (0..).map(|n| format!("STANDBY{n}")).find(|council| holder(council) == 1 && council != not).unwrap()
}

#[test]
fn services_say_what_they_need() {
    for (arguments, words) in [
        (&["query"][..], "name them with --projection URL"),
        (&["query", "--projection", "nowhere:1"], "is not the URL of a server"),
        (&["gateway"], "--log kafka needs --kafka-brokers HOST:PORT"),
        (&["gateway", "--log", "embedded"], "the embedded log is of one process"),
        (&["projection", "--kafka-brokers", "127.0.0.1:1", "--shard", "1/2"], "--signing-key"),
        (&["projection", "--kafka-brokers", "127.0.0.1:1", "--standby"], "--verifier-key VKEY"),
        (&["gateway", "--kafka-brokers", "127.0.0.1:1", "--grpc", "0.0.0.0:0"], "refusing to listen on 0.0.0.0:0"),
        (&["projection", "--kafka-brokers", "127.0.0.1:1", "--http", "0.0.0.0:0"], "refusing to listen on 0.0.0.0:0"),
        (&["query", "--projection", "http://127.0.0.1:1", "--grpc", "0.0.0.0:0"], "refusing to listen on 0.0.0.0:0"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let output = std::process::Command::new(tandem_tests::server::binary())
            .args(arguments)
            .current_dir(directory.path())
            .env_remove("TANDEM_SIGNING_KEY")
            .output()
            .unwrap();
        let error = text(&output.stderr);
        let last = error.lines().last().unwrap_or_default();
        assert!(!output.status.success() && last.contains(words), "{arguments:?}: {error}");
    }
}
