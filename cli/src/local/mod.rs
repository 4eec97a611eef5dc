//! A whole mesh on this machine: control runtime, authority and a proxy for every workload, on loopback, without root.
//!
//! ```text
//! repository ─compile▶ Bundle ─plan▶ Stations ─▶ registry/, secrets/, settings ─▶ children: mesh control, mesh proxy …
//!                        └─publish▶ releases/
//! ```
//! Each part is a process of its own, of the same executable, so that each can be killed and started again alone. What
//! they share are files in one folder and addresses on 127.0.0.1.

mod folders;
mod ports;

mod plan;
mod station;

mod edge_certificates;
mod publish;
mod registry;
mod start;

mod child;
mod mesh;

mod repository;
mod root;
pub(crate) mod view;
mod watch;

pub(crate) use child::News;
pub(crate) use mesh::{LocalError, LocalMesh, Options};
pub(crate) use plan::{PlanError, program};
pub(crate) use repository::Compiled;
pub(crate) use start::access_log;
pub(crate) use station::{Side, Station};
pub(crate) use watch::{Settle, Watch};
