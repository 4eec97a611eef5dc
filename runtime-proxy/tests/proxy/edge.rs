//! A gateway, as clients outside see it.

use http::{Request, Response};
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::{
    Destination, Protocol, Server, ServerProtocol, ServerTls, VirtualHost,
};

use crate::pki::Authority;
use crate::support::{
    Mesh, Proxy, Reserved, backend, endpoint, forward, opened, route, service, to,
};
use crate::wire::{Client, get, server, text};

fn plain(hosts: &[&str], tls: ServerTls, virtual_hosts: Vec<VirtualHost>) -> Server {
    Server {
        port: 80,
        name: String::new(),
        protocol: ServerProtocol::Http,
        bind: None,
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        tls,
        virtual_hosts,
        stream_routes: None,
    }
}

/// A service `shop` that says what it was asked.
async fn shop(mesh: &mut Mesh) -> std::net::SocketAddr {
    mesh.service(service("shop", 8080, Protocol::Http), Vec::new());
    server(Version::Http1, async |request: Request<Body>| {
        let host = request.headers()["host"].to_str().unwrap();
        let told = format!("{host} {}", request.uri());
        Ok(Response::new(Body::from(bytes::Bytes::from(told))))
    })
    .await
}

fn asking(host: &str, path: &str) -> Request<Body> {
    let mut request = get(path);
    request.headers_mut().insert("host", host.parse().unwrap());
    request
}

#[tokio::test(flavor = "local")]
async fn requests_are_routed_by_host_or_redirected_to_https() {
    let mut mesh = Mesh::new();
    let application = shop(&mut mesh).await;
    let to_shop = route(forward(vec![backend(Destination { port: Some(8080), ..to("shop") }, 1)]));
    let open = mesh.virtual_host("shop.test", vec![to_shop]);
    mesh.gateway(
        "edge",
        vec![
            plain(&["shop.test"], ServerTls::Off, vec![open]),
            plain(&["safe.test"], ServerTls::Redirect, Vec::new()),
        ],
    );
    let port = Reserved::new();
    let mut edge = Proxy::gateway(&[(80, &port)], &Authority::root());
    edge.put(&mesh.snapshot()).unwrap();
    edge.learn("shop", vec![endpoint("shop", 8080, application)]);
    opened(&port).await;
    for version in [Version::Http1, Version::Http2] {
        let client = Client::to(port.at, version).await;
        let response = client.send(asking("shop.test", "/x?y")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(text(response).await, "shop.test /x?y");
        let response = client.send(asking("safe.test", "/x?y")).await.unwrap();
        assert_eq!(response.status(), 301);
        assert_eq!(response.headers()["location"], "https://safe.test/x?y");
        assert_eq!(client.send(asking("else.test", "/")).await.unwrap().status(), 404);
    }
}
