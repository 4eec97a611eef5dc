//! A WebSocket that stays open for the whole time.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::tcp::tunnel;
use super::{Client, Failure};

pub(super) async fn messages(client: Client) {
    let opened = open(client.target.proxy, &client.target.http);
    let Some(mut socket) = client.attempt("websocket", opened).await else { return };
    let mut done = 0;
    while let Some(turn) = client.turn(&mut done).await {
        let said = say(&mut socket, turn);
        if client.attempt("websocket message", said).await.is_none() {
            return;
        }
    }
    client.attempt("websocket end", async { Ok(socket.close(None).await?) }).await;
}

/// As browsers do it where there is a proxy: through a tunnel, in which the mesh finds the HTTP again.
async fn open(proxy: SocketAddr, authority: &str) -> Result<WebSocketStream<TcpStream>, Failure> {
    let stream = tunnel(proxy, authority).await?;
    let mut request = format!("ws://{authority}/socket").into_client_request()?;
    request.headers_mut().insert("x-class", http::HeaderValue::from_static("a"));
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await.map_err(refused)?;
    Ok(socket)
}

/// With what the refusal says, which the error keeps to itself.
fn refused(error: Error) -> Failure {
    match error {
        Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let body = String::from_utf8_lossy(body).trim().to_owned();
            Failure::Status { status: response.status(), body }
        }
        error => error.into(),
    }
}

async fn say(socket: &mut WebSocketStream<TcpStream>, turn: u32) -> Result<(), Failure> {
    let message = Message::text(format!("message {turn}"));
    socket.send(message.clone()).await?;
    let heard = socket.next().await.ok_or(Failure::Ended)??;
    if heard == message { Ok(()) } else { Err(Failure::Garbled) }
}
