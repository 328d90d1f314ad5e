//! Several projections of one log: who holds which partitions and how far, which is learned from themselves; and who is asked what.
//!
//! ```text
//!  URLs ──names──▶ addresses ──join, leave──▶ members ◀──WatchPartitions── each: partitions held, how far, once a second at least
//!                  looked up again            │
//!                                             └─ a question: who holds it, the furthest first; the next one if that one is away
//! ```
//!
//! A partition that no member holds is never left out in silence: the question fails as `UNAVAILABLE`, or its answer says what is missing.

mod discover;
mod gather;
mod member;
mod positions;
mod report;

pub(crate) use discover::Addresses;

use crate::about::About;
use crate::books::{Client, Transport, by_partition, client};
use crate::upstream::{Deadline, is_away};
use member::{Entry, Member};
use positions::Waits;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tandem_domain::position::{LogId, partition_of};
use tandem_proto::internal::v1::GetStatusRequest;
use tandem_proto::v1;
use tandem_wire::status::Failure;
use tonic::{Response, Status};

/// When to ask again for what cannot be reached: a projection that is started again is found within this time, mostly.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A log: its id and how many partitions it has.
type Log = (LogId, u32);

/// The projections that are known.
pub(crate) struct Projections<T> {
    members: RwLock<BTreeMap<String, Entry<T>>>,
    /// The log of the first that answered, for good: projections of another are refused.
    log: Arc<OnceLock<Log>>,
    /// Who among equals is asked first.
    turn: AtomicUsize,
}

impl<T: Transport> Projections<T> {
    pub fn new() -> Self {
        Self { members: RwLock::default(), log: Arc::default(), turn: AtomicUsize::new(0) }
    }

    /// Takes a projection in, and follows what it holds from now on.
    pub fn join(&self, name: String, transport: T) {
        let entry = Entry::follow(&name, client(transport), self.log.clone());
        self.members.write().unwrap_or_else(PoisonError::into_inner).insert(name, entry);
    }

    /// Forgets all projections but these.
    fn keep(&self, names: impl Fn(&str) -> bool) {
        self.members.write().unwrap_or_else(PoisonError::into_inner).retain(|name, _| names(name));
    }

    fn has(&self, name: &str) -> bool {
        self.members.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    fn members(&self) -> Vec<Arc<Member<T>>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).values().map(|entry| entry.member.clone()).collect()
    }

    /// The log, once a projection has said which.
    fn log(&self) -> Result<Log, Failure> {
        let nobody = || Failure::Unavailable { why: "no projection could be reached yet".into(), retry_after: RETRY_AFTER };
        self.log.get().copied().ok_or_else(nobody)
    }

    /// Who holds a partition now: first those that are far enough, the furthest first, and equals by turns.
    fn holders(&self, partition: u32, waits: &Waits) -> Vec<Arc<Member<T>>> {
        let mut holders = self.members();
        let turn = self.turn.fetch_add(1, Relaxed);
        let places = holders.len().max(1);
        holders.rotate_left(turn % places);
        let mut holders: Vec<_> = holders.into_iter().filter_map(|member| Some((member.cursor(partition)?, member))).collect();
        holders.sort_by_key(|(cursor, _)| (!waits.are_reached(partition, *cursor), Reverse(*cursor)));
        holders.into_iter().map(|(_, member)| member).collect()
    }

    /// Asks who holds the council's book, with those of the positions that are of its partition.
    pub async fn ask<Q: About, R, F>(&self, mut question: Q, deadline: Deadline, call: impl Fn(Client<T>, Q) -> F) -> Result<R, Status>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let log = self.log()?;
        let partition = partition_of(question.council(), log.1);
        let waits = Waits::of(question.at_least(), log, |at| at == partition);
        question.set_at_least(waits.tokens());
        let nobody = missing_book(question.council(), partition);
        let answer = self.ask_holder(partition, &waits, deadline, |client| call(client, question.clone())).await;
        answer.map_err(|status| waits.renumber(status)).and_then(|answer| answer.ok_or_else(|| nobody.into()))
    }

    /// Asks one holder after the other until one answers, be it that it will not. `None`: all are away.
    async fn ask_holder<R, F>(&self, partition: u32, waits: &Waits, deadline: Deadline, call: impl Fn(Client<T>) -> F) -> Result<Option<R>, Status>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        for member in self.holders(partition, waits) {
            match deadline.call(call(member.client())).await {
                Err(status) if is_away(&status) => tracing::debug!(projection = member.name(), partition, %status, "asking the next one"),
                answer => return answer.map(Some),
            }
        }
        Ok(None)
    }

    /// Waits for positions in partitions where none of these councils lives.
    pub async fn reach_elsewhere(&self, councils: &[String], at_least: &[String], deadline: Deadline) -> Result<(), Status> {
        if at_least.is_empty() {
            return Ok(());
        }
        let log = self.log()?;
        let theirs = by_partition(councils, log.1);
        let is_elsewhere = |partition| !theirs.contains_key(&partition);
        let mut partitions: Vec<u32> = positions::partitions(at_least, log).into_iter().filter(|at| is_elsewhere(*at)).collect();
        partitions.sort_unstable();
        partitions.dedup();
        let reach = |partition| async move {
            let waits = Waits::of(at_least, log, |at| at == partition);
            let request = v1::GetStatusRequest { at_least: waits.tokens(), page_size: 1, ..Default::default() };
            let call = |mut client: Client<T>| {
                let wrapped = deadline.request(GetStatusRequest { request: Some(request.clone()), partitions: vec![partition] });
                async move { client.get_status(wrapped).await }
            };
            let reached = self.ask_holder(partition, &waits, deadline, call).await.map_err(|status| waits.renumber(status))?;
            reached.map(drop).ok_or_else(|| Status::from(missing_partitions(&[partition])))
        };
        futures::future::try_join_all(partitions.into_iter().map(reach)).await.map(drop)
    }

    /// See [`crate::Books::ask_together`].
    pub async fn ask_together<R, F>(
        &self,
        councils: &[String],
        allow_partial: bool,
        deadline: Deadline,
        call: impl Fn(Client<T>, Vec<String>) -> F,
    ) -> Result<(Vec<R>, bool), Status>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let (mut answers, mut all) = (Vec::new(), true);
        for (partition, councils) in by_partition(councils, self.log()?.1) {
            match self.ask_holder(partition, &Waits::none(), deadline, |client| call(client, councils.clone())).await? {
                Some(answer) => answers.push(answer),
                None if allow_partial => all = false,
                None => return Err(missing_book(&councils[0], partition).into()),
            }
        }
        Ok((answers, all))
    }
}

/// Nobody answers for a book.
fn missing_book(council: &str, partition: u32) -> Failure {
    let why = format!("the book of {council} cannot be reached: no projection that holds partition {partition} answers");
    Failure::Unavailable { why, retry_after: RETRY_AFTER }
}

/// Nobody answers for partitions.
fn missing_partitions(partitions: &[u32]) -> Failure {
    let list = partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (s, they) = if partitions.len() == 1 { ("", "it") } else { ("s", "them") };
    Failure::Unavailable { why: format!("partition{s} {list} cannot be reached: no projection that holds {they} answers"), retry_after: RETRY_AFTER }
}
