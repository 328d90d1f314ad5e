//! The integration tests: one binary, a module for each subject.

mod compare;
mod fold;
mod stop;
mod stored;
