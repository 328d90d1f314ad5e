//! Read your writes: a call waits until the views reflect the positions it names.

use super::deadline::Deadline;
use super::{RETRY_AFTER, serving};
use crate::progress::{Health, Progress};
use crate::projection::Shared;
use std::sync::Arc;
use std::time::Duration;
use tandem_domain::position::Position;
use tandem_wire::status::Failure;

/// Positions that one call may name.
const POSITIONS_MAX: usize = 1_000;

/// Returns once answers about these councils reflect all positions (none: once they are folded); fails if that cannot be, or not before the deadline.
pub(super) async fn until_reflected(shared: &Arc<Shared>, tokens: &[String], councils: &[String], deadline: Deadline) -> Result<(), Failure> {
    if tokens.is_empty() {
        return Ok(());
    }
    let positions = parse(shared, tokens)?;
    let all = |progress: &Progress| positions.iter().all(|position| progress.reflects(position, councils));
    if all(&shared.progress.borrow()) {
        return Ok(());
    }
    check_ends(shared, &positions, deadline).await?;
    let mut progress = shared.progress.subscribe();
    let reached = progress.wait_for(|progress| progress.health != Health::Serving || all(progress));
    match deadline.timeout(reached).await {
        Some(Ok(_)) => serving(shared),
        Some(Err(_)) => unreachable!("the sender lives as long as the projection"),
        None => Err(how_far(&shared.progress.borrow(), &positions, councils)),
    }
}

/// A call waits so long for what the projection missed, if its deadline is not before; then it is told to ask again.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);

/// Returns once all that was durable when the projection was opened is folded. Mostly that is so at once.
pub(super) async fn until_caught_up(shared: &Arc<Shared>, deadline: Deadline) -> Result<(), Failure> {
    let is_caught_up = |progress: &Progress| shared.missed_frames(progress) == 0;
    if is_caught_up(&shared.progress.borrow()) {
        return Ok(());
    }
    let mut progress = shared.progress.subscribe();
    let caught_up = progress.wait_for(|progress| progress.health != Health::Serving || is_caught_up(progress));
    match deadline.timeout(tokio::time::timeout(CATCH_UP_MAX, caught_up)).await {
        Some(Ok(Ok(_))) => serving(shared),
        Some(Ok(Err(_))) => unreachable!("the sender lives as long as the projection"),
        Some(Err(_)) | None => {
            let why = format!("the projection catches up with the log: {} frames to go", shared.missed_frames(&shared.progress.borrow()));
            Err(Failure::Unavailable { why, retry_after: RETRY_AFTER })
        }
    }
}

fn parse(shared: &Shared, tokens: &[String]) -> Result<Vec<Position>, Failure> {
    if tokens.len() > POSITIONS_MAX {
        return Err(Failure::invalid("at_least", format!("has {} positions; the limit is {POSITIONS_MAX}", tokens.len())));
    }
    let position = |(index, token): (usize, &String)| {
        let refuse = |why: &str| Failure::invalid(format!("at_least[{index}]"), why);
        let position = Position::from_token(token).ok_or_else(|| refuse("is not a position: take it from an answer, unchanged"))?;
        if position.log != shared.source.id() {
            return Err(refuse("is of another log than this server's: ask the server that gave it"));
        }
        if position.partition >= shared.source.partitions() {
            return Err(refuse("names a partition that the log does not have"));
        }
        if !shared.partitions.has(position.partition) {
            let (partition, held) = (position.partition, &shared.partitions);
            return Err(refuse(&format!("is of partition {partition}, and this projection holds {held}: ask the one that holds it")));
        }
        Ok(position)
    };
    tokens.iter().enumerate().map(position).collect()
}

/// A position that no record stands at would be waited for in vain. Where the end that is known of the log is not beyond it, the log is
/// asked: another process may have appended a moment ago.
async fn check_ends(shared: &Arc<Shared>, positions: &[Position], deadline: Deadline) -> Result<(), Failure> {
    let failed = |error: tandem_log::Error| match error.retry_helps() {
        true => Failure::Unavailable { why: "the log cannot be asked for its end".into(), retry_after: RETRY_AFTER },
        false => Failure::Internal(error.to_string()),
    };
    for (index, position) in positions.iter().enumerate() {
        let (partition, offset) = (position.partition, position.offset);
        if offset < shared.source.end(partition).map_err(failed)? {
            continue;
        }
        let asked = shared.clone();
        let asking = tokio::task::spawn_blocking(move || asked.source.end_now(partition));
        let late = || Failure::Expired("the log did not say where it ends before the call's deadline: ask again".into());
        let end = deadline.timeout(asking).await.ok_or_else(late)?.map_err(|error| Failure::Internal(format!("asking the log panicked: {error}")))?;
        if offset >= end.map_err(failed)? {
            let why = "is beyond the end of the log: no record stands there; was the log put back to an older state?";
            return Err(Failure::invalid(format!("at_least[{index}]"), why));
        }
    }
    Ok(())
}

fn how_far(progress: &Progress, positions: &[Position], councils: &[String]) -> Failure {
    let Some(missing) = positions.iter().find(|position| !progress.reflects(position, councils)) else {
        return Failure::Expired("the positions were reached only at the call's deadline: ask again".into());
    };
    let cures: u64 = councils.iter().filter_map(|council| progress.books.get(council)).map(|own| own.cures).sum();
    let (offset, index) = progress.cursors.get(missing.partition as usize).copied().unwrap_or_default();
    let (partition, wanted) = (missing.partition, missing.offset);
    Failure::Expired(match (offset, index) > (missing.offset, missing.index) && cures > 0 {
        true => format!("the position is folded, and {cures} causes of cures are still being carried out: ask again"),
        false => format!("partition {partition} is folded up to offset {offset}, and the position is in offset {wanted}: ask again"),
    })
}
