//! What can be called because of other programs: the Services that they make, and the routes of gateways.
//!
//! Sources: Flagger, "How it works", `CanaryService`, `IstioRouter`; Knative, "Kubernetes services", `Route.spec.traffic.tag`,
//! `names.PrivateService`, `GenerateRevisionName`; net-istio, `config-istio`, `local-gateway`.

use std::collections::BTreeSet;

use super::texts;
use crate::api::mesh::{is_unclear, may_say};
use crate::parse::{Content, NodeId, Tree};

/// Services, and routes that lead to some.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Exposed {
    /// Namespace and name.
    services: BTreeSet<(String, String)>,
    /// Those in whose names or namespaces placeholders stand.
    unclear: Vec<(String, String)>,
    /// Namespace and name of what Knative makes revisions of, each with a number.
    revised: BTreeSet<(String, String)>,
    routes: Vec<PromisedRoute>,
}

/// A route that is not written, but made of something that is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PromisedRoute {
    pub namespace: String,
    pub hosts: Vec<String>,
    /// Istio's gateways, as they are written.
    pub gateways: Vec<String>,
    /// The Gateway API's, by namespace and name.
    pub parents: BTreeSet<(String, String)>,
}

/// A resource of another program, and what is read of it.
#[derive(Clone, Copy)]
pub(super) struct Order<'t> {
    pub tree: &'t Tree,
    pub root: NodeId,
    pub source: &'t str,
    pub namespace: &'t str,
}

/// Group and kind of what is there where Knative serves; without a kind, all of the group.
static OF_KNATIVE: &[(&str, &str)] = &[
    ("serving.knative.dev", ""),
    ("networking.internal.knative.dev", ""),
    ("operator.knative.dev", "KnativeServing"),
];

/// Namespace and name of the Service by which Knative's own are reached within the cluster, over Istio.
const LOCAL_GATEWAY: (&str, &str) = ("istio-system", "knative-local-gateway");

/// Of the Service of a revision that leads to its pods alone.
const PRIVATE: &str = "-private";

impl<'t> Order<'t> {
    pub(super) fn all(&self, path: &[&str]) -> Vec<&'t str> {
        let mut found = Vec::new();
        texts(self.tree, self.root, path, self.source, &mut found);
        found
    }

    pub(super) fn first(&self, path: &[&str]) -> Option<&'t str> {
        self.all(path).into_iter().find(|it| !it.is_empty())
    }
}

impl Exposed {
    /// Whether some program makes this Service.
    #[must_use]
    pub fn has_service(&self, namespace: &str, name: &str) -> bool {
        let is_this = |it: &(String, String)| may_say(&it.0, namespace) && may_say(&it.1, name);
        // Most repositories order none.
        !self.services.is_empty()
            && self.services.contains(&(namespace.to_owned(), name.to_owned()))
            || self.unclear.iter().any(is_this)
            || self.is_revision(namespace, name)
    }

    /// Whether it is called as Knative calls the Services of a revision: `web-00007`, `web-00007-private`.
    fn is_revision(&self, namespace: &str, name: &str) -> bool {
        let name = name.strip_suffix(PRIVATE).unwrap_or(name);
        let is_number = |it: &str| it.len() >= 5 && it.bytes().all(|it| it.is_ascii_digit());
        let of = name.rsplit_once('-').filter(|(_, number)| is_number(number));
        of.is_some_and(|(of, _)| {
            !self.revised.is_empty()
                && self.revised.iter().any(|it| may_say(&it.0, namespace) && may_say(&it.1, of))
        })
    }

    #[must_use]
    pub fn routes(&self) -> &[PromisedRoute] {
        &self.routes
    }

    /// Takes in a resource of a group and a kind, which has this name.
    pub(super) fn read(&mut self, (group, kind, name): (&str, &str, &str), order: Order<'_>) {
        if OF_KNATIVE.iter().any(|it| it.0 == group && (it.1.is_empty() || it.1 == kind)) {
            let (namespace, name) = LOCAL_GATEWAY;
            self.add(namespace, name.to_owned());
        }
        match (group, kind) {
            ("flagger.app", "Canary") => self.read_canary(name, order),
            ("serving.knative.dev", "Service" | "Route" | "Configuration" | "Revision") => {
                self.read_knative(kind, name, order);
            }
            _ => {}
        }
    }

    /// It makes Services of one name for both versions, for the old one, and for the new one.
    fn read_canary(&mut self, own: &str, order: Order<'_>) {
        let named = order.first(&["spec", "service", "name"]);
        let name = named.or_else(|| order.first(&["spec", "targetRef", "name"])).unwrap_or(own);
        for suffix in ["", "-primary", "-canary"] {
            self.add(order.namespace, format!("{name}{suffix}"));
        }
        let written = |field| order.all(&["spec", "service", field]).into_iter().map(str::to_owned);
        let gateways: Vec<_> = written("gateways").collect();
        let parents = parents(order);
        if !gateways.is_empty() || !parents.is_empty() {
            let hosts = written("hosts").chain([name.to_owned()]).collect();
            let namespace = order.namespace.to_owned();
            self.routes.push(PromisedRoute { namespace, hosts, gateways, parents });
        }
    }

    /// A Service is a Route, which has Services, and a Configuration, of which there are revisions, which have some, too.
    fn read_knative(&mut self, kind: &str, name: &str, order: Order<'_>) {
        if matches!(kind, "Service" | "Route") {
            self.add(order.namespace, name.to_owned());
            for tag in order.all(&["spec", "traffic", "tag"]) {
                self.add(order.namespace, format!("{tag}-{name}"));
            }
        }
        if matches!(kind, "Service" | "Configuration") {
            self.revised.insert((order.namespace.to_owned(), name.to_owned()));
        }
        let named = match kind {
            "Revision" => vec![name],
            _ => order.all(&["spec", "template", "metadata", "name"]),
        };
        // Traffic may be for those that were there before.
        let named = named.into_iter().chain(order.all(&["spec", "traffic", "revisionName"]));
        for revision in named.filter(|it| !it.is_empty()) {
            self.add(order.namespace, revision.to_owned());
            self.add(order.namespace, format!("{revision}{PRIVATE}"));
        }
    }

    fn add(&mut self, namespace: &str, name: String) {
        let service = (namespace.to_owned(), name);
        if is_unclear(&service.0) || is_unclear(&service.1) {
            self.unclear.push(service);
        } else {
            self.services.insert(service);
        }
    }
}

/// The Gateways of a Canary's `gatewayRefs`.
fn parents(order: Order<'_>) -> BTreeSet<(String, String)> {
    let Order { tree, root, source, namespace } = order;
    let service = tree.entry(root, "spec", source);
    let service = service.and_then(|it| tree.entry(it.value, "service", source));
    let named = service.and_then(|it| tree.entry(it.value, "gatewayRefs", source));
    let text = |node: NodeId, field| {
        let value = tree.entry(node, field, source)?.value;
        match tree.content(value) {
            Content::Text(text) => Some(tree.text(text, source).to_owned()),
            _ => None,
        }
    };
    let parents = named.into_iter().flat_map(|it| tree.elements(it.value));
    let parents = parents.filter_map(|it| {
        Some((text(*it, "namespace").unwrap_or_else(|| namespace.to_owned()), text(*it, "name")?))
    });
    parents.collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    #[test]
    fn services_are_called_as_their_controllers_call_them() {
        let compiled = Compiled::text(
            "apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: c, namespace: shop}
spec: {targetRef: {kind: Deployment, name: web}, service: {port: 80, hosts: [a.test], gateways: [b/g]}}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: d, namespace: sea}
spec: {targetRef: {kind: Service, name: ship}, service: {name: boat, gatewayRefs: [{name: g}, {name: h, namespace: b}]}}
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: hello, namespace: '${NS}'}
spec: {template: {metadata: {name: hello-blue}}, traffic: [{tag: next, percent: 0}, {percent: 100}]}
---
apiVersion: other.example.com/v1
kind: Canary
metadata: {name: bird, namespace: shop}
",
        );
        let promised = &compiled.mesh.promised;
        let exposed = promised.exposed();
        for (namespace, name, is_made) in [
            ("shop", "web", true),
            ("shop", "web-primary", true),
            ("shop", "web-canary", true),
            ("shop", "web-other", false),
            ("shop", "c", false),
            ("sea", "web-primary", false),
            ("sea", "boat-primary", true),
            ("sea", "ship-primary", false),
            ("any", "hello", true),
            ("any", "next-hello", true),
            ("any", "last-hello", false),
            ("any", "hello-blue", true),
            ("any", "hello-blue-private", true),
            ("any", "hello-green", false),
            ("any", "hello-00007", true),
            ("any", "hello-00007-private", true),
            ("any", "hello-7", false),
            ("istio-system", "knative-local-gateway", true),
            ("istio-system", "other-gateway", false),
            ("shop", "bird", false),
        ] {
            assert_eq!(exposed.has_service(namespace, name), is_made, "{namespace}/{name}");
        }
        let [first, second] = exposed.routes() else { panic!("{:?}", exposed.routes()) };
        assert_eq!(
            (&first.hosts[..], &first.gateways[0][..]),
            (&["a.test", "web"].map(str::to_owned)[..], "b/g")
        );
        let parents: Vec<_> =
            second.parents.iter().map(|(of, name)| format!("{of}/{name}")).collect();
        assert_eq!(parents, ["b/h", "sea/g"]);
        // Of what it leads to, and is not its own, it makes no pods.
        assert!(promised.has_pods_in("shop") && !promised.has_pods_in("sea"));
    }
}
