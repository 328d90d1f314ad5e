//! The integration tests: one binary, a module for each subject.

mod as_of;
mod bad_input;
mod compare;
mod crash;
mod data_sets;
mod fold;
mod maintained;
mod reads;
mod stop;
mod stored;
mod workspace;
