//! A control runtime that does what a test says, over real sockets, TLS and gRPC.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_proxy::agent::walk::walk;
use mesh_snapshot::wire::{
    self, FromProxy, PROTOCOL, SignRequest, SignResponse, ToProxy, from_proxy, to_proxy,
};
use mesh_snapshot::{Digest, ReadObjects as _, Snapshot};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::server::{Grpc, StreamingService, UnaryService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

use super::authority::{Authority, CONTROL};
use super::mesh;

/// Longer than anything takes; only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the authority is asked, whether over a connection with a certificate, and what it answers.
pub type Signer = Arc<dyn Fn(SignRequest, bool) -> Result<SignResponse, Status> + Send + Sync>;

pub struct Control {
    pub address: SocketAddr,
    streams: mpsc::Receiver<Stream>,
    server: JoinHandle<()>,
    /// Who it proves to be, from the next connection on.
    pub tls: Arc<Mutex<Arc<rustls::ServerConfig>>>,
    /// Connections that came to nothing, because one side did not believe the other.
    pub refused: Arc<AtomicU64>,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Control {
    pub async fn start(authority: &Authority, signer: Signer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, authority, signer)
    }

    /// At the address that an earlier one had.
    pub fn start_at(address: SocketAddr, authority: &Authority, signer: Signer) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        Self::serve(socket.listen(16).unwrap(), authority, signer)
    }

    fn serve(listener: TcpListener, authority: &Authority, signer: Signer) -> Self {
        let address = listener.local_addr().unwrap();
        let (opened, streams) = mpsc::channel(16);
        let tls = Arc::new(Mutex::new(authority.tls(CONTROL)));
        let service = Service { opened, signer };
        let refused = Arc::<AtomicU64>::default();
        let server =
            tokio::spawn(accept(listener, Arc::clone(&tls), Arc::clone(&refused), service));
        Self { address, streams, server, tls, refused }
    }

    /// Dies, with all its connections; where it was.
    pub async fn kill(mut self) -> SocketAddr {
        self.server.abort();
        let _ = (&mut self.server).await;
        self.address
    }

    /// The next stream that a proxy opens.
    pub async fn stream(&mut self) -> Stream {
        within(self.streams.recv()).await.expect("the server is running")
    }
}

/// What must happen soon.
pub async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it takes too long")
}

/// Waits until something holds that nobody tells of.
pub async fn until(is: impl Fn() -> bool) {
    within(async {
        while !is() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn accept(
    listener: TcpListener,
    tls: Arc<Mutex<Arc<rustls::ServerConfig>>>,
    refused: Arc<AtomicU64>,
    service: Service,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let acceptor = TlsAcceptor::from(Arc::clone(&tls.lock().unwrap()));
        let service = service.clone();
        let refused = Arc::clone(&refused);
        connections.spawn(async move {
            let Ok(tls) = acceptor.accept(tcp).await else {
                refused.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let proved = tls.get_ref().1.peer_certificates().is_some();
            let answer = service_fn(move |request| service.clone().answer(request, proved));
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(tls), answer)
                .await;
        });
    }
}

#[derive(Clone)]
struct Service {
    opened: mpsc::Sender<Stream>,
    signer: Signer,
}

impl Service {
    async fn answer(
        self,
        request: Request<Incoming>,
        proved: bool,
    ) -> Result<Response<Body>, Infallible> {
        Ok(match request.uri().path() {
            "/mesh.v1.Identity/Sign" => {
                let codec = ProstCodec::<SignResponse, SignRequest>::new();
                Grpc::new(codec).unary(Sign { signer: self.signer, proved }, request).await
            }
            "/mesh.v1.Distribution/Connect" if proved => {
                let codec = ProstCodec::<ToProxy, FromProxy>::new();
                Grpc::new(codec).streaming(Connect(self.opened), request).await
            }
            _ => Status::unauthenticated("who is this").into_http(),
        })
    }
}

struct Sign {
    signer: Signer,
    proved: bool,
}

impl UnaryService<SignRequest> for Sign {
    type Response = SignResponse;
    type Future = std::future::Ready<Result<tonic::Response<SignResponse>, Status>>;

    fn call(&mut self, request: tonic::Request<SignRequest>) -> Self::Future {
        let signed = (self.signer)(request.into_inner(), self.proved);
        std::future::ready(signed.map(tonic::Response::new))
    }
}

struct Connect(mpsc::Sender<Stream>);

/// What is said to the proxy, until the test drops its end.
pub struct Said(ReceiverStream<ToProxy>);

impl tokio_stream::Stream for Said {
    type Item = Result<ToProxy, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(context).map(|said| said.map(Ok))
    }
}

impl StreamingService<FromProxy> for Connect {
    type Response = ToProxy;
    type ResponseStream = Said;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Said>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Streaming<FromProxy>>) -> Self::Future {
        let opened = self.0.clone();
        Box::pin(async move {
            let (outgoing, said) = mpsc::channel(64);
            let stream = Stream { incoming: request.into_inner(), outgoing, names: Vec::new() };
            let _ = opened.send(stream).await;
            Ok(tonic::Response::new(Said(ReceiverStream::new(said))))
        })
    }
}

/// One stream of a proxy, as the control runtime has it.
pub struct Stream {
    incoming: Streaming<FromProxy>,
    outgoing: mpsc::Sender<ToProxy>,
    /// What the proxy has subscribed to.
    pub names: Vec<wire::Name>,
}

impl Stream {
    pub async fn say(&self, message: to_proxy::Message) {
        within(self.outgoing.send(ToProxy { message: Some(message) })).await.unwrap();
    }

    /// The next message, whatever it is; none: the proxy has ended the stream.
    pub async fn next(&mut self) -> Option<from_proxy::Message> {
        let message = within(self.incoming.message()).await.ok().flatten()?;
        Some(message.message.unwrap())
    }

    /// The first message, answered: term 1, and a lease that no test waits for.
    pub async fn welcome(&mut self) -> wire::Hello {
        self.welcome_in(1, Duration::from_mins(10)).await
    }

    pub async fn welcome_in(&mut self, term: u64, lease: Duration) -> wire::Hello {
        let Some(from_proxy::Message::Hello(hello)) = self.next().await else { panic!("no Hello") };
        let control = "test".to_owned();
        let lease_ms = u64::try_from(lease.as_millis()).unwrap();
        let welcome = wire::Welcome { protocol: PROTOCOL, control, term, lease_ms };
        self.say(to_proxy::Message::Welcome(welcome)).await;
        hello
    }

    /// The next message that is no sign of life. What is subscribed to is answered: nothing is known of it.
    pub async fn answer(&mut self) -> from_proxy::Message {
        loop {
            match self.next().await.expect("the stream goes on") {
                from_proxy::Message::Health(_) => {}
                from_proxy::Message::Subscribe(wire::Subscribe { add, remove }) => {
                    for name in add {
                        self.say(nothing_of(&name)).await;
                        self.names.push(name);
                    }
                    self.names.retain(|name| !remove.contains(name));
                }
                other => return other,
            }
        }
    }

    pub async fn prepared(&mut self) -> wire::Prepared {
        match self.answer().await {
            from_proxy::Message::Prepared(prepared) => prepared,
            other => panic!("not prepared: {other:?}"),
        }
    }

    pub async fn refused(&mut self) -> wire::Refused {
        match self.answer().await {
            from_proxy::Message::Refused(refused) => refused,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub async fn serving(&mut self) -> wire::Serving {
        match self.answer().await {
            from_proxy::Message::Serving(serving) => serving,
            other => panic!("not serving: {other:?}"),
        }
    }

    /// Offers a snapshot, and sends all objects of it.
    pub async fn offer(&mut self, epoch: u64, snapshot: &Snapshot) {
        let objects = objects(snapshot);
        self.say(prepare(epoch, snapshot.digest(), &objects)).await;
        self.send(epoch, objects).await;
    }

    pub async fn send(&mut self, epoch: u64, objects: Vec<bytes::Bytes>) {
        self.say(to_proxy::Message::Objects(wire::Objects { epoch, objects, last: true })).await;
    }

    pub async fn commit(&mut self, epoch: u64, snapshot: &Snapshot, within: Duration) {
        let confirm_within_ms = u64::try_from(within.as_millis()).unwrap();
        let snapshot = snapshot.digest().as_bytes().to_vec();
        let commit = wire::Commit { term: 1, epoch, snapshot, confirm_within_ms };
        self.say(to_proxy::Message::Commit(commit)).await;
    }

    pub async fn confirm(&mut self, epoch: u64, snapshot: &Snapshot) {
        let snapshot = snapshot.digest().as_bytes().to_vec();
        self.say(to_proxy::Message::Confirm(wire::Confirm { term: 1, epoch, snapshot })).await;
    }

    /// Waits until the proxy has heard what was said before: an order about nothing is answered, in its turn.
    pub async fn heard(&mut self) {
        let nothing = wire::Abandon { term: 1, epoch: u64::MAX };
        self.say(to_proxy::Message::Abandon(nothing)).await;
        self.serving().await;
    }

    /// Prepares and confirms at once.
    pub async fn bring_to(&mut self, epoch: u64, snapshot: &Snapshot) -> wire::Serving {
        self.offer(epoch, snapshot).await;
        self.prepared().await;
        self.commit(epoch, snapshot, Duration::ZERO).await;
        self.serving().await
    }
}

/// Everything that the workload needs of a snapshot.
pub fn objects(snapshot: &Snapshot) -> Vec<bytes::Bytes> {
    let walked = walk(snapshot.digest(), &mesh::workload(), snapshot).unwrap();
    walked.reach.iter().map(|digest| snapshot.read(digest).unwrap().to_vec().into()).collect()
}

pub fn prepare(epoch: u64, snapshot: Digest, objects: &[bytes::Bytes]) -> to_proxy::Message {
    to_proxy::Message::Prepare(wire::Prepare {
        term: 1,
        epoch,
        snapshot: snapshot.as_bytes().to_vec(),
        slice: Vec::new(),
        signatures: vec![(&mesh::sign(snapshot, epoch, 0)).into()],
        within_ms: 20_000,
        objects: objects.len() as u64,
        objects_bytes: objects.iter().map(|object| object.len() as u64).sum(),
        confirmed: false,
    })
}

fn nothing_of(name: &wire::Name) -> to_proxy::Message {
    use to_proxy::Message;
    use wire::name::Name;
    match name.name.clone().unwrap() {
        Name::Endpoints(set) => {
            Message::Endpoints(wire::Endpoints { set: Some(set), endpoints: Vec::new() })
        }
        Name::Addresses(host) => {
            Message::Addresses(wire::Addresses { host, addresses: Vec::new() })
        }
        Name::Owner(address) => {
            Message::AddressOwner(wire::AddressOwner { address, host: String::new() })
        }
        Name::Secret(name) => {
            Message::Secret(wire::Secret { name: Some(name), ..wire::Secret::default() })
        }
        Name::Jwks(name) => Message::Jwks(wire::Jwks { name, keys: String::new() }),
    }
}
