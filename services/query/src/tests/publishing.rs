//! Tables for the public, in front of a projection that answers with a small lattice.

use super::fake::{Fake, reflects};
use super::{fields, server, signed, with_rights};
use tandem_domain::aggregate::lattice::{AreaNode, Lattice, LatticeCell, MeasureNode, PeriodNode, Reached, Standing, TableNode};
use tandem_domain::date::{DAY_US, Date, Period};
use tandem_domain::event::Side;
use tandem_proto::v1::publication_service_server::PublicationService;
use tandem_proto::v1::{
    Dimension, EarlierPublication, LatticeKey, Publication, PublishRequest, PublishResponse, PublishedRow, Suppression, UnnamedEntries, ValuationRef,
};
use tandem_wire::lattice::to_messages;
use tokio_stream::StreamExt;
use tonic::{Code, Request, Status};

/// January 2025 of two wards in which so many people gave ten minutes each; the last entry was recorded on 2 March.
fn lattice(people: [u64; 2]) -> Lattice {
    let node = |id: &str, parent| AreaNode { id: id.into(), parent, is_rest: false };
    let cell = |area: u32, people: u64| {
        let mut now = Standing { quantity: 10 * i128::from(people), ..Standing::default() };
        (0..people).for_each(|_| now.named.add(1, 10));
        LatticeCell { table: 0, area, period: 0, now, change: Standing::default() }
    };
    let day = |text| Date::parse(text).unwrap();
    let book_time_us = day("2025-03-02").0 as u64 * DAY_US;
    Lattice {
        reached: Some(Reached { entries: 40, book_time_us, closed_before: day("2025-02-01") }),
        areas: vec![node("", None), node("ward:1", Some(0)), node("ward:2", Some(0))],
        periods: vec![PeriodNode { period: Period::parse("2025-01").unwrap(), is_rest: false, parent: None }],
        measures: vec![MeasureNode { id: "help".into(), unit: "min".into(), side: Side::Citizen }],
        tables: vec![TableNode { service: "a".into(), measure: 0 }],
        cells: vec![cell(0, people[0] + people[1]), cell(1, people[0]), cell(2, people[1])],
        denominator: 1,
        ..Lattice::default()
    }
}

fn fake(people: [u64; 2]) -> Fake {
    let fake = Fake::default();
    fake.lattice.lock().unwrap().0 = to_messages(lattice(people), reflects("E09000001")).collect();
    fake
}

fn asked() -> PublishRequest {
    PublishRequest { council: "E09000001".into(), grain: Dimension::Month.into(), ..Default::default() }
}

async fn publish(fake: &Fake, request: PublishRequest) -> Result<(Publication, Vec<PublishedRow>), Status> {
    let parts = server(fake).publication().publish(Request::new(request)).await?.into_inner();
    let mut parts: Vec<PublishResponse> = parts.collect::<Result<_, _>>().await?;
    let head = parts.remove(0);
    assert!(head.rows.is_empty() && parts.iter().all(|part| part.publication.is_none()));
    Ok((head.publication.unwrap(), parts.into_iter().flat_map(|part| part.rows).collect()))
}

#[tokio::test]
async fn a_table_says_what_it_is_and_what_it_hides() {
    let fake = fake([12, 20]);
    let (publication, rows) = publish(&fake, asked()).await.unwrap();
    assert_eq!((publication.k, publication.grace_days, publication.entries, publication.rows), (10, 30, 40, 3));
    assert_eq!((publication.unnamed_entries(), publication.closed_before.as_str()), (UnnamedEntries::Holder, "2025-02-01"));
    let row = &rows[1];
    assert_eq!((row.service_name.as_str(), row.area.as_str(), row.period.as_str()), ("Name of a", "ward:1", "2025-01"));
    assert_eq!((row.quantity.as_deref(), row.entries, row.people, row.named_percent), (Some("120"), Some(12), Some(12), Some(100)));
    // With k = 13 one ward is too small, and without the other it could be worked out.
    let (publication, rows) = publish(&fake, PublishRequest { k: 13, ..asked() }).await.unwrap();
    assert_eq!((publication.k, publication.rows_suppressed), (13, 2));
    let shown: Vec<_> = rows.iter().map(|row| (row.suppressed(), row.quantity.as_deref())).collect();
    let expected = [(Suppression::Unspecified, Some("320")), (Suppression::FewerThanK, None), (Suppression::Protects, None)];
    assert_eq!(shown, expected);
    assert!(rows[1..].iter().all(|row| row.entries.is_none() && row.people.is_none() && row.named_percent.is_none() && row.value.is_none()));
    let request = fake.lattice.lock().unwrap().1[0].clone();
    assert_eq!((request.council.as_str(), request.grace_days, request.previous_sequence), ("E09000001", 30, None));
}

#[tokio::test]
async fn what_was_hidden_before_stays_hidden() {
    let key = LatticeKey { service: "a".into(), measure: "help".into(), area: "ward:2".into(), period: "2025-01".into(), ..Default::default() };
    let previous = EarlierPublication { entries: 30, suppressed: vec![key] };
    let fake = fake([12, 20]);
    let (_, rows) = publish(&fake, PublishRequest { previous: Some(previous), ..asked() }).await.unwrap();
    let why: Vec<_> = rows.iter().map(PublishedRow::suppressed).collect();
    assert_eq!(why, [Suppression::Unspecified, Suppression::Protects, Suppression::Held]);
    assert_eq!(fake.lattice.lock().unwrap().1[0].previous_sequence, Some(29));
}

#[tokio::test]
async fn a_unit_that_is_open_is_refused() {
    let fake = fake([12, 20]);
    let of = |period: &str| PublishRequest { period: period.into(), ..asked() };
    assert_eq!(publish(&fake, of("2025-01")).await.unwrap().1.len(), 3);
    // A closed month without entries is an empty table: nobody gave anything.
    assert_eq!(publish(&fake, of("2024-12")).await.unwrap().1.len(), 0);
    let status = publish(&fake, of("2025-02")).await.unwrap_err();
    let expected =
        "period: 2025-02 is open: it closes 30 days after its end, with the first entry recorded on 2025-03-31 or later (the last is of 2025-03-02)";
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, expected));
    let years = publish(&fake, PublishRequest { grain: Dimension::Year.into(), ..asked() }).await.unwrap_err();
    assert!(years.message().starts_with("grain: no closed unit has entries"), "{}", years.message());
}

#[tokio::test]
async fn bad_requests_name_their_fields() {
    let fake = fake([12, 20]);
    for (request, expected) in [
        (PublishRequest { council: String::new(), ..asked() }, vec!["council"]),
        (PublishRequest { grain: Dimension::Day.into(), ..asked() }, vec!["grain"]),
        (PublishRequest { period: "2025-Q1".into(), ..asked() }, vec!["period"]),
        (PublishRequest { k: 2, grace_days: Some(4_000), ..asked() }, vec!["k", "grace_days"]),
        (PublishRequest { area_levels: 9, unnamed_entries: 9, ..asked() }, vec!["area_levels", "unnamed_entries"]),
        (PublishRequest { first_year: Some(2025), last_year: Some(2024), ..asked() }, vec!["last_year"]),
        (PublishRequest { valuation: Some(ValuationRef { id: "a b".into(), version: 0 }), ..asked() }, vec!["valuation.id"]),
        (
            PublishRequest { previous: Some(EarlierPublication::default()), at_least: vec!["x".into()], ..asked() },
            vec!["previous.entries", "at_least[0]"],
        ),
    ] {
        assert_eq!(fields(&publish(&fake, request).await.unwrap_err()), expected);
    }
    assert!(fake.lattice.lock().unwrap().1.is_empty());
}

#[tokio::test]
async fn only_a_reader_of_the_council_may_ask() {
    let fake = fake([12, 20]);
    for rights in
        ["councils = [\"E09000001\"]\nsources = [\"*\"]\nroles = [\"writer\"]", "councils = [\"E09000009\"]\nsources = []\nroles = [\"reader\"]"]
    {
        let answer = with_rights(&fake, rights).publication().publish(signed(asked())).await;
        assert_eq!(answer.map(|_| ()).unwrap_err().code(), Code::PermissionDenied, "{rights}");
    }
    let reader = with_rights(&fake, "councils = [\"E09000001\"]\nsources = []\nroles = [\"reader\"]");
    assert!(reader.publication().publish(signed(asked())).await.is_ok());
}
