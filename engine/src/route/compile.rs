//! From an object to a table that routes.

use std::sync::Arc;

use http::header::HeaderValue;
use mesh_snapshot::Key;
use mesh_snapshot::object::{self, Destination, HttpAction, HttpRoute, RetryPolicy, RouteTable};

use super::table::Conditions;
use super::{
    Action, Backend, Cors, Faults, Forward, HeaderPlan, Mirror, Outcome, Redirect, Retry, Rewrite,
    Route, Selected, Split, Target, Upstream,
};
use crate::cluster::{self, Registry};
use crate::policy::Claims;
use crate::program::{BuildError, Fault, Ledger, Site};
use crate::request::Request;
use crate::trace::Trace;

/// What routes are compiled with.
pub(crate) struct Context<'a> {
    pub(crate) site: Site<'a>,
    pub(crate) clusters: &'a Registry,
    /// For routes that do not say how to retry.
    pub(crate) default_retry: &'a Arc<Retry>,
    pub(crate) ledger: &'a Ledger,
}

/// The routes of one virtual host.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualHostRoutes {
    routes: Vec<Route>,
    conditions: Conditions,
}

impl VirtualHostRoutes {
    /// Puts the routes of `table` after those that are there.
    pub(crate) fn push(
        &mut self,
        table: &RouteTable,
        key: &Arc<Key>,
        context: &mut Context<'_>,
    ) -> Result<(), BuildError> {
        self.conditions.next_table();
        for (index, route) in table.http.iter().enumerate() {
            let item = format!("http[{index}]");
            let at = |fault| BuildError::at(key, &item, fault);
            let place = self.routes.len();
            self.conditions.push(place, route, &context.site, context.ledger).map_err(at)?;
            let compiled = context.route(route, key, &item).map_err(at)?;
            self.routes.push(compiled);
        }
        Ok(())
    }

    /// Whether some request can be taken: not one, where every match is for other ports or other workloads.
    pub(crate) fn take_any(&self) -> bool {
        self.conditions.take_any()
    }

    /// Adds the route that a service has when nobody wrote one: all of it to the service.
    pub(crate) fn push_plain(
        &mut self,
        key: &Arc<Key>,
        name: &str,
        upstream: Upstream,
        retry: &Arc<Retry>,
        context: &mut Context<'_>,
    ) -> Result<(), BuildError> {
        let at = |fault| BuildError::at(key, "", fault);
        context.ledger.charge(size_of::<Route>() + size_of::<Forward>()).map_err(at)?;
        let headers = HeaderPlan::default();
        let backend = Backend { target: Target::Cluster(upstream), headers: headers.clone() };
        let forward = Forward {
            backends: Split::new(vec![(1, backend)]).ok_or_else(|| at(Fault::NoWeight))?,
            rewrite: None,
            rewritten_authority: None,
            timeout: None,
            try_timeout: None,
            retry: Arc::clone(retry),
            mirrors: Box::default(),
        };
        self.conditions.push_always(self.routes.len());
        self.routes.push(Route {
            key: Arc::clone(key),
            item: Box::default(),
            name: name.into(),
            action: Action::Forward(Box::new(forward)),
            headers,
            cors: None,
            faults: Faults::default(),
        });
        Ok(())
    }

    /// To be called when all is there.
    pub(crate) fn seal(&mut self) {
        self.conditions.seal();
    }

    pub(crate) fn select<'p, T: Trace>(
        &'p self,
        virtual_host: &'p str,
        request: &Request<'_>,
        claims: &Claims,
        trace: &mut T,
    ) -> Outcome<'p> {
        let name = |place: usize| self.routes.get(place).map(|route| (&*route.key, &*route.item));
        let selected = self.conditions.find(request, claims, name, trace).and_then(|hit| {
            let route = self.routes.get(hit.route)?;
            Some(Selected { route, virtual_host, matching: hit.matching, covered: hit.covered })
        });
        selected.map_or(Outcome::NoRoute(virtual_host), Outcome::Route)
    }

    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }
}

impl Context<'_> {
    fn route(&mut self, route: &HttpRoute, key: &Arc<Key>, item: &str) -> Result<Route, Fault> {
        self.ledger.charge(size_of::<Route>() + size_of::<Forward>())?;
        let cors = route.cors.as_ref().map(|cors| Cors::compile(cors, self.ledger)).transpose()?;
        Ok(Route {
            key: Arc::clone(key),
            item: item.into(),
            name: route.name.as_str().into(),
            action: self.action(&route.action)?,
            headers: HeaderPlan::compile(&route.headers)?,
            cors,
            faults: Faults::compile(&route.fault),
        })
    }

    fn action(&mut self, action: &HttpAction) -> Result<Action, Fault> {
        Ok(match action {
            HttpAction::Redirect(redirect) => Action::Redirect(Redirect::compile(redirect)?),
            HttpAction::Respond { status, .. } if !(200..600).contains(status) => {
                return Err(Fault::Status(*status));
            }
            HttpAction::Respond { status, body } => {
                Action::Respond { status: *status, body: body.0.as_slice().into() }
            }
            HttpAction::Forward {
                backends,
                path_rewrite,
                authority_rewrite,
                timeout,
                try_timeout,
                retry,
                mirrors,
            } => {
                let rewrite = path_rewrite.as_ref();
                Action::Forward(Box::new(Forward {
                    backends: self.split(backends)?,
                    rewrite: rewrite.map(|path| Rewrite::compile(path, self.ledger)).transpose()?,
                    rewritten_authority: authority_rewrite.as_deref().map(authority).transpose()?,
                    timeout: timeout.map(Into::into),
                    try_timeout: try_timeout.map(Into::into),
                    retry: self.retry(retry.as_ref())?,
                    mirrors: mirrors.iter().map(|mirror| self.mirror(mirror)).collect(),
                }))
            }
        })
    }

    fn retry(&self, policy: Option<&RetryPolicy>) -> Result<Arc<Retry>, Fault> {
        match policy {
            None => Ok(Arc::clone(self.default_retry)),
            Some(policy) => Retry::compile(policy).map(Arc::new),
        }
    }

    fn mirror(&self, mirror: &object::Mirror) -> Mirror {
        Mirror { upstream: self.destination(&mirror.destination), share: mirror.share }
    }

    pub(super) fn split(&mut self, backends: &[object::Backend]) -> Result<Split, Fault> {
        self.ledger.charge(backends.len() * size_of::<Backend>())?;
        let compile = |backend: &object::Backend| {
            let headers = HeaderPlan::compile(&backend.headers)?;
            Ok((backend.weight, Backend { target: self.target(&backend.target)?, headers }))
        };
        let backends = backends.iter().map(compile).collect::<Result<_, _>>()?;
        Split::new(backends).ok_or(Fault::NoWeight)
    }

    fn target(&self, target: &object::Target) -> Result<Target, Fault> {
        match target {
            object::Target::Cluster(destination) => {
                Ok(Target::Cluster(self.destination(destination)))
            }
            object::Target::Status(status) if (200..600).contains(status) => {
                Ok(Target::Status(*status))
            }
            object::Target::Status(status) => Err(Fault::Status(*status)),
        }
    }

    fn destination(&self, destination: &Destination) -> Upstream {
        self.upstream(&destination.host, destination.port, &destination.subset)
    }

    pub(crate) fn upstream(&self, host: &str, port: Option<u16>, subset: &str) -> Upstream {
        let name = cluster::name(host, port.unwrap_or(self.site.port), subset);
        let cluster = self.clusters.find(&name);
        Upstream { name, cluster }
    }
}

fn authority(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(|_| Fault::HeaderValue(text.to_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use http::HeaderMap;
    use mesh_snapshot::object::{
        self, Bytes, Destination, Fault as ObjectFault, HeaderOperations, HttpAction, HttpMatch,
        HttpRoute, RouteTable, StringMatch, Workload,
    };
    use mesh_snapshot::{Key, Kind};

    use super::{Context, VirtualHostRoutes};
    use crate::cluster::tests::{policy, registry, reviews, upstream};
    use crate::policy::Claims;
    use crate::program::{BuildError, Fault, Ledger, Site};
    use crate::request::tests::get;
    use crate::route::{Action, Outcome, Retry, Target};

    /// A context of workload `shop/…` and port 9080, that knows `reviews.shop`.
    pub(crate) fn with_context<T>(run: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let workload = Workload { namespace: "shop".to_owned(), ..Workload::default() };
        let clusters = registry(vec![upstream(reviews(), policy())]);
        let default_retry = Arc::new(Retry::default());
        run(&mut Context {
            site: Site { workload: &workload, port: 9080 },
            clusters: &clusters,
            default_retry: &default_retry,
            ledger: &Ledger::unlimited(),
        })
    }

    fn key() -> Arc<Key> {
        Arc::new(Key::new(Kind::RouteTable, "shop", "reviews"))
    }

    fn route(action: HttpAction, path: Option<&str>) -> HttpRoute {
        let path = path.map(|path| StringMatch::Prefix(path.to_owned()));
        HttpRoute {
            name: "n".to_owned(),
            matches: path
                .map(|path| HttpMatch { path: Some(path), ..HttpMatch::default() })
                .into_iter()
                .collect(),
            action,
            headers: HeaderOperations::default(),
            cors: None,
            fault: ObjectFault::default(),
        }
    }

    fn respond(status: u16) -> HttpAction {
        HttpAction::Respond { status, body: Bytes::default() }
    }

    fn forward(destinations: &[(&str, Option<u16>, &str, u32)]) -> HttpAction {
        let backends = destinations.iter().map(|&(host, port, subset, weight)| object::Backend {
            target: object::Target::Cluster(Destination {
                host: host.to_owned(),
                port,
                subset: subset.to_owned(),
            }),
            weight,
            headers: HeaderOperations::default(),
        });
        HttpAction::Forward {
            backends: backends.collect(),
            path_rewrite: None,
            authority_rewrite: None,
            timeout: None,
            try_timeout: None,
            retry: None,
            mirrors: Vec::new(),
        }
    }

    fn compile(tables: &[Vec<HttpRoute>]) -> Result<VirtualHostRoutes, BuildError> {
        let mut routes = VirtualHostRoutes::default();
        with_context(|context| {
            tables.iter().try_for_each(|http| {
                let table = RouteTable { http: http.clone(), ..RouteTable::default() };
                routes.push(&table, &key(), context)
            })
        })?;
        routes.seal();
        Ok(routes)
    }

    fn item<'a>(routes: &'a VirtualHostRoutes, path: &str) -> Option<&'a str> {
        match routes.select("v", &get(path, &HeaderMap::new()), &Claims::default(), &mut ()) {
            Outcome::Route(selected) => Some(&selected.route.item),
            _ => None,
        }
    }

    #[test]
    fn the_first_route_that_matches_decides() {
        let http = vec![route(respond(200), Some("/a")), route(respond(201), Some("/"))];
        let routes = compile(&[http]).unwrap();
        assert_eq!(item(&routes, "/a/b"), Some("http[0]"));
        assert_eq!(item(&routes, "/b"), Some("http[1]"));
        let routes = compile(&[vec![route(respond(200), Some("/a"))]]).unwrap();
        assert_eq!(item(&routes, "/b"), None);
    }

    #[test]
    fn of_several_tables_no_catch_all_hides_the_next() {
        let first = vec![route(respond(200), Some("/"))];
        let second = vec![route(respond(201), Some("/b")), route(respond(202), Some("/a"))];
        let routes = compile(&[first, second]).unwrap();
        assert_eq!(item(&routes, "/a"), Some("http[1]"));
        assert_eq!(item(&routes, "/b"), Some("http[0]"));
    }

    #[test]
    fn a_destination_without_port_means_the_one_asked_for() {
        let host = "reviews.shop.svc.cluster.local";
        let action =
            forward(&[(host, None, "", 1), (host, Some(80), "", 1), (host, None, "v9", 1)]);
        let routes = compile(&[vec![route(action, None)]]).unwrap();
        let Action::Forward(forward) = &routes.routes()[0].action else { panic!() };
        let upstreams = forward.backends.backends().map(|(_, backend)| match &backend.target {
            Target::Cluster(upstream) => (&*upstream.name, upstream.cluster.is_some()),
            Target::Status(_) => panic!("no cluster"),
        });
        assert_eq!(
            upstreams.collect::<Vec<_>>(),
            [
                ("outbound|9080||reviews.shop.svc.cluster.local", true),
                ("outbound|80||reviews.shop.svc.cluster.local", false),
                ("outbound|9080|v9|reviews.shop.svc.cluster.local", false),
            ]
        );
    }

    #[test]
    fn a_service_without_routes_gets_every_request() {
        let routes = with_context(|context| {
            let mut routes = VirtualHostRoutes::default();
            let upstream = context.upstream(&reviews().host, None, "");
            routes.push_plain(&key(), "default", upstream, &Arc::default(), context).unwrap();
            routes.seal();
            routes
        });
        assert_eq!(item(&routes, "/any"), Some(""));
        assert_eq!(&*routes.routes()[0].name, "default");
    }

    #[test]
    fn what_cannot_be_built_is_named() {
        let error =
            compile(&[vec![route(respond(200), None), route(respond(99), None)]]).unwrap_err();
        assert_eq!(error.place(), (&*key(), "http[1]"));
        assert_eq!(
            error.to_string(),
            "RouteTable shop/reviews, `http[1]`: 99 is no status of HTTP that can be answered"
        );
        let weightless = forward(&[("a", None, "", 0)]);
        let error = compile(&[vec![route(weightless, None)]]).unwrap_err();
        let BuildError::Invalid { fault, .. } = error else { panic!("{error}") };
        assert_eq!(*fault, Fault::NoWeight);
    }
}
