//! HTTP/1.1 and HTTP/2, served and called: codecs driven, messages made to fit the connection they go out on.
//!
//! ```text
//! client ─▶ serve ─▶ Request<Body> ─▶ (whoever decides) ─▶ Response<Body> ─▶ serve ─▶ client
//!                                      │            ▲
//!                                      ▼            │
//!                             http1_client, http2_client ─▶ server
//! ```
//! HTTP/1.1 is hyper's. HTTP/2 is the h2 crate's, without hyper in between: it is where a proxy must know whether a server
//! has acted on a request, and where hyper takes a client's reset for the orderly end of an upload. Every connection
//! writes once a poll ([`coalesce`]).
//!
//! What is said here about one hop ends here: framing fields are written anew from the parsed body, hop-by-hop fields
//! are dropped, trailers are cleaned. Bodies are streamed; nothing keeps one but [`Replay`], up to its limit. Which
//! requests are refused, and what becomes of hosts and paths, is not decided here.

pub(crate) mod grpc;

mod body;
mod date;
mod trailers;

mod hop;
mod message;
mod upgrade;

mod coalesce;
mod pipe;

mod activity;
mod serve;
mod serve_http1;
mod serve_http2;

mod exchange;
mod http1_client;
mod http2_client;

mod replay;

pub use body::{Body, BodyError, Held};
pub use exchange::{ExchangeError, Unanswered};
pub use http1_client::{Http1Client, http1};
pub use http2_client::{Http2Client, http2};
pub use message::NoAuthority;
pub use replay::Replay;
pub use serve::{Abort, HttpLimits, ServeError, Version, serve};
pub use upgrade::{Side, Tunnel, Upgrade, UpgradeError, is_unasked_switch};
