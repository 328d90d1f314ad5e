//! Answers against figures worked by hand, and against a recount of random histories that knows nothing of views.

mod areas;
mod history;
mod joined;
mod plans;
mod random;
mod recount;
mod worked;
