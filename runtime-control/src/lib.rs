//! The control runtime: what is rolled out, when, and to whom.

#![forbid(unsafe_code)]

pub mod rollout;

pub mod clock;
pub mod conductor;
pub mod identity;
pub mod journal;
pub mod problems;
pub mod release;
pub mod store;
mod watch;
pub mod world;
