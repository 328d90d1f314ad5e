//! The same answers.

use crate::support::{Ledger, Served, councils, over};
use futures::StreamExt;
use tandem_proto::v1::audit_service_server::AuditService;
use tandem_proto::v1::query_service_server::QueryService;
use tandem_proto::v1::*;
use tandem_tests::random::{Random, seeds, with_seed};
use tonic::{Request, Status};

/// The same question to both, and the same answer.
macro_rules! same {
    ($one:expr, $many:expr, $method:ident, $question:expr) => {{
        let question = $question;
        let (one, many) = ($one.$method(Request::new(question.clone())).await, $many.$method(Request::new(question.clone())).await);
        match (one, many) {
            (Ok(one), Ok(many)) => {
                let (one, many) = (one.into_inner(), many.into_inner());
                assert_eq!(many, one, "{question:?}");
                Some(one)
            }
            (Err(one), Err(many)) => {
                let shown = |status: &Status| (status.code(), status.message().to_owned(), status.details().to_vec());
                assert_eq!(shown(&many), shown(&one), "{question:?}");
                None
            }
            (one, many) => panic!("{question:?}: {one:?}, but {many:?}"),
        }
    }};
}

#[test]
fn several_projections_answer_as_one() {
    for seed in seeds(1) {
        with_seed(seed, |mut random| tokio::runtime::Runtime::new().unwrap().block_on(as_one(&mut random)));
    }
}

async fn as_one(random: &mut Random) {
    let ledger = Ledger::start(random).await;
    let one = ledger.whole().await;
    // The third is a second holder of partition 1.
    let served = [&[0, 1][..], &[2, 3], &[1]].map(|held| Served::start(ledger.project(&format!("{held:?}"), held), "127.0.0.1:0"));
    let many = over(&[&served[0], &served[1], &served[2]]).await;

    values(&one, &many, &ledger.positions).await;
    pages(&one, &many, &ledger.positions).await;
    for council in councils() {
        let at_least = vec![random.pick(&ledger.positions).clone()];
        let exchanges = ListExchangesRequest { council: council.clone(), at_least: at_least.clone(), page_size: 7, ..Default::default() };
        let found = same!(one, many, list_exchanges, exchanges).unwrap();
        for exchange in found.exchanges.iter().take(3) {
            same!(one, many, get_exchange, GetExchangeRequest { council: council.clone(), exchange: exchange.id.clone(), ..Default::default() });
        }
        same!(one, many, list_suspense, ListSuspenseRequest { council: council.clone(), at_least: at_least.clone(), ..Default::default() });
        let kind = CatalogueKind::Measure.into();
        same!(one, many, get_catalogue, GetCatalogueRequest { council: council.clone(), kind, at_least, ..Default::default() });
        let entries = ReadEntriesRequest { council: council.clone(), ..Default::default() };
        let read = async |stream: Result<_, Status>| -> Vec<Entry> {
            let stream: tonic::Response<futures::stream::BoxStream<'static, Result<ReadEntriesResponse, Status>>> = stream.unwrap();
            stream.into_inner().flat_map(|answer| futures::stream::iter(answer.unwrap().entries)).collect().await
        };
        let (one, many) = (one.audit().read_entries(Request::new(entries.clone())).await, many.audit().read_entries(Request::new(entries)).await);
        assert_eq!(read(one).await, read(many).await);
    }
    refusals(&one, &many, &ledger.positions).await;
}

async fn values(one: &impl QueryService, many: &impl QueryService, positions: &[String]) {
    let metrics = ["quantity", "entries", "participants", "response_rate", "match_latency", "retention", "concentration"];
    let scope = |councils: Vec<String>| Some(Scope { councils, ..Default::default() });
    for (metric, group_by) in metrics.iter().flat_map(|metric| {
        let groups = [vec![], vec![Dimension::Council], vec![Dimension::Service], vec![Dimension::Council, Dimension::Month]];
        groups.map(|group_by| (*metric, group_by))
    }) {
        let group_by: Vec<i32> = group_by.into_iter().map(Into::into).collect();
        let at_least = positions.to_vec();
        same!(
            one,
            many,
            query_value,
            QueryValueRequest { scope: scope(councils()), metrics: vec![metric.into()], group_by, at_least, ..Default::default() }
        );
    }
    // Of one council, with positions that stand elsewhere; by pages; and with a price list that they have each in their own version.
    let councils = councils();
    let at_least = positions.to_vec();
    let question = QueryValueRequest { scope: scope(councils[..1].to_vec()), metrics: vec!["entries".into()], at_least, ..Default::default() };
    same!(one, many, query_value, question.clone());
    let by = vec![Dimension::Council.into(), Dimension::Measure.into()];
    let mut question = QueryValueRequest { scope: scope(councils), group_by: by, page_size: 5, ..question };
    while let Some(page) = same!(one, many, query_value, question.clone()) {
        question.page_token = page.next_page_token;
        if question.page_token.is_empty() {
            break;
        }
    }
    assert!(question.page_token.is_empty(), "no page was refused");
    let valuation = Some(ValuationRef { id: "floor".into(), version: 1 });
    same!(one, many, query_value, QueryValueRequest { metrics: vec!["citizen_value".into()], valuation, page_size: 0, ..question });
}

/// Status and books, page by page: the tokens too are the same.
async fn pages<O, M>(one: &tandem_query::QueryServer<O>, many: &tandem_query::QueryServer<M>, positions: &[String])
where
    O: tandem_query::Transport,
    M: tandem_query::Transport,
{
    for councils in [vec![], councils(), councils()[2..5].to_vec()] {
        let mut question = GetStatusRequest { councils, page_size: 3, at_least: positions.to_vec(), ..Default::default() };
        loop {
            question.page_token = same!(one, many, get_status, question.clone()).unwrap().next_page_token;
            if question.page_token.is_empty() {
                break;
            }
        }
    }
    let mut question = ListBooksRequest { page_size: 3, ..Default::default() };
    let mut found = 0;
    loop {
        let page = same!(one.audit(), many.audit(), list_books, question.clone()).unwrap();
        (found, question.page_token) = (found + page.books.len(), page.next_page_token);
        if question.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, councils().len());
}

/// What one refuses, the others refuse in the same words.
async fn refusals(one: &impl QueryService, many: &impl QueryService, positions: &[String]) {
    use tandem_domain::position::Position;
    let good = Position::from_token(&positions[0]).unwrap();
    let beyond = Position { offset: good.offset + 1_000_000, ..good };
    let elsewhere = Position { partition: (good.partition + 1) % 4, ..beyond };
    let foreign = Position { log: tandem_domain::position::LogId([9; 16]), ..good };
    let no_partition = Position { partition: 4_000, ..good };
    for bad in [beyond, elsewhere, foreign, no_partition] {
        let at_least = vec![positions[0].clone(), positions[7].clone(), bad.token()];
        let scope = Some(Scope { councils: councils()[..1].to_vec(), ..Default::default() });
        let question = QueryValueRequest { scope, metrics: vec!["entries".into()], at_least: at_least.clone(), ..Default::default() };
        assert!(same!(one, many, query_value, question).is_none(), "{bad:?}");
        let entry = GetStatementRequest { council: councils()[0].clone(), actor: "ana".into(), at_least: at_least.clone(), ..Default::default() };
        assert!(same!(one, many, get_statement, entry).is_none());
        assert!(same!(one, many, get_status, GetStatusRequest { at_least, ..Default::default() }).is_none());
    }
    let unknown = GetExchangeRequest { council: "E99999999".into(), exchange: "plan-7".into(), ..Default::default() };
    assert!(same!(one, many, get_exchange, unknown).is_none());
}
