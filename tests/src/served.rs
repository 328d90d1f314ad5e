//! A small HTTP server for files, with the faults that servers have.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// How a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 200 with these bytes.
    File(Vec<u8>),
    /// This status, with a few words.
    Status(u16),
    /// Half of these bytes, then the connection is closed.
    Half(Vec<u8>),
    /// The connection is closed without a word.
    Close,
    /// Nothing, for as long as the client waits.
    Silence,
}

/// A server on a free port of this machine.
pub struct Served {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    asked: Arc<Mutex<HashMap<String, u64>>>,
}

impl Served {
    /// Starts one that answers a path (with its first slash) as the function says. It ends with the process.
    pub fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let asked = Arc::new(Mutex::new(HashMap::new()));
        let (reply, counted) = (Arc::new(reply), asked.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (reply, counted) = (reply.clone(), counted.clone());
                // A client that goes away is no matter of ours.
                thread::spawn(move || drop(answer_all(stream, &*reply, &counted)));
            }
        });
        Self { url, asked }
    }

    /// How often each path was asked for.
    pub fn asked(&self) -> HashMap<String, u64> {
        self.asked.lock().expect("no handler panics").clone()
    }
}

fn answer_all(stream: TcpStream, reply: &(dyn Fn(&str) -> Reply + Send + Sync), asked: &Mutex<HashMap<String, u64>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut requests, mut out) = (BufReader::new(stream.try_clone()?), stream);
    loop {
        let mut first = String::new();
        if requests.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut line = String::from("-");
        while line.trim() != "" {
            line.clear();
            requests.read_line(&mut line)?;
        }
        let path = first.split(' ').nth(1).unwrap_or_default();
        *asked.lock().expect("no handler panics").entry(path.to_owned()).or_default() += 1;
        match reply(path) {
            Reply::File(bytes) => send(&mut out, 200, bytes.len(), &bytes)?,
            Reply::Status(status) => send(&mut out, status, 4, b"no.\n")?,
            Reply::Half(bytes) => return send(&mut out, 200, bytes.len(), &bytes[..bytes.len() / 2]),
            Reply::Close => return Ok(()),
            // Until the client gives up and closes its side.
            Reply::Silence => return requests.read_line(&mut String::new()).map(drop),
        }
    }
}

fn send(out: &mut TcpStream, status: u16, length: usize, bytes: &[u8]) -> std::io::Result<()> {
    let mut answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    answer.extend_from_slice(bytes);
    out.write_all(&answer)
}
