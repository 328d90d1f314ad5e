//! Faults for tests: commits that are held back, and commits that fail, whether or not they reached the disk.

use crate::lock;
use std::sync::{Condvar, Mutex, PoisonError};

/// How a commit is to fail. Each kind of failure comes in both forms, since a caller cannot tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was written.
    NotPersisted,
    /// All was written and is durable, but the writer is told that it is not.
    Persisted,
}

/// Something to do between a commit and its answers.
type Hook = Box<dyn FnMut() + Send>;

#[derive(Default)]
struct State {
    hold: bool,
    holding: bool,
    fault: Option<Fault>,
    after_commit: Option<Hook>,
}

/// What a test holds in its hand to disturb a log's commits; see [`super::EmbeddedLog::faults`].
#[derive(Default)]
pub struct Faults {
    state: Mutex<State>,
    changed: Condvar,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faults")
    }
}

impl Faults {
    /// Holds back the next commit, and so all after it, until [`Faults::release`].
    pub fn hold(&self) {
        lock(&self.state).hold = true;
    }

    /// Waits until a commit is held back.
    pub fn wait_until_held(&self) {
        let mut state = lock(&self.state);
        while !state.holding {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets commits go on.
    pub fn release(&self) {
        lock(&self.state).hold = false;
        self.changed.notify_all();
    }

    /// Lets the next commit fail.
    pub fn fail_next(&self, fault: Fault) {
        lock(&self.state).fault = Some(fault);
    }

    /// Does something after each commit that succeeds, before it is acknowledged, on the writer's thread.
    pub fn after_commit(&self, hook: impl FnMut() + Send + 'static) {
        lock(&self.state).after_commit = Some(Box::new(hook));
    }

    /// Runs a commit, disturbed as asked.
    pub(super) fn around(&self, commit: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        let mut state = lock(&self.state);
        state.holding = state.hold;
        self.changed.notify_all();
        while state.hold {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.holding = false;
        let fault = state.fault.take();
        drop(state);

        if fault != Some(Fault::NotPersisted) {
            commit()?;
        }
        if let Some(fault) = fault {
            return Err(format!("a fault was asked for: {fault:?}"));
        }
        if let Some(hook) = &mut lock(&self.state).after_commit {
            hook();
        }
        Ok(())
    }
}
