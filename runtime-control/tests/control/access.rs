//! Who gets in, as whom, and what operators are told.

use mesh_snapshot::wire::{self, ATTRIBUTES_OID, Attributes};
use serde_json::json;
use tonic::Code;

use crate::real::mesh::prepare_folder;
use crate::real::operator::{ask, order, overview, send};
use crate::real::proxy::{Credentials, bootstrap, channel, connect, sign};
use crate::real::runtime::{Running, config};
use crate::real::shop::{register, workload};
use crate::real::soon;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_as_somebody_else() {
    let folder = prepare_folder();
    let control = Running::start(config(folder.path()));
    let (address, roots) = (control.distribution, control.roots.as_str());
    let token = folder.path().join("bootstrap/shop/web-1/token");
    let own = bootstrap(address, roots, folder.path(), ("shop", "web-1")).await;
    let token = std::fs::read_to_string(token).unwrap();
    let again = sign(address, roots, &token, None).await;
    assert_eq!(again.err().map(|status| status.code()), Some(Code::PermissionDenied), "used up");
    let none = sign(address, roots, "", None).await;
    assert_eq!(none.err().map(|status| status.code()), Some(Code::PermissionDenied));

    let refused = |channel, hello: wire::Hello| async move {
        let first = vec![wire::from_proxy::Message::Hello(hello)];
        match connect(channel, first).await {
            Err(status) => status.code(),
            Ok((_say, mut heard)) => soon(heard.message()).await.unwrap_err().code(),
        }
    };
    let hello = |namespace: &str, name: &str, instance: &str| wire::Hello {
        protocol: wire::PROTOCOL,
        proxy: instance.to_owned(),
        workload: Some((&workload(namespace, name)).into()),
        ..wire::Hello::default()
    };
    let anonymous = channel(address, roots, None).await.unwrap();
    assert_eq!(refused(anonymous, hello("shop", "web", "web-1")).await, Code::Unauthenticated);
    let with = |own: &Credentials| {
        let own = own.clone();
        async move { channel(address, &own.roots, Some(&own)).await.unwrap() }
    };
    let cases = [
        (hello("bank", "web", "web-1"), Code::PermissionDenied),
        (hello("shop", "gateway", "gateway-1"), Code::PermissionDenied),
        (hello("shop", "web", "web-9"), Code::PermissionDenied),
        (wire::Hello { protocol: 99, ..hello("shop", "web", "web-1") }, Code::FailedPrecondition),
    ];
    for (hello, code) in cases {
        assert_eq!(refused(with(&own).await, hello.clone()).await, code, "{hello:?}");
    }
    let mut relabelled = workload("shop", "web");
    relabelled.labels.insert("app".to_owned(), "admin".to_owned());
    let hello =
        wire::Hello { workload: Some((&relabelled).into()), ..hello("shop", "web", "web-1") };
    assert_eq!(refused(with(&own).await, hello).await, Code::FailedPrecondition);
}

/// More of them than handshakes were ever done at once.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_say_nothing_keep_no_proxy_out() {
    let folder = prepare_folder();
    let control = Running::start(config(folder.path()));
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(tokio::net::TcpStream::connect(control.distribution).await.unwrap());
    }
    // Less than a handshake may take, after which the silent would be gone anyway.
    let within = std::time::Duration::from_secs(8);
    let (address, roots) = (control.distribution, control.roots.as_str());
    let signed = bootstrap(address, roots, folder.path(), ("shop", "web-1"));
    assert!(tokio::time::timeout(within, signed).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_for_certificates_without_end() {
    let folder = prepare_folder();
    let control = Running::start(config(folder.path()));
    let (address, roots) = (control.distribution, control.roots.as_str());
    let own = bootstrap(address, roots, folder.path(), ("shop", "web-1")).await;
    let other = bootstrap(address, roots, folder.path(), ("shop", "web-2")).await;
    let mut ended = Ok(own.clone());
    for _ in 0..1000 {
        ended = sign(address, roots, "", Some(&own)).await;
        if ended.is_err() {
            break;
        }
    }
    assert_eq!(ended.err().map(|status| status.code()), Some(Code::ResourceExhausted));
    sign(address, roots, "", Some(&other)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_renews_itself_and_another_authoritys_does_not() {
    let folder = prepare_folder();
    let control = Running::start(config(folder.path()));
    let (address, roots) = (control.distribution, control.roots.as_str());
    let own = bootstrap(address, roots, folder.path(), ("shop", "web-1")).await;
    let renewed = sign(address, roots, "", Some(&own)).await.unwrap();
    let identity = |credentials: &Credentials| {
        use rustls_pki_types::pem::PemObject as _;
        let der = rustls_pki_types::CertificateDer::from_pem_slice(credentials.chain.as_bytes());
        mesh_control::identity::Identity::of_certificate(&der.unwrap()).unwrap().to_string()
    };
    assert_eq!(identity(&renewed), "spiffe://cluster.local/ns/shop/sa/web");
    let elsewhere = prepare_folder();
    let other = Running::start(config(elsewhere.path()));
    let (there, theirs) = (other.distribution, other.roots.as_str());
    let foreign = bootstrap(there, theirs, elsewhere.path(), ("shop", "web-1")).await;
    let stranger = channel(address, roots, Some(&foreign)).await;
    if let Ok(channel) = stranger {
        // TLS 1.3 tells a client only with the first answer that its certificate was refused.
        let hello = wire::Hello { protocol: wire::PROTOCOL, ..wire::Hello::default() };
        assert!(connect(channel, vec![wire::from_proxy::Message::Hello(hello)]).await.is_err());
    }
}

/// What the certificate says of its holder.
fn told(credentials: &Credentials) -> Attributes {
    use rustls_pki_types::pem::PemObject as _;
    let der = rustls_pki_types::CertificateDer::from_pem_slice(credentials.chain.as_bytes());
    let der = der.unwrap();
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
    let oid = x509_parser::oid_registry::Oid::from(&ATTRIBUTES_OID).unwrap();
    let extension = certificate.get_extension_unique(&oid).unwrap().unwrap();
    Attributes::decode(extension.value).unwrap()
}

/// Two workloads share a service account: the one is not taken for the other, and no renewal forgets which it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_says_of_which_workload_it_is_and_so_does_the_one_after_it() {
    let folder = prepare_folder();
    let mut second = workload("shop", "web");
    "web-v2".clone_into(&mut second.name);
    second.labels.insert("version".to_owned(), "v2".to_owned());
    register(&folder.path().join("registry"), &second, "web-v2-1", 20_001);
    let control = Running::start(config(folder.path()));
    let (address, roots) = (control.distribution, control.roots.as_str());
    for (instance, workload, version) in
        [("web-1", "web", None), ("web-v2-1", "web-v2", Some("v2"))]
    {
        let first = bootstrap(address, roots, folder.path(), ("shop", instance)).await;
        let renewed = sign(address, roots, "", Some(&first)).await.unwrap();
        let again = sign(address, roots, "", Some(&renewed)).await.unwrap();
        for credentials in [first, renewed, again] {
            let told = told(&credentials);
            assert_eq!((told.workload.as_str(), told.instance.as_str()), (workload, instance));
            assert_eq!(told.labels.get("version").map(String::as_str), version);
            assert_eq!(told.cluster, "Kubernetes");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_answered() {
    let folder = prepare_folder();
    let control = Running::start(config(folder.path()));
    let admin = control.admin;
    assert_eq!(ask(admin, "/ready").await, (200, "ready\n".to_owned()));
    assert!(ask(admin, "/version").await.1.contains("mesh-control"));
    let (status, metrics) = ask(admin, "/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.contains("mesh_control_term 1\n"), "{metrics}");
    assert_eq!(order(&control, "/v1/rollout/abort", None).await.0, 409);
    assert_eq!(order(&control, "/v1/rollout/pause", None).await.0, 200);
    assert_eq!(order(&control, "/v1/rollout/dance", None).await.0, 404);
    assert_eq!(order(&control, "/v1/rollout/lift", None).await.0, 400);
    assert_eq!(overview(admin).await["paused"], true);
    let wanted = Some(json!({"namespace": "shop", "instance": "web-1"}));
    let (status, token) = order(&control, "/v1/tokens", wanted).await;
    assert_eq!(status, 200);
    let token: serde_json::Value = serde_json::from_str(&token).unwrap();
    let token = token["token"].as_str().unwrap();
    sign(control.distribution, &control.roots, token, None).await.unwrap();
    let unknown = Some(json!({"namespace": "shop", "instance": "nobody"}));
    assert_eq!(order(&control, "/v1/tokens", unknown).await.0, 404);
}

/// Whoever runs on the machine can reach the port, and must not become any workload by it, or take releases back.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_show_the_operators_token_changes_nothing_and_becomes_nobody() {
    let folder = prepare_folder();
    let control = Running::start(config(folder.path()));
    let wanted = json!({"namespace": "shop", "instance": "web-1"});
    for path in ["/v1/tokens", "/v1/rollout/pause", "/v1/rollout/undo"] {
        for token in [None, Some(""), Some("0".repeat(64).as_str())] {
            let body = (path == "/v1/tokens").then(|| wanted.clone());
            let (status, told) = send(control.admin, "POST", path, token, body).await;
            assert_eq!(status, 401, "{path}");
            assert!(told.contains("state/operator-token"), "{told}");
        }
    }
    assert_eq!(overview(control.admin).await["paused"], false);
    let token = std::fs::read_to_string(folder.path().join("state/operator-token")).unwrap();
    let paused = send(control.admin, "POST", "/v1/rollout/pause", Some(&token), None).await;
    assert_eq!(paused.0, 200, "{}", paused.1);
}
