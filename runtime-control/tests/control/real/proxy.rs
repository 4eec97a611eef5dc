//! A proxy that serves nobody, but keeps to the protocol: it verifies what it is sent, tries, goes back and remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesh_snapshot::object::Workload;
use mesh_snapshot::slice::SliceError;
use mesh_snapshot::wire::{
    self, FromProxy, Health, Hello, Need, Prepared, Refused, Serving, SignRequest, SignResponse,
    Subscribe, ToProxy, Trial, from_proxy, to_proxy,
};
use mesh_snapshot::{Digest, ReadObjects, Slice, canonical, slice};
use rcgen::{CertificateParams, KeyPair};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use super::shop::{MESH, changing_key, trusted_keys};
use super::soon;

/// Key and certificate chain, in PEM.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) key: String,
    pub(crate) chain: String,
    pub(crate) roots: String,
}

pub(crate) async fn channel(
    address: SocketAddr,
    roots: &str,
    credentials: Option<&Credentials>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(roots))
        .domain_name(wire::CONTROL_NAME);
    if let Some(Credentials { key, chain, .. }) = credentials {
        tls = tls.identity(Identity::from_pem(chain, key));
    }
    Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls)?.connect().await
}

/// Asks for a certificate: with a token, or over a connection that already has one.
pub(crate) async fn sign(
    address: SocketAddr,
    roots: &str,
    token: &str,
    credentials: Option<&Credentials>,
) -> Result<Credentials, Status> {
    let channel = channel(address, roots, credentials).await.unwrap();
    let key = KeyPair::generate().unwrap();
    let csr = CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
    let request = SignRequest { csr, token: token.to_owned(), lifetime_seconds: 0 };
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let path = "/mesh.v1.Identity/Sign".try_into().unwrap();
    let codec = ProstCodec::<SignRequest, SignResponse>::default();
    let response = client.unary(Request::new(request), path, codec).await?.into_inner();
    Ok(Credentials {
        key: key.serialize_pem(),
        chain: String::from_utf8(response.certificate_chain).unwrap(),
        roots: String::from_utf8(response.roots).unwrap(),
    })
}

/// With the token that the control runtime wrote for it.
pub(crate) async fn bootstrap(
    address: SocketAddr,
    roots: &str,
    folder: &Path,
    (namespace, name): (&str, &str),
) -> Credentials {
    let path = folder.join("bootstrap").join(namespace).join(name).join("token");
    let token = soon(async {
        loop {
            match tokio::fs::read_to_string(&path).await {
                Ok(token) => return token,
                Err(_) => sleep(Duration::from_millis(5)).await,
            }
        }
    });
    sign(address, roots, &token.await, None).await.unwrap()
}

/// Begins a stream with these messages.
pub(crate) async fn connect(
    channel: Channel,
    first: Vec<from_proxy::Message>,
) -> Result<(mpsc::Sender<FromProxy>, Streaming<ToProxy>), Status> {
    let (say, said) = mpsc::channel(64);
    for message in first {
        say.send(FromProxy { message: Some(message) }).await.unwrap();
    }
    let mut client = Grpc::new(channel).max_decoding_message_size(wire::MESSAGE_MAX_BYTES);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = "/mesh.v1.Distribution/Connect".try_into().unwrap();
    let codec = ProstCodec::<FromProxy, ToProxy>::default();
    let request = Request::new(ReceiverStream::new(said));
    let heard = client.streaming(request, path, codec).await?.into_inner();
    Ok((say, heard))
}

/// What a test may look at.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) serving: Option<Serving>,
    /// Objects that came for each epoch.
    pub(crate) objects: BTreeMap<u64, usize>,
    /// The latest answer to each name, in the order in which they came.
    pub(crate) world: Vec<to_proxy::Message>,
    pub(crate) sources: Option<wire::Sources>,
    /// Every snapshot that it has ever served.
    pub(crate) served: BTreeSet<Digest>,
    pub(crate) connected: u64,
}

impl Seen {
    /// What it serves for good.
    pub(crate) fn confirmed(&self) -> Option<Digest> {
        let serving = self.serving.as_ref().filter(|serving| serving.trial() != Trial::Running)?;
        Some(digest(&serving.snapshot))
    }
}

/// How a proxy differs from others.
#[derive(Clone, Default)]
pub(crate) struct Nature {
    pub(crate) refuses: Option<Digest>,
    /// Under which every request fails.
    pub(crate) fails: Option<Digest>,
    pub(crate) subscribe: Vec<wire::name::Name>,
}

pub(crate) struct Proxy {
    seen: watch::Receiver<Seen>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub(crate) fn start(
        address: SocketAddr,
        credentials: Credentials,
        name: &str,
        workload: Workload,
        nature: Nature,
    ) -> Self {
        let (seen, receiver) = watch::channel(Seen::default());
        let mut life = Life {
            name: name.to_owned(),
            workload,
            nature,
            seen,
            objects: Objects::default(),
            slices: BTreeSet::new(),
            confirmed: None,
            generation: 1,
            term: 0,
            epoch: 0,
            deadline: None,
            preparing: None,
            prepared: None,
            requests: BTreeMap::new(),
        };
        let task = tokio::spawn(async move {
            loop {
                // However a stream ends, there is another one.
                let _ = life.live(address, &credentials).await;
                sleep(Duration::from_millis(20)).await;
                if life.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    life.go_back(Trial::Expired);
                }
            }
        });
        Self { seen: receiver, task }
    }

    #[track_caller]
    pub(crate) fn until(
        &mut self,
        wanted: impl FnMut(&Seen) -> bool,
    ) -> impl Future<Output = Seen> {
        soon(async { self.seen.wait_for(wanted).await.unwrap().clone() })
    }

    #[track_caller]
    pub(crate) fn serves(&mut self, snapshot: Digest) -> impl Future<Output = Seen> {
        self.until(move |seen| seen.confirmed() == Some(snapshot))
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }
}

#[derive(Default)]
struct Objects(Mutex<BTreeMap<Digest, Arc<[u8]>>>);

impl ReadObjects for Objects {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.0.lock().unwrap().get(digest).cloned()
    }
}

struct Life {
    name: String,
    workload: Workload,
    nature: Nature,
    seen: watch::Sender<Seen>,
    objects: Objects,
    slices: BTreeSet<Digest>,
    /// Epoch and snapshot, like all pairs here.
    confirmed: Option<(u64, Digest)>,
    generation: u64,
    term: u64,
    epoch: u64,
    deadline: Option<Instant>,
    preparing: Option<wire::Prepare>,
    prepared: Option<(u64, Digest)>,
    requests: BTreeMap<u64, (u64, u64)>,
}

impl Life {
    async fn live(&mut self, address: SocketAddr, own: &Credentials) -> Result<(), Status> {
        let channel = channel(address, &own.roots, Some(own)).await;
        let channel = channel.map_err(|error| Status::unavailable(error.to_string()))?;
        let names = self.nature.subscribe.iter().cloned();
        let add = names.map(|name| wire::Name { name: Some(name) }).collect();
        let subscribe = Subscribe { add, remove: Vec::new() };
        let first = vec![
            from_proxy::Message::Hello(self.hello()),
            from_proxy::Message::Health(self.health()),
            from_proxy::Message::Subscribe(subscribe),
        ];
        let (say, mut heard) = connect(channel, first).await?;
        self.seen.send_modify(|seen| seen.connected += 1);
        let mut reports = interval(Duration::from_millis(100));
        loop {
            let over = async {
                match self.deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let answer = tokio::select! {
                () = over => self.go_back(Trial::Expired),
                _ = reports.tick() => Some(from_proxy::Message::Health(self.report())),
                message = heard.message() => match message?.and_then(|heard| heard.message) {
                    Some(message) => self.hear(message),
                    None => return Ok(()),
                },
            };
            if let Some(message) = answer {
                let sent = say.send(FromProxy { message: Some(message) }).await;
                sent.map_err(|_| Status::unavailable("gone"))?;
            }
        }
    }

    fn hello(&self) -> Hello {
        Hello {
            protocol: wire::PROTOCOL,
            proxy: self.name.clone(),
            workload: Some((&self.workload).into()),
            version: "test".to_owned(),
            features: Vec::new(),
            serving: self.seen.borrow().serving.clone(),
            slices: self.slices.iter().map(|slice| slice.as_bytes().to_vec()).collect(),
            instance: 1,
            term: self.term,
            epoch: self.epoch,
        }
    }

    /// A hundred requests went through since the last report.
    fn report(&mut self) -> Health {
        let serving = self.seen.borrow().serving.clone();
        if let Some(serving) = serving {
            let fails = self.nature.fails == Some(digest(&serving.snapshot));
            let (requests, failed) = self.requests.entry(serving.epoch).or_default();
            *requests += 100;
            *failed += if fails { 100 } else { 0 };
        }
        self.health()
    }

    fn health(&self) -> Health {
        let epochs = self.requests.iter().map(|(epoch, (requests, failed))| {
            let (epoch, requests, failed) = (*epoch, *requests, *failed);
            wire::EpochHealth {
                epoch,
                requests,
                failed,
                latency: vec![requests],
                ..Default::default()
            }
        });
        Health { instance: 1, epochs: epochs.collect() }
    }

    fn hear(&mut self, message: to_proxy::Message) -> Option<from_proxy::Message> {
        use to_proxy::Message;
        if let Some((term, epoch)) = order(&message) {
            if term < self.term {
                return None;
            }
            (self.term, self.epoch) = (term, self.epoch.max(epoch));
        }
        match message {
            Message::Prepare(prepare) => {
                self.prepared = None;
                self.preparing = Some(prepare);
                None
            }
            Message::Objects(objects) => self.receive(objects),
            Message::Commit(commit) => {
                let wanted = (commit.epoch, digest(&commit.snapshot));
                if self.prepared.take_if(|prepared| *prepared == wanted).is_some() {
                    let within = Duration::from_millis(commit.confirm_within_ms);
                    self.deadline = (!within.is_zero()).then(|| Instant::now() + within);
                    let trial = if within.is_zero() { Trial::Over } else { Trial::Running };
                    self.serve(wanted, trial);
                }
                self.say_serving()
            }
            Message::Extend(extend) => {
                let within = Duration::from_millis(extend.confirm_within_ms);
                self.deadline = self.deadline.map(|_| Instant::now() + within);
                self.say_serving()
            }
            Message::Confirm(confirm) => {
                let wanted = (confirm.epoch, digest(&confirm.snapshot));
                if self.serves() == Some(wanted) {
                    self.deadline = None;
                    self.serve(wanted, Trial::Over);
                }
                self.say_serving()
            }
            Message::Revert(revert) => {
                let tries =
                    self.deadline.is_some() && self.serves().is_some_and(|it| it.0 == revert.epoch);
                if tries { self.go_back(Trial::Reverted) } else { self.say_serving() }
            }
            Message::Abandon(_) => {
                self.prepared = None;
                None
            }
            Message::Sources(sources) => {
                self.seen.send_modify(|seen| seen.sources = Some(sources));
                None
            }
            Message::Welcome(_) | Message::TrustBundle(_) => None,
            world => {
                self.seen.send_modify(|seen| seen.world.push(world));
                None
            }
        }
    }

    fn receive(&mut self, objects: wire::Objects) -> Option<from_proxy::Message> {
        let prepare = self.preparing.clone().filter(|prepare| prepare.epoch == objects.epoch)?;
        let count = objects.objects.len();
        self.seen.send_modify(|seen| *seen.objects.entry(objects.epoch).or_default() += count);
        for bytes in objects.objects {
            self.objects.0.lock().unwrap().insert(Digest::of(&bytes), Arc::from(bytes.as_ref()));
        }
        if objects.last { Some(self.prepare(&prepare)) } else { None }
    }

    fn prepare(&mut self, prepare: &wire::Prepare) -> from_proxy::Message {
        let (epoch, snapshot) = (prepare.epoch, digest(&prepare.snapshot));
        let signatures: Vec<_> =
            prepare.signatures.iter().cloned().map(|it| it.try_into().unwrap()).collect();
        trusted_keys().verify(snapshot, MESH, &signatures).unwrap();
        let slice = match self.find(snapshot) {
            Ok(slice) => slice,
            Err(SliceError::Missing(missing)) => {
                let digests = missing.iter().map(|digest| digest.as_bytes().to_vec()).collect();
                return from_proxy::Message::Need(Need { epoch, digests });
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(slice.digest(), digest(&prepare.slice), "the control runtime expects another");
        if self.nature.refuses == Some(snapshot) {
            return from_proxy::Message::Refused(Refused {
                epoch,
                reason: wire::Refusal::Program.into(),
                detail: "this proxy does not like it".to_owned(),
                key: canonical::encode(&changing_key()),
                item: "rules[0]".to_owned(),
            });
        }
        self.slices.insert(slice.digest());
        self.prepared = Some((epoch, snapshot));
        let slice = slice.digest().as_bytes().to_vec();
        from_proxy::Message::Prepared(Prepared { epoch, slice, memory_bytes: 0, elapsed_us: 0 })
    }

    /// From the signed root, with nothing taken on trust.
    fn find(&self, snapshot: Digest) -> Result<Slice, SliceError> {
        let slice = slice(snapshot, &self.workload, &self.objects)?;
        slice.objects(&self.objects)?;
        Ok(slice)
    }

    fn serves(&self) -> Option<(u64, Digest)> {
        let serving = self.seen.borrow().serving.clone()?;
        Some((serving.epoch, digest(&serving.snapshot)))
    }

    fn serve(&mut self, version: (u64, Digest), trial: Trial) {
        if self.serves() != Some(version) {
            self.generation += 1;
        }
        if trial != Trial::Running {
            self.confirmed = Some(version);
        }
        let (epoch, snapshot) = version;
        let serving = Serving {
            epoch,
            snapshot: snapshot.as_bytes().to_vec(),
            slice: Vec::new(),
            generation: self.generation,
            trial: trial.into(),
        };
        self.seen.send_modify(|seen| {
            seen.serving = Some(serving);
            seen.served.insert(snapshot);
        });
    }

    fn go_back(&mut self, trial: Trial) -> Option<from_proxy::Message> {
        self.deadline = None;
        self.prepared = None;
        self.serve(self.confirmed?, trial);
        self.say_serving()
    }

    fn say_serving(&self) -> Option<from_proxy::Message> {
        self.seen.borrow().serving.clone().map(from_proxy::Message::Serving)
    }
}

/// Term and epoch of an order.
fn order(message: &to_proxy::Message) -> Option<(u64, u64)> {
    use to_proxy::Message;
    Some(match message {
        Message::Welcome(it) => (it.term, 0),
        Message::Prepare(it) => (it.term, it.epoch),
        Message::Commit(it) => (it.term, it.epoch),
        Message::Extend(it) => (it.term, it.epoch),
        Message::Confirm(it) => (it.term, it.epoch),
        Message::Revert(it) => (it.term, it.epoch),
        Message::Abandon(it) => (it.term, it.epoch),
        _ => return None,
    })
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(bytes.try_into().unwrap())
}
