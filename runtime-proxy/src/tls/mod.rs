//! TLS: who a peer is, and how a connection is secured.
//!
//! ```text
//! of the mesh   identity ─▶ mesh_server: any peer of the mesh, its SPIFFE ID handed on
//!                        └▶ mesh_client: one of the expected SPIFFE IDs, or no connection
//! at the edge   gateway:   a server's certificate by the name that the client asks for (SNI)
//! outwards      outside:   the system's or a named CA, and the names that a server must prove
//! ```
//! Certificates and keys are watched cells. A configuration is built once a change, not once a connection; sessions
//! that could be resumed end with the configuration they were made under, so that none outlives a change of trust. What
//! a resumed session says about its peer is checked again, expiry included. No 0-RTT. The one provider of cryptography
//! is aws-lc-rs, given to every configuration by name.

pub mod alpn;
pub(crate) mod provider;

mod pem;
mod spiffe;
mod svid;
mod trust;

mod identity;

mod ticket;

mod handshake;
pub(crate) mod verifier;

mod mesh_verifier;

mod mesh_client;
mod mesh_server;

pub(crate) mod material;
mod names;

mod cipher;
mod termination;
mod terms;

mod gateway;

mod outside;

pub use gateway::Gateway;
pub use handshake::{HandshakeError, Peer, Secured};
pub use identity::{Identity, IdentityError};
pub use mesh_client::MeshClient;
pub use mesh_server::MeshServer;
pub use mesh_verifier::Expected;
pub use outside::OutsideClient;
pub use pem::PemError;
pub use provider::install_provider;
pub use spiffe::{SpiffeId, SpiffeIdError};
pub use svid::SvidError;
pub(crate) use terms::Terms;
pub use trust::{Trust, TrustDomains, TrustError};
