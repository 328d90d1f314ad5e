//! A book on a server, by HTTP GET.

use super::source::{Source, Unread, read_file};
use anyhow::{Context, ensure};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Waits before a second and a third attempt: a server that restarts is back by then, and one that is down is named soon.
const RETRY_AFTER: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// Largest file of certificates.
const CERTIFICATES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A client with its connections, for all books of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
}

impl Client {
    /// For so many requests at once, each of which may take so long. `tls_ca`: the certificate authority of an https server; none: the system's.
    pub fn new(jobs: usize, timeout: Duration, tls_ca: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self { agent: agent(jobs, timeout, tls_ca)? })
    }
}

/// An HTTP client with so many connections kept. Statuses are no errors.
pub fn agent(connections: usize, timeout: Duration, tls_ca: Option<&Path>) -> anyhow::Result<Agent> {
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots(tls_ca)?))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT.min(timeout)))
        .timeout_global(Some(timeout))
        .max_idle_connections(connections)
        .max_idle_connections_per_host(connections)
        .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(config.into())
}

/// The certificates that a server's may descend from. None of the system's at all is no error: an http server needs none.
fn roots(tls_ca: Option<&Path>) -> anyhow::Result<Vec<Certificate<'static>>> {
    let Some(path) = tls_ca else {
        return Ok(rustls_native_certs::load_native_certs().certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect());
    };
    let pem = read_file(path, CERTIFICATES_BYTES_MAX).with_context(|| format!("cannot read {}", path.display()))?;
    let mut roots = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.with_context(|| format!("{} is not PEM", path.display()))? {
            roots.push(certificate);
        }
    }
    ensure!(!roots.is_empty(), "{} holds no certificate", path.display());
    Ok(roots)
}

/// One book of a server.
#[derive(Clone, Debug)]
pub struct Served {
    client: Client,
    prefix: String,
}

impl Served {
    /// The book of a council at `url/books/<council>`, or at `url` itself if that is its path already.
    pub fn new(client: Client, url: &str, council: &str) -> anyhow::Result<Self> {
        ensure!(url.starts_with("http://") || url.starts_with("https://"), "--url {url} does not begin with http:// or https://");
        let (url, own) = (url.trim_end_matches('/'), format!("/books/{council}"));
        let prefix = if url.ends_with(&own) { url.to_owned() } else { format!("{url}{own}") };
        Ok(Self { client, prefix })
    }

    /// One attempt. The flag says whether another may help.
    fn attempt(&self, url: &str, limit: usize) -> Result<Vec<u8>, (bool, Unread)> {
        let fail = |again: bool, absent: bool, why: String| (again, Unread { absent, why: format!("{url}: {why}") });
        let mut response = self.client.agent.get(url).call().map_err(|error| fail(true, false, said(&error)))?;
        let status = response.status();
        if status != StatusCode::OK {
            let absent = matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE);
            let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return Err(fail(again, absent, format!("the server answered {status}")));
        }
        let mut bytes = Vec::new();
        let read = response.body_mut().as_reader().take(limit as u64 + 1).read_to_end(&mut bytes);
        read.map(|_| bytes).map_err(|error| fail(true, false, format!("the answer broke off: {error}")))
    }
}

/// An error without the words that say nothing.
pub fn said(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

impl Source for Served {
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Unread> {
        let url = format!("{}/{path}", self.prefix);
        let mut waits = RETRY_AFTER.iter();
        loop {
            match self.attempt(&url, limit) {
                Ok(bytes) => return Ok(bytes),
                Err((true, unread)) => match waits.next() {
                    Some(wait) => std::thread::sleep(*wait),
                    None => return Err(Unread { why: format!("{} (tried {} times)", unread.why, RETRY_AFTER.len() + 1), ..unread }),
                },
                Err((false, unread)) => return Err(unread),
            }
        }
    }
}
