//! The projection against a log in memory: whatever befalls it, it gives the same rows, says that it cannot, or refuses to start.

mod answers;
mod book;
mod damage;
mod history;
mod maintained;
mod partitions;
mod positions;
mod publish;
mod restarts;
mod snapshots;
mod streams;
mod support;
mod whole;
mod witness;
