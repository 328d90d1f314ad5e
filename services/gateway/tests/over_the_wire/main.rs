//! The gateway as a client meets it: a real server on loopback before a log in memory.

mod events;
mod limits;
mod stream;
mod support;
mod unary;
