//! The agent: the state folder under crashes and failures, and a whole agent before a control runtime that does what a test says.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says by panicking that something is wrong"
)]

mod support;

mod store;

mod disk;
mod identity;
mod refusals;
mod rollout;
mod stream;
