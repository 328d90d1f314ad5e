//! Answers against figures worked by hand, and against a recount of random histories that knows nothing of views.

mod history;
mod plans;
mod random;
mod recount;
mod taking_part;
mod worked;
