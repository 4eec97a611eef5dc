//! A mesh made in code, and proxies that serve it.

mod mesh;
mod running;

pub(crate) use mesh::{Mesh, backend, forward, route, service, to};
pub(crate) use running::{Proxy, endpoint, free_port};
