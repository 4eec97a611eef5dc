//! An endpoint that was picked, and what is sent to it.

use std::sync::Arc;

use http::{Request, Response};

use super::endpoint::{Active, Endpoint};
use super::error::SendError;
use super::limit::Place;
use crate::http::Body;
use crate::stream::Stream;

/// An endpoint for one request or connection; it counts as under way there from now on.
pub struct Picked {
    endpoint: Arc<Endpoint>,
}

/// A connection of a TCP cluster.
pub struct Connected {
    pub stream: Stream,
    /// To be kept as long as the connection.
    pub guard: Guard,
}

/// Counts a connection while it lasts.
#[derive(Debug)]
pub struct Guard {
    _place: Place,
    _active: Active,
}

impl Picked {
    #[must_use]
    pub const fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Sends a request of a client that speaks `client`. The body of the answer holds the connection, the places in limits
    /// and the accounting until it has ended.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn send(
        self,
        request: Request<Body>,
        client: http::Version,
    ) -> Result<Response<Body>, SendError> {
        let _ = (request, client);
        todo!()
    }

    /// Opens a connection for whatever the client says.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn connect(self) -> Result<Connected, SendError> {
        todo!()
    }
}
