//! Learns what a connection speaks from its first bytes.
//!
//! Where a server speaks first, nothing comes: after a while the connection is taken for TCP.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mesh_engine::byte::is_token;
use tokio::io::AsyncRead;
use tokio::time::{sleep, timeout};
use tokio_util::io::poll_read_buf;

use super::client_hello::{self, ClientHello, HELLO_BYTES_MAX, Parsed};
use crate::drain::Drain;

/// What the first bytes say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Protocol {
    Tls(ClientHello),
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// Something else, or nothing in time.
    Opaque,
}

/// The first bytes of a connection, and what they say. They are to be read again.
#[derive(Debug)]
pub struct Sniffed {
    pub protocol: Protocol,
    pub bytes: Bytes,
}

/// Reads until the bytes tell what a connection speaks, it ends, or `wait` is over (zero: for ever).
///
/// # Errors
///
/// When reading fails.
pub async fn sniff<S: AsyncRead + Unpin>(stream: &mut S, wait: Duration) -> io::Result<Sniffed> {
    sniff_by(classify, stream, wait).await
}

/// As [`sniff`], where nothing hangs on what is not TLS: that is [`Protocol::Opaque`], and known from its first byte.
///
/// # Errors
///
/// When reading fails.
pub async fn sniff_tls<S: AsyncRead + Unpin>(
    stream: &mut S,
    wait: Duration,
) -> io::Result<Sniffed> {
    sniff_by(tls_or_opaque, stream, wait).await
}

/// What a client says before it is to end: who has said nothing yet a moment after `drain` has begun is not waited for, and counts as idle.
///
/// # Errors
///
/// Those of `sniffing`, and when the client is not waited for.
pub async fn before_drain<T>(
    drain: &Drain,
    sniffing: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let said = unless_drained(drain, sniffing).await;
    said.unwrap_or_else(|| Err(io::ErrorKind::ConnectionAborted.into()))
}

/// The same of whatever is waited for before a client's first request; `None`: it is not waited for.
pub(crate) async fn unless_drained<T>(drain: &Drain, saying: impl Future<Output = T>) -> Option<T> {
    let mut watch = drain.watch();
    let late = async {
        poll_fn(|cx| {
            let has_begun = watch.poll(cx);
            watch.tell(true);
            if has_begun { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        sleep(LAST_WORDS).await;
    };
    tokio::select! {
        biased;
        said = saying => Some(said),
        () = late => None,
    }
}

/// What was sent before the drain began has come by then.
const LAST_WORDS: Duration = Duration::from_millis(200);

async fn sniff_by<S: AsyncRead + Unpin>(
    classify: Classify,
    stream: &mut S,
    wait: Duration,
) -> io::Result<Sniffed> {
    let mut bytes = BytesMut::with_capacity(READ_BYTES);
    let learning = learn(classify, stream, &mut bytes);
    let protocol = if wait.is_zero() {
        learning.await?
    } else {
        timeout(wait, learning).await.unwrap_or(Ok(Protocol::Opaque))?
    };
    Ok(Sniffed { protocol, bytes: bytes.freeze() })
}

const READ_BYTES: usize = 2048;

/// What bytes speak; `None` while more could tell.
type Classify = fn(&[u8]) -> Option<Protocol>;

async fn learn<S: AsyncRead + Unpin>(
    classify: Classify,
    stream: &mut S,
    bytes: &mut BytesMut,
) -> io::Result<Protocol> {
    loop {
        bytes.reserve(READ_BYTES);
        if poll_fn(|cx| poll_read_buf(Pin::new(&mut *stream), cx, bytes)).await? == 0 {
            return Ok(Protocol::Opaque);
        }
        if let Some(protocol) = classify(bytes) {
            return Ok(protocol);
        }
    }
}

/// What speaks so; `None` while more bytes could tell.
#[must_use]
pub fn classify(bytes: &[u8]) -> Option<Protocol> {
    match tls_or_opaque(bytes)? {
        Protocol::Opaque => {}
        tls => return Some(tls),
    }
    if bytes.starts_with(HTTP2_PREFACE) {
        return Some(Protocol::Http2);
    }
    if HTTP2_PREFACE.starts_with(bytes) {
        return None;
    }
    request_line(bytes)
}

fn tls_or_opaque(bytes: &[u8]) -> Option<Protocol> {
    if bytes.is_empty() {
        return None;
    }
    match client_hello::parse(bytes) {
        Parsed::Hello(hello) => Some(Protocol::Tls(hello)),
        Parsed::Incomplete if bytes.len() < HELLO_BYTES_MAX => None,
        Parsed::Incomplete | Parsed::NotTls => Some(Protocol::Opaque),
    }
}

/// RFC 9113 §3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Longer lines are refused by the codec anyway.
const LINE_BYTES_MAX: usize = 8 << 10;
const METHOD_BYTES_MAX: usize = 32;

/// Whether a connection begins with an HTTP/1 request line (RFC 9112 §3): a method, a target, and a version, which is
/// what tells it from the commands of other protocols that are lines of text.
fn request_line(bytes: &[u8]) -> Option<Protocol> {
    // RFC 9112 §2.2: a server ignores an empty line before the request line.
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_whole = line.len() < bytes.len();
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    if METHOD_BYTES_MAX < method.len() || !method.iter().all(|byte| is_token(*byte)) {
        return Some(Protocol::Opaque);
    }
    if LINE_BYTES_MAX < line.len() {
        // Too long to wait for its end: a path or a URL is believed.
        let target = words.next().unwrap_or_default();
        let is_http = target.starts_with(b"/") || target.starts_with(b"http");
        return Some(if is_http { Protocol::Http1 } else { Protocol::Opaque });
    }
    if !is_whole {
        return None;
    }
    let target = words.next().unwrap_or_default();
    let version = words.next().unwrap_or_default();
    let version = version.strip_suffix(b"\r").unwrap_or(version);
    let is_http =
        !method.is_empty() && !target.is_empty() && matches!(version, b"HTTP/1.1" | b"HTTP/1.0");
    Some(if is_http { Protocol::Http1 } else { Protocol::Opaque })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::{Protocol, before_drain, classify, sniff, sniff_tls};
    use crate::drain::Drain;

    #[test]
    fn http_is_known_by_its_request_line() {
        for line in
            ["GET / HTTP/1.1\r\n", "\r\nM-SEARCH * HTTP/1.1\r\n", "GET http://a/ HTTP/1.0\n"]
        {
            assert_eq!(classify(line.as_bytes()), Some(Protocol::Http1), "{line:?}");
        }
    }

    #[test]
    fn lines_of_other_protocols_are_not_http() {
        let lines = [
            "SET key value\r\n",
            "EHLO example.com\r\n",
            "get key\r\n",
            "GET /\r\n",
            "\r\n\r\n",
            "*1\r\n",
        ];
        for line in lines {
            assert_eq!(classify(line.as_bytes()), Some(Protocol::Opaque), "{line:?}");
        }
        assert_eq!(classify(&[0, 0, 0, 8, 4, 210, 22, 47]), Some(Protocol::Opaque));
        assert_eq!(classify(b"GET / HTTP/2.0\r\n"), Some(Protocol::Opaque));
    }

    #[test]
    fn a_beginning_waits_for_more() {
        for text in ["G", "GET ", "GET / HTTP/1.", "P", "PRI * HTTP/2.0\r\n\r\nSM"] {
            assert_eq!(classify(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(classify(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0"), Some(Protocol::Http2));
    }

    #[test]
    fn nothing_is_waited_for_without_end() {
        let long = |target: &str| format!("GET {target}{}", "a".repeat(9000)).into_bytes();
        assert_eq!(classify(&long("/")), Some(Protocol::Http1));
        assert_eq!(classify(&long("")), Some(Protocol::Opaque));
        assert_eq!(classify(&[b'A'; 40]), Some(Protocol::Opaque));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_speaks_first_makes_it_tcp() {
        let (mut client, mut ours) = duplex(64);
        let sniffed = sniff(&mut ours, Duration::from_secs(5)).await.unwrap();
        assert_eq!(sniffed.protocol, Protocol::Opaque);
        assert!(sniffed.bytes.is_empty());
        ours.write_all(b"220 ready").await.unwrap();
        let mut greeting = [0; 9];
        client.read_exact(&mut greeting).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_the_time_was_over_is_kept() {
        let (mut client, mut ours) = duplex(64);
        client.write_all(b"GE").await.unwrap();
        let sniffed = sniff(&mut ours, Duration::from_secs(5)).await.unwrap();
        assert_eq!((sniffed.protocol, &sniffed.bytes[..]), (Protocol::Opaque, &b"GE"[..]));
    }

    #[tokio::test]
    async fn where_only_tls_matters_a_word_is_enough() {
        let (mut client, mut ours) = duplex(64);
        client.write_all(b"hello").await.unwrap();
        assert_eq!(classify(b"hello"), None, "it may be a method");
        let sniffed = sniff_tls(&mut ours, Duration::ZERO).await.unwrap();
        assert_eq!((sniffed.protocol, &sniffed.bytes[..]), (Protocol::Opaque, &b"hello"[..]));
    }

    #[tokio::test(start_paused = true)]
    async fn once_the_end_has_begun_only_those_who_have_spoken_are_heard() {
        let drain = Drain::default();
        drain.begin();
        let (mut client, mut ours) = duplex(64);
        let silent = before_drain(&drain, sniff(&mut ours, Duration::ZERO)).await;
        assert_eq!(silent.unwrap_err().kind(), std::io::ErrorKind::ConnectionAborted);
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let said = before_drain(&drain, sniff(&mut ours, Duration::ZERO)).await;
        assert_eq!(said.unwrap().protocol, Protocol::Http1);
    }

    #[tokio::test]
    async fn bytes_may_come_one_by_one() {
        let (mut client, mut ours) = duplex(1);
        let sending = async move {
            client.write_all(b"POST /cart HTTP/1.1\r\n").await.unwrap();
            client
        };
        let (sniffed, _client) = tokio::join!(sniff(&mut ours, Duration::ZERO), sending);
        assert_eq!(sniffed.unwrap().protocol, Protocol::Http1);
    }
}
