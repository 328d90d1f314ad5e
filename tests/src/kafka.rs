//! Real Kafka brokers on this machine's loopback, for tests: each in a directory of its own, ended by its own process id, and never
//! outliving the test, however that ends (`tests/kafka/node` kills its broker when the pipe to it is closed).
//!
//! The jars are those that `deploy/setup --tests` keeps, or of `KAFKA_HOME`. `TANDEM_KAFKA_BROKERS` names a cluster of yours instead, for
//! the tests that need no broker killed.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A hang fails the test after this long; nothing else is measured by the clock.
const PATIENCE: Duration = Duration::from_secs(120);

/// One broker.
#[derive(Debug)]
pub struct Broker {
    directory: PathBuf,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// The script that watches over it, and its process id.
    running: Option<(Child, u32)>,
}

/// Brokers that are each other's replicas.
#[derive(Debug)]
pub struct Cluster {
    /// By node, from 0.
    pub brokers: Vec<Broker>,
    _directory: tempfile::TempDir,
}

/// Whether there is a broker to be had. Without one the test fails, unless TANDEM_WITHOUT_KAFKA=1 leaves it out; `tests/run` says so at
/// its end.
pub fn is_there() -> bool {
    let jars = Command::new(script("jars")).stdin(Stdio::null()).output().expect("tests/kafka/jars runs");
    let java = Command::new("java").arg("-version").stdin(Stdio::null()).output().is_ok_and(|output| output.status.success());
    if jars.status.success() && java {
        return true;
    }
    let message = "there is no Kafka: run deploy/setup --tests, name one in KAFKA_HOME, or set TANDEM_WITHOUT_KAFKA=1 to leave it out";
    assert_eq!(env::var("TANDEM_WITHOUT_KAFKA").as_deref(), Ok("1"), "{message}");
    // Past the harness, which would keep it to itself; nobody may be listening.
    let _ = writeln!(std::io::stderr(), "NOT TESTED, since TANDEM_WITHOUT_KAFKA=1 and there is no Kafka");
    false
}

/// Brokers to append to and read from, shared by all tests of this process: a cluster named by TANDEM_KAFKA_BROKERS, or one broker that is
/// started. None: see [`is_there`].
pub fn shared() -> Option<&'static str> {
    static SHARED: OnceLock<Option<(String, Option<Cluster>)>> = OnceLock::new();
    let start = || match env::var("TANDEM_KAFKA_BROKERS") {
        Ok(brokers) => Some((brokers, None)),
        Err(_) => is_there().then(|| Cluster::start(1)).map(|cluster| (cluster.addresses(), Some(cluster))),
    };
    SHARED.get_or_init(start).as_ref().map(|(brokers, _)| brokers.as_str())
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka").join(name)
}

fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("it is bound").port()).collect()
}

fn list(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",")
}

impl Cluster {
    /// Starts so many brokers and waits until all listen.
    pub fn start(count: usize) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let ports = free_ports(2 * count);
        let (brokers, controllers) = ports.split_at(count);
        let broker = |(node, port): (usize, &u16)| {
            let directory = directory.path().join(node.to_string());
            let mut prepare = Command::new(script("node"));
            prepare.arg("prepare").arg(&directory).args([(node + 1).to_string(), list(brokers), list(controllers)]).stdin(Stdio::null());
            let output = prepare.output().expect("tests/kafka/node runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Broker { directory, address: format!("127.0.0.1:{port}"), running: None }
        };
        let mut cluster = Self { brokers: brokers.iter().enumerate().map(broker).collect(), _directory: directory };
        cluster.brokers.iter_mut().for_each(Broker::spawn);
        cluster.brokers.iter().for_each(Broker::wait_until_it_listens);
        cluster
    }

    /// All of them, as clients want them.
    pub fn addresses(&self) -> String {
        self.brokers.iter().map(|broker| broker.address.as_str()).collect::<Vec<_>>().join(",")
    }
}

impl Broker {
    fn spawn(&mut self) {
        assert!(self.running.is_none(), "the broker runs already");
        let mut command = Command::new(script("node"));
        command.arg("run").arg(&self.directory).arg("--until-closed").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("tests/kafka/node runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says its process id");
        let id = line.trim().parse().unwrap_or_else(|_| panic!("the broker's process id: {line:?}"));
        self.running = Some((child, id));
    }

    fn wait_until_it_listens(&self) {
        let started = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            assert!(started.elapsed() < PATIENCE, "the broker does not listen: {}", self.log());
            sleep(Duration::from_millis(50));
        }
    }

    /// Starts it again, on its data and ports.
    pub fn start(&mut self) {
        self.spawn();
        self.wait_until_it_listens();
    }

    fn signal(&self, signal: &str) {
        let (_, id) = self.running.as_ref().expect("the broker runs");
        assert!(Command::new("kill").args([signal, &id.to_string()]).status().expect("kill runs").success(), "kill {signal} {id}");
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.signal("-KILL");
        self.reap();
    }

    /// Stops it in order, and waits until it has ended.
    pub fn stop(&mut self) {
        self.signal("-TERM");
        let (_, id) = self.running.as_ref().expect("the broker runs");
        let started = Instant::now();
        // A process that ended and was not waited for has no command line any more.
        while std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty()) {
            assert!(started.elapsed() < PATIENCE, "the broker does not stop: {}", self.log());
            sleep(Duration::from_millis(20));
        }
        self.reap();
    }

    /// Lets it hang: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// The end of what it said.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.directory.join("kafka.log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Closes the pipe, upon which the script kills it, if it is there, and ends. Its directory is the cluster's, and goes with that.
    fn reap(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            // If the script is gone, so is the broker.
            let _ = child.stdin.take().map(|mut pipe| pipe.write_all(b"keep\n"));
            // It is our own child; nothing else can go wrong.
            let _ = child.wait();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.reap();
    }
}
