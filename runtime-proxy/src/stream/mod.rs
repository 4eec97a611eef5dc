//! A connection as a stream of bytes, whatever lies under it.
//!
//! [`Stream`] is one concrete type for plain and for TLS connections, so that the codecs above it are compiled
//! once. Bytes that were looked at to learn what a connection speaks are read again. [`copy`] joins two streams.

mod copy;

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

pub use copy::{CopyLimits, End, Meter, copy};

/// A connection.
#[derive(Debug)]
pub struct Stream {
    /// Has been read from `inner` before, and comes first.
    prefix: Bytes,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<Stream>>),
}

impl Stream {
    /// Bytes that were read from the stream before are read once more.
    #[must_use]
    pub fn replaying(self, bytes: Bytes) -> Self {
        let prefix = if self.prefix.is_empty() {
            bytes
        } else {
            bytes.iter().chain(&self.prefix).collect::<BytesMut>().freeze()
        };
        Self { prefix, inner: self.inner }
    }

    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self.inner, Inner::Tls(_))
    }

    /// Whether the TLS session goes on from an earlier one, without a new proof of who is who.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        let Inner::Tls(stream) = &self.inner else { return false };
        stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// `None` without TLS.
    #[must_use]
    pub fn tls_version(&self) -> Option<rustls::ProtocolVersion> {
        let Inner::Tls(stream) = &self.inner else { return None };
        stream.get_ref().1.protocol_version()
    }

    /// `None` without TLS.
    #[must_use]
    pub fn cipher_suite(&self) -> Option<rustls::CipherSuite> {
        let Inner::Tls(stream) = &self.inner else { return None };
        Some(stream.get_ref().1.negotiated_cipher_suite()?.suite())
    }

    /// The other end's address; none for a Unix socket, or when it has gone.
    #[must_use]
    pub fn peer_address(&self) -> Option<SocketAddr> {
        match &self.inner {
            Inner::Tcp(stream) => stream.peer_addr().ok(),
            Inner::Unix(_) => None,
            Inner::Tls(stream) => stream.get_ref().0.peer_address(),
        }
    }

    /// This end's address; none for a Unix socket.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        match &self.inner {
            Inner::Tcp(stream) => stream.local_addr().ok(),
            Inner::Unix(_) => None,
            Inner::Tls(stream) => stream.get_ref().0.local_address(),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self { prefix: Bytes::new(), inner: Inner::Tcp(stream) }
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self { prefix: Bytes::new(), inner: Inner::Unix(stream) }
    }
}

impl From<TlsStream<Stream>> for Stream {
    fn from(stream: TlsStream<Stream>) -> Self {
        Self { prefix: Bytes::new(), inner: Inner::Tls(Box::new(stream)) }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.has_remaining() {
            let length = self.prefix.len().min(buf.remaining());
            buf.put_slice(&self.prefix.split_to(length));
            if self.prefix.is_empty() {
                self.prefix = Bytes::new(); // gives the memory back
            }
            return Poll::Ready(Ok(()));
        }
        match &mut self.inner {
            Inner::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Inner::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Inner::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Inner::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Inner::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Inner::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Inner::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Inner::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Inner::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Inner::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Inner::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::Stream;

    #[tokio::test]
    async fn what_was_looked_at_is_read_again_and_first() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b" world").await.unwrap();
        theirs.shutdown().await.unwrap();
        let stream = Stream::from(ours).replaying(Bytes::from_static(b"o"));
        let mut stream = stream.replaying(Bytes::from_static(b"hell"));
        let mut read = String::new();
        stream.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "hello world");
    }
}
