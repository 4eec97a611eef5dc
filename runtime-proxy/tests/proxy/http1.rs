//! What HTTP/1.1 has that HTTP/2 between two sidecars must not lose.

use std::net::SocketAddr;

use mesh_snapshot::object::Protocol;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Mesh, Proxy, service};

/// An application that answers every connection's first request with these bytes, and closes it.
async fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = Vec::new();
            while !heard.windows(4).any(|end| end == b"\r\n\r\n") {
                if stream.read_buf(&mut heard).await.unwrap() == 0 {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

/// What a client hears that sends `request`, through both sidecars.
async fn heard(request: &str, answer: &'static str) -> String {
    let mut mesh = Mesh::new();
    mesh.service(service("reviews", 9080, Protocol::Http), Vec::new());
    let (web, _reviews) = Proxy::pair(mesh, answering(answer).await);
    let mut stream = TcpStream::connect(web.outbound()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test(flavor = "local")]
async fn an_answer_to_head_tells_the_length_and_has_no_body() {
    let request = "HEAD / HTTP/1.1\r\nhost: reviews:9080\r\nconnection: close\r\n\r\n";
    let answer = heard(request, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-length: 5\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test(flavor = "local")]
async fn answers_without_a_body_have_none() {
    let request = "GET / HTTP/1.1\r\nhost: reviews:9080\r\nconnection: close\r\n\r\n";
    for (given, status) in [
        ("HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\ncontent-length: 5\r\n\r\n", "304"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "204"),
    ] {
        let answer = heard(request, given).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.ends_with("\r\n\r\n") && !answer.contains("chunked"), "{answer}");
    }
}

#[tokio::test(flavor = "local")]
async fn an_old_client_is_answered_as_it_understands() {
    let answer = heard("GET / HTTP/1.0\r\nhost: reviews:9080\r\n\r\n", OK).await;
    assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!answer.contains("transfer-encoding") && answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let request = "GET / HTTP/1.1\r\nhost: reviews:9080\r\nconnection: close\r\n\r\n";
    let answer = heard(request, "HTTP/1.1 200 OK\r\n\r\nhello").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("hello"), "{answer}");
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let request = "GET / HTTP/1.1\r\nhost: reviews:9080\r\nconnection: close\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let answer = heard(request, chunked).await;
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[tokio::test(flavor = "local")]
async fn trailers_pass() {
    let request =
        "GET / HTTP/1.1\r\nhost: reviews:9080\r\nte: trailers\r\nconnection: close, te\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n";
    let answer = heard(request, chunked).await;
    assert!(answer.ends_with("5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n"), "{answer}");
}

/// RFC 9110 §10.1.1: who waits for `100` must not wait for ever.
#[tokio::test(flavor = "local")]
async fn a_client_that_expects_to_be_asked_on_is_answered() {
    let request = "POST / HTTP/1.1\r\nhost: reviews:9080\r\nexpect: 100-continue\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
    let answer =
        heard(request, "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n").await;
    assert!(answer.contains("HTTP/1.1 417 "), "{answer}");
}

#[tokio::test(flavor = "local")]
async fn what_no_server_says_is_a_502_or_503() {
    let request = "GET / HTTP/1.1\r\nhost: reviews:9080\r\nconnection: close\r\n\r\n";
    for (given, status) in [
        ("SSH-2.0-OpenSSH\r\n", "502"),
        ("", "503"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", "502"),
        ("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", "502"),
    ] {
        let answer = heard(request, given).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{given}: {answer}");
    }
}
