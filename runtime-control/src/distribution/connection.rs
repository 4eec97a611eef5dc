//! One connection after its handshake: counted, and not for ever when nobody has signed in on it.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};

use super::crowd::{Crowd, Place};
use crate::identity::Identity;
use crate::world::World;

/// How many connections there may be: strangers take no proxy's place, and no identity another's.
#[derive(Clone, Debug)]
pub(super) struct Room {
    world: watch::Receiver<Arc<World>>,
    proxies: Arc<Mutex<BTreeMap<Identity, usize>>>,
    strangers: Crowd,
}

/// For every instance that has the identity: two streams and a renewal, and one that has gone without a word.
const PER_INSTANCE: usize = 4;
/// For instances that the registry does not know yet, or any more: they are told so.
const PER_IDENTITY: usize = 8;
const STRANGERS_MAX: usize = 512;
/// For getting a certificate: that is all that can be done without one.
const STRANGER_FOR: Duration = Duration::from_secs(30);

impl Room {
    pub(super) fn new(world: watch::Receiver<Arc<World>>) -> Self {
        Self { world, proxies: Arc::default(), strangers: Crowd::of(STRANGERS_MAX) }
    }

    /// None: its identity has no room left, and the connection is closed.
    pub(super) async fn admit(
        &self,
        stream: TlsStream<TcpStream>,
        from: IpAddr,
    ) -> Option<Connection> {
        let (_, session) = stream.get_ref();
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        let Some(certificate) = certificate else {
            let place = self.strangers.enter(from).await;
            return Some(Connection { stream, ends: Some(Box::pin(over(place))), _seat: None });
        };
        let identity = Identity::of_certificate(certificate).ok()?;
        let seat = self.sit(identity)?;
        Some(Connection { stream, ends: None, _seat: Some(seat) })
    }

    fn sit(&self, identity: Identity) -> Option<Seat> {
        let instances = self.world.borrow().of_identity(&identity).count();
        let mut proxies = self.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = proxies.entry(identity.clone()).or_default();
        if *taken >= instances * PER_INSTANCE + PER_IDENTITY {
            tracing::warn!(%identity, "a connection was closed: there are {taken} of it already");
            return None;
        }
        *taken += 1;
        Some(Seat { identity, proxies: self.proxies.clone() })
    }
}

async fn over(place: Place) {
    tokio::select! {
        () = sleep(STRANGER_FOR) => {}
        () = place.sent_away() => {}
    }
}

/// Of a proxy, for as long as it is connected.
struct Seat {
    identity: Identity,
    proxies: Arc<Mutex<BTreeMap<Identity, usize>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut proxies = self.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = proxies.get_mut(&self.identity) {
            *taken -= 1;
            if *taken == 0 {
                proxies.remove(&self.identity);
            }
        }
    }
}

pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    /// Of one without a certificate.
    ends: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _seat: Option<Seat>,
}

impl Connected for Connection {
    type ConnectInfo = TlsConnectInfo<TcpConnectInfo>;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(ends) = &mut self.ends
            && ends.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use rustls_pki_types::{PrivateKeyDer, ServerName};
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;
    use tokio::time::Instant;
    use tokio_rustls::{TlsAcceptor, TlsConnector, client};

    use super::*;

    /// Both ends of a connection on which the client shows no certificate.
    async fn stranger() -> (client::TlsStream<TcpStream>, TlsStream<TcpStream>) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["control.test".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(default_provider());
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let name = ServerName::try_from("control.test").unwrap();
        let (connector, acceptor) =
            (TlsConnector::from(Arc::new(client)), TlsAcceptor::from(Arc::new(server)));
        tokio::try_join!(connector.connect(name, near), acceptor.accept(far)).unwrap()
    }

    const NEAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn room() -> Room {
        Room::new(watch::channel(Arc::default()).1)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_may_stay_for_as_long_as_a_certificate_takes() {
        let (_client, stream) = stranger().await;
        let mut connection = room().admit(stream, NEAR).await.unwrap();
        let began = Instant::now();
        let ended = connection.read_u8().await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= STRANGER_FOR);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_takes_the_place_of_one_who_came_before() {
        let room = Room { strangers: Crowd::of(1), ..room() };
        let (_first, stream) = stranger().await;
        let mut first = room.admit(stream, NEAR).await.unwrap();
        let began = Instant::now();
        let _second = room.admit(stranger().await.1, NEAR).await.unwrap();
        assert_eq!(first.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() < STRANGER_FOR);
    }

    #[test]
    fn one_identity_takes_no_others_place() {
        let room = room();
        let [liar, other] =
            ["liar", "other"].map(|name| format!("spiffe://cluster.local/ns/shop/sa/{name}"));
        let sit = |name: &str| room.sit(name.parse().unwrap());
        let seats: Vec<_> = (0..1000).map_while(|_| sit(&liar)).collect();
        assert_eq!(seats.len(), PER_IDENTITY, "it has no instance");
        assert!(sit(&other).is_some());
        drop(seats);
        assert!(sit(&liar).is_some());
        assert!(room.proxies.lock().unwrap().is_empty());
    }
}
