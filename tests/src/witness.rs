//! The real `tandem witness` as a child process, and a way to it that breaks.

use crate::server::{PATIENCE, binary};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// A witness that serves. It never outlives its test.
#[derive(Debug)]
pub struct WitnessServer {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl WitnessServer {
    /// Starts on a free port and waits until it serves; the error is what it said.
    pub fn start(key: &Path, logs: &Path, state: &Path, new: bool) -> Result<Self, String> {
        let mut command = Command::new(binary());
        command.args(["witness", "--listen", "127.0.0.1:0", "--key"]).arg(key).arg("--logs").arg(logs).arg("--state").arg(state);
        command.args(new.then_some("--new")).env("RUST_LOG", "warn");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says something or ends");
        match line.trim().strip_prefix("http ") {
            Some(address) => Ok(Self { url: format!("http://{address}"), child }),
            None => {
                let mut said = String::new();
                child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
                child.wait().expect("our own child");
                Err(said)
            }
        }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }
}

impl Drop for WitnessServer {
    fn drop(&mut self) {
        // It may have ended before; nothing else can go wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A way to a witness that can be turned to another one, and that can lose its answer.
#[derive(Debug)]
pub struct Detour {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    to: Arc<Mutex<To>>,
}

#[derive(Debug)]
struct To {
    address: String,
    /// The witness that is killed once it has begun to answer, instead of the answer being passed on.
    victim: Option<WitnessServer>,
    lost: u64,
}

impl Detour {
    /// To this witness, as it is.
    pub fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = format!("http://{}", listener.local_addr().expect("it is bound"));
        let to = Arc::new(Mutex::new(To { address: address(url), victim: None, lost: 0 }));
        let shared = to.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                // A connection that breaks is the point.
                thread::spawn(move || drop(pass(&stream, &shared)));
            }
        });
        Self { url: own, to }
    }

    /// From now on to another one.
    pub fn turn(&self, url: &str) {
        self.to.lock().expect("no connection panics").address = address(url);
    }

    /// Kills the witness as soon as it has begun to answer the next request: what it answers by then is on its disk.
    pub fn kill_while_answering(&self, victim: WitnessServer) {
        self.to.lock().expect("no connection panics").victim = Some(victim);
    }

    /// How many answers were lost so.
    pub fn lost(&self) -> u64 {
        self.to.lock().expect("no connection panics").lost
    }
}

fn address(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

/// Passes one connection on, both ways, until either side ends it.
fn pass(client: &TcpStream, to: &Arc<Mutex<To>>) -> std::io::Result<()> {
    let target = to.lock().expect("no connection panics").address.clone();
    let witness = TcpStream::connect(target)?;
    for stream in [client, &witness] {
        stream.set_read_timeout(Some(PATIENCE))?;
    }
    let (mut from, mut out) = (client.try_clone()?, witness.try_clone()?);
    thread::spawn(move || drop(std::io::copy(&mut from, &mut out)));
    let (mut answers, mut back, mut bytes) = (witness, client.try_clone()?, [0; 4096]);
    loop {
        let read = answers.read(&mut bytes)?;
        if read == 0 {
            return client.shutdown(std::net::Shutdown::Both);
        }
        let mut now = to.lock().expect("no connection panics");
        if let Some(victim) = now.victim.take() {
            victim.kill();
            now.lost += 1;
            return client.shutdown(std::net::Shutdown::Both);
        }
        drop(now);
        back.write_all(&bytes[..read])?;
    }
}
