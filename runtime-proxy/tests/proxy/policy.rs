//! Who may come in, and how.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::{
    Accepts, AccessLog, Action, AuthorizationPolicy, JwtKeys, JwtRule, Microseconds, MtlsMode,
    PeerAuthentication, Protocol, RequestAuthentication, Rule, Subject, Test, TextPattern,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::credulous::{NoCertificate, credulous};
use crate::pki::Authority;
use crate::support::{Mesh, Proxy, echo, service, until};
use crate::wire::{Client, get, server, text};

fn policy(action: Action, subject: Subject, accepts: TextPattern) -> AuthorizationPolicy {
    let test = Test { subject, negated: false, accepts: Accepts::Text(vec![accepts]) };
    AuthorizationPolicy {
        namespace: "shop".to_owned(),
        name: "guard".to_owned(),
        action,
        dry_run: false,
        rules: vec![Rule { from: Vec::new(), to: Vec::new(), when: vec![test] }],
    }
}

/// A sidecar before an application that says which headers it got.
async fn reviews(mesh: Mesh, protocol: Protocol) -> Proxy {
    let application = match protocol {
        Protocol::Tcp => echo().await,
        _ => {
            server(Version::Http1, async |request: Request<Body>| {
                let names: Vec<_> =
                    request.headers().keys().map(http::HeaderName::as_str).collect();
                let told = format!("{} {}", request.uri(), names.join(","));
                Ok(Response::new(Body::from(bytes::Bytes::from(told))))
            })
            .await
        }
    };
    let mut mesh = mesh;
    mesh.service(service("reviews", 9080, protocol), Vec::new());
    let mut proxy = Proxy::sidecar("reviews", &[(9080, application)], &Authority::root());
    proxy.put(&mesh.snapshot()).unwrap();
    proxy
}

#[tokio::test(flavor = "local")]
async fn a_denial_says_so_and_nothing_more() {
    let mut mesh = Mesh::new();
    mesh.authorization(policy(
        Action::Deny,
        Subject::Path,
        TextPattern::Prefix("/admin".to_owned()),
    ));
    let proxy = reviews(mesh, Protocol::Http).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    let response = client.send(get("/x/../admin/users")).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(text(response).await, "RBAC: access denied");
    assert_eq!(client.send(get("/shop")).await.unwrap().status(), 200);
    let report = proxy.health.report();
    assert_eq!((report[0].requests, report[0].denied, report[0].failed), (2, 1, 0));
}

#[tokio::test(flavor = "local")]
async fn a_denial_is_logged_with_an_id_by_which_it_can_be_found() {
    let mut mesh = Mesh::new();
    mesh.authorization(policy(Action::Deny, Subject::Path, TextPattern::Prefix("/".to_owned())));
    let format = "%RESPONSE_CODE% %ROUTE_NAME% %REQ(X-REQUEST-ID)%\n".to_owned();
    mesh.defaults.access_log = AccessLog::Text { file: "/dev/stdout".to_owned(), format };
    let proxy = reviews(mesh, Protocol::Http).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    assert_eq!(client.send(get("/")).await.unwrap().status(), StatusCode::FORBIDDEN);
    until("it has been logged", || proxy.logged().ends_with('\n')).await;
    let line = proxy.logged();
    let id = line.trim_end().strip_prefix("403 default ").unwrap();
    assert_eq!(id.len(), 36, "{line}");
}

#[tokio::test(flavor = "local")]
async fn grpc_clients_hear_of_it_in_their_terms() {
    let mut mesh = Mesh::new();
    mesh.authorization(policy(Action::Deny, Subject::Path, TextPattern::Prefix("/".to_owned())));
    let proxy = reviews(mesh, Protocol::Grpc).await;
    let client = Client::to(proxy.inbound(), Version::Http2).await;
    let mut request = get("/shop.Reviews/List");
    request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    let response = client.send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "7");
    assert_eq!(response.headers()["grpc-message"], "RBAC: access denied");
}

#[tokio::test(flavor = "local")]
async fn plain_text_is_closed_where_identity_is_asked_for() {
    let mut mesh = Mesh::new();
    mesh.peers(PeerAuthentication {
        mode: Some(MtlsMode::Strict),
        ..PeerAuthentication::default()
    });
    let proxy = reviews(mesh, Protocol::Http).await;
    let mut stream = TcpStream::connect(proxy.inbound()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{answer:?}");
}

#[tokio::test(flavor = "local")]
async fn a_connection_made_before_identity_was_asked_for_is_refused_then() {
    let mut proxy = reviews(Mesh::new(), Protocol::Http).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    assert_eq!(client.send(get("/")).await.unwrap().status(), 200);
    let mut strict = Mesh::new();
    strict.service(service("reviews", 9080, Protocol::Http), Vec::new());
    strict.peers(PeerAuthentication {
        mode: Some(MtlsMode::Strict),
        ..PeerAuthentication::default()
    });
    proxy.put(&strict.snapshot()).unwrap();
    assert_eq!(client.send(get("/")).await.unwrap().status(), 403);
}

#[tokio::test(flavor = "local")]
async fn tcp_is_judged_by_what_it_shows() {
    let talk = async |proxy: &Proxy| {
        let mut stream = TcpStream::connect(proxy.inbound()).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await.map(|_| answer)
    };
    let open = reviews(Mesh::new(), Protocol::Tcp).await;
    assert_eq!(&talk(&open).await.unwrap(), b"hello");
    let mut mesh = Mesh::new();
    let owner = TextPattern::Exact("cluster.local/ns/shop/sa/web".to_owned());
    mesh.authorization(policy(Action::Allow, Subject::Principal, owner));
    let closed = reviews(mesh, Protocol::Tcp).await;
    assert!(talk(&closed).await.is_err(), "nobody has proved to be web");
}

#[tokio::test(flavor = "local")]
async fn tls_that_passes_is_judged_by_the_name_that_it_asks_for() {
    let mut mesh = Mesh::new();
    let closed = TextPattern::Exact("closed.test".to_owned());
    mesh.authorization(policy(Action::Deny, Subject::ConnectionSni, closed));
    let proxy = reviews(mesh, Protocol::Tcp).await;
    let ask = async |name: &'static str| {
        let mut config = credulous(&Authority::root().svid("spiffe://other/x"), &[]);
        config.client_auth_cert_resolver = Arc::new(NoCertificate);
        let mut tls =
            rustls::ClientConnection::new(Arc::new(config), name.try_into().unwrap()).unwrap();
        let mut hello = Vec::new();
        tls.write_tls(&mut hello).unwrap();
        let mut stream = TcpStream::connect(proxy.inbound()).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        let mut heard = vec![0; hello.len()];
        stream.read_exact(&mut heard).await.is_ok()
    };
    assert!(ask("open.test").await);
    assert!(!ask("Closed.test").await, "the application has heard it");
}

/// Whose tokens are believed: those of `a`, in the parameter `token`.
fn rule() -> JwtRule {
    JwtRule {
        issuer: "a".to_owned(),
        audiences: Vec::new(),
        // One secret, `secret`, named `k`.
        keys: JwtKeys::Inline(r#"{"keys":[{"kty":"oct","kid":"k","k":"c2VjcmV0"}]}"#.to_owned()),
        from_headers: Vec::new(),
        from_parameters: vec!["token".to_owned()],
        from_cookies: Vec::new(),
        payload_header: "x-payload".to_owned(),
        claim_headers: Vec::new(),
        forward_token: false,
        fetch_timeout: Microseconds::from_secs(5),
        space_delimited_claims: Vec::new(),
        required: false,
    }
}

#[tokio::test(flavor = "local")]
async fn tokens_are_verified_and_kept_from_the_application() {
    let mut mesh = Mesh::new();
    mesh.authentication(RequestAuthentication { rules: vec![rule()] });
    let proxy = reviews(mesh, Protocol::Http).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    // {"alg":"HS256","kid":"k"}.{"iss":"a"}, signed by `secret`.
    let good = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJhIn0.yV_2ANRom7xEuKo9gHDIQkjJ3vmebyzaNIgGXl0N6HY";
    let mut forged = get("/?x=1");
    forged.headers_mut().insert("x-payload", "mine".parse().unwrap());
    assert!(!text(client.send(forged).await.unwrap()).await.contains("x-payload"));
    let told = text(client.send(get(&format!("/?token={good}&x=1"))).await.unwrap()).await;
    assert!(told.starts_with("/?x=1 ") && told.contains("x-payload"), "{told}");
    let refused = client.send(get("/?token=rubbish")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let asked = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert_eq!(asked, "Bearer realm=\"http://shop/\", error=\"invalid_token\"");
    assert!(text(refused).await.starts_with("Jwt "));
}

/// With keys as in [`rule`], but for the last.
const VALID_UNTIL_2100: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJhIiwic3ViIjoibWUiLCJleHAiOjQxMDI0NDQ4MDB9.syjSswsQNl_WjZf6v7t4erkDvvam0KukJyWU00ozQvI";
const VALID_UNTIL_1970: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJhIiwic3ViIjoibWUiLCJleHAiOjF9.zSohF2Sd3fqjRKf527BIKEccr86xpG7xgAnjZoyre-g";
const OF_ISSUER_B: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJiIiwic3ViIjoibWUifQ.zvSKRrQkiKMAy9BVFktRtObjq32SeDTXweHY2fwTn1M";
const BY_ANOTHER_KEY: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJhIiwic3ViIjoibWUifQ.u82UqeGr-BS8tjReHmNh_rB5UZcLlc0UVAkuhNflyX8";

#[tokio::test(flavor = "local")]
async fn who_has_no_valid_token_is_told_why_and_who_has_none_is_refused() {
    let mut mesh = Mesh::new();
    mesh.authentication(RequestAuthentication { rules: vec![rule()] });
    let me = TextPattern::Exact("a/me".to_owned());
    mesh.authorization(policy(Action::Allow, Subject::RequestPrincipal, me));
    let proxy = reviews(mesh, Protocol::Http).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    let asked = async |query: &str| {
        let response = client.send(get(&format!("/{query}"))).await.unwrap();
        (response.status().as_u16(), text(response).await)
    };
    let with = |token: &str| format!("?token={token}");
    assert_eq!(asked(&with(VALID_UNTIL_2100)).await.0, 200);
    let refusals = [
        (with(VALID_UNTIL_1970), 401, "Jwt is expired"),
        (with(OF_ISSUER_B), 401, "Jwt issuer is not configured"),
        (with(BY_ANOTHER_KEY), 401, "Jwt verification fails"),
        (String::new(), 403, "RBAC: access denied"),
    ];
    for (query, status, text) in refusals {
        assert_eq!(asked(&query).await, (status, text.to_owned()), "{query}");
    }
}

#[tokio::test(flavor = "local")]
async fn a_request_for_two_hosts_or_none_is_refused() {
    let proxy = reviews(Mesh::new(), Protocol::Http).await;
    for head in ["host: a\r\nhost: b\r\n", "", "host: u@a\r\n", "host: a\r\nx: \r\n"] {
        let mut stream = TcpStream::connect(proxy.inbound()).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\n{head}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let expected = if head.contains("x:") { "HTTP/1.1 200" } else { "HTTP/1.1 400" };
        assert!(answer.starts_with(expected), "{head}: {answer}");
    }
}
