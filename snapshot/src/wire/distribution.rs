//! Snapshots on their way to a proxy, and what becomes of them there.

use std::collections::BTreeMap;

use super::world::{AddressOwner, Addresses, Endpoints, Jwks, Name, Secret, Sources, TrustBundle};
use crate::object;

/// One message of a proxy.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FromProxy {
    #[prost(oneof = "from_proxy::Message", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub message: Option<from_proxy::Message>,
}

pub mod from_proxy {
    /// What a proxy says.
    #[derive(Clone, PartialEq, prost::Oneof)]
    #[expect(clippy::large_enum_variant, reason = "a message lives for a moment")]
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
    #[prost(
        oneof = "to_proxy::Message",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"
    )]
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
        Extend(super::Extend),
        #[prost(message, tag = "6")]
        Confirm(super::Confirm),
        #[prost(message, tag = "7")]
        Revert(super::Revert),
        #[prost(message, tag = "8")]
        Abandon(super::Abandon),
        #[prost(message, tag = "9")]
        Endpoints(super::Endpoints),
        #[prost(message, tag = "10")]
        Addresses(super::Addresses),
        #[prost(message, tag = "11")]
        AddressOwner(super::AddressOwner),
        #[prost(message, tag = "12")]
        Secret(super::Secret),
        #[prost(message, tag = "13")]
        Jwks(super::Jwks),
        #[prost(message, tag = "14")]
        TrustBundle(super::TrustBundle),
        #[prost(message, tag = "15")]
        Sources(super::Sources),
    }
}

/// The first message of a stream: who this is, and what it already has.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Hello {
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// The instance's name, unique in its namespace and the same after a restart.
    #[prost(string, tag = "2")]
    pub proxy: String,
    /// As the proxy knows its workload. The namespace and service account must be those of the client
    /// certificate, and all of it what the registry says of the instance.
    #[prost(message, optional, tag = "3")]
    pub workload: Option<Workload>,
    /// Of the program.
    #[prost(string, tag = "4")]
    pub version: String,
    /// What it can serve: see [`crate::feature`].
    #[prost(string, repeated, tag = "5")]
    pub features: Vec<String>,
    /// Absent: nothing yet.
    #[prost(message, optional, tag = "6")]
    pub serving: Option<Serving>,
    /// The digests of slices whose objects it holds all of: served, prepared, confirmed before.
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub slices: Vec<Vec<u8>>,
    /// Counts the starts of this proxy. Health counters begin anew with each.
    #[prost(uint64, tag = "8")]
    pub instance: u64,
    /// The greatest it has taken orders of.
    #[prost(uint64, tag = "9")]
    pub term: u64,
    /// The greatest it has heard of. A control runtime that lost its journal goes on above it.
    #[prost(uint64, tag = "10")]
    pub epoch: u64,
}

/// [`object::Workload`] on the wire, where either side may know more fields than the other.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Workload {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(btree_map = "string, string", tag = "3")]
    pub labels: BTreeMap<String, String>,
    #[prost(string, tag = "4")]
    pub service_account: String,
    #[prost(bool, tag = "5")]
    pub gateway: bool,
    #[prost(btree_map = "string, uint32", tag = "6")]
    pub ports: BTreeMap<String, u32>,
    /// As text.
    #[prost(string, repeated, tag = "7")]
    pub addresses: Vec<String>,
}

/// These objects, by digest, are not here.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Need {
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

/// Cannot be served here; what is in force stays in force.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Refused {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(enumeration = "Refusal", tag = "2")]
    pub reason: i32,
    /// For a person: lower case, no full stop.
    #[prost(string, tag = "3")]
    pub detail: String,
    /// The object at fault: canonical bytes of its [`crate::Key`]; empty: none in particular.
    #[prost(bytes = "vec", tag = "4")]
    pub key: Vec<u8>,
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
    /// Signed as older than what the signer lets this proxy go back to.
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
    /// Zero, with empty digests: it serves nothing. A trial has ended before anything was confirmed.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub snapshot: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub slice: Vec<u8>,
    #[prost(uint64, tag = "4")]
    pub generation: u64,
    #[prost(enumeration = "Trial", tag = "5")]
    pub trial: i32,
}

/// How what is served came to be, and whether it stays.
#[derive(Clone, Copy, Debug, Eq, PartialEq, prost::Enumeration)]
pub enum Trial {
    /// Confirmed: it stays.
    Over = 0,
    /// Until it is confirmed, reverted, or its time is over.
    Running = 1,
    /// Confirmed, and served again since a trial ran out of time.
    Expired = 2,
    /// Confirmed, and served again by order.
    Reverted = 3,
}

/// What went through the proxy since its start. Sent right after [`Hello`], which the next ones are compared with, and then at least
/// every third of the lease: it is the sign of life, too.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Health {
    /// As in [`Hello`].
    #[prost(uint64, tag = "1")]
    pub instance: u64,
    /// The epochs served of late, two at least where there were two.
    #[prost(message, repeated, tag = "2")]
    pub epochs: Vec<EpochHealth>,
}

/// Of the requests decided under one epoch that have ended.
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

/// Which of the world this proxy wants to know. Each name added is answered with exactly one message, empty where there
/// is nothing, and from then on with one whenever that changes. A stream begins with no names.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Subscribe {
    #[prost(message, repeated, tag = "1")]
    pub add: Vec<Name>,
    #[prost(message, repeated, tag = "2")]
    pub remove: Vec<Name>,
}

/// The answer to [`Hello`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Welcome {
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// The control runtime's name, another after a restart.
    #[prost(string, tag = "2")]
    pub control: String,
    #[prost(uint64, tag = "3")]
    pub term: u64,
    /// A proxy that has said nothing for this long is not waited for.
    #[prost(uint64, tag = "4")]
    pub lease_ms: u64,
}

/// Get ready to serve the snapshot. The objects that the proxy does not hold follow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Prepare {
    #[prost(uint64, tag = "1")]
    pub term: u64,
    /// What it will be served under.
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub snapshot: Vec<u8>,
    /// The slice that the control runtime expects. The proxy computes its own, and that counts.
    #[prost(bytes = "vec", tag = "4")]
    pub slice: Vec<u8>,
    #[prost(message, repeated, tag = "5")]
    pub signatures: Vec<Signature>,
    /// How long it may take, the world of the hosts to be preloaded included.
    #[prost(uint64, tag = "6")]
    pub within_ms: u64,
    /// What follows in [`Objects`], at most: a proxy takes no more.
    #[prost(uint64, tag = "7")]
    pub objects: u64,
    #[prost(uint64, tag = "8")]
    pub objects_bytes: u64,
    /// The snapshot is already confirmed: this proxy is late, and its age does not count.
    #[prost(bool, tag = "9")]
    pub confirmed: bool,
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

/// Canonical bytes. Who receives them computes the digests.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Objects {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub objects: Vec<bytes::Bytes>,
    /// Nothing more follows unless the proxy asks.
    #[prost(bool, tag = "3")]
    pub last: bool,
}

/// Serve what was prepared.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Commit {
    #[prost(uint64, tag = "1")]
    pub term: u64,
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub snapshot: Vec<u8>,
    /// Without [`Confirm`] or [`Extend`] for this long, go back to what is confirmed. Zero: it is confirmed
    /// with this order, since the mesh already serves it.
    #[prost(uint64, tag = "4")]
    pub confirm_within_ms: u64,
}

/// The trial goes on: count its time anew. Nothing else prolongs it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Extend {
    #[prost(uint64, tag = "1")]
    pub term: u64,
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
    #[prost(uint64, tag = "3")]
    pub confirm_within_ms: u64,
}

/// What is served under `epoch` stays. The proxy stores it as what it starts from.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Confirm {
    #[prost(uint64, tag = "1")]
    pub term: u64,
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub snapshot: Vec<u8>,
}

/// End the trial of `epoch`: serve what is confirmed again, and drop what was tried or only prepared.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Revert {
    #[prost(uint64, tag = "1")]
    pub term: u64,
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
}

/// Drop what was prepared for `epoch` and not committed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Abandon {
    #[prost(uint64, tag = "1")]
    pub term: u64,
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
}

impl From<&crate::signature::Signature> for Signature {
    fn from(signature: &crate::signature::Signature) -> Self {
        let crate::signature::Signature { key, statement, signature } = signature.clone();
        Self { key: key.as_bytes().to_vec(), statement, signature }
    }
}

impl TryFrom<Signature> for crate::signature::Signature {
    type Error = std::array::TryFromSliceError;

    /// Fails when the key is not named by a digest.
    fn try_from(signature: Signature) -> Result<Self, Self::Error> {
        let Signature { key, statement, signature } = signature;
        Ok(Self {
            key: crate::Digest::from_bytes(key.as_slice().try_into()?),
            statement,
            signature,
        })
    }
}

impl From<&object::Workload> for Workload {
    fn from(workload: &object::Workload) -> Self {
        let object::Workload { namespace, name, labels, service_account, role, ports, addresses } =
            workload.clone();
        Self {
            namespace,
            name,
            labels,
            service_account,
            gateway: role == object::Role::Gateway,
            ports: ports.into_iter().map(|(name, port)| (name, port.into())).collect(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<Workload> for object::Workload {
    /// Port numbers and addresses that are none are left out.
    fn from(workload: Workload) -> Self {
        let Workload { namespace, name, labels, service_account, gateway, ports, addresses } =
            workload;
        let port = |(name, port)| Some((name, u16::try_from(port).ok()?));
        Self {
            namespace,
            name,
            labels,
            service_account,
            role: if gateway { object::Role::Gateway } else { object::Role::Sidecar },
            ports: ports.into_iter().filter_map(port).collect(),
            addresses: addresses.iter().filter_map(|address| address.parse().ok()).collect(),
        }
    }
}
