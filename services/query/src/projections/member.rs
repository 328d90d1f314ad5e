//! One projection: what it holds, as it says itself.

use super::Log;
use crate::books::{Client, Transport};
use crate::upstream::Deadline;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tandem_domain::position::LogId;
use tandem_proto::internal::v1::{WatchPartitionsRequest, WatchPartitionsResponse};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// A projection says something once a second; one that is silent for this long is away.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// The first and the longest pause before a projection that is away is tried again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How a projection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is away, or will not do, and why.
    Away(String),
    /// It answers: per partition that it holds, offset and index of the first record that is not folded.
    Holds(BTreeMap<u32, (u64, u32)>),
}

/// A projection.
pub(super) struct Member<T> {
    name: String,
    client: Client<T>,
    state: RwLock<State>,
}

impl<T: Transport> Member<T> {
    /// What it is called in the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn client(&self) -> Client<T> {
        self.client.clone()
    }

    pub fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far it has folded a partition; `None` if it does not hold it, or is away.
    pub fn cursor(&self, partition: u32) -> Option<(u64, u32)> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Holds(cursors) => cursors.get(&partition).copied(),
            State::Away(_) => None,
        }
    }

    /// Says so in the log when it comes, goes, or holds other partitions than before.
    fn set(&self, now: State) {
        let held = |state: &State| match state {
            State::Holds(cursors) => Some(cursors.keys().copied().collect::<Vec<_>>()),
            State::Away(_) => None,
        };
        let before = std::mem::replace(&mut *self.state.write().unwrap_or_else(PoisonError::into_inner), now.clone());
        match (&before, &now) {
            (State::Away(before), State::Away(why)) if before == why => {}
            (_, State::Away(why)) => tracing::warn!(projection = self.name, why, "a projection is away"),
            _ if held(&before) != held(&now) => {
                tracing::info!(projection = self.name, partitions = ?held(&now).unwrap_or_default(), "a projection answers")
            }
            _ => {}
        }
    }

    /// Follows it for ever.
    async fn follow(self: Arc<Self>, log: Arc<OnceLock<Log>>) {
        let mut pause = PAUSE.0;
        loop {
            let mut heard = false;
            let why = self.listen(&log, &mut heard).await;
            self.set(State::Away(why));
            pause = if heard { PAUSE.0 } else { (2 * pause).min(PAUSE.1) };
            tokio::time::sleep(pause).await;
        }
    }

    /// Listens until it ends, and says why it did.
    async fn listen(&self, log: &OnceLock<Log>, heard: &mut bool) -> String {
        let mut client = self.client();
        let call = client.watch_partitions(Deadline::none().request(WatchPartitionsRequest {}));
        let mut stream = match timeout(SILENCE_MAX, call).await {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return said(&status),
            Err(_) => return silent(),
        };
        loop {
            match timeout(SILENCE_MAX, stream.next()).await {
                Ok(Some(Ok(message))) => match held(message, log) {
                    Ok(cursors) => self.set(State::Holds(cursors)),
                    Err(why) => return why,
                },
                Ok(Some(Err(status))) => return said(&status),
                Ok(None) => return "it stopped".into(),
                Err(_) => return silent(),
            }
            *heard = true;
        }
    }
}

fn said(status: &tonic::Status) -> String {
    let cause = std::error::Error::source(status).map_or_else(String::new, |source| format!(" ({})", tandem_wire::chain(source)));
    format!("{}{cause}", status.message()).replace('\n', " ")
}

fn silent() -> String {
    format!("it has said nothing for {} s", SILENCE_MAX.as_secs())
}

/// What it holds. Refuses one of another log than the first.
fn held(message: WatchPartitionsResponse, log: &OnceLock<Log>) -> Result<BTreeMap<u32, (u64, u32)>, String> {
    let id = message.log_id.try_into().map_err(|_| "its log id does not have 16 bytes: it is of another release".to_owned())?;
    let own = (LogId(id), message.log_partitions);
    let first = *log.get_or_init(|| own);
    if first != own {
        let ((id, partitions), (first, first_partitions)) = (own, first);
        return Err(format!(
            "it is of log {id} of {partitions} partitions, and the first projection that answered of {first} of {first_partitions}: take it out of --projection, or start this server again"
        ));
    }
    let cursors = message.partitions.into_iter().map(|held| (held.partition, (held.next_offset, held.next_index)));
    Ok(cursors.filter(|(partition, _)| *partition < first.1).collect())
}

/// A projection that is followed for as long as this is kept.
pub(super) struct Entry<T> {
    pub member: Arc<Member<T>>,
    following: AbortHandle,
}

impl<T: Transport> Entry<T> {
    /// Begins to follow it.
    pub fn follow(name: &str, client: Client<T>, log: Arc<OnceLock<Log>>) -> Self {
        let state = RwLock::new(State::Away("it was not reached yet".into()));
        let member = Arc::new(Member { name: name.to_owned(), client, state });
        let following = tokio::spawn(member.clone().follow(log)).abort_handle();
        Self { member, following }
    }
}

impl<T> Drop for Entry<T> {
    fn drop(&mut self) {
        self.following.abort();
    }
}
