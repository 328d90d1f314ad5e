//! A maintained valuation of the real server: its answers come from sums, before and after a restart, and are those of the same
//! valuation that is not maintained.

use std::time::{Duration, Instant};
use tandem_proto::v1::facts::Body;
use tandem_proto::v1::{
    ContributionRecorded, Dimension, EntryReversed, MaintainedValuation, Person, QueryValueRequest, QueryValueResponse, Rate, ReversalReason, Scope,
    Side, ValuationBasis, ValuationPublished, ValuationRef,
};
use tandem_tests::client::{Gateway, batch_request, connect, query};
use tandem_tests::events::Parts;
use tandem_tests::given::{COUNCIL, contributed, contribution, envelope, event_id, measure_defined, service_defined, taught};
use tandem_tests::server::Server;
use tonic::transport::Channel;

fn published(number: u64, id: &str, maintained: bool) -> Parts {
    let rate = |measure: &str, central| Rate { measure: measure.into(), per_quantity: 60, central, ..Default::default() };
    let valuation = ValuationPublished {
        id: id.into(),
        version: 1,
        name: id.into(),
        currency: "GBP".into(),
        basis: ValuationBasis::Constant.into(),
        maintained,
        rates: vec![rate("tutoring", 1_200), rate("teaching", 3_000)],
        ..Default::default()
    };
    Parts::new(&envelope(number), Body::ValuationPublished(valuation), &Person::default())
}

async fn ask(channel: &Channel, valuation: &str) -> QueryValueResponse {
    let request = QueryValueRequest {
        scope: Some(Scope { councils: vec![COUNCIL.into()], ..Default::default() }),
        metrics: vec!["reciprocity".into(), "one_sided".into()],
        group_by: vec![Dimension::Service.into(), Dimension::Month.into()],
        valuation: Some(ValuationRef { id: valuation.into(), version: 0 }),
        ..Default::default()
    };
    query(channel).query_value(request).await.unwrap().into_inner()
}

/// The answer once the sums are at the end of the book.
async fn caught_up(channel: &Channel) -> QueryValueResponse {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = ask(channel, "kept").await;
        let [MaintainedValuation { answers, entries, book_entries, .. }] = &answer.maintained[..] else {
            panic!("the council maintains it: {answer:?}");
        };
        if *answers && entries == book_entries {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {:?}", answer.maintained);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn compare(channel: &Channel, reciprocity: &str) {
    let (kept, other) = (caught_up(channel).await, ask(channel, "other").await);
    assert_eq!((&kept.rows, &kept.total), (&other.rows, &other.total));
    assert!(other.maintained.is_empty());
    let figure = &kept.total.as_ref().unwrap().values[0];
    assert_eq!((figure.metric.as_str(), figure.central.as_deref()), ("reciprocity", Some(reciprocity)));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_from_sums_and_are_the_same() {
    let data_dir = tempfile::tempdir().unwrap();
    let server = Server::start(data_dir.path()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let record = async |channel: &Channel, batch: Vec<Parts>| {
        Gateway::new(channel).batch(batch_request(&batch, false)).await.unwrap();
        crate::stop::wait_until_folded(channel).await;
    };
    let alone = |number, exchange: &str| contributed(number, ContributionRecorded { quantity: 30, exchange: exchange.into(), ..contribution() });
    let catalogue = vec![service_defined(1), measure_defined(2, "tutoring", Side::Citizen), published(4, "kept", true), published(5, "other", false)];
    record(&channel, catalogue).await;
    // The state's measure is not known yet: its entry waits.
    record(&channel, vec![contributed(10, contribution()), taught(11), alone(12, "plan:8")]).await;
    compare(&channel, "0.000000").await;
    record(&channel, vec![measure_defined(3, "teaching", Side::State)]).await;
    // plan:7: c = 90 × 20p, g = 45 × 50p; plan:8: c = 30 × 20p. 3600 ÷ 4650.
    compare(&channel, "0.774194").await;
    let reversal = EntryReversed { target_event_id: event_id(12), target_source: String::new(), reason: ReversalReason::Error.into() };
    record(&channel, vec![Parts::new(&envelope(13), Body::EntryReversed(reversal), &Person::default())]).await;
    // 3600 ÷ 4050.
    compare(&channel, "0.888889").await;
    drop(channel);
    server.stop();
    let server = Server::start(data_dir.path()).unwrap();
    compare(&connect(&server.grpc).await.unwrap(), "0.888889").await;
}
