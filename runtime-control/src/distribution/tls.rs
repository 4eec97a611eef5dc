//! Connections: TLS 1.3, the mesh's own authority on both sides.
//!
//! A client may come without a certificate, since it has to come by its first one somehow; what it may ask for then is
//! the services' to say. There is no resumption: a session must not outlive the certificate it began with.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rcgen::KeyPair;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;

use super::Shared;
use super::connection::{Connection, Room};
use super::crowd::{Crowd, Place};
use crate::clock;
use crate::identity::{Authority, Identity, SignError};

/// What this side shows, renewed in time.
#[derive(Debug)]
pub struct ServerCertificate {
    key: RwLock<Arc<CertifiedKey>>,
    config: Arc<ServerConfig>,
}

/// Why there is no certificate for the server.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("a key cannot be made: {0}")]
    Key(rcgen::Error),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error("the roots cannot be used: {0}")]
    Roots(String),
}

/// Handshakes at the same time, and how long one may take.
const HANDSHAKES_MAX: usize = 1024;
/// Who waits to shake hands, and then, as a stranger, to be let in.
const WAITING_MAX: usize = 4096;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Whoever connects waits until there is room.
const BACKLOG: usize = 64;

impl ServerCertificate {
    /// A certificate of `identity`, which also answers to the DNS name that the wire gives to every control runtime.
    ///
    /// # Errors
    ///
    /// When the authority cannot certify it.
    pub fn new(authority: &Authority, identity: &Identity) -> Result<Arc<Self>, CertificateError> {
        let (key, _) = certify(authority, identity)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots(authority)?),
            Arc::new(default_provider()),
        )
        .allow_unauthenticated()
        .build()
        .map_err(|error| CertificateError::Roots(error.to_string()))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier);
        Ok(Arc::new_cyclic(|this| {
            let resolver = Arc::new(Resolver(this.clone()));
            let mut config = builder.with_cert_resolver(resolver);
            config.alpn_protocols = vec![b"h2".to_vec()];
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            Self { key: RwLock::new(Arc::new(key)), config: Arc::new(config) }
        }))
    }

    /// Renews it at half its life, for as long as it is polled.
    pub async fn renew(&self, authority: &Authority, identity: &Identity) {
        const RETRY: Duration = Duration::from_secs(5);
        loop {
            let wait = match certify(authority, identity) {
                Ok((key, not_after)) => {
                    *self.key.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                    not_after.saturating_sub(clock::wall()) / 2
                }
                Err(error) => {
                    tracing::error!("the server's certificate is not renewed: {error}");
                    RETRY
                }
            };
            sleep(wait.max(Duration::from_millis(100))).await;
        }
    }
}

#[derive(Debug)]
struct Resolver(std::sync::Weak<ServerCertificate>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certificate = self.0.upgrade()?;
        let key = certificate.key.read().unwrap_or_else(PoisonError::into_inner);
        Some(key.clone())
    }
}

fn certify(
    authority: &Authority,
    identity: &Identity,
) -> Result<(CertifiedKey, Duration), CertificateError> {
    let key = KeyPair::generate().map_err(CertificateError::Key)?;
    let names = [mesh_snapshot::wire::CONTROL_NAME];
    let svid = authority.certify(&key, identity, &names, Duration::ZERO, clock::wall())?;
    let chain = CertificateDer::pem_slice_iter(svid.chain.as_bytes()).collect::<Result<_, _>>();
    let chain = chain.map_err(|error| CertificateError::Roots(error.to_string()))?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signer = default_provider().key_provider.load_private_key(der)?;
    Ok((CertifiedKey::new(chain, signer), svid.not_after))
}

fn roots(authority: &Authority) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(authority.roots().as_bytes()) {
        roots.add(root.map_err(|error| CertificateError::Roots(error.to_string()))?)?;
    }
    Ok(roots)
}

type Connections = ReceiverStream<io::Result<Connection>>;

/// Connections whose handshake is done. Slow ones hold up nobody.
pub(super) fn accept(
    listener: TcpListener,
    certificate: Arc<ServerCertificate>,
    shared: &Arc<Shared>,
) -> Connections {
    let (done, connections) = mpsc::channel(BACKLOG);
    let (tasks, stop) = (shared.tasks.clone(), shared.stop.clone());
    let accepting = {
        let (tasks, shared) = (tasks.clone(), shared.clone());
        async move {
            let room = Room::new(shared.world.clone());
            let (lobby, door) = (Crowd::lobby(WAITING_MAX), Crowd::of(HANDSHAKES_MAX));
            loop {
                match listener.accept().await {
                    Ok((stream, from)) => {
                        let (certificate, done) = (certificate.clone(), done.clone());
                        let (room, door, from) = (room.clone(), door.clone(), from.ip());
                        let waits = lobby.enter(from).await;
                        let admitted = async move {
                            let place = door.enter(from).await;
                            let stream = shake_hands(stream, &certificate, place).await?;
                            let connection = room.admit(stream, from).await?;
                            // It fails when the server has stopped.
                            done.send(Ok(connection)).await.ok()
                        };
                        tasks.spawn(async move {
                            tokio::select! {
                                () = waits.sent_away() => {}
                                _ = admitted => {}
                            }
                        });
                    }
                    // Out of descriptors, most likely: others must close first.
                    Err(error) => {
                        door.shrink();
                        tracing::warn!("a connection was not accepted: {error}");
                        sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
    };
    tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = accepting => {}
        }
    });
    ReceiverStream::new(connections)
}

/// None: it failed, took too long, or its place is another's.
async fn shake_hands(
    stream: TcpStream,
    certificate: &ServerCertificate,
    place: Place,
) -> Option<TlsStream<TcpStream>> {
    tokio::select! {
        () = place.sent_away() => None,
        done = timeout(HANDSHAKE_TIMEOUT, handshake(stream, certificate)) => done.ok()?.ok(),
    }
}

async fn handshake(
    stream: TcpStream,
    certificate: &ServerCertificate,
) -> io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    TlsAcceptor::from(certificate.config.clone()).accept(stream).await
}
