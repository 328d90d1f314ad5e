//! Who takes part and how, against figures worked by hand and against a recount of random histories.

mod deeds;
mod random;
mod recount;
mod worked;
