//! The proxies' streams: gRPC over mutual TLS, as `mesh_snapshot::wire` tells it.
//!
//! ```text
//!          tls ─▶ service ─▶ reader ─▶ conductor (what it says of itself)
//!                               │          │ orders
//!                               └───────▶ courier ─▶ the proxy
//!                        (what it asks for)   ▲
//!                                    world, store
//! ```
//! A proxy is who its certificate says, and runs what the registry says. It gets objects of its own slices and the
//! world that they name, and nothing else.

mod codec;
mod connection;
mod convert;
mod crowd;
mod tls;

mod courier;
mod pace;
mod parcel;
mod presence;
mod reader;

mod service;

pub use tls::{CertificateError, ServerCertificate};

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::conductor::Conductor;
use crate::identity::{Authority, Holder, Tokens};
use crate::store::Store;
use crate::world::World;
use pace::{Arrivals, Pace};
use parcel::Parcels;
use presence::Presence;

/// What all streams share.
pub struct Shared {
    /// Of this control runtime, another after a restart.
    name: String,
    trust_domain: String,
    /// PEM.
    roots: String,
    authority: Arc<Authority>,
    tokens: Tokens,
    store: Arc<Store>,
    world: watch::Receiver<Arc<World>>,
    conductor: Conductor,
    parcels: Parcels,
    presence: Presence,
    arrivals: Arrivals<(String, String)>,
    renewals: Arrivals<Holder>,
    first_certificates: Arrivals<IpAddr>,
    /// Places at which certificates are signed: whoever writes to disk needs threads too.
    signing: Arc<Semaphore>,
    connections: AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Shared {
    #[must_use]
    pub fn new(
        name: String,
        authority: Arc<Authority>,
        tokens: Tokens,
        store: Arc<Store>,
        world: watch::Receiver<Arc<World>>,
        conductor: Conductor,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let presence = Presence::new(&world.borrow());
        Arc::new(Self {
            name,
            trust_domain: authority.trust_domain().to_owned(),
            roots: authority.roots().to_owned(),
            authority,
            tokens,
            store,
            world,
            conductor,
            parcels: Parcels::default(),
            presence,
            arrivals: Arrivals::at(Pace::of_streams),
            renewals: Arrivals::at(Pace::of_renewals),
            first_certificates: Arrivals::at(Pace::of_first_certificates),
            signing: Arc::new(Semaphore::new(SIGNING_MAX)),
            connections: AtomicU64::new(1),
            tasks: TaskTracker::new(),
            stop,
        })
    }

    fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }
}

/// A connection whose other end has gone without a word is noticed after two of these.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Each takes a fraction of a millisecond.
const SIGNING_MAX: usize = 4;
/// A proxy has one stream, and a second one while it renews its certificate.
const STREAMS_MAX: u32 = 8;
/// No message of a proxy comes near.
const REQUEST_MAX_BYTES: usize = mesh_snapshot::wire::MESSAGE_MAX_BYTES;

/// Serves proxies until told to stop.
///
/// # Errors
///
/// When the server itself breaks down.
pub async fn serve(
    listener: TcpListener,
    certificate: Arc<ServerCertificate>,
    shared: Arc<Shared>,
) -> Result<(), tonic::transport::Error> {
    let stop = shared.stop.clone();
    let connections = tls::accept(listener, certificate, &shared);
    shared.tasks.spawn(follow(shared.clone()));
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .max_concurrent_streams(Some(STREAMS_MAX))
        .add_service(service::Identity::new(shared.clone()))
        .add_service(service::Distribution::new(shared.clone()))
        .serve_with_incoming_shutdown(connections, stop.cancelled_owned())
        .await?;
    shared.tasks.close();
    shared.tasks.wait().await;
    Ok(())
}

async fn follow(shared: Arc<Shared>) {
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = shared.presence.follow(shared.world.clone()) => {}
    }
}
