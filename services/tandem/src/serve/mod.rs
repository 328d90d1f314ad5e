//! The servers: `tandem serve`, which does everything in one process, and the services apart.
//!
//! ```text
//!  flags ──▶ listeners ──▶ parts: log, projection, gateway, query ──▶ serve ──signal──▶ drain ──▶ close
//!  refused   ports taken   all of them, or one service's              gRPC + HTTP      deadline
//!  first
//! ```
//!
//! What differs between them is which [`parts::Parts`] they build ([`all`], [`gateway`], [`projection`], [`query`]); the rest is shared.

pub mod all;
mod books;
mod catalogue;
mod front;
pub mod gateway;
mod grpc;
mod health;
mod http;
mod listening;
mod logs;
mod parts;
mod process;
pub mod projection;
pub mod query;
mod running;
mod signing;
mod stop;
mod upstreams;
