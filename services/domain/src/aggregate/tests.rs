//! Answers against figures worked by hand, and against a recount of random histories that knows nothing of views.

mod areas;
mod as_of;
mod change;
mod compared;
mod history;
mod joined;
mod maintained;
mod many_areas;
mod plans;
mod publishing;
mod random;
mod random_outcomes;
mod recount;
mod recount_outcomes;
mod side_by_side;
mod taking_part;
mod worked;
mod worked_outcomes;
