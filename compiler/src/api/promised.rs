//! What will be in the cluster because of resources that other programs read.
//!
//! A repository that is applied as a whole holds orders, too: a `Certificate` of cert-manager becomes a Secret, a Knative
//! `Service` becomes pods and Services. Of those kinds nothing is checked. But what they make exists, so whoever misses it says nothing.

mod copied;
mod exposed;

use std::collections::{BTreeMap, BTreeSet};

use self::exposed::Order;
use super::Metadata;
use super::mesh::{ANY, is_unclear};
use super::read::Scope;
use crate::parse::{Content, DocumentId, NodeId, Parsed, Tree};

pub use copied::Copied;
pub use exposed::{Exposed, PromisedRoute};

/// What other programs make.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Promised {
    /// Namespace and name.
    secrets: BTreeSet<(String, String)>,
    /// Namespace → the accounts under which pods run of which no more is known.
    accounts: BTreeMap<String, BTreeSet<String>>,
    /// The namespaces of those of which not even the account is known, since their resources wait for placeholders.
    unclear: BTreeSet<String>,
    /// Whether such pods run in a namespace that is not known either.
    anywhere: bool,
    /// Namespace, kind and name of the workloads that others tell how many pods they have.
    scaled: BTreeSet<(String, String, String)>,
    /// Namespaces, and accounts that what makes no pods by itself names.
    named: BTreeSet<(String, String)>,
    exposed: Exposed,
    /// Secrets and `ConfigMap`s that are filled with what stands elsewhere.
    pub(super) copied: Copied,
}

/// Group, kind, and where the name of the Secret stands that is made of it. Where none does, it is its own.
static SECRETS: &[(&str, &str, &[&str])] = &[
    ("cert-manager.io", "Certificate", &["spec", "secretName"]),
    ("external-secrets.io", "ExternalSecret", &["spec", "target", "name"]),
    ("kubernetes-client.io", "ExternalSecret", &[]),
    ("bitnami.com", "SealedSecret", &["spec", "template", "metadata", "name"]),
    ("secrets.hashicorp.com", "VaultStaticSecret", &["spec", "destination", "name"]),
    ("secrets.hashicorp.com", "VaultDynamicSecret", &["spec", "destination", "name"]),
    ("secrets.hashicorp.com", "VaultPKISecret", &["spec", "destination", "name"]),
    ("secrets-store.csi.x-k8s.io", "SecretProviderClass", &["spec", "secretObjects", "secretName"]),
    ("isindir.github.com", "SopsSecret", &["spec", "secretTemplates", "name"]),
    ("onepassword.com", "OnePasswordItem", &[]),
];

/// Group and kind of what says how many pods a workload has.
static SCALING: &[(&str, &str)] =
    &[("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject")];

/// Group and kind of what runs a second one of a workload.
const COPYING: (&str, &str) = ("flagger.app", "Canary");

/// By any of which cert-manager makes a certificate for an Ingress or a Gateway. Source: cert-manager, "Securing Ingress
/// Resources", "Securing Gateway Resources".
static CERTIFYING: &[&str] =
    &["cert-manager.io/issuer", "cert-manager.io/cluster-issuer", "kubernetes.io/tls-acme"];

/// What runs pods.
pub(crate) static WORKLOADS: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Rollout",
    "Job",
    "CronJob",
    "Pod",
];

impl Promised {
    /// Whether some program makes this Secret, or fills it.
    #[must_use]
    pub fn has_secret(&self, namespace: &str, name: &str) -> bool {
        self.secrets.contains(&(namespace.to_owned(), name.to_owned()))
            || self.copied.may_fill("Secret", namespace, name)
    }

    /// The Secrets and `ConfigMap`s that programs make in several namespaces, or fill.
    #[must_use]
    pub fn copied(&self) -> &Copied {
        &self.copied
    }

    /// Namespaces and names.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.secrets.iter().map(|(namespace, name)| (namespace.as_str(), name.as_str()))
    }

    /// Whether pods run in a namespace of whose labels nothing is known.
    #[must_use]
    pub fn has_pods_in(&self, namespace: &str) -> bool {
        self.anywhere || self.accounts.contains_key(namespace)
    }

    /// Whether pods run there under accounts that are not known.
    #[must_use]
    pub fn has_unclear_accounts(&self, namespace: &str) -> bool {
        self.anywhere || self.unclear.contains(namespace)
    }

    #[must_use]
    pub fn has_no_pods(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Namespaces, and an account that something there runs under, or acts by.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_pods = self.accounts.iter();
        let of_pods = of_pods
            .flat_map(|(namespace, all)| all.iter().map(|it| (namespace.as_str(), it.as_str())));
        of_pods.chain(self.named.iter().map(|(namespace, it)| (namespace.as_str(), it.as_str())))
    }

    /// Whether others tell a workload how many pods it has.
    #[must_use]
    pub fn is_scaled(&self, namespace: &str, kind: &str, name: &str) -> bool {
        !self.scaled.is_empty()
            && self.scaled.contains(&(namespace.to_owned(), kind.to_owned(), name.to_owned()))
    }

    /// What can be called because of other programs.
    #[must_use]
    pub fn exposed(&self) -> &Exposed {
        &self.exposed
    }

    /// Takes in a resource of a kind that the mesh does not read.
    pub(super) fn read(&mut self, parsed: &Parsed, id: DocumentId, scope: &Scope) {
        let document = parsed.document(id);
        let identity = &document.identity;
        let (tree, source) = (parsed.tree(document.tree), parsed.source(document.file).text());
        let namespace = identity.namespace.as_deref().unwrap_or(&scope.default_namespace);
        let is_this =
            |it: &&(&str, &str, &[&str])| it.0 == identity.group() && it.1 == &*identity.kind;
        if let Some((_, _, path)) = SECRETS.iter().find(is_this) {
            let mut names = Vec::new();
            texts(tree, document.root, path, source, &mut names);
            if names.is_empty() {
                names.extend(identity.name.as_deref());
            }
            for name in names {
                self.secrets.insert((namespace.to_owned(), name.to_owned()));
            }
        }
        let order = Order { tree, root: document.root, source, namespace };
        if SCALING.contains(&(identity.group(), &*identity.kind)) {
            let target = |field| order.first(&["spec", "scaleTargetRef", field]).map(str::to_owned);
            let kind = target("kind").unwrap_or_else(|| "Deployment".to_owned());
            let scaled = target("name").map(|name| (namespace.to_owned(), kind, name));
            self.scaled.extend(scaled);
        }
        let name = identity.name.as_deref().unwrap_or_default();
        self.exposed.read((identity.group(), &identity.kind, name), order);
        self.copied.read_order((identity.group(), &identity.kind, name), order);
        let target = || order.first(&["spec", "targetRef", "kind"]);
        // It makes the like of its target, with other labels. A Service has no pods of its own.
        if (identity.group(), &*identity.kind) == COPYING && target() != Some("Service") {
            self.add_pods(namespace, None);
        }
        let mut signs = Signs::default();
        signs.read(tree, document.root, source);
        self.add_signs(namespace, &signs);
    }

    /// Takes in a resource of the mesh's that waits for its placeholders: what it selects by, and by what it is selected, may be
    /// anything.
    pub(super) fn read_held(&mut self, parsed: &Parsed, id: DocumentId, scope: &Scope) {
        let document = parsed.document(id);
        let identity = &document.identity;
        if WORKLOADS.contains(&&*identity.kind) {
            let source = parsed.source(document.file).text();
            let namespace = identity.namespace.as_deref().unwrap_or(&scope.default_namespace);
            self.add_pods(namespace, None);
            let mut signs = Signs::default();
            signs.read(parsed.tree(document.tree), document.root, source);
            self.add_signs(namespace, &signs);
        }
    }

    /// The same of a resource that cannot be read at all.
    pub(super) fn add_held(&mut self, kind: &str, namespace: &str) {
        // Where a template does not say where it is for, it is not for everywhere.
        if WORKLOADS.contains(&kind) && namespace != ANY {
            self.add_pods(namespace, None);
            self.unclear.insert(namespace.to_owned());
        }
    }

    fn add_signs(&mut self, namespace: &str, signs: &Signs<'_>) {
        if signs.tell_pods() {
            self.add_pods(namespace, None);
        }
        for account in &signs.accounts {
            if signs.tell_pods() {
                self.add_pods(namespace, Some(account));
            } else {
                self.named.insert((namespace.to_owned(), (*account).to_owned()));
            }
        }
    }

    /// Pods of which no more is known than perhaps their account.
    pub(super) fn add_pods(&mut self, namespace: &str, account: Option<&str>) {
        self.anywhere |= is_unclear(namespace);
        if account.is_some_and(is_unclear) {
            self.unclear.insert(namespace.to_owned());
        }
        let accounts = self.accounts.entry(namespace.to_owned()).or_default();
        accounts.extend(account.map(str::to_owned));
    }

    /// The Secrets that a resource names, where it asks for their making.
    pub(super) fn certify<'n>(
        &mut self,
        namespace: &str,
        metadata: &Metadata,
        names: impl Iterator<Item = &'n str>,
    ) {
        if CERTIFYING.iter().any(|it| metadata.annotations.contains_key(*it)) {
            self.secrets.extend(names.map(|name| (namespace.to_owned(), name.to_owned())));
        }
    }
}

/// By which a resource of which no more is known tells that something runs because of it.
#[derive(Default)]
struct Signs<'t> {
    /// Those that it names, wherever that is.
    accounts: BTreeSet<&'t str>,
    has_containers: bool,
    has_image: bool,
}

impl<'t> Signs<'t> {
    fn read(&mut self, tree: &'t Tree, node: NodeId, source: &'t str) {
        let account = |field| tree.text_at(node, field, source).filter(|it| may_be_account(it));
        self.accounts.extend(account("serviceAccountName").or_else(|| account("serviceAccount")));
        self.has_image |= tree.entry(node, "image", source).is_some();
        let containers = tree.entry(node, "containers", source);
        let mut all = containers.into_iter().flat_map(|it| tree.elements(it.value));
        self.has_containers |= all.any(|it| tree.entry(*it, "image", source).is_some());
        for element in tree.elements(node) {
            self.read(tree, *element, source);
        }
        for entry in tree.entries(node) {
            self.read(tree, entry.value, source);
        }
    }

    /// Pods have containers, or what makes them an image and an account. Who names an account alone may act by it, and run nothing.
    fn tell_pods(&self) -> bool {
        self.has_containers || (self.has_image && !self.accounts.is_empty())
    }
}

/// Whether a text is the name of a service account, or becomes one. Clouds call users of their own so, with other names. Source:
/// Kubernetes, "Object Names and IDs", DNS subdomain names.
fn may_be_account(text: &str) -> bool {
    let is_of_name = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"-.".contains(&it);
    is_unclear(text) || (!text.is_empty() && text.bytes().all(is_of_name))
}

/// The texts at a path, which passes through all elements of a list.
fn texts<'t>(tree: &'t Tree, node: NodeId, path: &[&str], source: &'t str, out: &mut Vec<&'t str>) {
    for element in tree.elements(node) {
        texts(tree, *element, path, source, out);
    }
    match path.split_first() {
        Some((field, rest)) => {
            if let Some(entry) = tree.entry(node, field, source) {
                texts(tree, entry.value, rest, source, out);
            }
        }
        None => {
            if let Content::Text(text) = tree.content(node) {
                out.push(tree.text(text, source));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    #[test]
    fn a_secret_is_named_where_its_kind_says() {
        let compiled = Compiled::text(
            "apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: a, namespace: shop}
spec: {secretName: tls}
---
apiVersion: secrets-store.csi.x-k8s.io/v1
kind: SecretProviderClass
metadata: {name: b, namespace: shop}
spec: {secretObjects: [{secretName: one}, {secretName: two}]}
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: sealed, namespace: shop}
spec: {encryptedData: {tls.crt: x}}
",
        );
        let names: Vec<_> = compiled.mesh.promised.secrets().collect();
        assert_eq!(names, ["one", "sealed", "tls", "two"].map(|name| ("shop", name)));
        assert!(!compiled.mesh.promised.has_pods_in("shop"));
    }

    #[test]
    fn who_names_an_account_runs_something_under_it() {
        let compiled = Compiled::text(
            "apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: a, namespace: shop}
spec: {image: flink, serviceAccount: flink}
---
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: b, namespace: jobs}
spec: {workflowSpec: {serviceAccountName: nightly, entrypoint: main}}
---
apiVersion: a.example.com/v1
kind: Bucket
metadata: {name: c, namespace: cloud}
spec: {serviceAccount: a@b.iam.example.com}
",
        );
        let promised = &compiled.mesh.promised;
        let accounts: Vec<_> = promised.accounts().collect();
        assert_eq!(accounts, [("shop", "flink"), ("jobs", "nightly")]);
        let namespaces = ["shop", "jobs", "cloud"];
        assert_eq!(namespaces.map(|it| promised.has_pods_in(it)), [true, false, false]);
    }

    #[test]
    fn containers_with_images_are_pods_wherever_they_stand() {
        let compiled = Compiled::text(
            "apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: a, namespace: shop}
spec: {headGroupSpec: {template: {spec: {serviceAccountName: ray, containers: [{image: x}]}}}}
---
apiVersion: a.example.com/v1
kind: Ship
metadata: {name: b, namespace: sea}
spec: {containers: [{weight: 3}]}
",
        );
        let promised = &compiled.mesh.promised;
        assert_eq!(promised.accounts().collect::<Vec<_>>(), [("shop", "ray")]);
        assert!(promised.has_pods_in("shop") && !promised.has_pods_in("sea"));
    }
}
