//! Secrets and `ConfigMap`s that programs fill with what stands elsewhere, or make in many namespaces.
//!
//! Sources: trust-manager, `Bundle.spec.target`; External Secrets, `ClusterExternalSecret`; Kyverno, "Generate Rules"; the annotations of
//! kubernetes-replicator, of Reflector and of Config Syncer.

use std::collections::{BTreeMap, BTreeSet};

use super::exposed::Order;
use crate::api::Metadata;
use crate::api::mesh::{ANY, is_unclear, may_say};
use crate::parse::NodeId;

/// By which a resource is filled with what another one holds.
const PULLING: &[&str] =
    &["replicator.v1.mittwald.de/replicate-from", "reflector.v1.k8s.emberstack.com/reflects"];

/// By which others of its name are made, and filled with what it holds.
const PUSHING: &[&str] = &[
    "replicator.v1.mittwald.de/replicate-to",
    "replicator.v1.mittwald.de/replicate-to-matching",
    "reflector.v1.k8s.emberstack.com/reflection-auto-enabled",
    "kubed.appscode.com/sync",
];

/// In names and namespaces placeholders may stand.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Copied {
    /// The namespaces of those of a kind that have a name.
    named: BTreeMap<(String, String), BTreeSet<String>>,
    /// Kind, namespace and name of those whose name is not known.
    unclear: BTreeSet<(String, String, String)>,
    /// Kind, namespace and name of those that others are filled with.
    sources: BTreeSet<(String, String, String)>,
}

impl Copied {
    /// Whether it may be one of these.
    #[must_use]
    pub fn may_fill(&self, kind: &str, namespace: &str, name: &str) -> bool {
        // Most repositories have none.
        if self.named.is_empty() && self.unclear.is_empty() {
            return false;
        }
        let namespaces = self.named.get(&(kind.to_owned(), name.to_owned()));
        let is_unclear = |it: &(String, String, String)| {
            it.0 == kind && may_say(&it.1, namespace) && may_say(&it.2, name)
        };
        let is_source =
            || self.sources.contains(&(kind.to_owned(), namespace.to_owned(), name.to_owned()));
        (namespaces.is_some_and(|all| all.iter().any(|it| may_say(it, namespace)))
            || self.unclear.iter().any(is_unclear))
            && !is_source()
    }

    /// Takes in a Secret or a `ConfigMap`.
    pub(in crate::api) fn read(&mut self, kind: &str, metadata: &Metadata, namespace: &str) {
        let says = |names: &[&str]| {
            names.iter().any(|it| metadata.annotations.get(*it).is_some_and(|it| it != "false"))
        };
        if says(PULLING) {
            self.add(kind, namespace, &metadata.name);
        }
        if says(PUSHING) {
            self.add(kind, ANY, &metadata.name);
            let source = (kind.to_owned(), namespace.to_owned(), metadata.name.clone());
            self.sources.insert(source);
        }
    }

    /// Takes in a resource of a group and a kind, which has this name.
    pub(super) fn read_order(&mut self, (group, kind, name): (&str, &str, &str), order: Order<'_>) {
        match (group, kind) {
            ("trust.cert-manager.io", "Bundle" | "ClusterBundle") => {
                for (field, kind) in [("secret", "Secret"), ("configMap", "ConfigMap")] {
                    if !order.all(&["spec", "target", field, "key"]).is_empty() {
                        self.add(kind, ANY, name);
                    }
                }
            }
            ("external-secrets.io", "ClusterExternalSecret") => {
                let target = order.first(&["spec", "externalSecretSpec", "target", "name"]);
                let own = || order.first(&["spec", "externalSecretName"]);
                self.add("Secret", ANY, target.or_else(own).unwrap_or(name));
            }
            ("kyverno.io", "ClusterPolicy" | "Policy") => self.read_generating(order),
            _ => {}
        }
    }

    /// Each rule makes one resource, or copies all of some kinds; `foreach` has several.
    fn read_generating(&mut self, order: Order<'_>) {
        let mut made = order.nodes(&["spec", "rules", "generate"]);
        made.extend(order.nodes(&["spec", "rules", "generate", "foreach"]));
        for root in made {
            let own = Order { root, ..order };
            let namespace = own.first(&["namespace"]).unwrap_or(ANY);
            if let (Some(kind), Some(name)) = (own.first(&["kind"]), own.first(&["name"])) {
                self.add(kind, namespace, name);
            }
            for kind in own.all(&["cloneList", "kinds"]) {
                self.add(kind.rsplit('/').next().unwrap_or(kind), namespace, ANY);
            }
        }
    }

    fn add(&mut self, kind: &str, namespace: &str, name: &str) {
        let (kind, namespace, name) = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        if is_unclear(&name) {
            self.unclear.insert((kind, namespace, name));
        } else {
            self.named.entry((kind, name)).or_default().insert(namespace);
        }
    }
}

impl Order<'_> {
    /// The nodes at a path, which passes through all elements of a list.
    fn nodes(&self, path: &[&str]) -> Vec<NodeId> {
        let mut nodes = vec![self.root];
        for field in path {
            let entries = nodes.iter().filter_map(|it| self.tree.entry(*it, field, self.source));
            nodes = entries.flat_map(|it| self.spread(it.value)).collect();
        }
        nodes
    }

    /// The elements of a list, or what is none.
    fn spread(&self, node: NodeId) -> Vec<NodeId> {
        match self.tree.elements(node) {
            [] => vec![node],
            all => all.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    #[test]
    fn what_is_copied_is_in_many_namespaces() {
        let compiled = Compiled::text(
            "apiVersion: trust.cert-manager.io/v1alpha1
kind: Bundle
metadata: {name: public}
spec: {sources: [{useDefaultCAs: true}], target: {configMap: {key: ca.crt}}}
---
apiVersion: external-secrets.io/v1
kind: ClusterExternalSecret
metadata: {name: all}
spec: {externalSecretSpec: {target: {name: wide}}}
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p}
spec:
  rules:
  - generate: {kind: Secret, name: registry, namespace: '{{request.object.metadata.name}}', clone: {name: a, namespace: b}}
  - generate: {namespace: shop, cloneList: {namespace: b, kinds: [v1/ConfigMap]}}
  - {name: other, validate: {}}
---
apiVersion: v1
kind: Secret
metadata: {name: pulled, namespace: edge, annotations: {replicator.v1.mittwald.de/replicate-from: a/b}}
---
apiVersion: v1
kind: Secret
metadata: {name: pushed, namespace: edge, annotations: {replicator.v1.mittwald.de/replicate-to: shop}}
---
apiVersion: v1
kind: Secret
metadata: {name: own, namespace: edge, annotations: {a: b}}
",
        );
        let copied = compiled.mesh.promised.copied();
        for (kind, namespace, name, is_made) in [
            ("ConfigMap", "any", "public", true),
            ("Secret", "any", "public", false),
            ("Secret", "any", "wide", true),
            ("Secret", "any", "all", false),
            ("Secret", "any", "registry", true),
            ("ConfigMap", "shop", "any", true),
            ("ConfigMap", "edge", "any", false),
            ("Secret", "edge", "pulled", true),
            ("Secret", "shop", "pulled", false),
            ("Secret", "shop", "pushed", true),
            ("Secret", "edge", "pushed", false),
            ("Secret", "shop", "own", false),
        ] {
            assert_eq!(
                copied.may_fill(kind, namespace, name),
                is_made,
                "{kind} {namespace}/{name}"
            );
        }
    }
}
