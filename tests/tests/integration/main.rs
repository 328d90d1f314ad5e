//! The integration tests: one binary, a module for each subject.

mod areas;
mod as_of;
mod audit;
mod backup;
mod bad_input;
mod books;
mod compare;
mod crash;
mod data_sets;
mod deployed;
mod fold;
mod foreign;
mod maintained;
mod outcomes;
mod publish;
mod reads;
mod real_books;
mod replay;
mod services;
mod stop;
mod stored;
mod taking_part;
mod witness;
mod workspace;
