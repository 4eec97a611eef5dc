//! What is told of the traffic: metrics, the access log, the admin port.
//!
//! ```text
//!  request ends ─▶ Record ─▶ Observer ─┬▶ metrics/   counters of this thread, added up by whoever asks
//!                 (borrowed) (a thread)├▶ log/       a line in a buffer, written by a thread of its own
//!                                      └▶ agent::health, by epoch
//!                                          admin/ ─▶ /stats/prometheus, /config_dump, /ready, /drain
//! ```
//! Names and labels are Istio's, so that dashboards and alerts made for it find what they ask for. To observe a request
//! allocates nothing once its series is known, takes no lock that is held while anybody works, and waits for nobody: what
//! cannot be kept is dropped and counted.

mod flags;
mod record;

mod metrics;

mod log;

mod logged;
mod observer;

pub mod admin;

pub use flags::Flags;
pub(crate) use log::fill;
pub use log::{AccessLogs, Destination};
pub(crate) use logged::Logged;
pub use metrics::{Local, MessageCounts, Metrics, Mirrors, Peer, PeerId, ServiceId};
pub use observer::{Observer, Opened};
pub use record::{
    Decided, Denial, Direction, Downstream, Http, Record, Security, Upstream, request_head,
    response_head,
};
