//! Which pods a service leads to, where it matters which.
//!
//! The pods of a workload are alike but for those of a `StatefulSet`, which have names and numbers: a Service, a policy or a caller
//! may mean one of them. So each is asked that somebody means, and the others as one. Labels of other kinds that only pods have
//! tell nobody apart here: nobody knows who has which.

use std::borrow::Cow;
use std::collections::BTreeSet;

use mesh_compiler::resolve::{Pods, Viewer};
use mesh_engine::cluster::Cluster;
use mesh_snapshot::Snapshot;
use mesh_snapshot::manifest::Section;
use mesh_snapshot::object::{Discovery, Labels, Service, Workload};

use super::Policy;
use super::answer::Step;
use super::sender::Sender;

/// Whom a cluster leads to, by their labels.
pub(super) struct Selection<'a> {
    namespace: &'a str,
    selector: &'a Labels,
    viewer: Viewer,
    /// Whatever a subset asks for, Istio looks for it among the endpoints that the service has.
    subset: Option<&'a Labels>,
    /// The name of the pod that is called.
    pub called: Option<String>,
}

/// Pods of a workload to which the same happens.
#[derive(Clone)]
pub(super) struct Pod<'w> {
    /// With the labels that its template does not have, so that policies for those pods alone are among its policies.
    pub workload: Cow<'w, Workload>,
    /// `shop/kafka`, `shop/kafka-0`
    pub name: String,
    /// Whether some pods are meant, and nobody knows which the workload has.
    pub is_unknown: bool,
}

impl<'a> Selection<'a> {
    pub(super) fn of(
        sender: &'a Sender<'_>,
        cluster: &'a Cluster,
        (namespace, selector): (&'a str, &'a Labels),
    ) -> Self {
        let (viewer, subset) = (viewer(cluster.service()), cluster.labels());
        Self { namespace, selector, viewer, subset, called: called(sender, cluster) }
    }

    /// The workloads whose pods they are, and of each the pods that are told apart.
    pub(super) fn pods<'p>(&self, policy: &'p Policy) -> Vec<Vec<Pod<'p>>> {
        let Some(asked) = both(self.selector, self.subset) else { return Vec::new() };
        let there = policy.bundle.inventory.iter().filter(|it| it.namespace == self.namespace);
        let pods = there.map(|workload| self.pods_of(workload, &asked, policy));
        pods.filter(|pods| !pods.is_empty()).collect()
    }

    fn pods_of<'w>(&self, workload: &'w Workload, asked: &Labels, policy: &Policy) -> Vec<Pod<'w>> {
        let Some(pods) = policy.beside.pods.get(&workload.full_name()) else {
            return self.unknown(workload, asked, policy).into_iter().collect();
        };
        let has = |labels: &Labels, viewer| {
            workload.has(labels) || pods.may_have(workload, labels, viewer)
        };
        let called = self.called.as_deref().filter(|_| pods.ordinals().is_some()).map(Pods::named);
        let asked = both(asked, called.as_ref());
        let Some(asked) =
            asked.filter(|it| has(self.selector, self.viewer) && has(it, Viewer::Istio))
        else {
            return Vec::new();
        };
        match pods.ordinal(workload, &asked) {
            Some(ordinal) => vec![Pod::numbered(workload, &asked, ordinal)],
            None => apart(workload, &asked, pods, policy),
        }
    }
}

impl Selection<'_> {
    /// Those of a workload whose pods nobody knows, as where a snapshot tells of it.
    fn unknown<'w>(
        &self,
        workload: &'w Workload,
        asked: &Labels,
        policy: &Policy,
    ) -> Option<Pod<'w>> {
        let asked = both(asked, self.called.as_deref().map(Pods::named).as_ref())?;
        let may_have = workload.has(&asked) || Pods::unknown_may_have(workload, &asked);
        may_have.then(|| Pod {
            is_unknown: Pods::are_of_one(&asked) || is_told_apart(workload, policy),
            ..Pod::with(workload, &asked)
        })
    }
}

impl Pod<'_> {
    /// Its part of an answer, which begins with what is not known of it.
    pub(super) fn step(&self) -> Step {
        let mut step = Step::new("server");
        if self.is_unknown {
            step.note("policy tells its pods apart, which a snapshot does not: ask the repository which of them these are");
        }
        step
    }
}

impl<'w> Pod<'w> {
    pub(super) fn of(workload: &'w Workload) -> Self {
        Self { name: workload.full_name(), workload: Cow::Borrowed(workload), is_unknown: false }
    }

    /// Those of a workload that have some labels, too.
    fn with(workload: &'w Workload, labels: &Labels) -> Self {
        if workload.has(labels) {
            return Self::of(workload);
        }
        let mut own = workload.clone();
        own.labels.extend(labels.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self { workload: Cow::Owned(own), ..Self::of(workload) }
    }

    /// The one of its number.
    fn numbered(workload: &'w Workload, labels: &Labels, ordinal: u32) -> Self {
        let mut all = labels.clone();
        all.extend(Pods::numbered(workload, ordinal));
        Self { name: format!("{}-{ordinal}", workload.full_name()), ..Self::with(workload, &all) }
    }

    /// All of the workload as one, of those that are told apart from the others.
    pub(super) fn as_one(&self) -> Self {
        Self { name: self.workload.full_name(), ..self.clone() }
    }
}

/// The pods that some selector of the snapshot means, each, and the others as one.
fn apart<'w>(workload: &'w Workload, asked: &Labels, pods: &Pods, policy: &Policy) -> Vec<Pod<'w>> {
    let others = Pod::with(workload, asked);
    let Some(ordinals) = pods.ordinals() else { return vec![others] };
    let selectors = selectors(workload, &policy.bundle.snapshot);
    let meant = selectors.filter(|it| pods.may_have(workload, it, Viewer::Istio));
    let meant: BTreeSet<_> = meant.filter_map(|it| pods.ordinal(workload, it)).collect();
    let mut all: Vec<_> =
        meant.iter().map(|ordinal| Pod::numbered(workload, asked, *ordinal)).collect();
    let is_all = ordinals.range().is_some_and(|mut range| range.all(|it| meant.contains(&it)));
    if meant.is_empty() {
        all.push(others);
    } else if !is_all {
        all.push(Pod { name: format!("the other pods of {}", others.name), ..others });
    }
    all
}

/// Whether some selector may mean some of the pods of a workload, of which nobody knows anything.
fn is_told_apart(workload: &Workload, policy: &Policy) -> bool {
    let mut selectors = selectors(workload, &policy.bundle.snapshot);
    selectors.any(|it| Pods::are_of_one(it) && Pods::unknown_may_have(workload, it))
}

/// Those that may select a workload.
fn selectors<'s>(workload: &Workload, snapshot: &'s Snapshot) -> impl Iterator<Item = &'s Labels> {
    let sections = [Some(snapshot.mesh()), snapshot.namespace(&workload.namespace)];
    sections.into_iter().flatten().flat_map(Section::selectors)
}

/// Whose selector a service has: a Service that of Kubernetes, a `ServiceEntry`, whose name is its host, that of Istio.
fn viewer(service: &Service) -> Viewer {
    if service.name == service.host { Viewer::Istio } else { Viewer::Kubernetes }
}

/// The labels of what a service selects and what is in a subset of it; none where nothing is both.
fn both(selector: &Labels, subset: Option<&Labels>) -> Option<Labels> {
    let mut both = selector.clone();
    for (name, value) in subset.into_iter().flatten() {
        if both.insert(name.clone(), value.clone()).is_some_and(|other| other != *value) {
            return None;
        }
    }
    Some(both)
}

/// The pod whose name a client calls in the domain of a headless Service: its proxy sends to the address that the client calls.
fn called(sender: &Sender<'_>, cluster: &Cluster) -> Option<String> {
    let Discovery::World { headless: true, .. } = cluster.discovery() else { return None };
    let (pod, domain) = sender.question.to.host.split_once('.')?;
    let outbound = sender.program.outbound()?;
    let arrival = outbound.arrival_by_name(domain, sender.question.to.port);
    (arrival.host() == Some(cluster.host())).then(|| pod.to_ascii_lowercase())
}
