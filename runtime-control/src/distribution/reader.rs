//! One proxy's stream: it says who it is, and from then on what it says goes to the rollout or to its courier.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mesh_snapshot::Digest;
use mesh_snapshot::object::Workload;
use mesh_snapshot::wire::{self, FromProxy, from_proxy};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::Shared;
use super::codec::Frame;
use super::convert::{self, Malformed};
use super::courier::{Asked, Courier, End};
use super::pace::Pace;
use crate::conductor::Line;
use crate::identity::Identity;
use crate::orders;
use crate::rollout::{Event, ProxyName, Said, Serving};

/// How long a proxy may take to say who it is.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
const ASKED_MAX: usize = 16;
/// Frames between the courier and the connection.
const FRAMES_MAX: usize = 4;

type Out = mpsc::Sender<Result<Frame, Status>>;

/// Begins to serve a stream, and returns what goes back on it.
pub(super) fn open(
    shared: Arc<Shared>,
    peer: Identity,
    incoming: Streaming<FromProxy>,
) -> ReceiverStream<Result<Frame, Status>> {
    let (out, frames) = mpsc::channel(FRAMES_MAX);
    let tasks = shared.tasks.clone();
    tasks.spawn(async move {
        let stop = shared.stop.clone();
        let served = serve(shared, &peer, incoming, out.clone());
        let status = tokio::select! {
            () = stop.cancelled() => Status::unavailable("the control runtime is stopping"),
            served = served => match served {
                Err(status) => status,
                // What goes back ends with `out`.
                Ok(()) => return,
            },
        };
        tracing::info!(%peer, "stream ended: {}", status.message());
        // It may not be reading any more, and must not hold this side up.
        let _ = out.try_send(Err(status));
    });
    ReceiverStream::new(frames)
}

/// What a proxy says of itself, checked.
struct Introduction {
    /// Namespace and name.
    instance: (String, String),
    workload: Workload,
    serving: Option<Serving>,
    slices: BTreeSet<Digest>,
    hello: Said,
}

async fn serve(
    shared: Arc<Shared>,
    peer: &Identity,
    mut incoming: Streaming<FromProxy>,
    out: Out,
) -> Result<(), Status> {
    let first = timeout(HELLO_WITHIN, incoming.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no Hello"))??;
    let Some(from_proxy::Message::Hello(hello)) = first.and_then(|first| first.message) else {
        return Err(Status::invalid_argument("a stream begins with Hello"));
    };
    let Introduction { instance, workload, serving, slices, hello } =
        introduce(&shared, peer, hello)?;
    if !shared.arrivals.admit(&instance) {
        return Err(Status::resource_exhausted("too many streams in a short time"));
    }
    let name: ProxyName = format!("{}/{}", instance.0, instance.1).into();
    let connection = shared.next_connection();
    let (orders, ordered) = orders::channel();
    let (ask, asked) = mpsc::channel(ASKED_MAX);
    let end = CancellationToken::new();
    let courier = Courier::new(shared.clone(), instance.clone(), workload.clone(), out, slices);
    let serving = serving.map(|serving| serving.version);
    let line = Line { connection, orders, end: end.clone() };
    if !shared.conductor.open(name.clone(), line, hello).await {
        return Err(Status::unavailable("the control runtime is stopping"));
    }
    let reading = read(&shared, &name, connection, incoming, ask);
    let replaced = || Err(Status::aborted("another stream, or none, is in its place"));
    let ended = tokio::select! {
        biased;
        () = end.cancelled() => replaced(),
        read = reading => read,
        ended = courier.run(serving, ordered, asked) => match ended {
            // It was the first to find that nobody gives it orders any more.
            End::Gone if end.is_cancelled() => replaced(),
            End::Gone => Ok(()),
            End::Because(status) => Err(status),
        },
    };
    // Whoever registers it again under this name says `Hello` again.
    let event = if shared.world.borrow().runs(&instance, &workload) {
        Event::Proxy { proxy: name, connection, said: Said::Left }
    } else {
        Event::Departed { proxy: name, connection: Some(connection) }
    };
    shared.conductor.tell(event).await;
    ended
}

fn introduce(shared: &Shared, peer: &Identity, hello: wire::Hello) -> Result<Introduction, Status> {
    if hello.protocol != wire::PROTOCOL {
        let spoken = wire::PROTOCOL;
        return Err(Status::failed_precondition(format!("this side speaks protocol {spoken}")));
    }
    let workload = hello.workload.ok_or_else(|| Status::invalid_argument("no workload"))?;
    let workload = Workload::from(workload);
    if (&workload.namespace, &workload.service_account) != (&peer.namespace, &peer.service_account)
    {
        return Err(Status::permission_denied(format!("the certificate is for {peer}")));
    }
    let instance = (workload.namespace.clone(), hello.proxy);
    let world = shared.world.borrow().clone();
    match world.instances.get(&instance) {
        None => return Err(Status::permission_denied("the registry knows no such instance")),
        Some(known) if known.workload != workload => {
            let reason = "the registry says something else of this instance";
            return Err(Status::failed_precondition(reason));
        }
        Some(_) => {}
    }
    let serving = hello.serving.as_ref().map(convert::serving).transpose();
    let serving = serving.map_err(malformed)?;
    let slices = hello.slices.iter().map(|slice| convert::digest(slice));
    let slices = slices.collect::<Result<_, _>>().map_err(malformed)?;
    let (term, epoch) = (hello.term, hello.epoch);
    let hello = Said::Hello { workload: Arc::new(workload.clone()), serving, term, epoch };
    Ok(Introduction { instance, workload, serving, slices, hello })
}

fn malformed(error: Malformed) -> Status {
    Status::invalid_argument(error.to_string())
}

async fn read(
    shared: &Shared,
    name: &ProxyName,
    connection: u64,
    mut incoming: Streaming<FromProxy>,
    ask: mpsc::Sender<Asked>,
) -> Result<(), Status> {
    use from_proxy::Message;
    let mut pace = Pace::of_messages();
    while let Some(FromProxy { message }) = incoming.message().await? {
        pace.keep().await;
        let mut asked = None;
        let said = match message {
            Some(Message::Prepared(prepared)) => {
                let slice = convert::digest(&prepared.slice).map_err(malformed)?;
                asked = Some(Asked::Holds(slice));
                Some(convert::prepared(&prepared).map_err(malformed)?)
            }
            Some(Message::Refused(refused)) => Some(convert::refused(refused).map_err(malformed)?),
            Some(Message::Serving(serving)) => {
                let serving = convert::serving(&serving).map_err(malformed)?;
                asked = Some(Asked::Serves(serving.version));
                Some(Said::Serving(serving))
            }
            Some(Message::Health(health)) => Some(convert::health(&health).map_err(malformed)?),
            Some(Message::Need(need)) => {
                let digests = need.digests.iter().map(|digest| convert::digest(digest));
                let digests = digests.collect::<Result<_, _>>().map_err(malformed)?;
                asked = Some(Asked::Need { epoch: need.epoch, digests });
                None
            }
            Some(Message::Subscribe(wire::Subscribe { add, remove })) => {
                let names = |names: Vec<wire::Name>| names.into_iter().filter_map(|name| name.name);
                asked = Some(Asked::Subscribe {
                    add: names(add).collect(),
                    remove: names(remove).collect(),
                });
                None
            }
            Some(Message::Hello(_)) => return Err(Status::invalid_argument("Hello comes once")),
            // Of a later version.
            None => None,
        };
        // First to the courier: what the rollout answers may build on it.
        if let Some(asked) = asked
            && ask.send(asked).await.is_err()
        {
            return Ok(());
        }
        if let Some(said) = said
            && !shared.conductor.tell(Event::Proxy { proxy: name.clone(), connection, said }).await
        {
            return Err(Status::unavailable("the control runtime is stopping"));
        }
    }
    Ok(())
}
