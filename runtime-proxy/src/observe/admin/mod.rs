//! What a proxy tells of itself over HTTP, on a port of its own.
//!
//! | path | who may ask | answer |
//! |---|---|---|
//! | `/ready`, `/healthz/ready` | anybody | 200 while something is in force and the proxy does not drain |
//! | `/stats/prometheus`, `/metrics` | anybody | metrics |
//! | `/config_dump` | the machine itself | what is in force, clusters with endpoints, the certificate; never a key |
//! | `POST /drain` | the machine itself | ends gracefully |
//!
//! Envoy's own `/config_dump`, with its types, is not imitated.

mod dump;
mod gauges;
mod page;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use mesh_engine::Program;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::log::AccessLogs;
use super::metrics::{Exposition, Metrics};
use crate::agent::health::HealthCounters;
use crate::agent::status::Status;
use crate::drain::Drain;
use crate::http::{Abort, Body, HttpLimits, Version, serve as serve_http};
use crate::listener::{Accepted, Gate, accept};
use crate::live::Current;
use crate::stream::Stream;
use crate::world::World;

/// What is shown.
pub struct Admin<P> {
    pub metrics: Arc<Metrics>,
    pub logs: AccessLogs,
    pub health: HealthCounters,
    pub status: Arc<Status>,
    /// Of clients' connections.
    pub gate: Arc<Gate>,
    pub live: Current<P>,
    pub world: World,
    /// Begun by `/drain`.
    pub drain: Drain,
}

const CONNECTIONS_MAX: u32 = 64;
const LIMITS: HttpLimits = HttpLimits {
    headers_max: 64,
    head_bytes_max: 16 << 10,
    streams_max: 8,
    head: Duration::from_secs(10),
    idle: Duration::from_mins(1),
    stalled: Duration::from_mins(1),
};

/// Answers on `listener`, over HTTP/1.1, until `end`. To be run where tasks can be spawned locally, and not on a thread that
/// carries traffic: what is shown may take a while to write.
pub async fn serve<P: AsRef<Program> + 'static>(
    listener: TcpListener,
    admin: Admin<P>,
    end: Drain,
) {
    let admin = Rc::new(admin);
    let gate = Gate::new(CONNECTIONS_MAX);
    let mut connections = JoinSet::new();
    accept(listener, &gate, &end, |accepted| {
        while connections.try_join_next().is_some() {}
        connections.spawn_local(connection(accepted, Rc::clone(&admin), end.clone()));
    })
    .await;
    connections.join_all().await;
}

async fn connection<P: AsRef<Program> + 'static>(
    accepted: Accepted,
    admin: Rc<Admin<P>>,
    end: Drain,
) {
    let Accepted { stream, peer, held, .. } = accepted;
    let is_local = peer.ip().to_canonical().is_loopback();
    let handle = move |request: Request<Body>| {
        let admin = Rc::clone(&admin);
        async move { Ok::<_, Abort>(admin.answer(&request, is_local)) }
    };
    let served = serve_http(Stream::from(stream), Version::Http1, &LIMITS, &end, handle).await;
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "a connection to the admin port");
    }
    drop(held);
}

/// Who may see a page.
#[derive(Clone, Copy, Eq, PartialEq)]
enum For {
    Anybody,
    ThisMachine,
}

type Answer<P> = fn(&Admin<P>) -> Response<Body>;

impl<P: AsRef<Program>> Admin<P> {
    fn pages() -> [(&'static str, Method, For, Answer<P>); 7] {
        [
            ("/ready", Method::GET, For::Anybody, Self::ready),
            ("/healthz/ready", Method::GET, For::Anybody, Self::ready),
            ("/stats/prometheus", Method::GET, For::Anybody, Self::stats),
            ("/metrics", Method::GET, For::Anybody, Self::stats),
            ("/config_dump", Method::GET, For::ThisMachine, Self::config),
            ("/config", Method::GET, For::ThisMachine, Self::config),
            ("/drain", Method::POST, For::ThisMachine, Self::drain),
        ]
    }

    fn answer(&self, request: &Request<Body>, is_local: bool) -> Response<Body> {
        let path = request.uri().path();
        let found = Self::pages().into_iter().find(|(known, ..)| *known == path);
        let Some((_, method, whom, answer)) = found else {
            let paths = Self::pages().map(|(path, method, ..)| format!("{method} {path}\n"));
            return page::text(StatusCode::NOT_FOUND, format!("there are:\n{}", paths.concat()));
        };
        // A browser that somebody else's page asks to do so says whose page it is.
        let is_foreign = request.headers().contains_key(http::header::ORIGIN);
        if whom == For::ThisMachine && (!is_local || is_foreign) {
            return page::text(StatusCode::FORBIDDEN, "only for this machine itself\n");
        }
        let is_asked = *request.method() == method
            || (method == Method::GET && request.method() == Method::HEAD);
        if is_asked { answer(self) } else { page::not_allowed(&method) }
    }

    fn ready(&self) -> Response<Body> {
        if self.drain.is_begun() {
            page::text(StatusCode::SERVICE_UNAVAILABLE, "DRAINING\n")
        } else if self.live.load().is_none() {
            page::text(StatusCode::SERVICE_UNAVAILABLE, "nothing is in force yet\n")
        } else if self.status.panicked.get() {
            // Traffic passes, and a panic may be common to all proxies: none is taken out for it.
            page::text(StatusCode::OK, "LIVE, but the agent has panicked: nothing new is heard\n")
        } else {
            page::text(StatusCode::OK, "LIVE\n")
        }
    }

    fn stats(&self) -> Response<Body> {
        page::pieces(page::PROMETHEUS, Exposition::new(&self.metrics, gauges::write(self)))
    }

    fn config(&self) -> Response<Body> {
        page::json(&dump::Dump::of(self))
    }

    fn drain(&self) -> Response<Body> {
        self.drain.begin();
        page::text(StatusCode::OK, "OK\n")
    }
}
