//! One key set, from one address: GET over HTTP/1.1, with bounds on everything.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, LOCATION, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::wanted::Source;

/// Why there are no keys. All of it is tried again; a person reads the text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("`{0}` is no address of HTTP or HTTPS")]
    Address(String),
    #[error("{address}: {reason}")]
    Exchange { address: Uri, reason: String },
    #[error("{address} answers {status}")]
    Status { address: Uri, status: u16 },
    #[error("{address} leads on and on, or from HTTPS to HTTP")]
    Redirects { address: Uri },
    #[error(
        "{address} is at {at}, an address of this machine or link-local: nobody's keys are there"
    )]
    Near { address: Uri, at: IpAddr },
    #[error("{address} holds no {what}")]
    Content { address: Uri, what: &'static str },
    #[error("no answer within {} ms", .0.as_millis())]
    Time(Duration),
}

/// Connects, and trusts the roots that it was given.
pub(crate) struct Fetcher {
    tls: TlsConnector,
    /// Whether it may connect to an address. A name may lead anywhere, and an answer to any name.
    may_reach: fn(IpAddr) -> bool,
}

/// Of a key set, or of what tells its address. Those of the largest issuers have some ten keys.
const BODY_MAX_BYTES: usize = 1 << 20;
const REDIRECTS_MAX: usize = 5;

impl Fetcher {
    /// # Errors
    ///
    /// When the cryptography does not offer what TLS needs.
    pub(crate) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), may_reach: is_far })
    }

    /// One that may also fetch from this machine.
    #[cfg(test)]
    pub(super) fn anywhere(roots: RootCertStore) -> Self {
        Self { may_reach: |_| true, ..Self::new(roots).unwrap() }
    }

    /// A JSON Web Key Set (RFC 7517) with a key at least.
    pub(super) async fn keys(
        &self,
        source: &Source,
        within: Duration,
    ) -> Result<String, FetchError> {
        let keys = async {
            let address = match source {
                Source::Address(address) => address.clone(),
                Source::Issuer(issuer) => self.discover(issuer).await?,
            };
            let (address, body) = self.get(&address).await?;
            let set: Value = serde_json::from_slice(&body).unwrap_or_default();
            let keys = set.get("keys").and_then(Value::as_array);
            let text = String::from_utf8(body.to_vec()).ok();
            text.filter(|_| keys.is_some_and(|keys| !keys.is_empty()))
                .ok_or(FetchError::Content { address, what: "keys" })
        };
        timeout(within, keys).await.map_err(|_| FetchError::Time(within))?
    }

    /// Source: `OpenID` Connect Discovery 1.0, 4.
    async fn discover(&self, issuer: &str) -> Result<String, FetchError> {
        let configuration =
            format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let (address, body) = self.get(&configuration).await?;
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        let keys = told.get("jwks_uri").and_then(Value::as_str).map(str::to_owned);
        match keys {
            Some(keys) if is_downgrade(&address, &parse(&keys)?) => {
                Err(FetchError::Redirects { address })
            }
            keys => keys.ok_or(FetchError::Content { address, what: "`jwks_uri`" }),
        }
    }

    /// The body at an address, and the address that it came from in the end.
    async fn get(&self, address: &str) -> Result<(Uri, Bytes), FetchError> {
        let mut address = parse(address)?;
        for _ in 0..=REDIRECTS_MAX {
            match self.get_once(&address).await? {
                Answer::Body(body) => return Ok((address, body)),
                Answer::Elsewhere(location) => {
                    let next = follow(&address, &location)?;
                    if is_downgrade(&address, &next) {
                        return Err(FetchError::Redirects { address });
                    }
                    address = next;
                }
            }
        }
        Err(FetchError::Redirects { address })
    }

    async fn get_once(&self, address: &Uri) -> Result<Answer, FetchError> {
        let failed = |error: &dyn std::fmt::Display| FetchError::Exchange {
            address: address.clone(),
            reason: error.to_string(),
        };
        let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
        let secure = address.scheme() == Some(&Scheme::HTTPS);
        let port = address.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let found: Vec<_> =
            lookup_host((host, port)).await.map_err(|error| failed(&error))?.collect();
        if let Some(near) = found.iter().find(|found| !(self.may_reach)(found.ip())) {
            return Err(FetchError::Near { address: address.clone(), at: near.ip() });
        }
        let stream = TcpStream::connect(&*found).await.map_err(|error| failed(&error))?;
        if !secure {
            return exchange(stream, address).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| failed(&error))?;
        exchange(stream, address).await
    }
}

fn is_downgrade(from: &Uri, to: &Uri) -> bool {
    from.scheme() == Some(&Scheme::HTTPS) && to.scheme() != from.scheme()
}

/// Not of this machine, where administration listens, nor link-local (RFC 3927, RFC 4291 §2.5.6), where clouds hand out credentials.
fn is_far(address: IpAddr) -> bool {
    !address.is_unspecified()
        && match address.to_canonical() {
            IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
            IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
        }
}

enum Answer {
    Body(Bytes),
    Elsewhere(String),
}

async fn exchange<S>(stream: S, address: &Uri) -> Result<Answer, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: &dyn std::fmt::Display| FetchError::Exchange {
        address: address.clone(),
        reason: error.to_string(),
    };
    let (mut sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    let path = address.path_and_query().map_or("/", PathAndQuery::as_str);
    let authority = address.authority().map_or("", |authority| authority.as_str());
    let request = Request::get(path)
        .header(HOST, authority)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("mesh/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(&error))?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        if let (true, Some(location)) = (status.is_redirection(), response.headers().get(LOCATION))
        {
            let location = location.to_str().map_err(|error| failed(&error))?;
            return Ok(Answer::Elsewhere(location.to_owned()));
        }
        if !status.is_success() {
            return Err(FetchError::Status { address: address.clone(), status: status.as_u16() });
        }
        let body = Limited::new(response.into_body(), BODY_MAX_BYTES).collect().await;
        Ok(Answer::Body(body.map_err(|error| failed(&error))?.to_bytes()))
    };
    tokio::pin!(answered);
    tokio::select! {
        answer = &mut answered => answer,
        // All that came is there to be read.
        _ = connection => answered.await,
    }
}

fn parse(address: &str) -> Result<Uri, FetchError> {
    let wrong = || FetchError::Address(address.to_owned());
    // What stands behind `#` is for readers of the answer.
    let without_fragment = address.split('#').next().unwrap_or_default();
    let uri: Uri = without_fragment.parse().map_err(|_| wrong())?;
    let known = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
    if known && uri.host().is_some_and(|host| !host.is_empty()) { Ok(uri) } else { Err(wrong()) }
}

/// Where `location` is, as seen from `address` (RFC 9110, 10.2.2): a whole address, or a path on the same host.
fn follow(address: &Uri, location: &str) -> Result<Uri, FetchError> {
    if !location.starts_with('/') || location.starts_with("//") {
        return parse(location);
    }
    let (scheme, authority) = (address.scheme_str(), address.authority());
    let (scheme, authority) = (scheme.unwrap_or("http"), authority.map_or("", |it| it.as_str()));
    parse(&format!("{scheme}://{authority}{location}"))
}

/// The roots that this machine trusts, from where its distribution keeps them; none: no HTTPS address can be fetched.
pub(crate) fn system_roots() -> RootCertStore {
    /// Debian, Red Hat, SUSE, Alpine.
    const BUNDLES: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    let mut roots = RootCertStore::empty();
    let bundle = BUNDLES.into_iter().map(Path::new).find(|path| path.is_file());
    let certificates = bundle.and_then(|path| CertificateDer::pem_file_iter(path).ok());
    roots.add_parsable_certificates(certificates.into_iter().flatten().flatten());
    if roots.is_empty() {
        tracing::info!("this machine trusts no authority: key sets cannot be fetched by HTTPS");
    }
    roots
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::ServerConfig;
    use rustls_pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const KEYS: &str = r#"{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}"#;
    const WITHIN: Duration = Duration::from_secs(10);

    fn plain() -> Fetcher {
        Fetcher::anywhere(RootCertStore::empty())
    }

    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
        mut stream: S,
        answer: impl Fn(&str) -> String,
    ) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => return,
            }
        }
        let request = String::from_utf8(request).unwrap();
        let path = request.split(' ').nth(1).unwrap();
        // The other side may have seen enough.
        let _ = stream.write_all(answer(path).as_bytes()).await;
        let _ = stream.shutdown().await;
    }

    /// Serves what `script` makes of the path and the server's own address; returns that.
    async fn serve(script: fn(&str, &str) -> String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let own = address.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, |path| script(path, &own)).await;
            }
        });
        address
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    fn shop(path: &str, own: &str) -> String {
        let elsewhere = |to: &str| format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\n\r\n");
        match path {
            "/keys" => ok(KEYS),
            "/moved" => elsewhere("/keys"),
            "/round" => elsewhere("/round"),
            "/realm/.well-known/openid-configuration" => {
                ok(&format!(r#"{{"jwks_uri": "{own}/keys"}}"#))
            }
            "/page" => ok("<html>"),
            "/none" => ok(r#"{"keys": []}"#),
            "/large" => ok(&" ".repeat(BODY_MAX_BYTES + 1)),
            _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
        }
    }

    async fn keys(fetcher: &Fetcher, address: String) -> Result<String, FetchError> {
        fetcher.keys(&Source::Address(address), WITHIN).await
    }

    #[tokio::test]
    async fn keys_come_from_their_address_or_where_it_leads() {
        let (fetcher, server) = (plain(), serve(shop).await);
        for path in ["keys", "moved", "keys#fragment"] {
            assert_eq!(keys(&fetcher, format!("{server}/{path}")).await.unwrap(), KEYS);
        }
        let issuer = Source::Issuer(format!("{server}/realm/"));
        assert_eq!(fetcher.keys(&issuer, WITHIN).await.unwrap(), KEYS);
    }

    #[tokio::test]
    async fn what_is_no_key_set_is_refused_with_the_reason() {
        let (fetcher, server) = (plain(), serve(shop).await);
        let refused =
            async |path: &str| keys(&fetcher, format!("{server}/{path}")).await.unwrap_err();
        assert!(matches!(refused("page").await, FetchError::Content { .. }));
        assert!(matches!(refused("none").await, FetchError::Content { .. }));
        assert!(matches!(refused("large").await, FetchError::Exchange { .. }));
        assert!(matches!(refused("round").await, FetchError::Redirects { .. }));
        assert!(matches!(refused("nothing").await, FetchError::Status { status: 404, .. }));
        let issuer = Source::Issuer(server.clone());
        let undiscovered = fetcher.keys(&issuer, WITHIN).await;
        assert!(matches!(undiscovered, Err(FetchError::Status { status: 404, .. })));
        let file = keys(&fetcher, "file:///etc/passwd".to_owned()).await;
        assert!(matches!(file, Err(FetchError::Address(_))));
    }

    #[tokio::test]
    async fn what_is_near_is_not_asked() {
        let (fetcher, server) = (Fetcher::new(RootCertStore::empty()).unwrap(), serve(shop).await);
        let asked = keys(&fetcher, format!("{server}/keys")).await;
        assert!(matches!(asked, Err(FetchError::Near { .. })), "{asked:?}");
        for (address, far) in [
            ("127.1.2.3", false),
            ("::ffff:127.0.0.1", false),
            ("0.0.0.0", false),
            ("169.254.169.254", false),
            ("fe80::1", false),
            ("10.0.0.1", true),
            ("2001:db8::1", true),
        ] {
            assert_eq!(is_far(address.parse().unwrap()), far, "{address}");
        }
        let uri = |text: &str| parse(text).unwrap();
        assert!(is_downgrade(&uri("https://a"), &uri("http://a")));
        assert!(!is_downgrade(&uri("http://a"), &uri("http://a")));
    }

    #[tokio::test]
    async fn who_does_not_answer_is_not_waited_for_longer_than_the_rule_allows() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/keys", listener.local_addr().unwrap());
        let within = Duration::from_millis(20);
        let fetched = plain().keys(&Source::Address(address), within).await;
        assert!(matches!(fetched, Err(FetchError::Time(_))), "{fetched:?}");
    }

    #[tokio::test]
    async fn over_https_the_server_must_prove_itself() {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}/keys", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, |_| ok(KEYS)).await;
                }
            }
        });
        let unknown = keys(&plain(), address.clone()).await;
        assert!(matches!(unknown, Err(FetchError::Exchange { .. })), "{unknown:?}");
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let trusting = Fetcher::anywhere(roots);
        assert_eq!(keys(&trusting, address).await.unwrap(), KEYS);
    }

    #[test]
    fn a_location_is_an_address_or_a_path() {
        let from: Uri = "https://a.test:8443/x/y?z".parse().unwrap();
        assert_eq!(follow(&from, "/k").unwrap().to_string(), "https://a.test:8443/k");
        assert_eq!(follow(&from, "https://b.test/k").unwrap().to_string(), "https://b.test/k");
        assert!(follow(&from, "//b.test/k").is_err());
    }
}
