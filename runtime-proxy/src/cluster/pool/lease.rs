//! A connection's room for one request.

use std::net::SocketAddr;
use std::rc::Rc;

use http::{Request, Response};

use super::multiple::Multiple;
use super::single::Single;
use crate::http::{Body, Unanswered};

/// Given back when it is dropped. Before the answer has ended that costs an HTTP/1.1 connection, and an HTTP/2 stream.
pub(in crate::cluster) struct Lease {
    connection: Connection,
    was_reused: bool,
}

enum Connection {
    Single(Rc<Single>),
    Multiple(Rc<Multiple>),
}

impl Lease {
    pub(super) fn single(single: Rc<Single>) -> Self {
        let was_reused = single.begin();
        Self { connection: Connection::Single(single), was_reused }
    }

    pub(super) fn multiple(multiple: &Rc<Multiple>) -> Self {
        let was_reused = multiple.begin();
        Self { connection: Connection::Multiple(Rc::clone(multiple)), was_reused }
    }

    /// Whether the connection has served others before.
    pub(in crate::cluster) const fn was_reused(&self) -> bool {
        self.was_reused
    }

    /// This end's address of the connection.
    pub(in crate::cluster) fn local(&self) -> Option<SocketAddr> {
        match &self.connection {
            Connection::Single(single) => single.local(),
            Connection::Multiple(multiple) => multiple.local(),
        }
    }

    pub(in crate::cluster) async fn send(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Body>, Unanswered> {
        match &self.connection {
            Connection::Single(single) => single.send(request).await,
            Connection::Multiple(multiple) => multiple.send(request).await,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match &self.connection {
            Connection::Single(single) => Rc::clone(single).end(),
            Connection::Multiple(multiple) => multiple.end(),
        }
    }
}
