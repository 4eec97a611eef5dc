//! One write for each poll of a connection.
//!
//! h2 hands every DATA frame of more than a few hundred bytes to the socket on its own, and flushes before it takes the
//! next. Here what it writes is gathered, its flushes do nothing, and [`Flushed`] writes everything once, after each poll
//! of the connection. So a poll costs one system call and, over TLS, as few records as the bytes need; the peer reads
//! as rarely. Whatever future drives the I/O must be wrapped, the handshake included: bytes that stay in the
//! buffer while it waits for an answer to them are a deadlock.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So much is gathered at most; then the writer has to wait, as it would for the socket.
const GATHERED_MAX: usize = 256 << 10;

/// A buffer that has grown beyond this is given back when little was in it.
const KEPT_BYTES: usize = 32 << 10;

/// Gathers what is written to `stream`. Clones are the same stream.
pub(super) struct Gathered<S>(Rc<RefCell<Gathering<S>>>);

struct Gathering<S> {
    stream: S,
    out: BytesMut,
    /// What a TLS session holds back has yet to go out, though `out` may be empty.
    unflushed: bool,
}

impl<S> Gathered<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Rc::new(RefCell::new(Gathering { stream, out: BytesMut::new(), unflushed: false })))
    }

    /// The same stream once more.
    pub(super) fn share(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    /// Writes what has been gathered.
    pub(super) fn poll_write_out(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_write_out(cx)
    }

    /// Polls a future that drives this stream, then writes what it has left. Ready when the future is and everything
    /// is written, or when writing fails. Whoever fails is not kept waiting: of what it has left goes out what the socket
    /// takes at once, since it may be the socket that it has given up.
    pub(super) async fn drive<T, E>(
        &self,
        future: impl Future<Output = Result<T, E>>,
    ) -> io::Result<Result<T, E>> {
        let mut future = std::pin::pin!(future);
        let mut output = None;
        std::future::poll_fn(|cx| {
            if output.is_none()
                && let Poll::Ready(done) = future.as_mut().poll(cx)
            {
                output = Some(done);
            }
            let written = self.poll_write_out(cx);
            match (output.take(), written) {
                (Some(failed @ Err(_)), _) => Poll::Ready(Ok(failed)),
                (_, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
                (Some(done), Poll::Ready(Ok(()))) => Poll::Ready(Ok(done)),
                (done, _) => {
                    output = done;
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl<S: AsyncWrite + Unpin> Gathering<S> {
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_empty(cx))?;
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_empty(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let length = self.out.len();
        if length == 0 {
            return Poll::Ready(Ok(()));
        }
        self.unflushed = true;
        while self.out.has_remaining() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        if KEPT_BYTES < self.out.capacity() && length < KEPT_BYTES {
            self.out = BytesMut::new();
        } else {
            self.out.clear();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.out.len() < GATHERED_MAX { Poll::Ready(Ok(())) } else { self.poll_write_out(cx) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut gathering = self.0.borrow_mut();
        ready!(gathering.poll_room(cx))?;
        gathering.out.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut gathering = self.0.borrow_mut();
        ready!(gathering.poll_room(cx))?;
        let mut length = 0;
        for buf in bufs {
            gathering.out.extend_from_slice(buf);
            length += buf.len();
        }
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing yet: see the module.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathering = self.0.borrow_mut();
        ready!(gathering.poll_write_out(cx))?;
        Pin::new(&mut gathering.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;
    use std::pin::Pin;
    use std::rc::Rc;
    use std::task::{Context, Poll, ready};

    use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};

    use super::{GATHERED_MAX, Gathered};

    /// Counts the writes that reach it.
    struct Counting(DuplexStream, Rc<Cell<u32>>);

    impl AsyncWrite for Counting {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.1.set(self.1.get() + 1);
            Pin::new(&mut self.0).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    #[tokio::test]
    async fn many_writes_of_one_poll_are_one() {
        let (ours, mut theirs) = duplex(4096);
        let writes = Rc::new(Cell::new(0));
        let gathered = Gathered::new(Counting(ours, Rc::clone(&writes)));
        let mut stream = gathered.share();
        let writing = async {
            for _ in 0..10 {
                stream.write_all(b"frame").await.unwrap();
                stream.flush().await.unwrap();
            }
            io::Result::Ok(())
        };
        gathered.drive(writing).await.unwrap().unwrap();
        assert_eq!(writes.get(), 1);
        let mut read = [0; 50];
        theirs.read_exact(&mut read).await.unwrap();
    }

    /// Holds back what is written until it is flushed, like TLS; its first flush is pending.
    struct Holding {
        stream: DuplexStream,
        held: Vec<u8>,
        has_waited: bool,
    }

    impl AsyncWrite for Holding {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.held.extend_from_slice(buf);
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            if !std::mem::replace(&mut self.has_waited, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Self { stream, held, .. } = &mut *self;
            while !held.is_empty() {
                let written = ready!(Pin::new(&mut *stream).poll_write(cx, held))?;
                held.drain(..written);
            }
            Pin::new(stream).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }
    }

    #[tokio::test]
    async fn a_flush_that_has_to_wait_is_taken_up_again() {
        let (stream, mut theirs) = duplex(4096);
        let gathered = Gathered::new(Holding { stream, held: Vec::new(), has_waited: false });
        let mut stream = gathered.share();
        gathered.drive(stream.write_all(b"the tail")).await.unwrap().unwrap();
        drop((gathered, stream));
        let mut read = String::new();
        theirs.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "the tail");
    }

    #[tokio::test]
    async fn a_writer_waits_when_too_much_is_gathered() {
        let (ours, mut theirs) = duplex(1024);
        let gathered = Gathered::new(ours);
        let mut stream = gathered.share();
        let total = 3 * GATHERED_MAX;
        let writing = async {
            for _ in 0..total / 1024 {
                stream.write_all(&[7; 1024]).await.unwrap();
            }
            assert!(stream.0.borrow().out.len() <= GATHERED_MAX + 1024);
            stream.shutdown().await
        };
        let mut read = Vec::new();
        let (driven, length) = tokio::join!(gathered.drive(writing), theirs.read_to_end(&mut read));
        driven.unwrap().unwrap();
        assert_eq!(length.unwrap(), total);
    }

    #[tokio::test]
    async fn who_fails_does_not_wait_for_the_socket() {
        let (ours, mut theirs) = duplex(4);
        let gathered = Gathered::new(ours);
        let mut stream = gathered.share();
        let failing = async {
            stream.write_all(b"the last words").await.unwrap();
            Err::<(), _>("given up")
        };
        assert_eq!(gathered.drive(failing).await.unwrap(), Err("given up"));
        drop((gathered, stream));
        let mut read = String::new();
        theirs.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "the ", "what the socket takes at once");
    }
}
