//! Which actors, exchanges and events are looked at one by one: those with the least hashes, so that nobody can know which without the
//! auditor's salt, and memory is bounded.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Of each kind, at most so many.
#[derive(Debug)]
pub struct Sample {
    salt: [u8; 16],
    limit: usize,
    actors: Least,
    exchanges: Least,
    events: Least,
}

#[derive(Debug, Default)]
struct Least(BTreeMap<[u8; 32], String>);

impl Least {
    fn offer(&mut self, salt: &[u8], limit: usize, id: &str) {
        if id.is_empty() || limit == 0 {
            return;
        }
        let hash: [u8; 32] = Sha256::new().chain_update(salt).chain_update(id).finalize().into();
        let is_least = self.0.len() < limit || self.0.last_key_value().is_some_and(|(last, _)| hash < *last);
        if is_least && self.0.insert(hash, id.to_owned()).is_none() && self.0.len() > limit {
            self.0.pop_last();
        }
    }

    fn ids(&self) -> impl Iterator<Item = String> {
        self.0.values().cloned()
    }
}

impl Sample {
    /// At most `limit` of each kind, chosen by a salt that the server does not know.
    pub fn new(salt: [u8; 16], limit: usize) -> Self {
        Self { salt, limit, actors: Least::default(), exchanges: Least::default(), events: Least::default() }
    }

    /// Offers what an entry names; empty: nothing.
    pub fn offer(&mut self, actor: &str, exchange: &str, event: &str) {
        self.actors.offer(&self.salt, self.limit, actor);
        self.exchanges.offer(&self.salt, self.limit, exchange);
        self.events.offer(&self.salt, self.limit, event);
    }

    /// People.
    pub fn actors(&self) -> impl Iterator<Item = String> {
        self.actors.ids()
    }

    /// Exchanges.
    pub fn exchanges(&self) -> impl Iterator<Item = String> {
        self.exchanges.ids()
    }

    /// Event ids.
    pub fn events(&self) -> impl Iterator<Item = String> {
        self.events.ids()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_bounded_has_each_once_and_does_not_depend_on_the_order() {
        let ids: Vec<String> = (0..500).map(|n| format!("a{}", n % 100)).collect();
        let of = |ids: &mut dyn Iterator<Item = &String>, limit| {
            let mut sample = Sample::new([7; 16], limit);
            ids.for_each(|id| sample.offer(id, "", id));
            assert_eq!((sample.exchanges().count(), sample.events().count()), (0, sample.actors().count()));
            sample.actors().collect::<Vec<_>>()
        };
        assert_eq!(of(&mut ids.iter(), 10), of(&mut ids.iter().rev(), 10));
        assert_eq!((of(&mut ids.iter(), 10).len(), of(&mut ids.iter(), 1_000).len(), of(&mut ids.iter(), 0).len()), (10, 100, 0));
    }
}
