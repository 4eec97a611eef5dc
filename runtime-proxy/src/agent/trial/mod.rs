//! What this proxy serves, and for how long: the proxy's side of a rollout, as a pure state machine.
//!
//! ```text
//!              Prepare                  Commit                      Confirm
//!  (nothing) ──────────▶ preparing ─▶ ready ─────────▶ on trial ─────────────▶ confirmed, and stored
//!                            │          │                  │                        ▲
//!                            ▼          ▼                  ▼                        │
//!                         Refused    Abandon     Revert, or its time is over ───────┘ what was confirmed is served again
//! ```
//! [`State::step`] takes what happened and the time, and says what to do, in order. It knows no program, no socket and no
//! file: `P` is whatever its owner keeps with a version, so a version without its program cannot be put in force.
//!
//! # Rules
//!
//! - **At most one of each**: confirmed, on trial, ready, being prepared. A new [`Order::Prepare`] replaces what is ready or being
//!   prepared; preparing what is held already is answered at once.
//! - **One epoch, one snapshot.** An offer of another snapshot under an epoch that is held is refused as [`wire::Refusal::Stale`].
//! - **A trial ends by itself** when nobody prolongs ([`Order::Extend`]) or confirms it in time, with or without a stream.
//! - **Confirmed is stored.** [`wire::Trial::Over`] is said once it is on the disk, so that whoever heard it finds the proxy there after
//!   any crash. A disk that fails is no reason to go back: then it is said without, and storing is tried again until it works.
//! - **A term is stored before it is obeyed**: an order of a term that is new waits until the disk has it, or has failed. The stream
//!   waits with it ([`State::is_waiting`]).
//! - **A disk that hangs is one that fails**, after a while.
//! - **What is not held**: [`Order::Commit`] of it is refused as [`wire::Refusal::Absent`]; any other order about it is answered with what is served.
//! - **A stream that ends** takes along what was being prepared and not answered. What is ready stays ready.

mod durability;
mod effect;
mod event;
mod orders;
mod state;

pub use durability::{Durable, Marks};
pub use effect::{Answer, Effect, Serving};
pub use event::{Built, Event, Offer, Order, Refused, Version};
pub use state::{Start, State};

#[cfg(test)]
mod tests;

#[cfg(doc)]
use mesh_snapshot::wire;
