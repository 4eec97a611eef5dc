//! TLS to servers outside the mesh.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::Response;
use mesh_proxy::cluster::{Cause, ConnectError};
use mesh_proxy::drain::Drain;
use mesh_proxy::http::{Body, HttpLimits, Version, serve};
use mesh_proxy::stream::Stream;
use mesh_proxy::tls::install_provider;
use mesh_snapshot::object::ClientTls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::bench::{Caller, at, shop};
use crate::pki::{Authority, Pair};
use crate::wire::{get, text};

/// Speaks HTTP/1.1 over TLS, and keeps the names that it was asked for.
async fn server(pair: &Pair) -> (SocketAddr, Rc<RefCell<Vec<String>>>) {
    let chain = CertificateDer::pem_slice_iter(pair.chain.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Rc::new(RefCell::new(Vec::new()));
    let names = Rc::clone(&asked);
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(Stream::from(stream)).await else { continue };
            let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
            names.borrow_mut().push(name);
            tokio::task::spawn_local(async move {
                let answer = |_| async { Ok(Response::new(Body::from("hello"))) };
                let stream = Stream::from(TlsStream::from(stream));
                let (limits, drain) = (HttpLimits::default(), Drain::default());
                let _ = serve(stream, Version::Http1, &limits, &drain, answer).await;
            });
        }
    });
    (address, asked)
}

fn calling(address: SocketAddr, ca: &Authority) -> (Caller, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ca.pem()).unwrap();
    let tls = ClientTls::Originate {
        sni: String::new(),
        subject_alt_names: [].into(),
        credential: None,
        authorities: None,
        ca_file: file.to_str().unwrap().to_owned(),
        certificate_file: String::new(),
        key_file: String::new(),
        skip_verify: false,
    };
    (Caller::of(shop(|spec| spec.policy.tls = tls), vec![at(address)]), folder)
}

#[tokio::test(flavor = "local")]
async fn hosts_that_prove_themselves_have_connections_of_their_own() {
    install_provider();
    let root = Authority::root();
    let (address, asked) = server(&root.server("*.example.com")).await;
    let (caller, _folder) = calling(address, &root);
    for host in ["a.example.com", "b.example.com:8443", "a.example.com"] {
        let mut request = get("/");
        request.headers_mut().insert("host", host.parse().unwrap());
        assert_eq!(text(caller.send(request).await.unwrap()).await, "hello");
    }
    assert_eq!(*asked.borrow(), ["a.example.com", "b.example.com"]);
    let mut request = get("/");
    request.headers_mut().insert("host", "elsewhere.test".parse().unwrap());
    let error = caller.send(request).await.unwrap_err();
    let is_tls = |cause: &Arc<ConnectError>| matches!(**cause, ConnectError::Tls(_));
    assert!(matches!(&error.cause, Cause::Connect(cause) if is_tls(cause)), "{error}");
}
