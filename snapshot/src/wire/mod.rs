//! What a proxy and the control runtime say to each other: gRPC over mutual TLS.
//!
//! Two services. `mesh.v1.Identity/Sign` turns a certificate signing request into an SVID: the first time
//! on the strength of a one-time token, later on that of the certificate it renews.
//! `mesh.v1.Distribution/Connect` is one stream each way for as long as the proxy lives: [`FromProxy`] and
//! [`ToProxy`]. Snapshots ([`Prepare`], [`Commit`], [`Confirm`], [`Revert`]) and the world ([`Endpoints`],
//! [`Secret`], …) share it, but nothing of one waits for the other.
//!
//! ```text
//! proxy                                   control
//!   Hello ───────────────────────────────▶
//!   ◀─────────────────────────────── Welcome, TrustBundle, world of the hosts it subscribes to
//!   ◀──────────────── Prepare, Objects (all that its last slice did not hold)
//!   Need (what is still missing) ────────▶
//!   ◀──────────────────────────────── Objects
//!   Prepared | Refused ──────────────────▶
//!   ◀───────────────────────────────── Commit          one pointer swap; the previous one is kept
//!   Serving ─────────────────────────────▶
//!   Health … ────────────────────────────▶             by epoch
//!   ◀──────────────────────── Confirm | Revert         neither in time: the proxy reverts by itself
//!   Serving ─────────────────────────────▶
//! ```
//!
//! **Epochs** number what proxies serve, for the whole mesh, and at any one proxy only rise. One epoch names one snapshot, for ever. A
//! rollout takes two: `epoch` for its snapshot and `epoch + 1` for going back, so that a proxy that reverts by itself has a number to do it
//! under. An attempt is named by its epoch, too: no other number is needed to tell the answers to it from those to another.
//!
//! # What a proxy does
//!
//! - It holds what it **serves**, perhaps on **trial**, and then what was confirmed before; and at most one snapshot **prepared**, which the next
//!   [`Prepare`] replaces. Preparing the same again is answered at once, with what it was answered before.
//! - [`Commit`] of the prepared epoch swaps it in. Before the swap the proxy stores `epoch` as tried, so that it never serves a lesser one
//!   again: after a crash on trial it starts from what is confirmed, under `epoch + 1`, and says so in [`Hello`]. A trial that nobody
//!   confirms or renews in time ends in the same way, without a crash.
//! - [`Confirm`], a [`Commit`] without trial and [`Revert`] store what is then served as what to start from.
//! - An epoch below the one served is refused as [`Refusal::Stale`], and an order for what is not held as [`Refusal::Absent`]; an order that
//!   is carried out already is answered with [`Serving`] once more.
//! - It serves whatever it served while no stream is open, and opens one again with growing, random pauses. The first message is always
//!   [`Hello`]; what was said on the old stream and not answered is forgotten by both sides.
//!
//! So a proxy that joins late, or comes back after a long time, is brought to the confirmed snapshot by [`Prepare`] and [`Commit`]
//! without trial, outside any wave, and one that serves it under another number by [`Revert`].
//!
//! The messages are written out here instead of generated, so that building needs no protocol compiler;
//! the tags are the contract and are never used again for anything else.

mod distribution;
mod identity;
mod world;

pub use distribution::{
    Abandon, Commit, Confirm, EpochHealth, FromProxy, Health, Hello, Need, Objects, Prepare,
    Prepared, Refusal, Refused, Revert, Serving, Signature, Subscribe, ToProxy, Welcome,
    from_proxy, to_proxy,
};
pub use identity::{SignRequest, SignResponse};
pub use world::{Addresses, Endpoint, Endpoints, Jwks, Secret, TrustBundle};

/// The version of this protocol. A side that hears of another one ends the stream and says which it speaks.
pub const PROTOCOL: u32 = 1;

/// Of the duration histogram in [`EpochHealth`], in milliseconds: the upper bounds of all buckets but the last, which has none.
pub const LATENCY_BOUNDS_MS: [u64; 16] =
    [1, 2, 5, 10, 20, 35, 50, 75, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000];
