//! The way to a witness: HTTP POST, with an answer of bounded size within a bounded time.

use crate::audit::{agent, said};
use anyhow::{Context, ensure};
use std::io::Read;
use std::time::Duration;
use tandem_book::key::VerifierKey;
use tandem_projection::{Answer, Post, Witness};
use ureq::Agent;
use ureq::http::header::CONTENT_TYPE;

/// Longest wait for an answer. A server that stops waits as long, if it has just asked.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is read: signatures of a hundred keys are below it.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// A witness by its submission prefix.
#[derive(Debug)]
pub struct HttpPost {
    agent: Agent,
    url: String,
}

impl HttpPost {
    /// Below this URL is `add-checkpoint`.
    pub fn new(prefix: &str) -> anyhow::Result<Self> {
        ensure!(prefix.starts_with("http://") || prefix.starts_with("https://"), "the URL {prefix} does not begin with http:// or https://");
        Ok(Self { agent: agent(1, TIMEOUT, None)?, url: format!("{}/add-checkpoint", prefix.trim_end_matches('/')) })
    }

    /// A witness as `URL=VKEY` names it: of a vkey, the last part is base64, which may end in `=`.
    pub fn witness(text: &str) -> anyhow::Result<Witness> {
        let (url, key) = text.split_once('=').with_context(|| format!("--witness {text} is not URL=VKEY"))?;
        let key: VerifierKey = key.parse().with_context(|| format!("--witness {url}"))?;
        Witness::new(key, Self::new(url)?).with_context(|| format!("--witness {url}"))
    }
}

impl Post for HttpPost {
    fn post(&self, body: &str) -> Result<Answer, String> {
        let failed = |why: String| format!("{}: {why}", self.url);
        let mut response = self.agent.post(&self.url).content_type("text/plain").send(body).map_err(|error: ureq::Error| failed(said(&error)))?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        let read = response.body_mut().as_reader().take(ANSWER_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| failed(format!("the answer broke off: {error}")))?;
        if bytes.len() as u64 > ANSWER_BYTES_MAX {
            return Err(failed(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        Ok(Answer { status: response.status().as_u16(), content_type: kind, body: bytes })
    }
}
