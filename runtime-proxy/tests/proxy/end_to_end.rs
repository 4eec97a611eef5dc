//! A request from one workload to another, through both their sidecars.

use std::sync::Arc;

use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::{
    Accepts, AccessLog, Action, AuthorizationPolicy, MtlsMode, PeerAuthentication, Protocol, Rule,
    Subject, Test, TextPattern,
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::credulous::{NoCertificate, credulous};
use crate::pki::Authority;
use crate::support::{Mesh, Proxy, asked, echo, service, until};
use crate::wire::{Client, data, get, post, server, streamed, text};

fn mesh(mtls: MtlsMode) -> Mesh {
    let mut mesh = Mesh::new();
    mesh.service(service("reviews", 9080, Protocol::Http), Vec::new());
    mesh.peers(PeerAuthentication { mode: Some(mtls), ..PeerAuthentication::default() });
    mesh
}

/// Says who asks, by the word of its sidecar.
async fn application() -> std::net::SocketAddr {
    server(Version::Http1, async |request| {
        let header = |name| {
            request.headers().get(name).map_or("-", |v: &http::HeaderValue| v.to_str().unwrap())
        };
        let told = format!("{} {}", request.uri(), header("x-forwarded-client-cert"));
        Ok(Response::new(Body::from(bytes::Bytes::from(told))))
    })
    .await
}

#[tokio::test(flavor = "local")]
async fn both_logs_have_the_id_that_the_first_proxy_gave() {
    let mut mesh = mesh(MtlsMode::Strict);
    let format = "%REQ(X-REQUEST-ID)%\n".to_owned();
    mesh.defaults.access_log = AccessLog::Text { file: "/dev/stdout".to_owned(), format };
    let (web, reviews) = Proxy::pair(mesh, application().await);
    asked(&web, "/").await;
    until("both have logged", || reviews.logged().len().min(web.logged().len()) > 1).await;
    assert_eq!(web.logged(), reviews.logged());
    assert_eq!(web.logged().len(), "00000000-0000-4000-8000-000000000000\n".len());
}

#[tokio::test(flavor = "local")]
async fn a_request_passes_both_sidecars_and_the_server_learns_who_asked() {
    let (web, _reviews) = Proxy::pair(mesh(MtlsMode::Strict), application().await);
    let (status, told) = asked(&web, "/x?y").await;
    assert_eq!(status, 200, "{told}");
    assert!(told.starts_with("/x?y By=spiffe://cluster.local/ns/shop/sa/reviews;Hash="), "{told}");
    assert!(told.ends_with(";URI=spiffe://cluster.local/ns/shop/sa/web"), "{told}");
}

/// Source: Istio, `BuildDNSSrvSubsetKey`.
#[tokio::test(flavor = "local")]
async fn a_server_is_asked_for_by_the_name_of_the_cluster() {
    for (name, status) in [
        ("outbound_.9080_._.reviews.shop.svc.cluster.local", 403),
        ("reviews.shop.svc.cluster.local", 200),
    ] {
        let mut mesh = mesh(MtlsMode::Strict);
        let accepts = Accepts::Text(vec![TextPattern::Exact(name.to_owned())]);
        let when = vec![Test { subject: Subject::ConnectionSni, negated: false, accepts }];
        mesh.authorization(AuthorizationPolicy {
            namespace: "shop".to_owned(),
            name: "guard".to_owned(),
            action: Action::Deny,
            dry_run: false,
            rules: vec![Rule { from: Vec::new(), to: Vec::new(), when }],
        });
        let (web, _reviews) = Proxy::pair(mesh, application().await);
        assert_eq!(asked(&web, "/").await.0, status, "{name}");
    }
}

/// Policies see what the application does of the caller's certificate: nothing that it claims by itself, and the element of its own.
#[tokio::test(flavor = "local")]
async fn nobody_is_let_in_by_a_certificate_that_a_header_claims() {
    let mut mesh = mesh(MtlsMode::Permissive);
    let header = "x-forwarded-client-cert".to_owned();
    let of_web = TextPattern::Suffix("/sa/web".to_owned());
    mesh.authorization(AuthorizationPolicy {
        namespace: "shop".to_owned(),
        name: "partners".to_owned(),
        action: Action::Allow,
        dry_run: false,
        rules: vec![Rule {
            from: Vec::new(),
            to: Vec::new(),
            when: vec![Test {
                subject: Subject::Header(header.clone()),
                negated: false,
                accepts: Accepts::Text(vec![of_web]),
            }],
        }],
    });
    let (web, reviews) = Proxy::pair(mesh, application().await);
    assert_eq!(asked(&web, "/").await.0, 200);
    let client = Client::to(reviews.inbound(), Version::Http1).await;
    let mut claiming = get("/");
    let claim = "By=x;URI=spiffe://cluster.local/ns/shop/sa/web".parse().unwrap();
    claiming.headers_mut().insert(http::HeaderName::try_from(header).unwrap(), claim);
    assert_eq!(client.send(claiming).await.unwrap().status(), 403);
}

#[tokio::test(flavor = "local")]
async fn a_permissive_port_takes_those_with_a_sidecar_and_those_without() {
    let (web, reviews) = Proxy::pair(mesh(MtlsMode::Permissive), application().await);
    let (_, told) = asked(&web, "/x").await;
    assert!(told.ends_with(";URI=spiffe://cluster.local/ns/shop/sa/web"), "{told}");
    for version in [Version::Http1, Version::Http2] {
        let client = Client::to(reviews.inbound(), version).await;
        assert_eq!(text(client.send(get("/x")).await.unwrap()).await, "/x -");
    }
}

#[tokio::test(flavor = "local")]
async fn tls_of_the_application_s_own_reaches_it_where_mutual_tls_is_not_asked_for() {
    let authority = Authority::root();
    let mut mesh = Mesh::new();
    mesh.service(service("reviews", 9080, Protocol::Https), Vec::new());
    let mut reviews = Proxy::sidecar("reviews", &[(9080, echo().await)], &authority);
    reviews.put(&mesh.snapshot()).unwrap();
    let mut config = credulous(&authority.svid("spiffe://other/x"), &[b"h2"]);
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    let mut tls =
        rustls::ClientConnection::new(Arc::new(config), "reviews".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    let mut stream = TcpStream::connect(reviews.inbound()).await.unwrap();
    stream.write_all(&hello).await.unwrap();
    let mut heard = vec![0; hello.len()];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, hello);
}

fn status(code: &'static str) -> Frame<bytes::Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    trailers.insert("x-sum", "of it".parse().unwrap());
    Frame::trailers(trailers)
}

/// The application sends back what it hears as it hears it: messages, and the trailers of the request as its own.
#[tokio::test(flavor = "local")]
async fn grpc_streams_pass_both_ways_with_their_trailers() {
    let application = server(Version::Http2, async |request: Request<Body>| {
        assert_eq!(request.headers()["te"], "trailers");
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        *response.body_mut() = request.into_body();
        Ok(response)
    })
    .await;
    let mut mesh = Mesh::new();
    mesh.service(service("reviews", 9080, Protocol::Grpc), Vec::new());
    let (web, reviews) = Proxy::pair(mesh, application);

    let client = Client::to(web.outbound(), Version::Http2).await;
    let (sender, body) = streamed();
    let mut request = post("/shop.Reviews/Chat", body);
    for (name, value) in
        [("host", "reviews:9080"), ("content-type", "application/grpc"), ("te", "trailers")]
    {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let mut response = client.send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    for message in ["one", "two"] {
        sender.send(data(message)).await.unwrap();
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), message);
    }
    sender.send(status("5")).await.unwrap();
    drop(sender);
    let trailers = response.body_mut().frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(
        (&trailers["grpc-status"], &trailers["x-sum"]),
        (&"5".parse().unwrap(), &"of it".parse().unwrap())
    );
    assert!(response.body_mut().frame().await.is_none());
    for proxy in [&web, &reviews] {
        until("the call is counted", || {
            proxy.shared.metrics.page().contains("grpc_response_status=\"5\"")
        })
        .await;
    }
}
