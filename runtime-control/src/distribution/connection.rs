//! One connection after its handshake: counted, and not for ever when nobody has signed in on it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};

/// How many connections there may be, so that strangers take no proxy's place.
#[derive(Clone, Debug)]
pub(super) struct Room {
    proxies: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

const PROXIES_MAX: usize = 16_384;
const STRANGERS_MAX: usize = 512;
/// For getting a certificate: that is all that can be done without one.
const STRANGER_FOR: Duration = Duration::from_secs(30);

impl Room {
    pub(super) fn new() -> Self {
        let [proxies, strangers] =
            [PROXIES_MAX, STRANGERS_MAX].map(|max| Arc::new(Semaphore::new(max)));
        Self { proxies, strangers }
    }

    /// None: there is no room, and the connection is closed.
    pub(super) fn admit(&self, stream: TlsStream<TcpStream>) -> Option<Connection> {
        let (_, session) = stream.get_ref();
        let known = session.peer_certificates().is_some();
        let room = if known { &self.proxies } else { &self.strangers };
        let permit = room.clone().try_acquire_owned().ok()?;
        let ends = (!known).then(|| Box::pin(sleep(STRANGER_FOR)));
        Some(Connection { stream, ends, _permit: permit })
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    /// Of one without a certificate.
    ends: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
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

    #[tokio::test(start_paused = true)]
    async fn a_stranger_may_stay_for_as_long_as_a_certificate_takes() {
        let (_client, stream) = stranger().await;
        let mut connection = Room::new().admit(stream).unwrap();
        let began = Instant::now();
        let ended = connection.read_u8().await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= STRANGER_FOR);
    }

    #[tokio::test]
    async fn there_is_room_for_so_many_strangers_and_again_when_one_has_gone() {
        let room = Room { strangers: Arc::new(Semaphore::new(1)), ..Room::new() };
        let first = room.admit(stranger().await.1).unwrap();
        assert!(room.admit(stranger().await.1).is_none());
        drop(first);
        assert!(room.admit(stranger().await.1).is_some());
    }
}
