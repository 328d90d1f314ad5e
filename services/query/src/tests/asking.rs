//! Who may ask, and questions that are passed on.

use super::fake::Fake;
use super::{fields, question, server, signed, with_rights};
use futures::StreamExt;
use tandem_proto::v1::audit_service_server::AuditService;
use tandem_proto::v1::query_service_server::QueryService;
use tandem_proto::v1::{GetEntryRequest, GetExchangeRequest, GetStatusRequest, ListBooksRequest, ListExchangesRequest, ReadEntriesRequest};
use tonic::{Code, Request};

fn exchange(council: &str) -> GetExchangeRequest {
    GetExchangeRequest { council: council.into(), exchange: "plan-7".into(), ..Default::default() }
}

#[tokio::test]
async fn answers_of_projections_are_passed_on() {
    let server = server(&Fake::default());
    let answer = server.get_exchange(Request::new(exchange("E09000001"))).await.unwrap().into_inner();
    assert_eq!(answer.exchange.unwrap().id, "plan-7");
    let event_id = "01890a5d-ac96-774b-bcce-b302099a8057".into();
    let missing = server.get_entry(Request::new(GetEntryRequest { council: "E09000001".into(), event_id, ..Default::default() })).await.unwrap_err();
    assert_eq!((missing.code(), missing.message()), (Code::NotFound, "there is no such thing"));
    assert!(!missing.details().is_empty());
    // An answer that holds nothing is our own fault, not the caller's.
    let empty = server.list_exchanges(Request::new(ListExchangesRequest { council: "E09000001".into(), ..Default::default() })).await.unwrap_err();
    assert_eq!(empty.code(), Code::Internal);
}

#[tokio::test]
async fn wrong_questions_go_no_further() {
    let server = server(&Fake::default());
    let status = server.get_exchange(Request::new(GetExchangeRequest::default())).await.unwrap_err();
    assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["council".into(), "exchange".into()]));
}

#[tokio::test]
async fn a_reader_sees_its_own_councils() {
    let fake = Fake::default();
    let server = with_rights(&fake, "councils = [\"E09000001\"]\nroles = [\"reader\"]");
    let nobody = server.get_exchange(Request::new(exchange("E09000001"))).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    server.get_exchange(signed(exchange("E09000001"))).await.unwrap();
    let other = server.get_exchange(signed(exchange("E09000002"))).await.unwrap_err();
    assert_eq!((other.code(), fields(&other)), (Code::PermissionDenied, vec!["council".into()]));

    let mut both = question();
    both.scope.as_mut().unwrap().councils.push("E09000002".into());
    let other = server.query_value(signed(both)).await.unwrap_err();
    assert_eq!((other.code(), fields(&other)), (Code::PermissionDenied, vec!["scope.councils".into()]));
    assert!(fake.asked.lock().unwrap().is_empty());

    let all = server.get_status(signed(GetStatusRequest::default())).await.unwrap().into_inner();
    assert_eq!(all.councils.len(), 1);
    let named = server.get_status(signed(GetStatusRequest { councils: vec!["E09000002".into()], ..Default::default() })).await.unwrap_err();
    assert_eq!(named.code(), Code::PermissionDenied);
    let audit = server.audit().list_books(signed(ListBooksRequest::default())).await.unwrap_err();
    assert!(audit.code() == Code::PermissionDenied && audit.message().contains("auditor"), "{audit}");
}

#[tokio::test]
async fn an_auditor_reads_books_and_asks_nothing() {
    let server = with_rights(&Fake::default(), "councils = [\"E09000001\"]\nroles = [\"auditor\"]");
    let books = server.audit().list_books(signed(ListBooksRequest::default())).await.unwrap().into_inner().books;
    assert_eq!(books.iter().map(|book| book.council.as_str()).collect::<Vec<_>>(), ["E09000001"]);
    assert_eq!(server.query_value(signed(question())).await.unwrap_err().code(), Code::PermissionDenied);

    let read = |council: &str| signed(ReadEntriesRequest { council: council.into(), follow: true, ..Default::default() });
    assert_eq!(server.audit().read_entries(read("E09000002")).await.map(drop).unwrap_err().code(), Code::PermissionDenied);
    let mut entries = server.audit().read_entries(read("E09000001")).await.unwrap().into_inner();
    assert_eq!(entries.next().await.unwrap().unwrap().entries.len(), 1);
    // A stream that follows ends when the server stops, and says so.
    server.drain();
    assert_eq!(entries.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert!(entries.next().await.is_none());
    let late = server.audit().list_books(signed(ListBooksRequest::default())).await.unwrap_err();
    assert_eq!(late.code(), Code::Unavailable);
}
