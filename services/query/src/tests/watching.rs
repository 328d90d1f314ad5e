//! `WatchValue`.

use super::fake::{Fake, exchanges, key};
use super::{fields, question, server};
use futures::{FutureExt, StreamExt};
use std::time::Duration;
use tandem_proto::v1::query_service_server::QueryService;
use tandem_proto::v1::{Dimension, QueryValueRequest, WatchValueRequest};
use tokio::time::{Instant, timeout};
use tonic::{Code, Request};

fn tell(fake: &Fake, opened: u64) {
    let groups = vec![exchanges(vec![key(Dimension::Service, "a")], opened, 1)];
    fake.answer("E09000001", groups, exchanges(vec![], opened, 1));
}

#[tokio::test]
async fn a_watch_answers_at_once_and_then_when_the_answer_changes() {
    let fake = Fake::default();
    let server = server(&fake);
    tell(&fake, 2);
    let request = Request::new(WatchValueRequest { query: Some(question()) });
    let mut answers = server.watch_value(request).await.unwrap().into_inner();
    let rate = |message: tandem_proto::v1::WatchValueResponse| message.answer.unwrap().rows[0].values[0].central.clone().unwrap();
    assert_eq!(rate(answers.next().await.unwrap().unwrap()), "0.500000");

    // A commit that changes nothing here is not told.
    fake.commit();
    assert!(timeout(Duration::from_millis(400), answers.next()).await.is_err());

    tell(&fake, 4);
    fake.commit();
    assert_eq!(rate(answers.next().await.unwrap().unwrap()), "0.250000");

    // Many commits at once are one answer, a tenth of a second after the last one.
    let before = Instant::now();
    let asked = fake.asked.lock().unwrap().len();
    for opened in 5..=8 {
        tell(&fake, opened);
        fake.commit();
    }
    assert_eq!(rate(answers.next().await.unwrap().unwrap()), "0.125000");
    assert!(before.elapsed() >= Duration::from_millis(90), "{:?}", before.elapsed());
    assert_eq!(fake.asked.lock().unwrap().len(), asked + 1);

    server.drain();
    assert_eq!(answers.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert!(answers.next().now_or_never().unwrap().is_none());
}

#[tokio::test]
async fn a_watch_is_checked_as_a_question() {
    let server = server(&Fake::default());
    let status = server.watch_value(Request::new(WatchValueRequest::default())).await.map(drop).unwrap_err();
    assert_eq!(fields(&status), ["query"]);
    let query = QueryValueRequest { metrics: vec![], page_token: "ignored".into(), ..question() };
    let status = server.watch_value(Request::new(WatchValueRequest { query: Some(query) })).await.map(drop).unwrap_err();
    assert_eq!(fields(&status), ["query.metrics"]);
}
