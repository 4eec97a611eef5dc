//! A connection whose bytes are not HTTP: to a cluster, or nowhere.

use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mesh_engine::outbound::StreamOutcome;
use mesh_engine::policy::Decision;

use super::downstream::Downstream;
use super::exchange::{decided, now};
use super::peers::OtherSide;
use super::pick::pick;
use super::serving::Serving;
use crate::cluster::{Cause, ClusterId, Endpoint, Original, Pick};
use crate::live::Pinned;
use crate::observe::{self, Denial, Direction, Flags, Record, ServiceId};
use crate::program::Program;
use crate::stream::{CopyLimits, End, Meter, Stream, copy};

/// A connection under way. Told when it ends.
pub(crate) struct Passage {
    serving: Rc<Serving>,
    downstream: Rc<Downstream>,
    live: Pinned<Program>,
    direction: Direction,
    start: SystemTime,
    began: Instant,
    other: OtherSide,
    service: ServiceId,
    cluster: Option<Arc<str>>,
    endpoint: Option<Arc<Endpoint>>,
    /// Where the connection to it comes from.
    local: Option<SocketAddr>,
    failure: Option<Cause>,
    flags: Flags,
    details: &'static str,
    meter: Meter,
}

/// Source: Envoy, `idle_timeout` of the TCP proxy.
const IDLE: Duration = Duration::from_hours(1);
/// Source: Istio, `tcp_reporting_duration`.
const TELL_EVERY: Duration = Duration::from_secs(5);

impl Passage {
    pub(crate) fn new(
        direction: Direction,
        serving: &Rc<Serving>,
        downstream: &Rc<Downstream>,
        live: Pinned<Program>,
    ) -> Self {
        Self {
            serving: Rc::clone(serving),
            downstream: Rc::clone(downstream),
            live,
            direction,
            start: now(),
            began: Instant::now(),
            other: OtherSide::at_first(direction, downstream),
            service: ServiceId::UNKNOWN,
            cluster: None,
            endpoint: None,
            local: None,
            failure: None,
            flags: Flags::NONE,
            details: "",
            meter: Meter::default(),
        }
    }

    /// Does what the engine says.
    pub(crate) async fn carry_out(
        mut self,
        outcome: StreamOutcome<'_>,
        stream: Stream,
        original: Option<SocketAddr>,
    ) {
        match outcome {
            StreamOutcome::Forward { name, cluster, .. } => {
                self.cluster = Some(name.into());
                match cluster {
                    Some(id) => self.to(id.into(), stream, original.map(Original::from)).await,
                    None => self.closed(Flags::NO_CLUSTER, "cluster_not_found"),
                }
            }
            StreamOutcome::Passthrough => {
                let id = self.live.program.passthrough();
                match (id, original) {
                    (Some(id), Some(at)) if !self.serving.own.is(at) => {
                        self.to(id, stream, Some(at.into())).await;
                    }
                    _ => self.closed(Flags::NO_HEALTHY_UPSTREAM, "no_original_destination"),
                }
            }
            StreamOutcome::Blackhole => {
                self.service = ServiceId::BLACK_HOLE;
                self.cluster = Some("BlackHoleCluster".into());
                self.closed(Flags::NONE, "blackhole");
            }
            StreamOutcome::Closed(_) => self.closed(Flags::NO_ROUTE, "invalid_backend"),
        }
    }

    /// Ends here, for this reason.
    pub(crate) fn closed(mut self, flags: Flags, details: &'static str) {
        self.flags |= flags;
        self.details = details;
        self.record(None, |record| self.serving.observer.connection(None, record));
    }

    /// Ends here, since policy says no.
    pub(crate) fn denied(self, decision: Decision<'_>) {
        let denial = Denial { rule: decision.rule() };
        self.record(Some(denial), |record| self.serving.observer.connection(None, record));
    }

    /// To an endpoint of a cluster.
    pub(crate) async fn to(
        mut self,
        id: ClusterId,
        mut stream: Stream,
        original: Option<Original>,
    ) {
        self.service = self.live.program.service(id);
        let Some(cluster) = self.serving.cluster(&self.live, id) else {
            return self.closed(Flags::NO_CLUSTER, "cluster_not_found");
        };
        self.cluster = Some(Arc::clone(&cluster.spec().name));
        let wanted = Pick { original, ..Pick::default() };
        let Some(picked) = pick(&cluster, &wanted, None).await else {
            return self.closed(Flags::NO_HEALTHY_UPSTREAM, "no_healthy_upstream");
        };
        if self.direction != Direction::Inbound {
            self.other = self.serving.peers.of(picked.endpoint());
        }
        self.endpoint = Some(Arc::clone(picked.endpoint()));
        let mut connected = match picked.connect().await {
            Ok(connected) => connected,
            Err(error) => {
                let flags = Flags::named(error.flag().as_str()).unwrap_or_default();
                self.failure = Some(error.cause);
                return self.closed(flags, "upstream_connection_failure");
            }
        };
        self.local = connected.stream.local_address();
        let pool = &cluster.spec().policy.connection_pool;
        let limits = CopyLimits {
            idle: Some(pool.tcp_idle_timeout.map_or(IDLE, Duration::from)),
            duration: pool.connection_duration_max.map(Duration::from),
        };
        let mut opened = self.record(None, |record| self.serving.observer.opened(record));
        let end = {
            let copying = copy(&mut stream, &mut connected.stream, limits, &self.meter);
            let mut copying = std::pin::pin!(copying);
            loop {
                match tokio::time::timeout(TELL_EVERY, copying.as_mut()).await {
                    Ok(end) => break end,
                    Err(_) => self.record(None, |record| {
                        self.serving.observer.moved(&mut opened, record);
                    }),
                }
            }
        };
        drop(connected);
        match end {
            End::Closed => {}
            End::Idle => self.flags |= Flags::IDLE_TIMEOUT,
            End::Expired => self.flags |= Flags::DURATION_TIMEOUT,
            End::Downstream(_) => {
                self.flags |= Flags::DOWNSTREAM_TERMINATION;
            }
            End::Upstream(_) => {
                self.flags |= Flags::UPSTREAM_CONNECTION_TERMINATION;
                self.live.health.reset();
            }
        }
        self.record(None, |record| self.serving.observer.connection(Some(opened), record));
    }

    fn record<T>(&self, denial: Option<Denial<'_>>, with: impl FnOnce(&Record<'_>) -> T) -> T {
        let address = self.endpoint.as_ref().map(|endpoint| &endpoint.address);
        let principal = self.serving.principal();
        let record = Record {
            decided: Some(decided(&self.live)),
            received: self.meter.to_upstream(),
            sent: self.meter.to_downstream(),
            flags: self.flags,
            details: self.details,
            denial,
            peer: self.other.peer,
            service: self.service,
            security: self.other.security,
            upstream: observe::Upstream {
                cluster: self.cluster.as_deref().unwrap_or_default(),
                address: address.map(|address| address as &dyn fmt::Display),
                failure: self.failure.as_ref().map(|cause| cause as &dyn fmt::Display),
                local: self.local,
                attempts: u32::from(self.endpoint.is_some()),
            },
            downstream: self.downstream.told(&principal),
            ..Record::new(self.direction, self.start, self.began.elapsed())
        };
        with(&record)
    }
}
