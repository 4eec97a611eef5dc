//! What happens to a connection and to a request, in order. Decisions are the engine's; here they are carried out.
//!
//! ```text
//!  inbound/   sniff ─▶ mTLS ─▶ normalise ─▶ authenticate ─▶ authorize ──────────────▶ forward ─▶ the workload
//!  outbound/  capture ─▶ sniff ─▶ normalise ─▶ route ─▶ CORS, faults ─▶ edits ─▶ forward ─▶ a cluster
//!  gateway/   TLS by name ─▶ normalise ─▶ authenticate ─▶ authorize ─▶ route ─▶ … ─▶ forward ─▶ a cluster
//! ```
//! Steps of an author's (`steps.rs`) stand behind `normalise`, and before whatever a route does.
//! A connection is judged by what is in force when it comes, a request by what is in force when *it* comes: each by one snapshot,
//! from its beginning to its end.

mod serving;

mod client_certificate;
mod downstream;
mod peers;

mod exchange;
mod local_reply;
mod messages;
pub(crate) mod target;
mod upgrade;

pub(crate) mod metadata;
mod policy;

mod address;
mod edit;
mod steps;

mod pick;

mod forward;
mod mirror;
mod route;

mod stream;

pub(crate) mod gateway;
pub(crate) mod inbound;
pub(crate) mod outbound;

pub(crate) use peers::Peers;
pub(crate) use serving::Serving;
