//! Connections that stop being HTTP.

use http::{Request, Response, StatusCode};
use mesh_proxy::cluster::Resource;
use mesh_proxy::http::Version::Http1;
use mesh_proxy::http::{Body, Upgrade};

use super::bench::{Caller, Server, at, shop, until};
use crate::wire::{get, text};

#[tokio::test(flavor = "local")]
async fn a_tunnel_holds_its_connection_and_its_places_until_it_ends() {
    let server = Server::start(Http1, |mut request: Request<Body>| async move {
        let mut response = Response::new(Body::empty());
        if Upgrade::wanted(&request).is_some() {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("upgrade", "websocket".parse().unwrap());
            let side = mesh_proxy::http::Side::of_client(&mut request);
            tokio::task::spawn_local(async move { side.stream().await.map(drop) });
        }
        Ok(response)
    })
    .await;
    let caller = Caller::of(shop(|_| ()), vec![at(server.address)]);
    let mut asking = get("/chat");
    let fields = asking.headers_mut();
    fields.insert("connection", "upgrade".parse().unwrap());
    fields.insert("upgrade", "websocket".parse().unwrap());
    let upgrade = Upgrade::wanted(&asking).unwrap();
    asking.extensions_mut().insert(upgrade);
    let switched = caller.send(asking).await.unwrap();
    assert_eq!(switched.status(), StatusCode::SWITCHING_PROTOCOLS);
    let cluster = caller.shop();
    let used = || (cluster.used(Resource::Connections), cluster.used(Resource::Requests));
    assert_eq!(used(), (1, 1));
    text(caller.send(get("/")).await.unwrap()).await;
    assert_eq!(used(), (2, 1), "the tunnel's connection is no other request's");
    drop(switched);
    until(|| used() == (1, 0)).await;
}
