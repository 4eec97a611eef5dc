//! Where connections come in.
//!
//! ```text
//! bind ─▶ accept ─▶ original destination ─▶ sniff ─▶ treatment: terminate mTLS, pass as it is, or close
//! ```
//! Each thread accepts on a socket of its own; the kernel spreads connections over them. What is sniffed is read
//! again by whoever serves the connection. Which port is captured how, and what listens where, is not decided here.

mod accept;
mod bind;
mod client_hello;
mod original_destination;
mod own;
mod sniff;
mod treatment;

pub use accept::{Accepted, Gate, Held, accept};
pub use bind::{BindError, NotOpened, Ports, bind};
pub use client_hello::ClientHello;
pub(crate) use client_hello::host;
pub use own::Own;
pub(crate) use sniff::unless_drained;
pub use sniff::{Protocol, Sniffed, before_drain, classify, sniff, sniff_tls};
pub use treatment::{Treatment, treat};
