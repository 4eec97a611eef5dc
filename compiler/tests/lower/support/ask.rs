//! A program, and what becomes of a request there.

use http::{HeaderMap, HeaderName};
use mesh_engine::identity::SpiffeId;
use mesh_engine::policy::Claims;
use mesh_engine::route::{Action, Forward, Outcome, Route, Target};
use mesh_engine::{Connection, FEATURES, Limits, Request};
use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::Workload;
use mesh_snapshot::slice;

/// The program of one workload of a snapshot.
pub(crate) struct Program<'b> {
    bundle: &'b Bundle,
    pub(crate) program: mesh_engine::Program,
}

/// A request.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) scheme: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'static str, &'static str)],
}

/// Who sends it, `namespace/service-account`; `None` over plain text.
pub(crate) type Caller<'a> = Option<&'a str>;

/// A `GET` on port 80.
impl<'a> Call<'a> {
    pub(crate) const fn get(host: &'a str, path: &'a str) -> Self {
        Self { method: "GET", scheme: "http", host, port: 80, path, headers: &[] }
    }

    pub(crate) const fn on(self, port: u16) -> Self {
        Self { port, ..self }
    }

    pub(crate) const fn by(self, method: &'a str) -> Self {
        Self { method, ..self }
    }

    pub(crate) const fn with(self, headers: &'a [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }

    fn header_map(&self) -> HeaderMap {
        let pairs = self.headers.iter();
        pairs.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn request<'r>(&'r self, headers: &'r HeaderMap) -> Request<'r> {
        Request {
            method: self.method,
            scheme: self.scheme,
            authority: self.host,
            path: self.path,
            query: None,
            headers,
            port: self.port,
        }
    }
}

impl<'b> Program<'b> {
    /// Of `namespace/name` of the inventory.
    pub(crate) fn of(bundle: &'b Bundle, name: &str) -> Self {
        let named = |it: &&Workload| format!("{}/{}", it.namespace, it.name) == name;
        let Some(workload) = bundle.inventory.iter().find(named) else { panic!("no {name}") };
        Self::joined(bundle, workload)
    }

    /// Of a workload that no inventory lists.
    pub(crate) fn joined(bundle: &'b Bundle, workload: &Workload) -> Self {
        let slice = slice(bundle.snapshot.digest(), workload, &bundle.snapshot).unwrap();
        let limits = Limits {
            memory_bytes_max: 1 << 30,
            features: FEATURES,
            gateway_address: mesh_engine::GATEWAY_ADDRESS,
        };
        let program = mesh_engine::Program::build(workload, &slice, &bundle.snapshot, &limits);
        Self { bundle, program: program.unwrap() }
    }

    /// The route of a request that the workload sends, by its name or, where it has none, its virtual host.
    pub(crate) fn sends<T>(&self, call: Call<'_>, see: impl FnOnce(Outcome<'_>) -> T) -> T {
        let headers = call.header_map();
        see(self.program.outbound().unwrap().route(&call.request(&headers), &()))
    }

    /// Where a request of the workload may go, with weights: `90 v1|reviews.shop.svc.cluster.local:9080`.
    pub(crate) fn goes_to(&self, call: Call<'_>) -> Vec<String> {
        self.sends(call, |outcome| shown(&outcome))
    }

    /// What the route says of a request that is forwarded.
    pub(crate) fn forward<T>(&self, call: Call<'_>, see: impl FnOnce(&Route, &Forward) -> T) -> T {
        self.sends(call, |outcome| {
            let Outcome::Route(selected) = outcome else { panic!("{outcome:?}") };
            let Action::Forward(forward) = &selected.route.action else { panic!("no forward") };
            see(selected.route, forward)
        })
    }

    /// The file and line that a request's route comes from.
    pub(crate) fn written_at(&self, call: Call<'_>) -> String {
        self.forward(call, |route, _| {
            self.bundle.source_map.get(&route.key, &route.item).unwrap().to_string()
        })
    }

    /// The rule that lets a request of a caller in (`Ok`) or keeps it out; none: the lack of one.
    pub(crate) fn receives(
        &self,
        call: Call<'_>,
        caller: Caller<'_>,
    ) -> Result<Option<String>, Option<String>> {
        let headers = call.header_map();
        let identity = caller.map(|caller| {
            let (namespace, account) = caller.split_once('/').unwrap();
            format!("cluster.local/ns/{namespace}/sa/{account}")
        });
        let peer = identity.as_deref().map(|text| SpiffeId::from_text(text).unwrap());
        let connection = Connection {
            source: [10, 0, 0, 1].into(),
            remote: [10, 0, 0, 1].into(),
            destination: ([10, 0, 0, 2], call.port).into(),
            peer,
            sni: None,
            mutual_tls: caller.is_some(),
        };
        let request = call.request(&headers);
        let verdict = self.program.policy().authorize(&request, &connection, &Claims::default());
        let rule = verdict.decision.rule().map(|rule| {
            let place = self.bundle.source_map.get(&rule.key, rule.item());
            format!("{} {}", rule.policy, place.unwrap())
        });
        if verdict.is_allowed() { Ok(rule) } else { Err(rule) }
    }

    /// What a gateway does with a request that comes to one of its listeners.
    pub(crate) fn serves<T>(
        &self,
        listener: u16,
        sni: Option<&str>,
        call: Call<'_>,
        see: impl FnOnce(Outcome<'_>) -> T,
    ) -> T {
        let gateway = self.program.gateway().unwrap();
        let found = gateway.listeners().iter().find(|it| it.port == listener);
        let Some(chain) = found.and_then(|it| it.chain(sni)) else { return see(Outcome::NoHost) };
        let mesh_engine::gateway::Handler::Http(http) = &chain.handler else { panic!("no HTTP") };
        let headers = call.header_map();
        see(http.route(&call.request(&headers), &Claims::default()))
    }
}

/// Where an outcome leads.
pub(crate) fn shown(outcome: &Outcome<'_>) -> Vec<String> {
    let Outcome::Route(selected) = outcome else { return vec![format!("{outcome:?}")] };
    match &selected.route.action {
        Action::Forward(forward) => forward
            .backends
            .backends()
            .map(|(weight, backend)| match &backend.target {
                Target::Status(status) => format!("{weight} status {status}"),
                Target::Cluster(upstream) => {
                    let known = if upstream.cluster.is_some() { "" } else { " (unknown)" };
                    format!("{weight} {}{known}", upstream.name)
                }
            })
            .collect(),
        Action::Respond { status, .. } => vec![format!("status {status}")],
        Action::Redirect(redirect) => vec![format!("redirect {}", redirect.status)],
    }
}
