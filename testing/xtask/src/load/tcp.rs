//! Bytes, through a tunnel (`CONNECT`).

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Client, Failure};

/// One connection for the whole time.
pub(super) async fn kept(client: Client) {
    let opened = tunnel(client.target.proxy, &client.target.tcp);
    let Some(mut stream) = client.attempt("tcp", opened).await else { return };
    let mut done = 0;
    while let Some(turn) = client.turn(&mut done).await {
        if client.attempt("tcp message", say(&mut stream, turn)).await.is_none() {
            return;
        }
    }
    client.attempt("tcp end", end(stream)).await;
}

/// A connection a message.
pub(super) async fn fresh(client: Client) {
    let mut done = 0;
    while let Some(turn) = client.turn(&mut done).await {
        let asked = async {
            let mut stream = tunnel(client.target.proxy, &client.target.tcp).await?;
            say(&mut stream, turn).await?;
            end(stream).await
        };
        client.attempt("tcp once", asked).await;
    }
}

/// A connection to `authority` through the proxy.
pub(super) async fn tunnel(proxy: SocketAddr, authority: &str) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect(proxy).await?;
    stream.set_nodelay(true)?;
    let ask = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let head = read_head(&mut stream).await?;
    match head.split(' ').nth(1).and_then(|status| status.parse().ok()) {
        Some(http::StatusCode::OK) => Ok(stream),
        Some(status) => Err(Failure::Status { status, body: head }),
        None => Err(Failure::Garbled),
    }
}

/// A byte at a time: what follows the head is not ours.
async fn read_head(stream: &mut TcpStream) -> Result<String, Failure> {
    const HEAD_MAX: usize = 8 << 10;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if HEAD_MAX <= head.len() {
            return Err(Failure::Garbled);
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn say(stream: &mut TcpStream, turn: u32) -> Result<(), Failure> {
    let message = format!("message {turn:08}");
    stream.write_all(message.as_bytes()).await?;
    let mut heard = vec![0; message.len()];
    stream.read_exact(&mut heard).await?;
    if heard == message.as_bytes() { Ok(()) } else { Err(Failure::Garbled) }
}

/// Ends in order: the other side does the same.
async fn end(mut stream: TcpStream) -> Result<(), Failure> {
    stream.shutdown().await?;
    match stream.read(&mut [0]).await? {
        0 => Ok(()),
        _ => Err(Failure::Garbled),
    }
}
