//! What became of a request, as far as it is known.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::cluster::{Cause, Endpoint};
use crate::filter::peers::OtherSide;
use crate::observe::{Flags, ServiceId};
use crate::stream::Meter;

/// Filled in by whoever learns it.
pub(crate) struct Outcome {
    pub(crate) flags: Flags,
    pub(crate) details: Cow<'static, str>,
    pub(crate) service: ServiceId,
    pub(super) other: OtherSide,
    /// The upstream's name.
    pub(crate) cluster: Option<Arc<str>>,
    pub(super) endpoint: Option<Arc<Endpoint>>,
    /// Where the connection to it comes from.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) failure: Option<Cause>,
    pub(crate) attempts: u32,
    pub(super) route: Box<str>,
    pub(super) virtual_host: Box<str>,
    pub(super) status: Option<u16>,
    /// Those that are logged.
    pub(super) response_headers: HeaderMap,
    pub(super) response_trailers: Option<HeaderMap>,
    /// Bytes of the answer's head.
    pub(super) head: u64,
    /// Whether the answer is gRPC's.
    pub(super) is_grpc: bool,
    pub(super) answered_after: Option<Duration>,
    pub(super) sent: u64,
    pub(super) is_whole: bool,
    /// Of what was said after the protocols were switched.
    pub(crate) tunnel: Option<Rc<Meter>>,
}

impl Outcome {
    pub(super) fn new(other: OtherSide) -> Self {
        Self {
            flags: Flags::NONE,
            details: Cow::Borrowed(""),
            service: ServiceId::UNKNOWN,
            other,
            cluster: None,
            endpoint: None,
            local: None,
            failure: None,
            attempts: 0,
            route: Box::default(),
            virtual_host: Box::default(),
            status: None,
            response_headers: HeaderMap::new(),
            response_trailers: None,
            head: 0,
            is_grpc: false,
            answered_after: None,
            sent: 0,
            is_whole: false,
            tunnel: None,
        }
    }
}
