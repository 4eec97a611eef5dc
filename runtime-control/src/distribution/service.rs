//! The two gRPC services. Written out: two methods need no generator.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request as HttpRequest, Response as HttpResponse};
use mesh_snapshot::wire::{FromProxy, SignRequest, SignResponse};
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService, StreamingService, UnaryService};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::codec::{Frame, FrameCodec};
use super::crowd::network;
use super::{REQUEST_MAX_BYTES, Shared, presence, reader};
use crate::clock;
use crate::identity::{self, Holder};

type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse<Body>, Infallible>> + Send>>;

/// `mesh.v1.Identity`.
#[derive(Clone)]
pub(super) struct Identity {
    shared: Arc<Shared>,
}

/// `mesh.v1.Distribution`.
#[derive(Clone)]
pub(super) struct Distribution {
    shared: Arc<Shared>,
}

impl Identity {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Distribution {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl NamedService for Identity {
    const NAME: &'static str = "mesh.v1.Identity";
}

impl NamedService for Distribution {
    const NAME: &'static str = "mesh.v1.Distribution";
}

impl Service<HttpRequest<Body>> for Identity {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Answer {
        let sign = Sign(self.shared.clone());
        Box::pin(async move {
            if request.uri().path() != "/mesh.v1.Identity/Sign" {
                return Ok(unknown());
            }
            let codec = ProstCodec::<SignResponse, SignRequest>::default();
            let mut grpc = Grpc::new(codec).max_decoding_message_size(REQUEST_MAX_BYTES);
            Ok(grpc.unary(sign, request).await)
        })
    }
}

impl Service<HttpRequest<Body>> for Distribution {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Answer {
        let connect = Connect(self.shared.clone());
        Box::pin(async move {
            if request.uri().path() != "/mesh.v1.Distribution/Connect" {
                return Ok(unknown());
            }
            let mut grpc = Grpc::new(FrameCodec).max_decoding_message_size(REQUEST_MAX_BYTES);
            Ok(grpc.streaming(connect, request).await)
        })
    }
}

fn unknown() -> HttpResponse<Body> {
    Status::unimplemented("no such method").into_http()
}

/// Who is at the other end, by a certificate that the mesh's authority issued.
fn peer<T>(request: &Request<T>) -> Result<Option<Holder>, Status> {
    let connection = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
    let certificates = connection.and_then(TlsConnectInfo::peer_certs);
    let Some(certificate) = certificates.as_deref().and_then(|certificates| certificates.first())
    else {
        return Ok(None);
    };
    let holder = Holder::of_certificate(certificate);
    holder.map(Some).map_err(|error| Status::unauthenticated(error.to_string()))
}

struct Sign(Arc<Shared>);

impl UnaryService<SignRequest> for Sign {
    type Response = SignResponse;
    type Future = Pin<Box<dyn Future<Output = Result<Response<SignResponse>, Status>> + Send>>;

    fn call(&mut self, request: Request<SignRequest>) -> Self::Future {
        let shared = self.0.clone();
        Box::pin(async move {
            let peer = peer(&request)?;
            let often = || Status::resource_exhausted("too many requests in a short time");
            if !is_in_time(&shared, peer.as_ref(), &request) {
                return Err(often());
            }
            let request = request.into_inner();
            let place = shared.signing.clone().acquire_owned().await.map_err(|_| often())?;
            let shared = shared.clone();
            // Keys and files, so not on a thread of the runtime.
            let signed = tokio::task::spawn_blocking(move || {
                // Also when whoever asked has gone.
                let _place = place;
                sign(&shared, peer, &request)
            });
            signed.await.map_err(|_| Status::unavailable("stopping"))?.map(Response::new)
        })
    }
}

/// Who has a certificate is known by it, and everybody else by where they are.
fn is_in_time<T>(shared: &Shared, peer: Option<&Holder>, request: &Request<T>) -> bool {
    if let Some(peer) = peer {
        return shared.renewals.admit(peer);
    }
    let connection = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
    let from = connection.and_then(|connection| connection.get_ref().remote_addr());
    from.is_none_or(|from| shared.first_certificates.admit(&network(from.ip())))
}

/// A certificate renews itself as long as the registry knows whose it is; who has none needs a token. Why that does not count is in the log alone.
fn sign(
    shared: &Shared,
    peer: Option<Holder>,
    request: &SignRequest,
) -> Result<SignResponse, Status> {
    let now = clock::wall();
    let refused = |reason: &dyn std::fmt::Display| {
        tracing::warn!("a certificate was refused: {reason}");
        Status::permission_denied("the certificate is refused")
    };
    // A token counts once: it is not used up for a request that comes to nothing.
    let key = identity::Request::read(&request.csr).map_err(|error| refused(&error))?;
    let holder = match peer {
        Some(peer) if peer.identity.trust_domain != shared.trust_domain => {
            return Err(refused(&format!("{} is of another trust domain", peer.identity)));
        }
        Some(peer) if !shared.presence.knows(&peer.identity) => return Err(gone(&peer)),
        Some(peer) => peer,
        None => {
            let bearer = shared.tokens.take(&request.token, now).map_err(|it| refused(&it))?;
            Holder::of_token(bearer, &shared.trust_domain)
        }
    };
    let attributes = holder.attributes(&shared.world.borrow());
    let lifetime = Duration::from_secs(request.lifetime_seconds);
    let svid = shared.authority.sign(&key, &holder.identity, attributes.as_ref(), lifetime, now);
    let svid = svid.map_err(|error| refused(&error))?;
    tracing::info!(identity = %holder.identity, "certified");
    Ok(SignResponse {
        certificate_chain: svid.chain.into_bytes(),
        roots: shared.roots.clone().into_bytes(),
        trust_domain: shared.trust_domain.clone(),
    })
}

/// It has proved who it is, so it may know why.
fn gone(peer: &Holder) -> Status {
    let identity = &peer.identity;
    tracing::warn!(%identity, "a renewal was refused: the registry knows no instance of it");
    let minutes = presence::GRACE.as_secs() / 60;
    let reason = format!("the registry has known no instance of {identity} for {minutes} minutes");
    Status::permission_denied(reason)
}

struct Connect(Arc<Shared>);

impl StreamingService<FromProxy> for Connect {
    type Response = Frame;
    type ResponseStream = ReceiverStream<Result<Frame, Status>>;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<Self::ResponseStream>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<FromProxy>>) -> Self::Future {
        let shared = self.0.clone();
        Box::pin(async move {
            let Some(peer) = peer(&request)? else {
                return Err(Status::unauthenticated("a certificate of the mesh is needed"));
            };
            if peer.identity.trust_domain != shared.trust_domain {
                return Err(Status::permission_denied("of another trust domain"));
            }
            Ok(Response::new(reader::open(shared, peer.identity, request.into_inner())))
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use tokio::sync::watch;
    use tokio_util::sync::CancellationToken;
    use tonic::Code;

    use super::*;
    use crate::conductor::Conducting;
    use crate::identity::{Authority, Bearer, Lifetimes, Tokens};
    use crate::journal::Journal;
    use crate::problems::Problems;
    use crate::rollout::Policy;
    use crate::store::Store;

    fn shared(folder: &std::path::Path) -> Arc<Shared> {
        let (journal, entries) = Journal::open(folder).unwrap();
        let store = Arc::new(Store::open(&folder.join("snapshots")).unwrap().0);
        let (policy, problems) = (Policy::default(), Problems::default());
        let (conductor, _) =
            Conducting::recover(journal, entries, policy, store.clone(), problems, None);
        let (lifetimes, now) = (Lifetimes::default(), clock::wall());
        let authority =
            Authority::open(&folder.join("authority"), "cluster.local", lifetimes, now).unwrap();
        let tokens = Tokens::open(&folder.join("tokens")).unwrap();
        let world = watch::channel(Arc::default()).1;
        let stop = CancellationToken::new();
        Shared::new("c".to_owned(), Arc::new(authority), tokens, store, world, conductor, stop)
    }

    #[tokio::test(start_paused = true)]
    async fn whom_the_registry_has_not_known_for_a_while_gets_no_other_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let shared = shared(folder.path());
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
        let request = SignRequest { csr, ..SignRequest::default() };
        let bearer = Bearer {
            namespace: "shop".to_owned(),
            service_account: "web".to_owned(),
            instance: "web-1".to_owned(),
        };
        let renew = || {
            let holder = Holder::of_token(bearer.clone(), "cluster.local");
            sign(&shared, Some(holder), &request)
        };
        assert!(renew().is_ok(), "it may be registered soon");
        tokio::time::sleep(presence::GRACE).await;
        let refused = renew().unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(refused.message().contains("spiffe://cluster.local/ns/shop/sa/web"), "{refused}");
    }
}
