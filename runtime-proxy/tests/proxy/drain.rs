//! How a proxy ends: what is under way is finished, and nothing new begins.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::Protocol;
use tokio::sync::mpsc;

use crate::pki::Authority;
use crate::support::{Mesh, Proxy, closed, service};
use crate::wire::{Client, data, get, server, streamed, text};

/// Longer than any of these tests takes.
const AMPLE: Duration = Duration::from_mins(1);

/// A sidecar before an application that begins an answer, hands over the means to go on with it, and says no more by itself.
async fn reviews() -> (Proxy, mpsc::Receiver<mpsc::Sender<http_body::Frame<bytes::Bytes>>>) {
    let (answers, answering) = mpsc::channel(8);
    let application = server(Version::Http1, move |_: Request<Body>| {
        let answers = answers.clone();
        async move {
            let (answer, body) = streamed();
            answers.send(answer).await.unwrap();
            Ok(Response::new(body))
        }
    })
    .await;
    let mut mesh = Mesh::new();
    mesh.service(service("reviews", 9080, Protocol::Http), Vec::new());
    let mut proxy = Proxy::sidecar("reviews", &[(9080, application)], &Authority::root());
    proxy.put(&mesh.snapshot()).unwrap();
    (proxy, answering)
}

/// Asks, and hears the beginning of the answer.
async fn asked(
    at: SocketAddr,
    version: Version,
    answering: &mut mpsc::Receiver<mpsc::Sender<http_body::Frame<bytes::Bytes>>>,
) -> (Client, Response<Body>, mpsc::Sender<http_body::Frame<bytes::Bytes>>) {
    let client = Client::to(at, version).await;
    let response = client.send(get("/")).await.unwrap();
    (client, response, answering.recv().await.unwrap())
}

#[tokio::test(flavor = "local")]
async fn an_answer_under_way_is_finished_and_nobody_new_is_let_in() {
    for version in [Version::Http1, Version::Http2] {
        let (proxy, mut answering) = reviews().await;
        let at = proxy.inbound();
        let (_client, response, answer) = asked(at, version, &mut answering).await;
        let drained = proxy.drain(AMPLE);
        closed(at).await;
        assert!(!drained.is_finished(), "an answer is under way");
        answer.send(data("whole")).await.unwrap();
        drop(answer);
        assert_eq!(text(response).await, "whole");
        drained.await.unwrap();
    }
}
