//! Upstreams: which endpoint gets a request, and over which connection.
//!
//! ```text
//! program ─▶ Spec ─▶ Directory ─┬▶ State: endpoints, how they do, what is under way     one a process, outlasts a program
//!            world, DNS ────────┘    │
//!                                    ▼
//!            Clusters::get ─▶ Cluster::pick ─▶ Picked::send, Picked::connect              one a thread: pools, balancers
//! ```
//! A [`Directory`] is made when a program is prepared. What it has in common with the one before it keeps its
//! state, and so its connections: a swap of programs closes none. A server of the mesh must prove the identity that the world
//! says it has, and policy bounds which that may be; an endpoint of which nobody can say who it must be is left out.
//!
//! Localities are not looked at yet: every endpoint is as near as every other.

mod spec;

mod endpoint;
mod security;

mod outlier;

mod counters;
mod limit;

mod members;

mod dns;
mod state;

mod directory;

mod balance;
mod choice;
mod dice;

mod error;

mod connect;
mod pool;
mod upstream;

mod picked;
mod underway;
mod view;

mod clusters;

pub use clusters::Clusters;
pub use counters::Counters;
pub use directory::{ClusterId, Directory};
pub use dns::{Answer, Lookup, system_lookup};
pub use endpoint::{About, Address, Endpoint, Original, Security};
pub use error::{Cause, ConnectError, Flag, PickError, SendError};
pub use limit::{Place, Resource};

pub use picked::{Connected, Guard, Picked};
pub use spec::Spec;
pub use state::Surroundings;
pub use view::{Cluster, Pick};
