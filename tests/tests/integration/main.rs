//! The integration tests: one binary, a module for each subject.

mod areas;
mod as_of;
mod audit;
mod bad_input;
mod books;
mod compare;
mod crash;
mod data_sets;
mod fold;
mod foreign;
mod maintained;
mod outcomes;
mod reads;
mod services;
mod stop;
mod stored;
mod taking_part;
mod workspace;
