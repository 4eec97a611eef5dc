//! An operator's HTTP client.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::runtime::Running;

/// Status and body, as text.
pub(crate) async fn ask(admin: SocketAddr, path: &str) -> (u16, String) {
    send(admin, "GET", path, None, None).await
}

/// As an operator asks for something.
pub(crate) async fn order(control: &Running, path: &str, body: Option<Value>) -> (u16, String) {
    send(control.admin, "POST", path, Some(&control.operator), body).await
}

pub(crate) async fn send(
    admin: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> (u16, String) {
    let stream = TcpStream::connect(admin).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", admin.to_string())
        .header("content-type", "application/json")
        .body(Full::new(bytes::Bytes::from(body)))
        .unwrap();
    if let Some(token) = token {
        let shown = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", shown);
    }
    let response = client.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

pub(crate) async fn overview(admin: SocketAddr) -> Value {
    let (status, body) = ask(admin, "/v1/rollout").await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}
