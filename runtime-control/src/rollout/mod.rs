//! Who may serve which snapshot when: a pure state machine.
//!
//! ```text
//! Offered ─▶ waiting ─▶ Started ─ Prepare to all ─▶ all prepared ─▶ Wave 1 … n, each: commit, soak, gate ─▶ Confirmed
//!                          │ a refusal                               │ a refusal, harm, falls, abort            │
//!                          ▼                                         ▼                                          ▼
//!                        Ended: nothing has changed                Ended: all go back                         settle the rest
//! ```
//! [`State::step`] takes what happened and the time, and says what to do, in order. Whatever must survive a crash is a
//! [`Record`] that is on disk before any effect after it is carried out; [`Ledger`] is the sum of the records, and
//! [`State::recover`] starts from it. The rest is learned again from what the proxies say when they come back.
//!
//! # Rules
//!
//! - **One target.** `ledger.confirmed` is what every proxy should serve. Whoever is elsewhere is brought there by the shortest way
//!   (`proxy::Way`), at any time and outside the waves: a late joiner, a straggler, one that fell back, one that waits for its first
//!   snapshot, one whose slice does not change and so was in no wave. Taking a rollout back and confirming it are nothing but another target.
//! - **Waves** are of proxies that serve the target and whose slice changes. So each of them has the target to go back to. Those with
//!   traffic come first, as far as the order of instances leaves a choice (`wave`). A snapshot that changes nobody's slice needs no wave.
//! - **A refusal** at any time before the confirmation ends the rollout, and condemns nothing: offered again, it is tried again. Nobody
//!   offers it by themselves: its publisher does, by publishing it again.
//! - **Harm** or falls end it and put the digest into [`Quarantine`], out of which an operator alone takes it.
//! - **The first snapshot** of a mesh is confirmed once all connected proxies have prepared it. They serve nothing before: fail closed.
//!   There is nothing to compare it with and nothing to go back to, so waves would only be slower. An undo goes the same way, since an operator asked for it.
//! - **A crash** of the control runtime ends the rollout under way, taking it back where somebody may have committed, and gives its snapshot
//!   another one. Carrying on would mean to judge by a window that nobody remembers.
//! - **Publications have an order**, their signer's: an older one is not taken for new. **Only the newest waits.** What it displaces was acknowledged, and is superseded.
//! - **Epochs** number rollouts: one epoch names one snapshot, and going back is serving an earlier epoch again. A life of the control runtime is a
//!   **term**; orders of an earlier one do not count.
//! - **Who leaves the registry** is forgotten at once; who is only silent, after its lease.
//! - **Pausing** stops steps forward. Going back, settling, and renewing the trials of those that wait go on.

mod effect;
mod event;
mod gate;
mod health;
mod hearsay;
mod ledger;
mod policy;
mod proxy;
mod record;
mod version;
mod wave;

mod state;

mod ask;
mod attempt;
mod direct;
mod hear;
mod status;
mod trial;
mod wake;

pub use effect::{Accepted, Effect, Order, Rejected};
pub use event::{Event, Reason, Refusal, Said, Serving, Verb};
pub use gate::{Harm, Lack, Measure, Verdict, Window, judge};
pub use health::{Recent, Sample};
pub use ledger::{Attempt, Candidate, Ended, Ledger};
pub use policy::{GatePolicy, Inconclusive, Loosening, Newer, Policy, Reach};
pub use record::{Cause, Pace, Quarantine, Record, RefusedBy};
pub use state::{Slices, State};
pub use status::{Phase, ProxyState, ProxyStatus, Status};
pub use version::{ProxyName, Timestamp, Version};
