//! Query over several projections on real loopback connections answers as over one that holds everything; says what is missing when one
//! is gone; and goes on when it is back.

mod gone;
mod same;
mod support;
