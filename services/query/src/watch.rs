//! `WatchValue`: the same question again, after commits that touch its books.

use crate::books::Transport;
use crate::front::{Answers, Front};
use crate::question::Question;
use crate::upstream::{Deadline, pass_on};
use crate::value;
use futures::stream::{BoxStream, FusedStream, SelectAll, select_all, try_unfold};
use futures::{FutureExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tandem_proto::internal::v1::{WatchBooksRequest, WatchBooksResponse};
use tandem_proto::v1::{QueryValueResponse, WatchValueResponse};
use tandem_wire::status::Failure;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

/// Between two answers: ten a second at most.
const PACE: Duration = Duration::from_millis(100);

/// A watch that goes on.
struct Watch<T> {
    front: Arc<Front<T>>,
    question: Question,
    deadline: Deadline,
    commits: SelectAll<BoxStream<'static, Result<WatchBooksResponse, Status>>>,
    /// What was last sent.
    last: Option<QueryValueResponse>,
    /// When the next answer may be computed.
    not_before: Instant,
}

/// Answers now, and whenever the answer has changed. The commits are watched before the first answer is computed, so that none is missed.
pub(crate) async fn watch<T: Transport>(front: Arc<Front<T>>, question: Question, deadline: Deadline) -> Result<Answers<WatchValueResponse>, Status> {
    let mut commits = Vec::new();
    for (mut client, councils) in front.books.by_holder(question.councils()) {
        let stream = deadline.call(client.watch_books(deadline.request(WatchBooksRequest { councils }))).await?;
        commits.push(stream.boxed());
    }
    let watch = Watch { front, question, deadline, commits: select_all(commits), last: None, not_before: Instant::now() };
    Ok(try_unfold(watch, |watch| watch.next()).boxed())
}

impl<T: Transport> Watch<T> {
    /// The next answer that differs from the last.
    async fn next(mut self) -> Result<Option<(WatchValueResponse, Self)>, Status> {
        loop {
            if self.last.is_some() {
                self.commit().await?;
            }
            sleep_until(self.not_before).await;
            self.skip_commits()?;
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

    /// Waits for a commit.
    async fn commit(&mut self) -> Result<(), Status> {
        match self.commits.next().await {
            Some(commit) => commit.map(drop).map_err(pass_on),
            None => Err(ended()),
        }
    }

    /// Takes those that came meanwhile: one answer covers them all.
    fn skip_commits(&mut self) -> Result<(), Status> {
        while !self.commits.is_terminated() {
            match self.commits.next().now_or_never() {
                Some(Some(commit)) => commit.map(drop).map_err(pass_on)?,
                Some(None) => return Err(ended()),
                None => break,
            }
        }
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
}

fn ended() -> Status {
    Failure::Unavailable { why: "the projection that holds these books stopped".into(), retry_after: Duration::from_secs(1) }.into()
}
