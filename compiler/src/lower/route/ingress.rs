//! The rules of Ingresses for one host. Source: Istio, `ingressBackendToHTTPRoute`.

use mesh_snapshot::object::{
    Backend as ObjectBackend, Destination, Fault, HeaderOperations, HttpAction, HttpMatch,
    HttpRoute, RouteTable, StringMatch, Target,
};
use mesh_snapshot::{Key, Kind, Reference};

use crate::diagnostic::Place;
use crate::lower::{Lowering, Written};
use crate::resolve::host::Host;
use crate::resolve::ingress::{Backend, IngressHost, Path, PathTest};

impl<'a> Lowering<'_, 'a> {
    /// The same from everywhere: each path names host and port.
    pub(in crate::lower) fn ingress_table(
        &self,
        rules: &IngressHost<'a>,
    ) -> (Reference, RouteTable) {
        let mut table = Written::<RouteTable>::default();
        let owner = self.mesh.ingresses.get(rules.owner).map(|it| it.resource);
        if let Some(owner) = owner {
            table.places.push((String::new(), Place::resource(owner.id)));
        }
        for path in &rules.paths {
            let Backend::Port(host, port) = &path.backend else { continue };
            let item = format!("http[{}]", table.object.http.len());
            table.places.push((item, Place::value(path.resource.id, path.path())));
            table.object.http.push(route(path, host, *port));
        }
        // Each host has one list, and no resource has a `/` in its name.
        let name = format!("ingress/{}", rules.host);
        let key = Key::new(Kind::RouteTable, owner.map_or("", |it| &it.namespace), name);
        let any = mesh_snapshot::object::Object::RouteTable(table.object.clone());
        (self.store.add(key, &any, &table.places), table.object)
    }
}

fn route(path: &Path<'_>, host: &Host, port: u16) -> HttpRoute {
    let destination =
        Destination { host: host.to_string(), port: Some(port), subset: String::new() };
    let test = test(path.test).map(|path| HttpMatch { path: Some(path), ..HttpMatch::default() });
    HttpRoute {
        name: String::new(),
        matches: test.into_iter().collect(),
        action: HttpAction::Forward {
            backends: vec![ObjectBackend {
                target: Target::Cluster(destination),
                weight: 1,
                headers: HeaderOperations::default(),
            }],
            path_rewrite: None,
            authority_rewrite: None,
            timeout: None,
            try_timeout: None,
            retry: None,
            mirrors: Vec::new(),
        },
        headers: HeaderOperations::default(),
        cors: None,
        fault: Fault::default(),
    }
}

/// `None`: every path. Source: Istio, `TranslateRouteMatch`, which takes one slash from a prefix's end.
fn test(test: PathTest<'_>) -> Option<StringMatch> {
    Some(match test {
        PathTest::Any => return None,
        PathTest::Exact(path) => StringMatch::Exact(path.to_owned()),
        PathTest::Prefix("/") => StringMatch::Prefix("/".to_owned()),
        PathTest::Prefix(path) => {
            StringMatch::PathPrefix(path.strip_suffix('/').unwrap_or(path).to_owned())
        }
    })
}
