//! Questions to all projections at once.

use super::member::Member;
use super::positions::Waits;
use super::{Projections, missing_partitions};
use crate::books::{Client, Gathered, Part, Transport};
use crate::upstream::{Deadline, is_away};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tonic::{Response, Status};

/// Partitions of one projection.
type Share<T> = (Arc<Member<T>>, Vec<u32>);

impl<T: Transport> Projections<T> {
    /// See [`crate::Books::ask_all`].
    pub async fn ask_all<R, F>(
        &self,
        which: Gathered<'_>,
        deadline: Deadline,
        call: impl Fn(Client<T>, Part) -> F,
    ) -> Result<(Vec<R>, Vec<u32>), Status>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let log = self.log()?;
        let (mut answers, mut missing, mut away) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut open: Vec<u32> = (0..log.1).collect();
        while !open.is_empty() {
            let (shares, nobodys) = self.shares(&open, &Waits::of(which.at_least, log, |_| true), &away);
            missing.extend(nobodys);
            let lacking = which.lacks(&missing, log.1);
            if !lacking.is_empty() {
                return Err(missing_partitions(&lacking).into());
            }
            open.clear();
            let ask = |(member, partitions): Share<T>| {
                let waits = Waits::of(which.at_least, log, |partition| partitions.contains(&partition));
                let call = call(member.client(), Part { partitions: partitions.clone(), at_least: waits.tokens() });
                async move { (deadline.call(call).await.map_err(|status| waits.renumber(status)), member, partitions) }
            };
            for (answer, member, partitions) in join_all(shares.into_iter().map(ask)).await {
                match answer {
                    Ok(answer) => answers.push(answer),
                    // Each is tried once: in the end nobody is left to ask.
                    Err(status) if is_away(&status) => {
                        away.insert(member.name().to_owned());
                        open.extend(partitions);
                    }
                    Err(status) => return Err(status),
                }
            }
        }
        missing.sort_unstable();
        match answers.is_empty() {
            true => Err(missing_partitions(&missing).into()),
            false => Ok((answers, missing)),
        }
    }

    /// Who is asked about which partitions, and those that nobody is left for.
    fn shares(&self, partitions: &[u32], waits: &Waits, away: &BTreeSet<String>) -> (Vec<Share<T>>, Vec<u32>) {
        let (mut shares, mut nobodys): (BTreeMap<String, Share<T>>, _) = (BTreeMap::new(), Vec::new());
        for partition in partitions.iter().copied() {
            match self.holders(partition, waits).into_iter().find(|member| !away.contains(member.name())) {
                Some(member) => shares.entry(member.name().to_owned()).or_insert_with(|| (member, Vec::new())).1.push(partition),
                None => nobodys.push(partition),
            }
        }
        (shares.into_values().collect(), nobodys)
    }
}
