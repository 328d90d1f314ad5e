//! A projection of some partitions: it folds, answers and publishes these, and says so when it is asked about others.

use crate::history::{catalogue, gives, record};
use crate::support::{MemoryLog, options, settle};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tandem_book::key::{SigningKey, Use};
use tandem_domain::position::{Position, partition_of};
use tandem_projection::{Options, Projection, ProjectionServer, Publisher};
use tandem_proto::internal::v1::projection_service_server::ProjectionService;
use tandem_proto::internal::v1::*;
use tandem_proto::v1;
use tandem_wire::status::{reason, violations};
use tonic::{Code, Request};

const PARTITIONS: u32 = 4;

/// Two councils of each partition, ascending.
fn councils() -> Vec<String> {
    let mut found: Vec<Vec<String>> = vec![Vec::new(); PARTITIONS as usize];
    for council in (0..).map(|n| format!("E{n:08}")) {
        let of = &mut found[partition_of(&council, PARTITIONS) as usize];
        if of.len() < 2 {
            of.push(council);
        }
        if found.iter().all(|of| of.len() == 2) {
            break;
        }
    }
    let mut all = found.concat();
    all.sort();
    all
}

fn fill(log: &MemoryLog) -> Vec<Position> {
    let last = |council: String| {
        log.push(&council, &catalogue(&council), 1);
        log.push(&council, &[record(&council, 1, "2026-01-01", gives(5, "plan-7"), "ana", "")], 2)
    };
    councils().into_iter().map(last).collect()
}

fn open(path: &Path, log: &Arc<MemoryLog>, partitions: &[u32], publisher: Option<Publisher>) -> Result<Projection, tandem_projection::Error> {
    let partitions: Option<BTreeSet<u32>> = Some(partitions.iter().copied().collect());
    Projection::open(path, log.clone(), Options { partitions, publisher: publisher.map(Arc::new), ..options() })
}

async fn status(server: &ProjectionServer, request: v1::GetStatusRequest, partitions: &[u32]) -> Result<v1::GetStatusResponse, tonic::Status> {
    let request = Request::new(GetStatusRequest { request: Some(request), partitions: partitions.to_vec() });
    Ok(server.get_status(request).await?.into_inner().response.unwrap())
}

fn named(status: &v1::GetStatusResponse) -> Vec<String> {
    status.councils.iter().map(|council| council.reflects.clone().unwrap().council).collect()
}

fn of(partitions: &[u32]) -> Vec<String> {
    councils().into_iter().filter(|council| partitions.contains(&partition_of(council, PARTITIONS))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_these_and_nothing_else() {
    let (log, directory) = (MemoryLog::new(7, PARTITIONS), tempfile::tempdir().unwrap());
    let positions = fill(&log);
    let projection = open(directory.path(), &log, &[1, 3], None).unwrap();
    settle(&projection);
    let server = ProjectionServer::new(projection.clone());
    let all = status(&server, v1::GetStatusRequest::default(), &[]).await.unwrap();
    assert_eq!((named(&all), all.partitions.iter().map(|status| status.partition).collect::<Vec<_>>()), (of(&[1, 3]), vec![1, 3]));
    assert!(all.partitions.iter().all(|status| status.applied_frames == status.log_frames && status.log_frames == 4));
    let some = status(&server, v1::GetStatusRequest { councils: councils(), ..Default::default() }, &[0, 3]).await.unwrap();
    assert_eq!((named(&some), some.partitions.len()), (of(&[3]), 1), "who names partitions has the others from elsewhere");
    let books = server.list_books(Request::new(ListBooksRequest { request: Some(Default::default()), partitions: vec![] })).await.unwrap();
    let books: Vec<String> = books.into_inner().response.unwrap().books.into_iter().map(|book| book.council).collect();
    assert_eq!(books, of(&[1, 3]));

    // Others are refused in words, whatever is asked about them.
    let other = of(&[2])[0].clone();
    let entry = v1::GetStatementRequest { council: other.clone(), actor: "ana".into(), ..Default::default() };
    let refused = [
        status(&server, v1::GetStatusRequest { councils: vec![other.clone()], ..Default::default() }, &[]).await.unwrap_err(),
        server.get_statement(Request::new(GetStatementRequest { request: Some(entry) })).await.unwrap_err(),
        server.aggregate(Request::new(AggregateRequest { council: other.clone(), ..Default::default() })).await.unwrap_err(),
        server.watch_books(Request::new(WatchBooksRequest { councils: vec![of(&[1])[0].clone(), other.clone()] })).await.map(drop).unwrap_err(),
    ];
    for status in refused {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "OTHER_PARTITION"), "{status}");
        assert!(status.message().contains(&format!("council {other} lives in partition 2, and this projection holds 1,3")), "{status}");
    }
    let foreign = positions.iter().find(|position| position.partition == 0).unwrap();
    let own = positions.iter().find(|position| position.partition == 3).unwrap();
    let at_least = vec![own.token(), foreign.token()];
    let refused = status(&server, v1::GetStatusRequest { at_least, ..Default::default() }, &[]).await.unwrap_err();
    let about = &violations(&refused)[0];
    assert_eq!((refused.code(), about.field.as_str()), (Code::InvalidArgument, "at_least[1]"));
    assert!(about.description.contains("of partition 0, and this projection holds 1,3"), "{about}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_it_holds_and_how_far_at_once_after_commits_and_when_it_stops() {
    let (log, directory) = (MemoryLog::new(7, PARTITIONS), tempfile::tempdir().unwrap());
    let projection = open(directory.path(), &log, &[0, 2], None).unwrap();
    let server = ProjectionServer::new(projection.clone());
    let mut told = server.watch_partitions(Request::new(WatchPartitionsRequest {})).await.unwrap().into_inner();
    let first = told.next().await.unwrap().unwrap();
    assert_eq!((first.log_id, first.log_partitions), (vec![7; 16], PARTITIONS));
    let held = |message: &[HeldPartition]| message.iter().map(|held| (held.partition, held.next_offset)).collect::<Vec<_>>();
    assert_eq!(held(&first.partitions), [(0, 0), (2, 0)]);
    fill(&log);
    while held(&told.next().await.unwrap().unwrap().partitions) != [(0, 4), (2, 4)] {}
    // Nothing new is told too: who listens knows that it lives.
    assert_eq!(held(&told.next().await.unwrap().unwrap().partitions), [(0, 4), (2, 4)]);
    projection.stop().unwrap();
    let last = loop {
        match told.next().await.unwrap() {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!(last.code(), Code::Unavailable);
}

#[test]
fn partitions_may_be_added_and_left_out_later() {
    let (log, directory) = (MemoryLog::new(7, PARTITIONS), tempfile::tempdir().unwrap());
    fill(&log);
    let entries = |partitions: &[u32]| {
        let projection = open(directory.path(), &log, partitions, None).unwrap();
        settle(&projection);
        let entries = projection.counts().0;
        projection.stop().unwrap();
        entries
    };
    let one = entries(&[1]);
    assert!(one > 0);
    assert_eq!([entries(&[1, 2]), entries(&[2]), entries(&[1]), entries(&[0, 1, 2, 3])], [2 * one, one, one, 4 * one]);
    for (partitions, expected) in [(&[][..], "none is named"), (&[1, 4][..], "there is no partition 4: the log has 0 to 3")] {
        let error = open(directory.path(), &log, partitions, None).map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// A standby has only the key that verifies: it serves what the first one publishes, and publishes nothing when that one is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_serves_what_is_published_and_never_signs() {
    let log = MemoryLog::new(7, 1);
    let directories: [_; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let key = SigningKey::from_seed("books.example.org", Use::Note, &[3; 32]).unwrap();
    let published = directories[2].path();
    let council = "E09000001";
    log.push(council, &catalogue(council), 1);
    let first = open(directories[0].path(), &log, &[0], Some(Publisher::new("books.example.org", &key, published).unwrap())).unwrap();
    let second = Publisher::standby("books.example.org", &key.verifier(), published).unwrap();
    let second = ProjectionServer::new(open(directories[1].path(), &log, &[0], Some(second)).unwrap());
    let checkpoint = async || {
        let request = GetCheckpointRequest { request: Some(v1::GetCheckpointRequest { council: council.into() }) };
        second.get_checkpoint(Request::new(request)).await.map(|answer| answer.into_inner().response.unwrap())
    };
    let size = loop {
        match checkpoint().await {
            Ok(found) => break found.size,
            Err(status) => assert!(matches!(reason(&status).as_str(), "NOT_PUBLISHED_YET" | "NOT_FOUND"), "{status}"),
        }
    };
    assert!(size > 0);
    first.stop().unwrap();
    let files = |directory: &Path| -> Vec<_> {
        let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        files.sort();
        files
    };
    let before = files(published);
    let position = log.push(council, &[record(council, 1, "2026-01-01", gives(5, "plan-7"), "ana", "")], 2);
    let at_least = vec![position.token()];
    status(&second, v1::GetStatusRequest { at_least, ..Default::default() }, &[]).await.unwrap();
    // Twice the time in which a publisher would have published it.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!((checkpoint().await.unwrap().size, files(published)), (size, before));
}
