//! Snapshots on their way to a proxy, and what becomes of them there.

use super::world::{Addresses, Endpoints, Jwks, Secret, TrustBundle};

/// One message of a proxy.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FromProxy {
    #[prost(oneof = "from_proxy::Message", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub message: Option<from_proxy::Message>,
}

pub mod from_proxy {
    /// What a proxy says.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Message {
        #[prost(message, tag = "1")]
        Hello(super::Hello),
        #[prost(message, tag = "2")]
        Need(super::Need),
        #[prost(message, tag = "3")]
        Prepared(super::Prepared),
        #[prost(message, tag = "4")]
        Refused(super::Refused),
        #[prost(message, tag = "5")]
        Serving(super::Serving),
        #[prost(message, tag = "6")]
        Health(super::Health),
        #[prost(message, tag = "7")]
        Subscribe(super::Subscribe),
    }
}

/// One message to a proxy.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ToProxy {
    #[prost(oneof = "to_proxy::Message", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    pub message: Option<to_proxy::Message>,
}

pub mod to_proxy {
    /// What the control runtime says.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Message {
        #[prost(message, tag = "1")]
        Welcome(super::Welcome),
        #[prost(message, tag = "2")]
        Prepare(super::Prepare),
        #[prost(message, tag = "3")]
        Objects(super::Objects),
        #[prost(message, tag = "4")]
        Commit(super::Commit),
        #[prost(message, tag = "5")]
        Confirm(super::Confirm),
        #[prost(message, tag = "6")]
        Revert(super::Revert),
        #[prost(message, tag = "7")]
        Abandon(super::Abandon),
        #[prost(message, tag = "8")]
        Endpoints(super::Endpoints),
        #[prost(message, tag = "9")]
        Addresses(super::Addresses),
        #[prost(message, tag = "10")]
        Secret(super::Secret),
        #[prost(message, tag = "11")]
        TrustBundle(super::TrustBundle),
        #[prost(message, tag = "12")]
        Jwks(super::Jwks),
    }
}

/// The first message of a stream: who this is, and what it already has.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Hello {
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// The instance's name, unique in the mesh and the same after a restart.
    #[prost(string, tag = "2")]
    pub proxy: String,
    /// The workload's canonical bytes ([`crate::object::Workload`]). Its namespace and service account must be those of the client
    /// certificate.
    #[prost(bytes = "vec", tag = "3")]
    pub workload: Vec<u8>,
    /// Of the program.
    #[prost(string, tag = "4")]
    pub version: String,
    /// What it can serve: see [`crate::feature`].
    #[prost(string, repeated, tag = "5")]
    pub features: Vec<String>,
    /// Absent: nothing yet.
    #[prost(message, optional, tag = "6")]
    pub serving: Option<Serving>,
    /// The digests of slices whose objects it holds all of: served, prepared and before.
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub slices: Vec<Vec<u8>>,
}

/// These objects, by digest, are not here.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Need {
    /// Of the [`Prepare`] that they are needed for.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub digests: Vec<Vec<u8>>,
}

/// Verified and built, off the traffic's path: ready to be committed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Prepared {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// As the proxy computed it.
    #[prost(bytes = "vec", tag = "2")]
    pub slice: Vec<u8>,
    /// Of the built structures, as estimated.
    #[prost(uint64, tag = "3")]
    pub memory_bytes: u64,
    #[prost(uint64, tag = "4")]
    pub elapsed_us: u64,
}

/// Cannot be served here; what is in force stays in force. The answer to a [`Prepare`], [`Commit`] or [`Revert`] of that epoch. A
/// [`Confirm`] is never refused: what is served is served, and a disk that fails is no reason to go back.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Refused {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(enumeration = "Refusal", tag = "2")]
    pub reason: i32,
    /// For a person: lower case, no full stop.
    #[prost(string, tag = "3")]
    pub detail: String,
    /// The object at fault, in JSON; empty: none in particular.
    #[prost(string, tag = "4")]
    pub key: String,
    /// The item of it, as in [`crate::source_map`].
    #[prost(string, tag = "5")]
    pub item: String,
}

/// Why a proxy refuses a snapshot: one a thing that somebody does about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, prost::Enumeration)]
pub enum Refusal {
    Unspecified = 0,
    /// Upgrade the proxy, or take the feature out of the policy.
    Feature = 1,
    /// Bytes that are not an object of the format: the snapshot, the store or the wire is damaged.
    Corrupt = 2,
    /// No signature by a key that this proxy trusts.
    Signature = 3,
    /// More than the proxy may use for policy.
    Memory = 4,
    /// Took longer than the proxy may take.
    Time = 5,
    /// Not newer than what this proxy has committed before.
    Stale = 6,
    /// Valid bytes that no program can be built from.
    Program = 7,
    /// The proxy cannot store it, so it could not start from it.
    Storage = 8,
    /// Told to serve what it does not hold: prepare it first.
    Absent = 9,
}

/// What the proxy judges requests by from now on. Said after each change, whoever caused it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Serving {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub snapshot: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub slice: Vec<u8>,
    /// Not to be reverted any more.
    #[prost(bool, tag = "4")]
    pub confirmed: bool,
    /// The proxy came back to this by itself, since no confirmation arrived in time.
    #[prost(bool, tag = "5")]
    pub expired: bool,
}

/// What went through the proxy since its last report. Sent every second while there is something to tell, and at least three times a
/// lease ([`Welcome::lease_ms`]) even when there is not: it is the sign of life.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Health {
    #[prost(message, repeated, tag = "1")]
    pub epochs: Vec<EpochHealth>,
}

/// Of the requests decided under one epoch that ended since the last report.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EpochHealth {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(uint64, tag = "2")]
    pub requests: u64,
    /// Answered with 5xx, or not at all.
    #[prost(uint64, tag = "3")]
    pub failed: u64,
    /// Refused by policy: 401, 403.
    #[prost(uint64, tag = "4")]
    pub denied: u64,
    /// Connections and streams that broke off.
    #[prost(uint64, tag = "5")]
    pub resets: u64,
    /// Durations: the buckets of [`super::LATENCY_BOUNDS_MS`], each without the ones before it.
    #[prost(uint64, repeated, tag = "6")]
    pub latency: Vec<u64>,
}

/// Send the world of these hosts from now on, instead of those subscribed to before.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Subscribe {
    #[prost(string, repeated, tag = "1")]
    pub hosts: Vec<String>,
}

/// The answer to [`Hello`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Welcome {
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// The control runtime's name, another after a restart.
    #[prost(string, tag = "2")]
    pub control: String,
    /// A proxy that has said nothing for this long is not waited for, and its stream is ended.
    #[prost(uint64, tag = "3")]
    pub lease_ms: u64,
}

/// Get ready to serve the snapshot. The objects follow; what the proxy already holds does not.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Prepare {
    /// What it will be served under. Names the attempt in all answers to it.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub snapshot: Vec<u8>,
    /// The slice that the control runtime expects for this proxy, which computes its own.
    #[prost(bytes = "vec", tag = "3")]
    pub slice: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    pub signatures: Vec<Signature>,
    /// The canonical bytes of the part of the source map that speaks of the slice.
    #[prost(bytes = "vec", tag = "5")]
    pub source_map: Vec<u8>,
    /// How long it may take, world of the certain hosts included.
    #[prost(uint64, tag = "6")]
    pub within_ms: u64,
}

/// A statement about the snapshot, and an Ed25519 signature of its bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Signature {
    /// The digest of the public key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub statement: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
}

/// Canonical bytes, in any order. Who receives them computes the digests.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Objects {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub objects: Vec<bytes::Bytes>,
}

/// Serve what was prepared under `epoch`. For what is served under `epoch` already: the time runs anew.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Commit {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// On trial: without [`Confirm`] or another [`Commit`] of this epoch for this long, go back under `epoch + 1`. Zero: not on
    /// trial, as if [`Confirm`] came with it.
    #[prost(uint64, tag = "2")]
    pub confirm_within_ms: u64,
}

/// What is served under `epoch` stays. The proxy stores it as what it starts from.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Confirm {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
}

/// Serve `snapshot` under `epoch`, confirmed, at once and without preparing: it is the one confirmed before, or the one that is
/// served already and only gets another number. Drop what was tried, and what was prepared and not committed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Revert {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub snapshot: Vec<u8>,
}

/// Drop what was prepared under `epoch` and not committed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Abandon {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
}
