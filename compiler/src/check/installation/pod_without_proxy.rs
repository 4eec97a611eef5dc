//! `pod-without-proxy`: a pod of a namespace with injection runs without a proxy.
//!
//! Source: Istio, `injection.Analyzer`. A pod on its node's network, or one that declines, has none rightly.

use crate::api::Resource;
use crate::api::kubernetes::Namespace;
use crate::check::injection::{self, INJECTION, PROXY};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check =
    Check::lint("pod-without-proxy", Severity::Warning, include_str!("pod_without_proxy.md"))
        .alias(&["IST0103"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for pod in mesh.workloads.iter().filter(|it| it.is_pod() && ought_to_have_one(it)) {
        let namespace = mesh.namespaces.find(pod.namespace());
        let is_enabled = |it: &&Resource<Namespace>| {
            injection::is_of_applications(it.name()) && injection::is_enabled(it)
        };
        let Some(namespace) = namespace.filter(is_enabled) else { continue };
        let label = FieldPath::default().field("metadata").field("labels").field(INJECTION);
        let message = format!("the pod `{}` has no proxy", pod.name());
        out.push(
            Diagnostic::new(&CHECK, Place::resource(pod.id), message)
                .label("no container `istio-proxy`")
                .also(Place::value(namespace.id, label), "its namespace has injection")
                .consequence("what it sends and takes is plain text, and no policy holds for it")
                .help("make it anew, or say that it needs none with the label `sidecar.istio.io/inject: \"false\"`"),
        );
    }
}

fn ought_to_have_one(pod: &Workload<'_>) -> bool {
    let declines =
        injection::own_choice(pod.metadata).is_some_and(|it| it.eq_ignore_ascii_case("false"));
    let mut containers = pod.pod.containers.iter().chain(&pod.pod.init_containers);
    let proxy = containers.find(|it| it.name == PROXY);
    !declines && !pod.pod.host_network && proxy.is_none_or(|proxy| proxy.image.0.is_empty())
}
