//! A request from one workload to another, through both their sidecars.

use http::Response;
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::{MtlsMode, PeerAuthentication, Protocol};

use crate::pki::Authority;
use crate::support::{Mesh, Proxy, service};
use crate::wire::{Client, get, server, text};

fn mesh(mtls: MtlsMode) -> Mesh {
    let mut mesh = Mesh::new();
    mesh.service(service("reviews", 9080, Protocol::Http), Vec::new());
    mesh.peers(PeerAuthentication { mode: Some(mtls), ..PeerAuthentication::default() });
    mesh
}

#[tokio::test(flavor = "local")]
async fn a_request_passes_both_sidecars_and_the_server_learns_who_asked() {
    let application = server(Version::Http1, async |request| {
        let header = |name| {
            request.headers().get(name).map_or("-", |v: &http::HeaderValue| v.to_str().unwrap())
        };
        let told = format!("{} {}", request.uri(), header("x-forwarded-client-cert"));
        Ok(Response::new(Body::from(bytes::Bytes::from(told))))
    })
    .await;
    let authority = Authority::root();
    let snapshot = mesh(MtlsMode::Strict).snapshot();
    let mut reviews = Proxy::sidecar("reviews", &[(9080, application)], &authority);
    let mut web = Proxy::sidecar("web", &[], &authority);
    reviews.put(&snapshot).unwrap();
    web.put(&snapshot).unwrap();
    web.learn("reviews", vec![reviews.endpoint(9080)]);

    let client = Client::to(web.outbound(), Version::Http1).await;
    let mut request = get("/x?y");
    request.headers_mut().insert("host", "reviews:9080".parse().unwrap());
    let response = client.send(request).await.unwrap();
    let status = response.status();
    let told = text(response).await;
    assert_eq!(status, 200, "{told}");
    assert!(told.starts_with("/x?y By=spiffe://cluster.local/ns/shop/sa/reviews;Hash="), "{told}");
    assert!(told.ends_with(";URI=spiffe://cluster.local/ns/shop/sa/web"), "{told}");
}
