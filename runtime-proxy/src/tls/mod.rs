//! TLS.

pub mod alpn;
