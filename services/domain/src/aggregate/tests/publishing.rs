//! Lattices, and what of them is published.

mod built;
mod random_cells;
mod recovery;
mod worked;
