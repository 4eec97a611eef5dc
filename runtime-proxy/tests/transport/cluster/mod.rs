//! Clusters over real sockets: who gets a request, over which connection, and what becomes of both.

mod bench;

mod limits;
mod multiplexing;
mod reuse;
mod upgrades;

mod discovery;
mod mutual_tls;
mod outliers;
mod outside;
mod tcp;

mod program;
mod swap;
