//! `WatchValue`: the same question again, after commits that touch its books.

use crate::books::{Client, Transport};
use crate::front::{Answers, Front};
use crate::question::Question;
use crate::upstream::{Deadline, is_away, pass_on};
use crate::value;
use futures::stream::{BoxStream, SelectAll, once, select_all, try_unfold};
use futures::{FutureExt, StreamExt};
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;
use tandem_proto::internal::v1::{WatchBooksRequest, WatchBooksResponse};
use tandem_proto::v1::{QueryValueResponse, WatchValueResponse};
use tandem_wire::status::Failure;
use tokio::time::{Instant, sleep_until};
use tonic::{Status, Streaming};

/// Between two answers: ten a second at most.
const PACE: Duration = Duration::from_millis(100);
/// How often books that are missing are looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Something after each commit, and an error when a projection goes away.
type Commits = SelectAll<BoxStream<'static, Result<WatchBooksResponse, Status>>>;

/// A watch that goes on.
struct Watch<T> {
    front: Arc<Front<T>>,
    question: Question,
    deadline: Deadline,
    commits: Commits,
    /// Whether commits of all books are told.
    is_complete: bool,
    /// What was last sent.
    last: Option<QueryValueResponse>,
    /// When the next answer may be computed.
    not_before: Instant,
}

/// Answers now, and whenever the answer has changed. The commits are watched before the first answer is computed, so that none is missed.
pub(crate) async fn watch<T: Transport>(front: Arc<Front<T>>, question: Question, deadline: Deadline) -> Result<Answers<WatchValueResponse>, Status> {
    let (commits, is_complete) = subscribe(&front, &question, deadline).await?;
    let watch = Watch { front, question, deadline, commits, is_complete, last: None, not_before: Instant::now() };
    Ok(try_unfold(watch, |watch| watch.next()).boxed())
}

/// Commits of the books, from whoever holds them, and whether of all: some may be missing if the question allows that.
async fn subscribe<T: Transport>(front: &Front<T>, question: &Question, deadline: Deadline) -> Result<(Commits, bool), Status> {
    let call = |mut client: Client<T>, councils| async move { client.watch_books(deadline.request(WatchBooksRequest { councils })).await };
    let (streams, all) = front.books.ask_together(question.councils(), question.allows_partial(), deadline, call).await?;
    // One of several that ends is noticed by its last word.
    let until_ended = |stream: Streaming<WatchBooksResponse>| stream.chain(once(ready(Err(ended())))).boxed();
    Ok((select_all(streams.into_iter().map(until_ended)), all))
}

impl<T: Transport> Watch<T> {
    /// The next answer that differs from the last.
    async fn next(mut self) -> Result<Option<(WatchValueResponse, Self)>, Status> {
        loop {
            if self.last.is_some() {
                self.commit().await?;
            }
            sleep_until(self.not_before).await;
            self.skip_commits().await?;
            let began = Instant::now();
            let answer = value::page(&self.front, &self.question, self.deadline).await?;
            // A costly question rests as long as it worked.
            self.not_before = Instant::now() + PACE.max(began.elapsed());
            if !self.last.as_ref().is_some_and(|last| says_the_same(last, &answer)) {
                self.last = Some(answer.clone());
                return Ok(Some((WatchValueResponse { answer: Some(answer) }, self)));
            }
        }
    }

    /// Waits for a commit, or until what is missing may be there again.
    async fn commit(&mut self) -> Result<(), Status> {
        tokio::select! {
            Some(commit) = self.commits.next() => self.take(commit).await,
            () = tokio::time::sleep(LOOK_AGAIN), if !self.is_complete => self.subscribe_again().await,
            else => Err(ended()),
        }
    }

    /// Takes those that came meanwhile: one answer covers them all.
    async fn skip_commits(&mut self) -> Result<(), Status> {
        while let Some(Some(commit)) = self.commits.next().now_or_never() {
            self.take(commit).await?;
        }
        Ok(())
    }

    /// A projection that goes away may have a standby; if not, the next answer says so.
    async fn take(&mut self, commit: Result<WatchBooksResponse, Status>) -> Result<(), Status> {
        match commit.map_err(pass_on) {
            Ok(_) => Ok(()),
            Err(status) if is_away(&status) => self.subscribe_again().await,
            Err(status) => Err(status),
        }
    }

    async fn subscribe_again(&mut self) -> Result<(), Status> {
        (self.commits, self.is_complete) = subscribe(&self.front, &self.question, self.deadline).await?;
        Ok(())
    }
}

/// Whether two answers differ only in how far they reach.
fn says_the_same(last: &QueryValueResponse, now: &QueryValueResponse) -> bool {
    let changes = |answer: &QueryValueResponse| answer.change.as_ref().map(|change| (change.rows.clone(), change.total.clone()));
    last.rows == now.rows
        && last.total == now.total
        && changes(last) == changes(now)
        && last.valuation == now.valuation
        && last.next_page_token == now.next_page_token
        && last.missing_councils == now.missing_councils
}

fn ended() -> Status {
    Failure::Unavailable { why: "the projection that holds these books stopped".into(), retry_after: Duration::from_secs(1) }.into()
}
