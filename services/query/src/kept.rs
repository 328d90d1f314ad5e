//! Answers of several pages, kept for their next pages: each page is then of one and the same answer, and computed once.

use crate::page::DIGEST;
use crate::value::Whole;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Groups of all kept answers: below 100 MiB of them.
const GROUPS_MAX: usize = 100_000;
/// For how long an answer is kept after its last page was asked for.
const AGE_MAX: Duration = Duration::from_secs(60);

/// The last few answers.
#[derive(Default)]
pub(crate) struct Kept(Mutex<VecDeque<One>>);

struct One {
    /// Of the question.
    digest: [u8; DIGEST],
    /// Positions that it waited for.
    at_least: Vec<String>,
    whole: Arc<Whole>,
    asked: Instant,
}

impl Kept {
    /// The answer of a question, if it is kept and waited for the same positions.
    pub fn find(&self, digest: [u8; DIGEST], at_least: &[String]) -> Option<Arc<Whole>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = kept.iter_mut().find(|one| one.digest == digest && one.at_least == at_least && one.asked.elapsed() < AGE_MAX)?;
        one.asked = Instant::now();
        Some(one.whole.clone())
    }

    /// Keeps an answer in place of an older one of the same question. The oldest go first; one that is too large is not kept.
    pub fn keep(&self, digest: [u8; DIGEST], at_least: &[String], whole: &Arc<Whole>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|one| one.digest != digest && one.asked.elapsed() < AGE_MAX);
        kept.push_back(One { digest, at_least: at_least.to_vec(), whole: whole.clone(), asked: Instant::now() });
        let mut groups: usize = kept.iter().map(|one| one.whole.groups()).sum();
        while groups > GROUPS_MAX
            && let Some(oldest) = kept.pop_front()
        {
            groups -= oldest.whole.groups();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_answers_are_kept_within_bounds() {
        let kept = Kept::default();
        let keep = |digest: u8, groups: usize| kept.keep([digest; DIGEST], &[], &Arc::new(Whole::of_groups(groups)));
        let has = |digest: u8| kept.find([digest; DIGEST], &[]).map(|whole| whole.groups());
        keep(1, 40_000);
        keep(2, 50_000);
        assert_eq!((has(1), has(2), has(3)), (Some(40_000), Some(50_000), None));
        assert!(kept.find([1; DIGEST], &["position".into()]).is_none(), "it waited for nothing");
        keep(2, 5);
        assert_eq!((has(1), has(2)), (Some(40_000), Some(5)), "in place of the older one");
        keep(3, 70_000);
        assert_eq!((has(1), has(2), has(3)), (None, Some(5), Some(70_000)), "the oldest goes");
        keep(4, GROUPS_MAX + 1);
        assert_eq!((has(2), has(3), has(4)), (None, None, None), "nothing that is too large");
    }
}
