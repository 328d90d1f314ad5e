//! The integration tests: one binary, a module for each subject.

mod bad_input;
mod compare;
mod crash;
mod fold;
mod stop;
mod stored;
