//! Joins two streams until both have ended.
//!
//! Each direction ends for itself (half-close). Buffers begin small, grow with what passes, and are given
//! back when nothing does. A direction that always finds its sockets ready yields to the runtime's I/O driver
//! after [`POLL_BYTES_MAX`], so that it starves no other connection of the thread.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::io::poll_read_buf;

/// How much one direction moves before everybody else has a turn.
const POLL_BYTES_MAX: usize = 512 << 10;

/// Buffers of a connection that has been silent for so long are given back.
const BUFFER_IDLE: Duration = Duration::from_secs(10);

/// How long two streams stay joined.
#[derive(Clone, Copy, Debug, Default)]
pub struct CopyLimits {
    /// Without a byte in either direction; `None` is for ever.
    pub idle: Option<Duration>,
    /// In all.
    pub duration: Option<Duration>,
}

/// How many bytes have passed so far. May be read while the copy goes on.
#[derive(Debug, Default)]
pub struct Meter {
    to_upstream: Cell<u64>,
    to_downstream: Cell<u64>,
}

impl Meter {
    /// From the client to the server.
    #[must_use]
    pub const fn to_upstream(&self) -> u64 {
        self.to_upstream.get()
    }

    /// From the server to the client.
    #[must_use]
    pub const fn to_downstream(&self) -> u64 {
        self.to_downstream.get()
    }
}

/// Why a copy ended.
#[derive(Debug)]
pub enum End {
    /// Both sides have said all they had to say.
    Closed,
    /// [`CopyLimits::idle`].
    Idle,
    /// [`CopyLimits::duration`].
    Expired,
    /// The client's side broke.
    Downstream(io::Error),
    /// The server's side broke.
    Upstream(io::Error),
}

/// Copies both ways until both have ended, one breaks, or a limit is reached. Neither stream is of use afterwards.
pub async fn copy<D, U>(
    downstream: &mut D,
    upstream: &mut U,
    limits: CopyLimits,
    meter: &Meter,
) -> End
where
    D: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut there = Direction::default();
    let mut back = Direction::default();
    let mut clock = Clock::new(limits);
    loop {
        let step = std::future::poll_fn(|cx| {
            let (d, u) = (Pin::new(&mut *downstream), Pin::new(&mut *upstream));
            let went = there.poll(cx, d, u, &meter.to_upstream);
            let (d, u) = (Pin::new(&mut *downstream), Pin::new(&mut *upstream));
            let came = back.poll(cx, u, d, &meter.to_downstream);
            let moved = there.take_moved() | back.take_moved();
            match (went, came) {
                (Err(Side::Reader(error)), _) | (_, Err(Side::Writer(error))) => {
                    Poll::Ready(Step::End(End::Downstream(error)))
                }
                (Err(Side::Writer(error)), _) | (_, Err(Side::Reader(error))) => {
                    Poll::Ready(Step::End(End::Upstream(error)))
                }
                (Ok(Progress::Done), Ok(Progress::Done)) => Poll::Ready(Step::End(End::Closed)),
                (went, came) => match clock.poll(cx, moved) {
                    Tick::End(end) => Poll::Ready(Step::End(end)),
                    Tick::Silent => {
                        there.give_back();
                        back.give_back();
                        Poll::Pending
                    }
                    Tick::Nothing if is_yield(&went) || is_yield(&came) => Poll::Ready(Step::Yield),
                    Tick::Nothing => Poll::Pending,
                },
            }
        });
        match step.await {
            Step::End(end) => return end,
            // Wakes only after the I/O driver has been polled, unlike waking oneself.
            Step::Yield => tokio::task::yield_now().await,
        }
    }
}

enum Step {
    Yield,
    End(End),
}

enum Progress {
    Waiting,
    Yield,
    Done,
}

fn is_yield(polled: &Result<Progress, Side>) -> bool {
    matches!(polled, Ok(Progress::Yield))
}

/// Which end of a direction broke.
enum Side {
    Reader(io::Error),
    Writer(io::Error),
}

#[derive(Debug, Default, Eq, PartialEq)]
enum Phase {
    #[default]
    Open,
    /// The reader has ended; the writer is to be told.
    Ending,
    Ended,
}

/// One of the two ways.
#[derive(Default)]
struct Direction {
    buffer: BytesMut,
    total: u64,
    moved: bool,
    unflushed: bool,
    phase: Phase,
}

impl Direction {
    /// Moves bytes until somebody has to wait, or others should have a turn.
    fn poll<R: AsyncRead, W: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
        meter: &Cell<u64>,
    ) -> Result<Progress, Side> {
        let mut filled = 0;
        loop {
            if self.poll_drain(cx, writer.as_mut(), meter)?.is_pending() {
                return Ok(Progress::Waiting);
            }
            match self.phase {
                Phase::Ended => return Ok(Progress::Done),
                Phase::Ending => match writer.as_mut().poll_shutdown(cx) {
                    Poll::Pending => return Ok(Progress::Waiting),
                    Poll::Ready(Err(error)) if error.kind() != io::ErrorKind::NotConnected => {
                        return Err(Side::Writer(error));
                    }
                    Poll::Ready(_) => self.phase = Phase::Ended,
                },
                Phase::Open if POLL_BYTES_MAX <= filled => return Ok(Progress::Yield),
                Phase::Open => match self.poll_fill(cx, reader.as_mut()) {
                    Poll::Pending => return self.poll_flush(cx, writer),
                    Poll::Ready(Err(error)) => return Err(Side::Reader(error)),
                    Poll::Ready(Ok(0)) => self.phase = Phase::Ending,
                    Poll::Ready(Ok(length)) => filled += length,
                },
            }
        }
    }

    fn poll_fill<R: AsyncRead>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
    ) -> Poll<io::Result<usize>> {
        self.buffer.reserve(buffer_bytes(self.total));
        let length = ready!(poll_read_buf(reader, cx, &mut self.buffer))?;
        self.total += length as u64;
        Poll::Ready(Ok(length))
    }

    fn poll_drain<W: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        mut writer: Pin<&mut W>,
        meter: &Cell<u64>,
    ) -> Result<Poll<()>, Side> {
        while self.buffer.has_remaining() {
            let length = match writer.as_mut().poll_write(cx, &self.buffer) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(Ok(0)) => return Err(Side::Writer(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(length)) => length,
                Poll::Ready(Err(error)) => return Err(Side::Writer(error)),
            };
            self.buffer.advance(length);
            meter.set(meter.get() + length as u64);
            self.moved = true;
            self.unflushed = true;
        }
        Ok(Poll::Ready(()))
    }

    /// What a TLS session holds back must be out before anybody waits for an answer to it.
    fn poll_flush<W: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        writer: Pin<&mut W>,
    ) -> Result<Progress, Side> {
        if self.unflushed {
            match writer.poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return Err(Side::Writer(error)),
            }
        }
        Ok(Progress::Waiting)
    }

    /// Whether bytes were written since this was last asked.
    fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Starts small again. What waits to be written stays.
    fn give_back(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
            self.total = 0;
        }
    }
}

/// A short exchange needs little; of much data, as much as possible goes into one system call.
const fn buffer_bytes(total: u64) -> usize {
    match total {
        0..0x2_0000 => 1 << 10,
        0x2_0000..0xa0_0000 => 16 << 10,
        _ => 256 << 10,
    }
}

/// Watches [`CopyLimits`]. Its timer is set once and, when it fires, set anew by what has happened since: moving bytes
/// costs a look at the clock, not a timer.
struct Clock {
    limits: CopyLimits,
    started: Instant,
    active: Instant,
    has_given_back: bool,
    sleep: Pin<Box<Sleep>>,
}

enum Tick {
    Nothing,
    /// So long that buffers are given back.
    Silent,
    End(End),
}

impl Clock {
    fn new(limits: CopyLimits) -> Self {
        let now = Instant::now();
        let sleep = Box::pin(sleep_until(now));
        Self { limits, started: now, active: now, has_given_back: false, sleep }
    }

    fn poll(&mut self, cx: &mut Context<'_>, moved: bool) -> Tick {
        if moved {
            self.active = Instant::now();
            if std::mem::take(&mut self.has_given_back) {
                self.sleep.as_mut().reset(self.active + BUFFER_IDLE);
            }
        }
        let mut tick = Tick::Nothing;
        while self.sleep.as_mut().poll(cx).is_ready() {
            match self.next() {
                (at, _) if Instant::now() < at => self.sleep.as_mut().reset(at),
                (_, Some(end)) => return Tick::End(end),
                (_, None) => {
                    self.has_given_back = true;
                    tick = Tick::Silent;
                }
            }
        }
        tick
    }

    /// What is due next, and when; no end where buffers are to be given back.
    fn next(&self) -> (Instant, Option<End>) {
        let idle = self.limits.idle.map(|idle| (self.active + idle, Some(End::Idle)));
        let whole = self.limits.duration.map(|all| (self.started + all, Some(End::Expired)));
        let silent = (!self.has_given_back).then_some((self.active + BUFFER_IDLE, None));
        let due = [idle, whole, silent].into_iter().flatten().min_by_key(|(at, _)| *at);
        due.unwrap_or((self.active + FOR_EVER, None))
    }
}

const FOR_EVER: Duration = Duration::from_hours(365 * 24);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::{CopyLimits, End, Meter, copy};

    /// The client's end, the server's end, and what becomes of the copy between them.
    fn joined(
        limits: CopyLimits,
    ) -> (DuplexStream, DuplexStream, impl Future<Output = (End, Meter)>) {
        let (client, mut downstream) = duplex(4096);
        let (server, mut upstream) = duplex(4096);
        let copying = async move {
            let meter = Meter::default();
            (copy(&mut downstream, &mut upstream, limits, &meter).await, meter)
        };
        (client, server, copying)
    }

    #[tokio::test]
    async fn each_direction_ends_for_itself() {
        let (mut client, mut server, copying) = joined(CopyLimits::default());
        let talk = async move {
            client.write_all(b"question").await.unwrap();
            client.shutdown().await.unwrap();
            let mut question = String::new();
            server.read_to_string(&mut question).await.unwrap();
            assert_eq!(question, "question");
            server.write_all(b"late answer").await.unwrap();
            drop(server);
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "late answer");
        };
        let ((end, meter), ()) = tokio::join!(copying, talk);
        assert!(matches!(end, End::Closed), "{end:?}");
        assert_eq!((meter.to_upstream(), meter.to_downstream()), (8, 11));
    }

    #[tokio::test]
    async fn much_data_passes_whole_in_both_directions_at_once() {
        let (client, server, copying) = joined(CopyLimits::default());
        let sent: Vec<u8> = (0_u32..5_000_000).map(|i| i.to_le_bytes()[1]).collect();
        let exchange = |end: DuplexStream, sent: Vec<u8>| async move {
            let (mut read, mut write) = tokio::io::split(end);
            let writing = async move {
                write.write_all(&sent).await.unwrap();
                write.shutdown().await.unwrap();
            };
            let mut got = Vec::new();
            let (read, ()) = tokio::join!(read.read_to_end(&mut got), writing);
            read.unwrap();
            got
        };
        let (ours, theirs) = (exchange(client, sent.clone()), exchange(server, sent.clone()));
        let ((_, meter), one, other) = tokio::join!(copying, ours, theirs);
        assert!(one == sent && other == sent);
        assert_eq!(meter.to_upstream(), 5_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_copy_and_traffic_keeps_it() {
        let idle = Some(Duration::from_mins(1));
        let (mut client, _server, copying) = joined(CopyLimits { idle, duration: None });
        let start = Instant::now();
        let talk = async move {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(45)).await;
                client.write_all(b".").await.unwrap();
            }
            client
        };
        let ((end, _), _client) = tokio::join!(copying, talk);
        assert!(matches!(end, End::Idle), "{end:?}");
        assert_eq!(start.elapsed().as_secs(), 5 * 45 + 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_has_a_longest_duration() {
        let duration = Some(Duration::from_secs(7));
        let (_client, _server, copying) = joined(CopyLimits { idle: None, duration });
        let start = Instant::now();
        let (end, _) = copying.await;
        assert!(matches!(end, End::Expired), "{end:?}");
        assert_eq!(start.elapsed().as_secs(), 7);
    }

    #[tokio::test]
    async fn who_breaks_is_told_apart() {
        let (client, mut server, copying) = joined(CopyLimits::default());
        drop(client); // writing to it fails
        server.write_all(b"anybody there?").await.unwrap();
        let (end, _) = copying.await;
        assert!(matches!(end, End::Downstream(_)), "{end:?}");
    }
}
