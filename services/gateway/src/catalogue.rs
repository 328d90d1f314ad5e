//! Catalogues that are learned from elsewhere: for a gateway that has no projection in its process.

use crate::Known;
use futures::future::BoxFuture;
use futures::stream::{StreamExt, TryStreamExt, iter};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};
use tandem_wire::status::Failure;
use tokio::sync::Mutex;

/// How old what is known of a council may be.
const AGE_MAX: Duration = Duration::from_secs(2);
/// Councils that are kept.
const COUNCILS_MAX: usize = 4_096;
/// Ids that are kept, of all councils together: below 200 MiB of them, since an id has 128 bytes at most.
const IDS_MAX: usize = 1_000_000;
/// Councils of one request that are asked for at the same time.
const AT_ONCE: usize = 16;
/// Locks that keep two requests from asking for the same council: one for each, mostly.
const LOCKS: usize = 64;

/// What a council has defined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Ids of its services.
    pub services: FxHashSet<String>,
    /// Ids of its measures.
    pub measures: FxHashSet<String>,
    /// Ids of its indicators.
    pub indicators: FxHashSet<String>,
}

impl Definitions {
    fn count(&self) -> usize {
        self.services.len() + self.measures.len() + self.indicators.len()
    }
}

/// Who knows catalogues.
pub trait Source: Send + Sync + 'static {
    /// What a council has defined so far.
    fn definitions<'a>(&'a self, council: &'a str) -> BoxFuture<'a, Result<Definitions, Failure>>;
}

/// What is known of the councils that were last written to. It is at most two seconds old: an id that was defined a moment ago may still
/// be refused, never one that was found before.
pub struct Catalogue<S> {
    source: S,
    kept: RwLock<Kept>,
    asking: [Mutex<()>; LOCKS],
}

#[derive(Default)]
struct Kept {
    councils: FxHashMap<String, (Instant, Definitions)>,
    ids: usize,
}

impl Kept {
    fn forget(&mut self, council: &str) {
        if let Some((_, definitions)) = self.councils.remove(council) {
            self.ids -= definitions.count();
        }
    }

    /// Keeps what is new. What is too old goes first; if there is no room even so, nothing is kept and false is said.
    fn keep(&mut self, council: &str, definitions: Definitions) -> bool {
        self.forget(council);
        let count = definitions.count();
        let is_full = |kept: &Self| kept.councils.len() >= COUNCILS_MAX || kept.ids + count > IDS_MAX;
        if is_full(self) {
            let old: Vec<String> = self.councils.iter().filter(|(_, (at, _))| at.elapsed() > AGE_MAX).map(|(council, _)| council.clone()).collect();
            old.iter().for_each(|council| self.forget(council));
        }
        if is_full(self) {
            return false;
        }
        self.ids += count;
        self.councils.insert(council.to_owned(), (Instant::now(), definitions));
        true
    }
}

impl<S: Source> Catalogue<S> {
    /// Learns from this source, when it is needed.
    pub fn new(source: S) -> Self {
        Self { source, kept: RwLock::default(), asking: std::array::from_fn(|_| Mutex::new(())) }
    }

    fn is_fresh(&self, council: &str) -> bool {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.councils.get(council).is_some_and(|(at, _)| at.elapsed() <= AGE_MAX)
    }

    async fn learn_one(&self, council: &str) -> Result<(), Failure> {
        if self.is_fresh(council) {
            return Ok(());
        }
        let mut hasher = FxHasher::default();
        council.hash(&mut hasher);
        let _asking = self.asking[(hasher.finish() % LOCKS as u64) as usize].lock().await;
        // Whoever asked before may have asked for the same.
        if self.is_fresh(council) {
            return Ok(());
        }
        let definitions = self.source.definitions(council).await?;
        match self.kept.write().unwrap_or_else(PoisonError::into_inner).keep(council, definitions) {
            true => Ok(()),
            false => Err(Failure::Overloaded { what: "too many catalogues are needed at once", retry_after: AGE_MAX }),
        }
    }

    fn has(&self, council: &str, has: impl Fn(&Definitions) -> bool) -> bool {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.councils.get(council).is_some_and(|(_, definitions)| has(definitions))
    }
}

impl<S: Source> Known for Catalogue<S> {
    fn learn<'a>(&'a self, councils: BTreeSet<&'a str>) -> BoxFuture<'a, Result<(), Failure>> {
        let all = iter(councils).map(|council| self.learn_one(council)).buffer_unordered(AT_ONCE);
        Box::pin(all.try_collect::<()>())
    }

    fn service(&self, council: &str, id: &str) -> bool {
        self.has(council, |definitions| definitions.services.contains(id))
    }

    fn measure(&self, council: &str, id: &str) -> bool {
        self.has(council, |definitions| definitions.measures.contains(id))
    }

    fn indicator(&self, council: &str, id: &str) -> bool {
        self.has(council, |definitions| definitions.indicators.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Every council has defined a service of its own name; "away" cannot be asked.
    #[derive(Default)]
    struct Fake(AtomicUsize);

    impl Source for Fake {
        fn definitions<'a>(&'a self, council: &'a str) -> BoxFuture<'a, Result<Definitions, Failure>> {
            self.0.fetch_add(1, Relaxed);
            Box::pin(async move {
                match council {
                    "away" => Err(Failure::Unavailable { why: "away".into(), retry_after: AGE_MAX }),
                    _ => Ok(Definitions { services: [council.to_owned()].into_iter().collect(), ..Definitions::default() }),
                }
            })
        }
    }

    #[tokio::test]
    async fn a_catalogue_is_asked_for_once_and_kept_for_a_while() {
        let catalogue = Catalogue::new(Fake::default());
        assert!(!catalogue.service("a", "a"), "nothing is known before it is learned");
        let (one, two) = tokio::join!(catalogue.learn(["a", "b"].into()), catalogue.learn(["a"].into()));
        assert_eq!((one, two, catalogue.source.0.load(Relaxed)), (Ok(()), Ok(()), 2));
        assert!(catalogue.service("a", "a") && catalogue.service("b", "b") && !catalogue.service("a", "b") && !catalogue.measure("a", "a"));
        let long_ago = Instant::now().checked_sub(2 * AGE_MAX).unwrap();
        catalogue.kept.write().unwrap().councils.get_mut("a").unwrap().0 = long_ago;
        catalogue.learn(["a", "b"].into()).await.unwrap();
        assert_eq!(catalogue.source.0.load(Relaxed), 3, "only what is too old is asked for again");
        assert!(matches!(catalogue.learn(["a", "away"].into()).await, Err(Failure::Unavailable { .. })));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut kept = Kept::default();
        let some = |count: usize| Definitions { measures: (0..count).map(|id| id.to_string()).collect(), ..Definitions::default() };
        assert!(kept.keep("a", some(600_000)) && kept.keep("a", some(600_000)), "the same again takes no more room");
        assert!(!kept.keep("b", some(500_000)));
        kept.councils.get_mut("a").unwrap().0 = Instant::now().checked_sub(2 * AGE_MAX).unwrap();
        assert!(kept.keep("b", some(500_000)));
        assert_eq!((kept.councils.len(), kept.ids), (1, 500_000));
        kept.forget("b");
        (0..COUNCILS_MAX).for_each(|n| assert!(kept.keep(&n.to_string(), some(1))));
        assert!(!kept.keep("one more", some(1)));
    }
}
