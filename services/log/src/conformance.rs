//! What every backend must do: the contract of [`EventLog`], as tests.
//!
//! A backend says how a log in a new, empty place is made, opened, and after it was dropped opened again, and gets one test for each
//! point of the contract:
//!
//! ```text
//! fn place() -> impl Fn(&Setup) -> MyLog { … }
//! tandem_log::conformance_tests!(place);
//! ```
//!
//! If `place` may have to say that there is no place, it returns an `Option`, and the tests are made by `conformance_tests!(optional place)`:
//! they pass without a place, about which `place` has to complain itself.
//!
//! Where chance is involved the seed is printed; `TANDEM_SEED` sets it.

mod appending;
mod ending;
mod reading;
mod recording;

pub use appending::*;
pub use ending::*;
pub use reading::*;

use rand::SeedableRng;
use rand::rngs::StdRng;

/// How a log is to be opened.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Partitions: the same each time a place is opened.
    pub partitions: u32,
    /// Bytes that the queue holds, about.
    pub queue_bytes_max: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self { partitions: 4, queue_bytes_max: 64 * 1024 * 1024 }
    }
}

/// Chance with a seed that is printed, so that a failure can be had again.
pub fn seeded() -> StdRng {
    let seed = match std::env::var("TANDEM_SEED") {
        Ok(seed) => seed.parse().expect("TANDEM_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("TANDEM_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Runs the asynchronous part of a check.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(work)
}

/// One test for each point of the contract. `$place` is a function that makes a new place and returns a function from [`Setup`] to a log
/// in it.
#[macro_export]
macro_rules! conformance_tests {
    (optional $place:expr) => {
        $crate::conformance_tests!(@all $place);
    };
    ($place:expr) => {
        $crate::conformance_tests!(@all || Some($place()));
    };
    (@all $place:expr) => {
        $crate::conformance_tests!(@each $place,
            a_new_log_is_empty,
            a_record_is_read_where_its_position_says,
            a_council_keeps_the_order_of_its_appends,
            appends_from_many_threads_are_all_there_once,
            large_appends_become_frames_of_one_council_within_the_limit,
            append_times_never_go_back,
            copies_keep_the_time_they_had,
            what_cannot_be_recorded_is_refused,
            abandoned_appends_disturb_no_other,
            frames_are_read_from_anywhere_in_parts,
            reading_outside_says_why,
            waiting_ends_when_there_is_something_to_read,
            trimming_moves_the_start_and_nothing_else,
            a_tail_sees_every_frame_once_and_in_order,
            a_reopened_log_is_the_same,
            a_full_queue_refuses_who_does_not_wait,
            closing_finishes_what_was_taken_and_refuses_the_rest,
        );
    };
    (@each $place:expr, $($check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                if let Some(place) = ($place)() {
                    $crate::conformance::$check(place);
                }
            }
        )*
    };
}
