//! Labels of pods that no template has: those of Kubernetes' controllers, of Istio's injector, and of the places where pods run.
//!
//! What is the same for all pods of a workload is known ([`known`]) and stands among its labels. The others differ from pod to pod,
//! or nobody knows them here: of those it is said which values are possible ([`Pods::may_have`]). Such a selector stays in the
//! snapshot as it is written, since the labels of an instance decide.
//!
//! Sources: Kubernetes, "Well-Known Labels, Annotations and Taints", "`StatefulSet`: Pod Name Label, Pod index label"; `generateSelector`
//! of Jobs; Istio, the injector's template, `labelutil.AugmentLabels`.

use std::borrow::Cow;
use std::ops::Range;

use mesh_snapshot::object::{Labels, Workload as Inventory};

use crate::api::Metadata;

/// The canonical name and revision, each with the labels that say it, the first first.
const CANONICAL_NAME: &[&str] =
    &["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"];
const CANONICAL_REVISION: &[&str] =
    &["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"];

/// On pods: `true` or `false`, which outweighs the namespace.
pub(crate) const INJECT: &str = "sidecar.istio.io/inject";
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
const JOB_NAMES: &[&str] = &["batch.kubernetes.io/job-name", "job-name"];

/// Who puts a label on pods, or has it seen there.
enum Giver {
    /// What makes pods of these kinds, with a value that it makes up.
    Maker(&'static [&'static str]),
    /// A `StatefulSet`, by the ordinal of the pod.
    PodName,
    PodIndex,
    /// A `CronJob` names its Jobs.
    JobName,
    /// A Job, by the number of the completion that the pod is for.
    CompletionIndex,
    /// Istio's injector; with one value alone, where that is known.
    Injector(Option<&'static str>),
    /// The node on which it runs, by Kubernetes and by Istio.
    Node,
    /// Istio, for proxies and endpoints. No pod has it.
    Place,
}

static GIVEN: &[(&str, Giver)] = &[
    (POD_NAME, Giver::PodName),
    (POD_INDEX, Giver::PodIndex),
    ("pod-template-hash", Giver::Maker(&["Deployment"])),
    ("rollouts-pod-template-hash", Giver::Maker(&["Rollout"])),
    ("controller-revision-hash", Giver::Maker(&["StatefulSet", "DaemonSet"])),
    ("pod-template-generation", Giver::Maker(&["DaemonSet"])),
    ("controller-uid", Giver::Maker(&["Job", "CronJob"])),
    ("batch.kubernetes.io/controller-uid", Giver::Maker(&["Job", "CronJob"])),
    ("batch.kubernetes.io/job-completion-index", Giver::CompletionIndex),
    ("batch.kubernetes.io/job-name", Giver::JobName),
    ("job-name", Giver::JobName),
    ("istio.io/rev", Giver::Injector(None)),
    ("security.istio.io/tlsMode", Giver::Injector(Some("istio"))),
    ("topology.kubernetes.io/region", Giver::Node),
    ("topology.kubernetes.io/zone", Giver::Node),
    ("topology.istio.io/subzone", Giver::Place),
    ("topology.istio.io/cluster", Giver::Place),
    ("topology.istio.io/network", Giver::Place),
    ("kubernetes.io/hostname", Giver::Place),
];

fn giver(name: &str) -> Option<&'static Giver> {
    GIVEN.iter().find(|(given, _)| *given == name).map(|(_, giver)| giver)
}

/// Who looks for a label.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Viewer {
    /// It looks at what pods have: a Service does.
    Kubernetes,
    /// It looks at endpoints and proxies, of which it knows where they are, too.
    Istio,
}

/// What is known of the pods of a workload besides the labels of their template.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pods {
    /// Of what makes them.
    kind: &'static str,
    /// Those of a `StatefulSet`'s.
    ordinals: Option<Ordinals>,
    /// Whether they may get a proxy.
    is_injected: bool,
}

/// From the first to behind the last; without an end where nobody says how many there are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ordinals {
    start: u32,
    end: Option<u32>,
}

impl Ordinals {
    /// How many there are is open where `replicas` are left to others, or are none for the time being.
    pub(super) fn of(start: Option<i32>, replicas: Option<i32>) -> Self {
        let start = start.and_then(|it| u32::try_from(it).ok()).unwrap_or(0);
        let replicas = replicas.and_then(|it| u32::try_from(it).ok()).filter(|it| *it > 0);
        Self { start, end: replicas.map(|it| start.saturating_add(it)) }
    }

    fn has(&self, ordinal: u32) -> bool {
        self.start <= ordinal && self.end.is_none_or(|end| ordinal < end)
    }

    /// Where it is known how many there are.
    #[must_use]
    pub fn range(&self) -> Option<Range<u32>> {
        Some(self.start..self.end?)
    }
}

impl Pods {
    pub(super) fn of(kind: &'static str, metadata: &Metadata, ordinals: Option<Ordinals>) -> Self {
        Self { kind, ordinals, is_injected: !declines(metadata) }
    }

    #[must_use]
    pub fn ordinals(&self) -> Option<&Ordinals> {
        self.ordinals.as_ref()
    }

    /// The one that labels ask for which one of them may have ([`Self::may_have`]); none where they ask for no single one.
    #[must_use]
    pub fn ordinal(&self, workload: &Inventory, labels: &Labels) -> Option<u32> {
        self.ordinals.as_ref()?;
        // What all of them have of their template means none of them.
        let asked = |name| labels.get(name).filter(|_| !workload.labels.contains_key(name));
        let by_name = asked(POD_NAME).and_then(|pod| Some(ordinal_of(pod)?.1));
        by_name.or_else(|| number(asked(POD_INDEX)?))
    }

    /// Whether labels are such as no two pods of a `StatefulSet` have.
    #[must_use]
    pub fn are_of_one(labels: &Labels) -> bool {
        [POD_NAME, POD_INDEX].into_iter().any(|name| labels.contains_key(name))
    }

    /// [`Self::may_have`], as far as a workload tells of whose pods nobody knows anything.
    #[must_use]
    pub fn unknown_may_have(workload: &Inventory, selector: &Labels) -> bool {
        let template = own(selector);
        match named_set(selector) {
            Some(set) => set == workload.name && workload.has(&template),
            None => !template.is_empty() && workload.has(&template),
        }
    }

    /// The label that the pod of a `StatefulSet` has that goes by a name.
    #[must_use]
    pub fn named(pod: &str) -> Labels {
        [(POD_NAME.to_owned(), pod.to_owned())].into()
    }

    /// The labels that one pod of a `StatefulSet` has and no other.
    #[must_use]
    pub fn numbered(workload: &Inventory, ordinal: u32) -> Labels {
        let mut labels = Self::named(&format!("{}-{ordinal}", workload.name));
        labels.insert(POD_INDEX.to_owned(), ordinal.to_string());
        labels
    }

    /// The labels by which selectors are found ([`Self::finding`]) that may select one of them.
    #[must_use]
    pub fn found<'w>(&self, workload: &'w Inventory) -> Cow<'w, Labels> {
        found(self.kind, workload)
    }

    /// The labels by which a selector is found: whose pods may have what it asks for has them among its own.
    #[must_use]
    pub fn finding(selector: &Labels) -> Cow<'_, Labels> {
        finding(selector)
    }

    /// Whether one of them may have all of these labels. `workload` is theirs.
    #[must_use]
    pub fn may_have(&self, workload: &Inventory, selector: &Labels, viewer: Viewer) -> bool {
        let mut ordinal = None;
        selector.iter().all(|(name, value)| {
            if let Some(own) = workload.labels.get(name) {
                return own == value;
            }
            let Some(giver) = giver(name) else { return false };
            let asked = match giver {
                Giver::PodName => ordinal_of(value).filter(|(set, _)| *set == workload.name),
                Giver::PodIndex => number(value).map(|index| ("", index)),
                other => return self.may_be_given(other, workload, value, viewer),
            };
            // By its name and by its index it is the same pod.
            let Some((_, asked)) = asked else { return false };
            let is_one = self.ordinals.as_ref().is_some_and(|it| it.has(asked));
            is_one && *ordinal.get_or_insert(asked) == asked
        })
    }

    fn may_be_given(
        &self,
        giver: &Giver,
        workload: &Inventory,
        value: &str,
        viewer: Viewer,
    ) -> bool {
        match giver {
            Giver::Maker(kinds) => kinds.contains(&self.kind),
            Giver::PodName | Giver::PodIndex => false,
            // The minute for which it was made.
            Giver::JobName => {
                let of_job = value.strip_prefix(workload.name.as_str());
                let time = of_job.and_then(|it| it.strip_prefix('-')).and_then(number);
                self.kind == "CronJob" && time.is_some()
            }
            Giver::CompletionIndex => {
                matches!(self.kind, "Job" | "CronJob") && number(value).is_some()
            }
            Giver::Injector(only) => self.is_injected && only.is_none_or(|only| only == value),
            Giver::Node => true,
            Giver::Place => viewer == Viewer::Istio,
        }
    }
}

/// Whether there are labels among these that no template need have.
#[must_use]
pub fn asks_for_given(selector: &Labels) -> bool {
    selector.keys().any(|name| giver(name).is_some())
}

/// Those of a selector that only a template gives.
pub(super) fn own(selector: &Labels) -> Labels {
    let own = selector.iter().filter(|(name, _)| giver(name).is_none());
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The `StatefulSet` whose pod a selector names.
pub(super) fn named_set(selector: &Labels) -> Option<&str> {
    Some(ordinal_of(selector.get(POD_NAME)?)?.0)
}

/// The labels by which a selector is found: who may have what it asks for has them among its [`found`].
pub(super) fn finding(selector: &Labels) -> Cow<'_, Labels> {
    if !asks_for_given(selector) {
        return Cow::Borrowed(selector);
    }
    let mut finding = own(selector);
    if let Some(set) = named_set(selector) {
        finding.insert(POD_NAME.to_owned(), set.to_owned());
    }
    Cow::Owned(finding)
}

/// The labels by which selectors are found that may select pods of a workload: of their names, which differ, that of what makes them.
pub(super) fn found<'w>(kind: &str, workload: &'w Inventory) -> Cow<'w, Labels> {
    let set =
        if kind == "StatefulSet" { Some(&*workload.name) } else { named_set(&workload.labels) };
    let Some(set) = set else { return Cow::Borrowed(&workload.labels) };
    let mut found = workload.labels.clone();
    found.insert(POD_NAME.to_owned(), set.to_owned());
    Cow::Owned(found)
}

/// The labels that all pods of a workload have, though its template need not say so.
pub(super) fn known<'a>(
    kind: &'static str,
    name: &'a str,
    metadata: &'a Metadata,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let said = |labels: &[&str]| {
        let said =
            labels.iter().find_map(|it| metadata.labels.get(*it).filter(|it| !it.is_empty()));
        said.map(String::as_str)
    };
    let canonical = |labels: &[&'static str], other: &'a str| {
        Some((*labels.first()?, said(labels).unwrap_or(other)))
    };
    let is_injected = !declines(metadata);
    let canonical = [canonical(CANONICAL_NAME, name), canonical(CANONICAL_REVISION, "latest")];
    let canonical = canonical.into_iter().flatten().filter(move |_| is_injected);
    let of_job = JOB_NAMES.iter().filter(move |_| kind == "Job").map(move |it| (*it, name));
    canonical.chain(of_job)
}

/// What a pod says of its injection by itself; the label outweighs the annotation of the same name.
pub(crate) fn own_choice(metadata: &Metadata) -> Option<&str> {
    let said = metadata.labels.get(INJECT).or_else(|| metadata.annotations.get(INJECT));
    said.map(String::as_str)
}

/// Whether pods say that they get no proxy, whose injector would label them.
fn declines(metadata: &Metadata) -> bool {
    own_choice(metadata).is_some_and(|it| it.eq_ignore_ascii_case("false"))
}

/// Of the name of a pod that of its `StatefulSet`, and its ordinal.
fn ordinal_of(pod: &str) -> Option<(&str, u32)> {
    let (set, ordinal) = pod.rsplit_once('-')?;
    Some((set, number(ordinal)?))
}

/// As it is written by a machine: `07` is none.
fn number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn workload(name: &str) -> Inventory {
        Inventory {
            name: name.to_owned(),
            labels: labels(&[("app", name)]),
            ..Inventory::default()
        }
    }

    fn may(kind: &'static str, ordinals: Option<Ordinals>, asked: &[(&str, &str)]) -> bool {
        let pods = Pods::of(kind, &Metadata::default(), ordinals);
        pods.may_have(&workload("kafka"), &labels(asked), Viewer::Istio)
    }

    #[test]
    fn the_pods_of_a_stateful_set_are_numbered() {
        let three = || Some(Ordinals::of(Some(2), Some(3)));
        for (pod, is_one) in [
            ("kafka-2", true),
            ("kafka-4", true),
            ("kafka-1", false),
            ("kafka-5", false),
            ("kafka-04", false),
            ("kafka", false),
            ("kafka-", false),
            ("zookeeper-2", false),
        ] {
            assert_eq!(may("StatefulSet", three(), &[(POD_NAME, pod)]), is_one, "{pod}");
        }
        assert!(may("StatefulSet", three(), &[(POD_INDEX, "3"), ("app", "kafka")]));
        assert!(!may("StatefulSet", three(), &[(POD_INDEX, "3"), ("app", "other")]));
        assert!(may("StatefulSet", three(), &[(POD_INDEX, "3"), (POD_NAME, "kafka-3")]));
        assert!(!may("StatefulSet", three(), &[(POD_INDEX, "2"), (POD_NAME, "kafka-3")]));
        assert!(!may("Deployment", None, &[(POD_NAME, "kafka-2")]));
        assert!(!may("Deployment", None, &[(POD_INDEX, "0")]));
        // Nobody says how many there are.
        for replicas in [None, Some(0)] {
            assert!(may("StatefulSet", Some(Ordinals::of(None, replicas)), &[(POD_INDEX, "9")]));
        }
    }

    #[test]
    fn labels_may_mean_one_pod() {
        let pods = |kind, ordinals| Pods::of(kind, &Metadata::default(), ordinals);
        let set = pods("StatefulSet", Some(Ordinals::of(None, Some(3))));
        let own = workload("kafka");
        for (asked, expected) in [
            (&[(POD_NAME, "kafka-2")][..], Some(2)),
            (&[(POD_INDEX, "1"), ("app", "kafka")], Some(1)),
            (&[("app", "kafka")], None),
        ] {
            assert_eq!(set.ordinal(&own, &labels(asked)), expected, "{asked:?}");
            assert_eq!(pods("Deployment", None).ordinal(&own, &labels(asked)), None);
        }
        let unknown = |asked: &[(&str, &str)]| Pods::unknown_may_have(&own, &labels(asked));
        assert!(
            unknown(&[(POD_NAME, "kafka-9")]) && unknown(&[(POD_INDEX, "9"), ("app", "kafka")])
        );
        assert!(!unknown(&[(POD_NAME, "other-9")]) && !unknown(&[(POD_INDEX, "9")]));
        assert!(!Pods::are_of_one(&own.labels));
        let one = Pods::numbered(&own, 2);
        assert!(Pods::are_of_one(&one));
        assert!(set.may_have(&own, &one, Viewer::Kubernetes) && set.ordinal(&own, &one) == Some(2));
        let alike = Inventory { labels: labels(&[(POD_INDEX, "1")]), ..own };
        assert_eq!(set.ordinal(&alike, &labels(&[(POD_INDEX, "1")])), None);
    }

    #[test]
    fn a_label_is_of_its_giver_alone() {
        for (kind, name, value, is_possible) in [
            ("Deployment", "pod-template-hash", "abc", true),
            ("StatefulSet", "pod-template-hash", "abc", false),
            ("Rollout", "rollouts-pod-template-hash", "abc", true),
            ("DaemonSet", "controller-revision-hash", "abc", true),
            ("Deployment", "controller-revision-hash", "abc", false),
            ("Job", "controller-uid", "abc", true),
            ("Pod", "batch.kubernetes.io/controller-uid", "abc", false),
            ("Job", "batch.kubernetes.io/job-completion-index", "3", true),
            ("Job", "batch.kubernetes.io/job-completion-index", "x", false),
            ("CronJob", "job-name", "kafka-29123456", true),
            ("CronJob", "job-name", "kafka", false),
            ("CronJob", "job-name", "other-29123456", false),
            ("Deployment", "security.istio.io/tlsMode", "istio", true),
            ("Deployment", "security.istio.io/tlsMode", "none", false),
            ("Deployment", "istio.io/rev", "canary", true),
            ("Deployment", "tier", "web", false),
        ] {
            assert_eq!(may(kind, None, &[(name, value)]), is_possible, "{kind} {name}: {value}");
        }
    }

    #[test]
    fn where_a_pod_runs_istio_knows() {
        let pods = Pods::of("Deployment", &Metadata::default(), None);
        let may = |name, viewer| pods.may_have(&workload("a"), &labels(&[(name, "x")]), viewer);
        for name in
            ["topology.istio.io/cluster", "topology.istio.io/network", "kubernetes.io/hostname"]
        {
            assert!(may(name, Viewer::Istio) && !may(name, Viewer::Kubernetes), "{name}");
        }
        let zone = "topology.kubernetes.io/zone";
        assert!(may(zone, Viewer::Istio) && may(zone, Viewer::Kubernetes));
        let own = Inventory { labels: labels(&[(zone, "a")]), ..workload("a") };
        assert!(!pods.may_have(&own, &labels(&[(zone, "b")]), Viewer::Istio));
    }

    #[test]
    fn the_injector_labels_what_does_not_decline() {
        let of = |kind, pairs: &[(&str, &str)], declined: &[(&str, &str)]| {
            let (labels, annotations) = (labels(pairs), labels(declined));
            let metadata = Metadata { labels, annotations, ..Metadata::default() };
            let known = known(kind, "web-v1", &metadata);
            known.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        let canonical = |name, revision| {
            format!(
                "service.istio.io/canonical-name={name} service.istio.io/canonical-revision={revision}"
            )
        };
        assert_eq!(of("Deployment", &[], &[]), canonical("web-v1", "latest"));
        assert_eq!(of("Pod", &[("app", "web"), ("version", "v1")], &[]), canonical("web", "v1"));
        let all =
            [("app", "web"), ("app.kubernetes.io/name", "shop"), ("app.kubernetes.io/version", "")];
        assert_eq!(of("Deployment", &all, &[]), canonical("shop", "latest"));
        let of_job = "batch.kubernetes.io/job-name=web-v1 job-name=web-v1";
        assert_eq!(of("Job", &all, &[(INJECT, "false")]), of_job);
    }
}
