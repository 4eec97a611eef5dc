//! Istio's annotations on Kubernetes' kinds: whether each is known, stands where it is read, and says something.
//!
//! Istio looks at the metadata of resources alone. A workload's template is looked at as the pods that are made from it
//! will be. Source: Istio, `annotations.K8sAnalyzer`, `annotations.AlphaAnalyzer`.

use super::known::{self, ASKED_FOR, KNOWN, Known, WRITTEN_BY_CNI, WRITTEN_BY_ISTIO};
use super::{state, value};
use crate::api::kubernetes::PodSpec;
use crate::api::rules::checks::{
    ALPHA_ANNOTATION, DEPRECATED_ANNOTATION, INVALID_ANNOTATION, MISPLACED_ANNOTATION,
    UNKNOWN_ANNOTATION,
};
use crate::api::{Metadata, nearest};
use crate::diagnostic::{At, Diagnostic};

/// `at` is the root of a resource of a kind that has no pods.
pub(in crate::api) fn check_resource(
    metadata: &Metadata,
    kind: &str,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    check(metadata, kind, &[], at, out);
}

/// `at` leads to a Pod, or to the template of one.
pub(in crate::api) fn check_pod_template(
    metadata: &Metadata,
    pod: &PodSpec,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let is_init = pod.init_containers.iter().any(|container| container.name == "istio-init");
    let of_cni = if is_init { &[][..] } else { WRITTEN_BY_CNI };
    check(metadata, "Pod", of_cni, at, out);
}

fn check(metadata: &Metadata, kind: &str, of_cni: &[&str], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let at = at.field("metadata");
    state::check_labels(metadata, &at, out);
    let at = at.field("annotations");
    for (name, text) in &metadata.annotations {
        let name = name.as_str();
        if !known::is_istios(name) {
            continue;
        }
        let at = at.field(name);
        let Some(known) = known::find(name) else {
            out.push(unknown(name, &at));
            continue;
        };
        let is_written = of_cni.contains(&name) || WRITTEN_BY_ISTIO.contains(&name);
        if known.is_alpha && !is_written && !ASKED_FOR.contains(&name) {
            out.push(alpha(name, &at));
        }
        out.extend(deprecated(known, metadata, &at));
        if known.may_stand_on(kind) {
            out.extend(value::fault(name, text).map(|expected| invalid(name, expected, &at)));
            out.extend(state::unserved(name, text, &at));
        } else {
            out.push(misplaced(known, kind, &at));
        }
    }
}

fn unknown(name: &str, at: &At<'_>) -> Diagnostic {
    let near = nearest(name, KNOWN.iter().map(|known| known.name));
    Diagnostic::new(&UNKNOWN_ANNOTATION, at.key(), format!("Istio has no annotation `{name}`"))
        .consequence("nobody reads it: what it should set stays as it is")
        .meant(near, "no such annotation")
}

fn alpha(name: &str, at: &At<'_>) -> Diagnostic {
    let message = format!("`{name}` is part of a feature in its alpha phase");
    Diagnostic::new(&ALPHA_ANNOTATION, at.key(), message)
        .label("alpha")
        .consequence("it may act in part only, and change or go with any release of Istio")
}

/// Who has the label `sidecar.istio.io/inject` keeps the annotation of this name for old versions.
fn deprecated(known: &Known, metadata: &Metadata, at: &At<'_>) -> Option<Diagnostic> {
    let instead = known.deprecated?;
    let name = known.name;
    if name == "sidecar.istio.io/inject" && metadata.labels.contains_key(name) {
        return None;
    }
    let message = format!("the annotation `{name}` is deprecated");
    let found = Diagnostic::new(&DEPRECATED_ANNOTATION, at.key(), message)
        .label("deprecated")
        .consequence("a later release of Istio may pass over it without a word");
    Some(found.help(instead))
}

fn misplaced(known: &Known, kind: &str, at: &At<'_>) -> Diagnostic {
    let name = known.name;
    let kinds = known.kinds.join(" or a ");
    let message = format!("the annotation `{name}` has no effect on a {kind}");
    let found = Diagnostic::new(&MISPLACED_ANNOTATION, at.key(), message)
        .label(format!("belongs on a {kinds}"))
        .consequence("nobody reads it here: what it should set stays as it is");
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController"
            if known.kinds.contains(&"Pod") =>
        {
            found.help("put it into `spec.template.metadata.annotations`")
        }
        _ => found,
    }
}

fn invalid(name: &str, expected: &str, at: &At<'_>) -> Diagnostic {
    Diagnostic::new(&INVALID_ANNOTATION, at.value(), format!("`{name}` is not {expected}"))
        .label(format!("expected {expected}"))
        .consequence("Istio refuses to give such a pod its proxy")
}

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    fn said(kind: &str, annotation: &str) -> Vec<String> {
        let spec = if kind == "Pod" { "{containers: [{name: a, image: a}]}" } else { "{}" };
        let text = format!(
            "apiVersion: v1\nkind: {kind}\nmetadata: {{name: a, annotations: {{{annotation}}}}}\nspec: {spec}\n"
        );
        let findings = Compiled::text(&text).findings;
        findings.iter().map(|finding| finding.check.name.to_owned()).collect()
    }

    #[test]
    fn what_istio_and_others_write_by_themselves_is_left_alone() {
        for annotation in [
            "example.com/owner: shop",
            "kubernetes.io/psp: restricted",
            "sidecar.istio.io/status: '{}'",
            "istio.io/rev: default",
            "sidecar.istio.io/interceptionMode: REDIRECT",
        ] {
            assert_eq!(said("Pod", annotation), [""; 0], "{annotation}");
        }
    }

    #[test]
    fn an_annotation_is_read_where_it_belongs() {
        let ports = "traffic.sidecar.istio.io/excludeOutboundPorts: '80,http'";
        assert_eq!(said("Pod", ports), ["alpha-annotation", "invalid-annotation"]);
        assert_eq!(said("Namespace", ports), ["alpha-annotation", "misplaced-annotation"]);
        assert_eq!(said("Service", "kubernetes.io/ingress.class: istio"), ["misplaced-annotation"]);
        assert_eq!(said("Service", "istio.io/exportTo: shop"), ["unknown-annotation"]);
    }

    #[test]
    fn the_annotation_of_old_is_kept_beside_the_label() {
        let pod = |labels: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: a, labels: {{{labels}}}, annotations: {{sidecar.istio.io/inject: 'true'}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n"
            );
            Compiled::text(&text).findings.len()
        };
        assert_eq!((pod(""), pod("sidecar.istio.io/inject: 'true'")), (1, 0));
    }

    #[test]
    fn a_template_is_looked_at_as_its_pods_will_be() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  template:\n    metadata: {labels: {app: a}, annotations: {sidecar.istio.io/proxyCPU: much}}\n    spec: {containers: [{name: a, image: a}]}\n";
        let said = Compiled::text(text).said();
        assert!(
            said.iter().any(|line| line.starts_with("warning[invalid-annotation] 7:")),
            "{said:?}"
        );
    }
}
