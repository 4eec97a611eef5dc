//! A small shop on this machine, and a tour of it that checks itself.
//!
//! ```text
//! visitors ─TLS▶ ingress ─mTLS▶ frontpage ─mTLS▶ details
//!                                        ├─mTLS▶ reviews v1–v3 ─mTLS▶ ratings
//!                                        └─mTLS▶ payment
//! ```
//! Everything but the shop's own few lines is what `mesh up` runs: policy of `policies/bookinfo`, a control runtime and a
//! proxy for each workload. What the tour says was measured on requests that visitors and services really sent.

mod repository;

mod shop;
mod wire;

mod tally;
mod visitors;

mod report;
mod stage;

mod steps;
mod tour;

pub(crate) use stage::StageError;
pub(crate) use tour::tour;
