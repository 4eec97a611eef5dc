//! Connections to one endpoint that are kept for more than one request. Each thread has its own.
//!
//! A lane holds those that speak alike. HTTP/1.1 connections carry one request at a time, and the one used last is used
//! first, so that those which are not needed grow old and are closed. An HTTP/2 connection carries many, and there is
//! another only when it is full. A request for which there is neither waits its turn while one is opened; whichever
//! connection is free first serves it. Source for the rules of opening, waiting and failing: Envoy, `ConnPoolImplBase`.

mod http1;
mod http2;
mod lane;
mod lease;

pub(super) use lane::{Ends, Lane};
pub(super) use lease::Lease;
