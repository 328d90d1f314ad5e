//! What is joined of areas, over several councils.

use super::fake::{Fake, key};
use super::{question, server};
use tandem_proto::internal::v1::{AggregateResponse, Partial, ResidentsPartial};
use tandem_proto::v1::query_service_server::QueryService;
use tandem_proto::v1::{Dimension, QueryValueRequest, Scope};
use tonic::Request;

fn residents(decile: u32, areas: u64, areas_with_population: u64, population: u64) -> ResidentsPartial {
    let keys = vec![key(Dimension::Decile, &decile.to_string())];
    ResidentsPartial { keys, decile, in_scope: true, areas, areas_with_population, population }
}

fn participants(keys: Vec<tandem_proto::v1::GroupKey>, participants: u64) -> Partial {
    Partial { keys, participants, contributions: participants, contributions_with_actor: participants, ..Partial::default() }
}

/// A council in which people of decile 1 gave something, and one in which nobody did: its residents count all the same.
#[tokio::test]
async fn residents_count_where_nothing_was_recorded() {
    let fake = Fake::default();
    let answer = |council: &str, group: Option<Partial>, total, vintage: &str, residents| {
        fake.answer(council, group.into_iter().collect(), total);
        let mut answers = fake.answers.lock().unwrap();
        let answer: &mut AggregateResponse = answers.get_mut(council).unwrap();
        (answer.area_vintages, answer.residents) = (vec![vintage.to_owned()], residents);
    };
    let of_one = participants(vec![key(Dimension::Decile, "1")], 3);
    answer("E09000001", Some(of_one), participants(vec![], 3), "imd2025", vec![residents(1, 1, 1, 100), residents(2, 1, 0, 0)]);
    answer("E09000002", None, participants(vec![], 0), "imd2019", vec![residents(1, 2, 2, 200)]);
    let asked = QueryValueRequest {
        scope: Some(Scope { councils: vec!["E09000001".into(), "E09000002".into()], ..Default::default() }),
        metrics: vec!["participation_rate".into()],
        group_by: vec![Dimension::Decile.into()],
        area_vintage: "imd2025".into(),
        ..question()
    };
    let answer = server(&fake).query_value(Request::new(asked)).await.unwrap().into_inner();
    let of_one = &answer.rows[0].values[0];
    assert_eq!((of_one.central.as_deref(), of_one.denominator.as_deref()), (Some("0.010000"), Some("300")));
    // One of the four areas has no population.
    let of_all = &answer.total.unwrap().values[0];
    let coverage = of_all.coverage.as_ref().unwrap();
    assert_eq!((of_all.central.as_deref(), coverage.of.as_str()), (None, "areas with a population"));
    assert_eq!((coverage.covered, coverage.total), (3, 4));
    assert_eq!(answer.area_vintages, ["imd2019", "imd2025"]);
    let asked = fake.asked.lock().unwrap();
    let request = &asked[0].0;
    assert_eq!((request.area_vintage.as_str(), request.want_residents, request.want_deciles), ("imd2025", true, false));
}
