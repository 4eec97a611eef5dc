//! What a proxy and the control runtime say to each other: gRPC over mutual TLS.
//!
//! Two services. `mesh.v1.Identity/Sign` turns a certificate signing request into an SVID: the first time
//! on the strength of a one-time token, later on that of the certificate it renews.
//! `mesh.v1.Distribution/Connect` is one stream each way for as long as the proxy lives: [`FromProxy`] and
//! [`ToProxy`]. Snapshots and the world share it, but nothing of one waits for the other.
//!
//! ```text
//! proxy                                   control
//!   Hello, Subscribe ────────────────────▶
//!   ◀──────── Welcome, TrustBundle, Sources, one message for each name subscribed to
//!   ◀──────────────── Prepare, Objects (what the proxy's slices do not hold), the last of them marked
//!   Need (what is missing even so) ──────▶
//!   ◀──────────────────────────────── Objects
//!   Prepared | Refused ──────────────────▶
//!   ◀───────────────────────────────── Commit          one pointer swap; what was confirmed is kept
//!   Serving ─────────────────────────────▶
//!   Health … ────────────────────────────▶             by epoch
//!   ◀───────────── Extend … , Confirm | Revert         none in time: the proxy reverts by itself
//!   Serving ─────────────────────────────▶
//! ```
//!
//! **Epoch**: the number of a rollout, and so of one snapshot, for the whole mesh. It goes into logs and metrics. A
//! later rollout has a greater one, whatever its snapshot; going back is serving an earlier epoch again.
//! **Generation**: a proxy's own count of its swaps, which only rises, restarts included.
//! **Term**: the number of the control runtime's reign, which rises each time another one takes over or one
//! starts again. A proxy keeps the greatest it has met and takes no orders of a lesser one.
//!
//! A repeated order is harmless: [`Commit`] for what is served is answered with [`Serving`] and prolongs
//! nothing. [`Commit`] of what the proxy does not hold is refused as [`Refusal::Absent`]; any other order about an epoch or a
//! snapshot that it does not have is answered with [`Serving`]. [`Trial::Over`] is said when the disk has it.
//!
//! What a proxy may ask for is bounded by who it is: the control runtime knows each instance from its
//! registry, takes no other workload for it, and sends objects of its slices and names of its world alone.
//!
//! The messages are written out here instead of generated, so that building needs no protocol compiler;
//! the tags are the contract and are never used again for anything else.

mod attributes;
mod distribution;
mod identity;
mod world;

pub use attributes::{ATTRIBUTE_LABELS, ATTRIBUTES_OID, Attributes};
pub use distribution::{
    Abandon, Commit, Confirm, EpochHealth, Extend, FromProxy, Health, Hello, Need, Objects,
    Prepare, Prepared, Refusal, Refused, Revert, Serving, Signature, Subscribe, ToProxy, Trial,
    Welcome, Workload, from_proxy, to_proxy,
};
pub use identity::{SignRequest, SignResponse};
pub use world::{
    AddressOwner, Addresses, CredentialName, Endpoint, EndpointSet, Endpoints, Jwks, Name, Secret,
    Sources, TrustBundle, name,
};

/// The version of this protocol. A side that hears of another one ends the stream and says which it speaks.
pub const PROTOCOL: u32 = 1;

/// The DNS name that a control runtime's certificate is for, beside its own identity. A client that knows nothing but the roots of the
/// mesh connects to any address and asks for this name.
pub const CONTROL_NAME: &str = "control.mesh.internal";

/// No message is larger, encoded: objects come in as many messages as that takes.
pub const MESSAGE_MAX_BYTES: usize = 4 << 20;

/// Of the duration histogram in [`EpochHealth`], in milliseconds: the upper bounds of all buckets but the
/// last, which has none.
pub const LATENCY_BOUNDS_MS: [u64; 16] =
    [1, 2, 5, 10, 20, 35, 50, 75, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000];
