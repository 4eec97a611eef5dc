//! A peer that reads late gets the end of what it was sent, too.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use http_body_util::BodyExt;
use mesh_proxy::drain::Drain;
use mesh_proxy::http::{Body, HttpLimits, Version, http2, serve};
use mesh_proxy::stream::Stream;
use mesh_proxy::tls::alpn::Offer;
use mesh_proxy::tls::{Expected, MeshClient, MeshServer, SpiffeId, install_provider};
use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::pki::{Authority, trust};
use crate::wire::{get, streamed};

const SERVER: &str = "spiffe://cluster.local/ns/shop/sa/reviews";

/// Two ends of one connection within the mesh, over sockets that hold but a few kilobytes.
async fn narrow_tls() -> (Stream, Stream) {
    install_provider();
    let root = Authority::root();
    let identity = Arc::new(mesh_proxy::world::Watched::default());
    identity.set(root.svid(SERVER).identity(trust(&root)));
    let (client, server) = (MeshClient::new(Arc::clone(&identity)), MeshServer::new(identity));
    let (ours, theirs) = UnixStream::pair().unwrap();
    for end in [&ours, &theirs] {
        SockRef::from(end).set_send_buffer_size(4096).unwrap();
    }
    let name = ServerName::try_from("reviews").unwrap();
    let expected = Arc::new(Expected([SpiffeId::parse(SERVER).unwrap()].into()));
    let (client, server) = tokio::join!(
        client.connect(ours.into(), name, &expected, Offer::Http2),
        server.accept(theirs.into())
    );
    (client.unwrap().stream, server.unwrap().stream)
}

#[tokio::test(flavor = "local")]
async fn the_end_of_an_answer_over_tls_waits_for_a_late_reader() {
    let (ours, theirs) = narrow_tls().await;
    let (sender, body) = streamed();
    let body = std::cell::Cell::new(Some(body));
    tokio::task::spawn_local(async move {
        let handle = move |_| {
            let body = body.take().unwrap_or_else(Body::empty);
            async { Ok(Response::new(body)) }
        };
        let drain = Drain::default();
        serve(theirs, Version::Http2, &HttpLimits::default(), &drain, handle).await
    });
    let (client, mut driver) = http2(ours).await.unwrap();
    let answer = tokio::select! {
        answer = client.send(get("/")) => answer.unwrap(),
        () = &mut driver => panic!("the connection ended"),
    };

    // Nobody reads while the rest is written: more than the sockets hold, less than a TLS session does.
    let rest = Bytes::from(vec![7; 40 << 10]);
    sender.send(Frame::data(rest.clone())).await.unwrap();
    sender.reserve().await.unwrap(); // it has been taken
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    tokio::task::spawn_local(driver);
    let read = async {
        let mut body = answer.into_body();
        let mut read = 0;
        while read < rest.len() {
            read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
        }
    };
    timeout(Duration::from_secs(20), read).await.expect("the end of the answer comes");
}
