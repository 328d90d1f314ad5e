//! A server that is stopped and started again, and one whose views are rebuilt, answers as before.

use crate::compare::{compare_all, model_of};
use tandem_proto::v1::GetStatusRequest;
use tandem_tests::client::{Gateway, batch_request, connect, query};
use tandem_tests::events::{Generator, Manner};
use tandem_tests::random::{Random, seeds, with_seed};
use tandem_tests::server::{PATIENCE, Server, run};
use tonic::Status;
use tonic::transport::Channel;

#[test]
fn answers_are_the_models_before_and_after_a_stop_and_a_rebuild() {
    for seed in seeds(1) {
        with_seed(seed, |mut random| tokio::runtime::Runtime::new().unwrap().block_on(stopped_and_rebuilt(&mut random)));
    }
}

async fn stopped_and_rebuilt(random: &mut Random) {
    let data_dir = tempfile::tempdir().unwrap();
    let councils: Vec<String> = (1..=3).map(|n| format!("E0900000{n}")).collect();
    let server = Server::start(data_dir.path()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    let positions = record(&channel, &councils, random).await;
    wait_for(&channel, &positions).await;
    let model = model_of(&channel, &councils).await;
    compare_all(&channel, &model, random, 100).await;

    let (status, output) = server.stop();
    assert!(status.success(), "{output}");
    let server = Server::start(data_dir.path()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    compare_all(&channel, &model, random, 30).await;
    assert!(server.stop().0.success());

    let rebuilt = run(&["rebuild", "--data-dir", data_dir.path().to_str().unwrap()]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let server = Server::start(data_dir.path()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    compare_all(&channel, &model, random, 30).await;
    model_of(&channel, &councils).await;
}

/// Records batches of all councils, and gives the last positions.
async fn record(channel: &Channel, councils: &[String], random: &mut Random) -> Vec<String> {
    let gateway = Gateway::new(channel);
    let mut positions = Vec::new();
    let mut generators: Vec<_> = councils.iter().map(|council| Generator::new(council, Random::new(random.bits()), Manner::Acceptable)).collect();
    for _ in 0..12 {
        let mut batch = Vec::new();
        for _ in 0..300 {
            let at = random.below(generators.len() as u64) as usize;
            batch.push(generators[at].event());
        }
        let answer = gateway.batch(batch_request(&batch, false)).await.unwrap();
        assert_eq!((answer.recorded as usize, answer.refusals), (batch.len(), vec![]));
        positions = answer.positions.into_iter().map(|position| position.position).collect();
    }
    positions
}

/// Waits until what was recorded is folded.
pub async fn wait_for(channel: &Channel, positions: &[String]) {
    let request = GetStatusRequest { at_least: positions.to_vec(), ..Default::default() };
    query(channel).get_status(request).await.unwrap();
}

/// Waits until everything that is in the log is folded, cures included.
pub async fn wait_until_folded(channel: &Channel) {
    try_until_folded(channel).await.unwrap();
}

/// The same; fails if the server does.
pub async fn try_until_folded(channel: &Channel) -> Result<(), Status> {
    let folded = async {
        loop {
            let request = GetStatusRequest { page_size: 1_000, ..Default::default() };
            let answer = query(channel).get_status(request).await?.into_inner();
            let behind = answer.partitions.iter().any(|partition| partition.applied_frames < partition.log_frames);
            if !behind && answer.councils.iter().all(|council| council.cures_pending == 0) {
                return Ok(());
            }
        }
    };
    tokio::time::timeout(PATIENCE, folded).await.expect("the projection catches up or says why not")
}
