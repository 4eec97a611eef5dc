//! What runs: pods, and what makes pods. What another one of them made is part of that.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Deref, Range};

use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;
use mesh_snapshot::object::{Labels, Role, Workload as Inventory};

use super::labelled::Labelled;
use super::platform_labels::{self, Ordinals, Pods, Viewer};
use crate::api::kubernetes::{Container, PodSpec, PodTemplate, StatefulSet};
use crate::api::{Mesh, Metadata, Resource, WORKLOADS};
use crate::diagnostic::FieldPath;
use crate::parse::DocumentId;

/// A workload of the repository.
#[derive(Clone, Debug)]
pub struct Workload<'a> {
    pub id: DocumentId,
    /// `Deployment` and the like.
    pub kind: &'static str,
    /// Its namespace.
    pub(super) home: &'a str,
    /// What slices are cut for.
    pub inventory: Inventory,
    pub pod: &'a PodSpec,
    /// Of the resource; of a pod by itself also that of its pod.
    pub own: &'a Metadata,
    /// Of its pods.
    pub metadata: &'a Metadata,
    /// What is known of those besides the labels of their template.
    pub pods: Pods,
    /// The fields that lead to the template of its pods; none: it is a pod itself.
    pub(super) template: &'static [&'static str],
}

impl Workload<'_> {
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.inventory.namespace
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.inventory.name
    }

    /// Whether one of its pods may have all of these labels, whoever puts them there.
    #[must_use]
    pub fn may_have(&self, labels: &Labels, viewer: Viewer) -> bool {
        self.inventory.has(labels) || self.pods.may_have(&self.inventory, labels, viewer)
    }

    /// The same of one label.
    #[must_use]
    pub fn may_have_one(&self, name: &str, value: &str, viewer: Viewer) -> bool {
        self.may_have(&[(name.to_owned(), value.to_owned())].into(), viewer)
    }

    /// The labels by which selectors are found that may select one of its pods.
    pub(super) fn found_by(&self) -> Cow<'_, Labels> {
        platform_labels::found(self.kind, &self.inventory)
    }

    /// Where the labels of its pods stand.
    #[must_use]
    pub fn labels_path(&self) -> FieldPath {
        self.path("metadata").field("labels")
    }

    /// Where the annotations of its pods stand.
    #[must_use]
    pub fn annotations_path(&self) -> FieldPath {
        self.path("metadata").field("annotations")
    }

    /// Whether it is a pod by itself, and not what makes pods.
    #[must_use]
    pub fn is_pod(&self) -> bool {
        self.template.is_empty()
    }

    /// Whether it is there all the time, and not for one task.
    #[must_use]
    pub fn lasts(&self) -> bool {
        !matches!(self.kind, "Job" | "CronJob")
    }

    /// Where its containers and its service account stand.
    #[must_use]
    pub fn pod_path(&self) -> FieldPath {
        self.path("spec")
    }

    fn path(&self, field: &'static str) -> FieldPath {
        let root = FieldPath::default();
        self.template.iter().fold(root, |path, field| path.field(*field)).field(field)
    }
}

const TEMPLATE: &[&str] = &["spec", "template"];
const TEMPLATE_OF_JOB: &[&str] = &["spec", "jobTemplate", "spec", "template"];

/// All workloads, by namespace and name; and those that labels select, without a look at the others.
#[derive(Clone, Debug)]
pub struct Workloads<'a> {
    all: Vec<Workload<'a>>,
    /// Places in `all`, from the first to behind the last.
    by_namespace: HashMap<&'a str, Range<usize>>,
    /// Places in `all`, by the labels of their pods.
    by_label: Labelled<'a>,
    /// The places of gateways' proxies, ascending.
    gateways: Vec<usize>,
}

impl<'a> Workloads<'a> {
    pub(super) fn of(mesh: &'a Mesh) -> Self {
        let all = workloads(mesh);
        let mut by_label = Labelled::default();
        let mut by_namespace: HashMap<&str, Range<usize>> = HashMap::new();
        for (place, it) in all.iter().enumerate() {
            by_label.add(&it.metadata.labels, place);
            by_label.add_each(platform_labels::known(it.kind, &it.own.name, it.metadata), place);
            by_namespace.entry(it.home).or_insert(place..place).end = place + 1;
        }
        let is_gateway = |it: &Workload<'_>| it.inventory.role == Role::Gateway;
        let gateways = all.iter().enumerate().filter(|(_, it)| is_gateway(it));
        let gateways = gateways.map(|(place, _)| place).collect();
        Self { all, by_namespace, by_label, gateways }
    }

    /// Those of a namespace, by name.
    #[must_use]
    pub fn of_namespace(&self, namespace: &str) -> &[Workload<'a>] {
        let range = self.range(Some(namespace));
        self.all.get(range).unwrap_or_default()
    }

    /// Those that have all of `labels`, of a namespace or of all. No labels select everything.
    #[must_use]
    pub fn selected(&self, namespace: Option<&str>, labels: &Labels) -> Vec<&Workload<'a>> {
        let range = self.range(namespace);
        let Some(places) = self.by_label.rarest(labels) else {
            return self.all.get(range).unwrap_or_default().iter().collect();
        };
        let from = places.partition_point(|place| *place < range.start);
        let own = places.iter().skip(from).take_while(|place| **place < range.end);
        own.filter_map(|place| self.all.get(*place)).filter(|it| it.inventory.has(labels)).collect()
    }

    /// Those of whose pods one may have all of `labels`, whoever puts them there: those that are `selected`, and more.
    #[must_use]
    pub fn possible(
        &self,
        namespace: Option<&str>,
        labels: &Labels,
        viewer: Viewer,
    ) -> Vec<&Workload<'a>> {
        if !platform_labels::asks_for_given(labels) {
            return self.selected(namespace, labels);
        }
        let set = platform_labels::named_set(labels);
        let mut found = match (namespace, set) {
            // A pod that stands by itself, as it was taken out of a cluster, is called otherwise and has the label.
            (Some(namespace), Some(set)) => {
                let mut found = self.selected(Some(namespace), labels);
                found.extend(
                    self.named(namespace, set).iter().filter(|it| !it.inventory.has(labels)),
                );
                found
            }
            _ => self.selected(namespace, &platform_labels::own(labels)),
        };
        found.retain(|it| it.may_have(labels, viewer));
        found
    }

    fn named(&self, namespace: &str, name: &str) -> &[Workload<'a>] {
        let all = self.of_namespace(namespace);
        let start = all.partition_point(|it| it.name() < name);
        let rest = all.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|it| it.name() == name)).unwrap_or_default()
    }

    /// The proxies of gateways, by namespace and name.
    pub fn gateways(&self) -> impl Iterator<Item = &Workload<'a>> {
        self.gateways.iter().filter_map(|place| self.all.get(*place))
    }

    fn range(&self, namespace: Option<&str>) -> Range<usize> {
        match namespace {
            None => 0..self.all.len(),
            Some(namespace) => self.by_namespace.get(namespace).cloned().unwrap_or_default(),
        }
    }
}

impl<'a> Deref for Workloads<'a> {
    type Target = [Workload<'a>];

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl<'w, 'a> IntoIterator for &'w Workloads<'a> {
    type Item = &'w Workload<'a>;
    type IntoIter = std::slice::Iter<'w, Workload<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

/// All workloads, by namespace and name. A Rollout without a template has that of a Deployment, which is one by itself.
fn workloads(mesh: &Mesh) -> Vec<Workload<'_>> {
    fn made<'a, T>(
        kind: &'static str,
        path: &'static [&'static str],
        resources: &'a [Resource<T>],
        template: impl Fn(&'a T) -> Option<&'a PodTemplate>,
    ) -> impl Iterator<Item = Workload<'a>> {
        resources.iter().filter_map(move |resource| {
            let template = template(&resource.spec)?;
            let inventory = inventory(kind, resource, &template.metadata, &template.spec);
            Some(Workload {
                pods: Pods::of(kind, &template.metadata, None),
                id: resource.id,
                kind,
                home: &resource.namespace,
                inventory,
                pod: &template.spec,
                own: &resource.metadata,
                metadata: &template.metadata,
                template: path,
            })
        })
    }
    let pods = mesh.pods.iter().map(|pod| Workload {
        id: pod.id,
        kind: "Pod",
        home: &pod.namespace,
        inventory: inventory("Pod", pod, &pod.metadata, &pod.spec),
        pods: Pods::of("Pod", &pod.metadata, None),
        pod: &pod.spec,
        own: &pod.metadata,
        metadata: &pod.metadata,
        template: &[],
    });
    let stateful_sets = made("StatefulSet", TEMPLATE, &mesh.stateful_sets, |it| Some(&it.template));
    let stateful_sets = stateful_sets.zip(&mesh.stateful_sets).map(|(made, set)| {
        let pods = Pods::of(made.kind, made.metadata, Some(ordinals(mesh, set)));
        Workload { pods, ..made }
    });
    let mut workloads: Vec<_> =
        made("Deployment", TEMPLATE, &mesh.deployments, |it| Some(&it.template))
            .chain(stateful_sets)
            .chain(made("DaemonSet", TEMPLATE, &mesh.daemon_sets, |it| Some(&it.template)))
            .chain(made("ReplicaSet", TEMPLATE, &mesh.replica_sets, |it| Some(&it.template)))
            .chain(made("ReplicationController", TEMPLATE, &mesh.replication_controllers, |it| {
                Some(&it.template)
            }))
            .chain(made("Rollout", TEMPLATE, &mesh.rollouts, |it| it.template.as_ref()))
            .chain(made("Job", TEMPLATE, &mesh.jobs, |it| Some(&it.template)))
            .chain(made("CronJob", TEMPLATE_OF_JOB, &mesh.cron_jobs, |it| {
                Some(&it.job_template.spec.template)
            }))
            .chain(pods)
            .collect();
    let made = made_by_others(&workloads);
    workloads.retain(|it| !made.contains(&it.id));
    workloads
        .sort_by(|a, b| (a.namespace(), a.name(), a.kind).cmp(&(b.namespace(), b.name(), b.kind)));
    workloads
}

/// How many pods there are nobody knows whom another program tells how many to be.
fn ordinals(mesh: &Mesh, set: &Resource<StatefulSet>) -> Ordinals {
    let is_scaled = mesh.promised.is_scaled(&set.namespace, "StatefulSet", set.name());
    let replicas = set.spec.replicas.filter(|_| !is_scaled);
    Ordinals::of(set.spec.ordinals.as_ref().and_then(|it| it.start), replicas)
}

/// Those that others among them made, as they stand in what is taken out of a cluster.
fn made_by_others(workloads: &[Workload<'_>]) -> HashSet<DocumentId> {
    if workloads.iter().all(|it| it.own.owner_references.0.is_empty()) {
        return HashSet::new();
    }
    let key = |it: &Workload<'_>| (it.kind, it.home.to_owned(), it.name().to_owned());
    let known: HashSet<_> = workloads.iter().map(key).collect();
    let is_known = |it: &Workload<'_>, kind: &str, name: &str| {
        let kind = WORKLOADS.iter().find(|known| **known == kind);
        kind.is_some_and(|kind| known.contains(&(*kind, it.home.to_owned(), name.to_owned())))
    };
    let is_made = |it: &&Workload<'_>| {
        it.own.owner_references.0.iter().any(|owner| {
            is_known(it, &owner.kind, &owner.name)
                || (owner.kind == "ReplicaSet"
                    && owner_of_set(it, &owner.name)
                        .is_some_and(|name| REPLACING.iter().any(|kind| is_known(it, kind, name))))
        })
    };
    workloads.iter().filter(is_made).map(|it| it.id).collect()
}

/// What makes `ReplicaSet`s, one after another.
const REPLACING: &[&str] = &["Deployment", "Rollout"];

/// What made the `ReplicaSet` of a pod, by its name, which ends with a digest of the template that the pod has as a label.
fn owner_of_set<'s>(pod: &Workload<'_>, set: &'s str) -> Option<&'s str> {
    let labels = ["pod-template-hash", "rollouts-pod-template-hash"];
    let digest = labels.iter().find_map(|label| pod.metadata.labels.get(*label))?;
    set.strip_suffix(digest.as_str())?.strip_suffix('-')
}

fn inventory<T>(
    kind: &'static str,
    resource: &Resource<T>,
    metadata: &Metadata,
    pod: &PodSpec,
) -> Inventory {
    let mut labels = metadata.labels.clone();
    for (name, value) in platform_labels::known(kind, resource.name(), metadata) {
        labels.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    let account = [&pod.service_account_name, &pod.service_account];
    let account = account.into_iter().find(|name| !name.is_empty());
    Inventory {
        namespace: resource.namespace.clone(),
        name: resource.name().to_owned(),
        labels,
        service_account: account.map_or("default", String::as_str).to_owned(),
        role: role(metadata, pod),
        ports: ports(pod),
        ..Inventory::default()
    }
}

/// A gateway is a pod that is nothing but a proxy. Source: Istio, "Installing Gateways".
fn role(metadata: &Metadata, pod: &PodSpec) -> Role {
    let templates = metadata.annotations.get("inject.istio.io/templates");
    let is_template =
        templates.is_some_and(|names| names.split(',').any(|name| name.trim() == "gateway"));
    let is_proxy = |container: &Container| container.name == "istio-proxy";
    let is_alone = !pod.containers.is_empty() && pod.containers.iter().all(is_proxy);
    if is_template || is_alone || metadata.labels.contains_key(GATEWAY_NAME_LABEL) {
        Role::Gateway
    } else {
        Role::Sidecar
    }
}

/// By name; the unnamed ones under their number.
///
/// A container that goes on beside the others has ports, too. Source: Kubernetes, "Sidecar Containers".
fn ports(pod: &PodSpec) -> BTreeMap<String, u16> {
    let mut ports = BTreeMap::new();
    let goes_on = |it: &&Container| it.restart_policy.as_deref() == Some("Always");
    let containers = pod.containers.iter().chain(pod.init_containers.iter().filter(goes_on));
    for port in containers.flat_map(|container| &container.ports) {
        let Ok(number) = u16::try_from(port.container_port) else { continue };
        let name = if port.name.is_empty() { number.to_string() } else { port.name.clone() };
        ports.entry(name).or_insert(number);
    }
    ports
}

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    #[test]
    fn labels_select_what_has_them_all() {
        let pods = [
            ("a", "one", "{app: x, v: '1'}"),
            ("a", "two", "{app: z, v: '1'}"),
            ("b", "one", "{app: x}"),
        ];
        let text = pods.map(|(namespace, name, labels)| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {labels}}}\nspec: {{containers: [{{name: c, image: c}}]}}\n"
            )
        });
        let text = text.join("---\n");
        let compiled = Compiled::text(&text);
        let mesh = crate::resolve::resolve(&compiled.mesh);
        let selected = |namespace, labels: &[(&str, &str)]| {
            let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let found = mesh.workloads.selected(namespace, &labels.collect());
            let names = found.iter().map(|it| format!("{}/{}", it.namespace(), it.name()));
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(selected(None, &[("app", "x")]), "a/one b/one");
        assert_eq!(selected(Some("a"), &[("app", "x"), ("v", "1")]), "a/one");
        assert_eq!(selected(Some("a"), &[]), "a/one a/two");
        assert_eq!(selected(Some("b"), &[("v", "1")]), "");
        assert_eq!(selected(Some("c"), &[]), "");
    }
}
