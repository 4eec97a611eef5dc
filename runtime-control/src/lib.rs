//! The control runtime: what is rolled out, when, and to whom.

#![forbid(unsafe_code)]

pub mod rollout;

pub mod clock;
pub mod journal;
