//! The council that a run records into.

use super::codec::Gateway;
use super::load::{self, Encoded};
use crate::client::{Servers, explain};
use crate::generate::folded::until_folded;
use crate::generate::{Generator, ShapeArgs, fixed_events};
use anyhow::ensure;
use std::time::SystemTime;
use tandem_proto::v1::RecordBatchResponse;

/// The cardinality of a council-year.
#[derive(Clone, Debug, clap::Args)]
pub struct CouncilArgs {
    /// Seed of the events
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The council's code [default: a new one for every run]
    #[arg(long, value_name = "CODE")]
    pub council: Option<String>,
    /// Services
    #[arg(long, default_value_t = 50)]
    pub services: u64,
    /// Measures
    #[arg(long, default_value_t = 150)]
    pub measures: u64,
    /// Areas
    #[arg(long, default_value_t = 200)]
    pub areas: u64,
    /// Days
    #[arg(long, default_value_t = 365)]
    pub days: u64,
    /// Actors
    #[arg(long, default_value_t = 300_000)]
    pub actors: u64,
    /// Exchanges at most
    #[arg(long, default_value_t = 3_000_000)]
    pub exchanges: u64,
    /// Random event ids (UUID version 4) instead of version 7
    #[arg(long)]
    pub random_ids: bool,
}

impl CouncilArgs {
    /// A generator of `events` events besides the catalogue. `run` tells the councils of one command apart.
    pub fn generator(&self, events: u64, run: u32) -> anyhow::Result<Generator> {
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let council = self.council.clone().unwrap_or_else(|| format!("BENCH-{seconds:x}-{run}"));
        let args = ShapeArgs {
            events: events + fixed_events(self.services, self.measures, self.areas),
            seed: self.seed.wrapping_add(run.into()),
            council,
            services: Some(self.services),
            measures: Some(self.measures),
            areas: Some(self.areas),
            days: self.days,
            actors: Some(self.actors),
            exchanges: Some(self.exchanges),
            year: 2025,
            random_ids: self.random_ids,
        };
        Ok(Generator::new(args.shape()?))
    }
}

/// Records the catalogue and waits until it is folded, so that events do not overtake their definitions.
pub async fn define(servers: &Servers, generator: &mut Generator) -> anyhow::Result<()> {
    let shape = &generator.world().shape;
    let (council, definitions) = (shape.council.clone(), shape.catalogue_events());
    let gateway = servers.gateway().connect().await?;
    let mut positions = Vec::new();
    for Encoded { body, .. } in load::encode(generator, definitions, 1_000) {
        let answer = Gateway::new(gateway.clone()).unary::<RecordBatchResponse>("/tandem.v1.GatewayService/RecordBatch", body).await;
        let answer = answer.map_err(|status| explain(&status))?;
        ensure!(answer.refusals.is_empty(), "the server refused a definition: {:?}", answer.refusals.first());
        positions = answer.positions.into_iter().map(|position| position.position).collect();
    }
    until_folded(servers.query().connect().await?, &council, &positions).await?;
    Ok(())
}
