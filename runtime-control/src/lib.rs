//! The control runtime: what is rolled out, when, and to whom.
//!
//! ```text
//! publishers ─▶ release/ ─▶ store/            what a snapshot is made of
//!                  │          ▲
//!                  ▼          │ slices, objects
//!              rollout/ ◀─ conductor ─▶ journal/      decides ◀─ carries out ─▶ remembers
//!                             ▲ │
//!                             │ ▼
//!    world/ ───────────▶ distribution/ ◀─▶ proxies    over mutual TLS of identity/
//!     ▲ └─▶ departures ─▶ conductor                   who is not waited for any more
//!   keys/ ◀─ store/                                   fetched from where its policies say
//! ```
//! One task decides ([`conductor`]), by a pure function ([`rollout`]); everything else brings it events or carries
//! its orders out. [`Control`] is all of it together.

#![forbid(unsafe_code)]

pub mod clock;
mod private_file;
pub mod problems;
mod watch;

pub mod release;
pub mod store;

pub mod rollout;

pub mod conductor;
mod departures;
pub mod journal;
pub mod orders;

pub mod identity;
mod keys;
pub mod world;

pub mod distribution;
pub mod observe;

mod control;

pub use control::{Config, Control, RunError, StartError};
