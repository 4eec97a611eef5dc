//! A mesh made in code, and proxies that serve it.

mod mesh;
mod reserved;
mod running;

pub(crate) use mesh::{Mesh, backend, forward, route, service, to};
pub(crate) use reserved::Reserved;
pub(crate) use running::{Proxy, closed, endpoint, opened};

use http::StatusCode;
use mesh_proxy::http::Version;

use crate::wire::{Client, get, text};

/// What the threads of a proxy do comes to be seen soon.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed().as_secs() < 20, "not in time: {what}");
        tokio::task::yield_now().await;
    }
}

/// What `reviews` answers where `web` asks for a path.
pub(crate) async fn asked(web: &Proxy, path: &str) -> (StatusCode, String) {
    let client = Client::to(web.outbound(), Version::Http1).await;
    let mut request = get(path);
    request.headers_mut().insert("host", "reviews:9080".parse().unwrap());
    let response = client.send(request).await.unwrap();
    (response.status(), text(response).await)
}

/// Says back what it hears.
pub(crate) async fn echo() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::task::spawn_local(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}
