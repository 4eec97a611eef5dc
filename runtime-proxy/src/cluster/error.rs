//! Why a request or a connection came to nothing on its way to an upstream.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;

use super::limit::Resource;
use crate::http::{Body, ExchangeError};
use crate::tls::HandshakeError;

/// What access logs and metrics call it. Source: Envoy, `%RESPONSE_FLAGS%`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flag {
    NoHealthyUpstream,
    UpstreamOverflow,
    UpstreamConnectionFailure,
    UpstreamConnectionTermination,
    UpstreamRemoteReset,
    UpstreamProtocolError,
    DownstreamConnectionTermination,
    DownstreamProtocolError,
}

impl Flag {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoHealthyUpstream => "UH",
            Self::UpstreamOverflow => "UO",
            Self::UpstreamConnectionFailure => "UF",
            Self::UpstreamConnectionTermination => "UC",
            Self::UpstreamRemoteReset => "UR",
            Self::UpstreamProtocolError => "UPE",
            Self::DownstreamConnectionTermination => "DC",
            Self::DownstreamProtocolError => "DPE",
        }
    }
}

/// Why there is no endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PickError {
    /// Nobody has said yet which there are. Wait, with [`super::Cluster::known`].
    #[error("the endpoints of the cluster are not known yet")]
    Unknown,
    /// There is none, or none that may be used.
    #[error("no healthy endpoint")]
    NoneHealthy,
    /// The cluster leads where the client was going, and nobody knows where that is.
    #[error("there is no original destination")]
    NoDestination,
}

impl PickError {
    #[must_use]
    pub const fn flag(self) -> Flag {
        Flag::NoHealthyUpstream
    }
}

/// Why there is no answer, or no connection.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct SendError {
    pub cause: Cause,
    /// The request, whole, where nothing of it was sent to anybody.
    pub unsent: Option<Box<Request<Body>>>,
    /// Whether it is certain that no server has acted on the request, so that sending it again is safe whatever it
    /// asks for.
    pub is_unprocessed: bool,
    /// Whether the connection had served others before. One that breaks then was often closed by the server while the
    /// request was on its way.
    pub was_reused: bool,
}

/// What went wrong.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    #[error("no room for more: {0:?}")]
    Overflow(Resource),
    #[error("no connection: {0}")]
    Connect(Arc<ConnectError>),
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

impl SendError {
    #[must_use]
    pub const fn flag(&self) -> Flag {
        match &self.cause {
            Cause::Overflow(_) => Flag::UpstreamOverflow,
            Cause::Connect(_) => Flag::UpstreamConnectionFailure,
            Cause::Exchange(ExchangeError::Closed) => Flag::UpstreamConnectionTermination,
            Cause::Exchange(ExchangeError::Reset(_) | ExchangeError::Refused) => {
                Flag::UpstreamRemoteReset
            }
            Cause::Exchange(ExchangeError::Protocol(_)) => Flag::UpstreamProtocolError,
            Cause::Exchange(ExchangeError::Request(_)) => Flag::DownstreamConnectionTermination,
            Cause::Exchange(ExchangeError::NoAuthority) => Flag::DownstreamProtocolError,
        }
    }

    /// Before anything was sent.
    pub(super) fn unsent(cause: Cause, request: Option<Request<Body>>) -> Self {
        let unsent = request.map(Box::new);
        Self { cause, unsent, is_unprocessed: true, was_reused: false }
    }
}

/// Why there is no connection to an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("not connected within {0:?}")]
    TimedOut(Duration),
    #[error(transparent)]
    Tls(#[from] HandshakeError),
    /// The first words of HTTP/2 were not understood.
    #[error(transparent)]
    Http(#[from] ExchangeError),
}
