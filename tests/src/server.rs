//! The real `tandem` binary as a child process. It is ended by its own process id, and never outlives its test.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, thread};

/// A hang fails the test after this long; nothing else is measured by the clock.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Where the binary is: beside the tests, or where `TANDEM_BINARY` says.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os("TANDEM_BINARY") {
        return path.into();
    }
    let test = env::current_exe().expect("a test knows its own path");
    let path = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join("tandem");
    assert!(path.is_file(), "{} is not there: run `cargo build -p tandem` first (tests/run does)", path.display());
    path
}

/// Runs a command of the binary to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).stdin(Stdio::null()).output().expect("the binary runs")
}

/// A server that serves.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Address of gRPC, host and port.
    pub grpc: String,
    /// Address of HTTP, host and port.
    pub http: String,
    output: Arc<Mutex<String>>,
}

/// Why a server did not begin to serve.
#[derive(Debug)]
pub struct Refused {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it said.
    pub output: String,
}

impl Server {
    /// Starts on a data directory, on free ports, and waits until it serves.
    pub fn start(data_dir: &Path) -> Result<Self, Refused> {
        Self::start_with(data_dir, &[])
    }

    /// As [`Server::start`], with more arguments.
    pub fn start_with(data_dir: &Path, arguments: &[&str]) -> Result<Self, Refused> {
        Self::wait(command(data_dir).args(arguments))
    }

    /// Starts one service of several (`gateway`, `projection`, `query`) with gRPC at this address and HTTP on a free port, and waits until
    /// it serves.
    pub fn start_service(name: &str, grpc: &str, arguments: &[&str]) -> Result<Self, Refused> {
        let mut command = Command::new(binary());
        command.args([name, "--grpc", grpc, "--http", "127.0.0.1:0"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::wait(&mut command)
    }

    fn wait(command: &mut Command) -> Result<Self, Refused> {
        let mut child = command.spawn().expect("the binary starts");
        let (lines, output) = listen(&mut child);
        let mut server = Self { child, grpc: String::new(), http: String::new(), output };
        let started = Instant::now();
        while server.grpc.is_empty() || server.http.is_empty() {
            match lines.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                Ok(line) => match line.split_once(' ') {
                    Some(("grpc", address)) => server.grpc = address.to_owned(),
                    Some(("http", address)) => server.http = address.to_owned(),
                    _ => {}
                },
                // Both of its outputs are closed: it is gone.
                Err(RecvTimeoutError::Disconnected) => {
                    let status = server.child.wait().expect("our own child");
                    return Err(Refused { status, output: server.output() });
                }
                Err(RecvTimeoutError::Timeout) => panic!("the server neither serves nor ends: {}", server.output()),
            }
        }
        Ok(server)
    }

    /// Starts and is killed when it has said so many lines, or has begun to serve.
    pub fn kill_while_starting(data_dir: &Path, lines_before: usize) {
        let mut child = command(data_dir).spawn().expect("the binary starts");
        let (lines, _) = listen(&mut child);
        let said = (0..lines_before).map_while(|_| lines.recv_timeout(PATIENCE).ok());
        for line in said {
            if line.starts_with("grpc ") {
                break;
            }
        }
        child.kill().expect("our own child");
        child.wait().expect("our own child");
    }

    /// What it has said so far on both outputs.
    pub fn output(&self) -> String {
        self.output.lock().expect("no reader panics").clone()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_none()
    }

    /// Sends it a signal, as "-STOP".
    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs").success());
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }

    /// SIGTERM, and waits for its end; says how it ended and what it had said.
    pub fn stop(mut self) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                return (status, self.output());
            }
            assert!(started.elapsed() < PATIENCE, "the server does not stop: {}", self.output());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// `tandem serve` on free ports.
fn command(data_dir: &Path) -> Command {
    let mut command = Command::new(binary());
    command.args(["serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the server said:\n{}", self.output());
        }
        // It may have ended before; nothing else can go wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads both outputs to their ends: all of it into a text, and line by line into a channel.
fn listen(child: &mut Child) -> (Receiver<String>, Arc<Mutex<String>>) {
    let output = Arc::new(Mutex::new(String::new()));
    let (sender, lines) = channel();
    let pipes: [Box<dyn Read + Send>; 2] = [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
    for pipe in pipes {
        let (sender, output) = (sender.clone(), output.clone());
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let mut output = output.lock().expect("no reader panics");
                output.push_str(&line);
                output.push('\n');
                // Nobody waits for lines once it serves.
                let _ = sender.send(line);
            }
        });
    }
    (lines, output)
}
