//! Answers against figures worked by hand, and against a recount of random histories that knows nothing of views.

mod as_of;
mod change;
mod history;
mod maintained;
mod plans;
mod random;
mod recount;
mod worked;
