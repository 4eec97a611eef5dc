//! Documents that have an `apiVersion` or a `kind`, and not the other: which of them are meant for a cluster.
//!
//! Other programs' files have a `kind` or an `apiVersion` of their own, and no cluster is given them. What Kubernetes or the mesh
//! calls so is a resource of which a half is missing.
//!
//! What the mesh calls its kinds stands in [`api::KINDS`], once: this is all that the stage asks of the next.

use super::document::Identity;
use crate::api;

/// Kubernetes' kinds that stand beside those that [`api`] knows. Not each: what is no other program's word.
#[rustfmt::skip]
const OTHERS: &[&str] = &[
    "ClusterRole", "ClusterRoleBinding", "EndpointSlice", "Endpoints", "HorizontalPodAutoscaler", "LimitRange", "List",
    "NetworkPolicy", "PersistentVolume", "PersistentVolumeClaim", "PodDisruptionBudget", "PriorityClass", "ReplicaSet",
    "ResourceQuota", "Role", "RoleBinding", "StorageClass",
];

/// Kubernetes' groups of old, which are no domains. Those since are below `k8s.io`.
const GROUPS: &[&str] = &["", "apps", "autoscaling", "batch", "extensions", "policy"];

/// Whether what a document says of itself is what Kubernetes or the mesh calls something.
pub(super) fn is_known(identity: &Identity) -> bool {
    let is_kind = |kind: &str| kind.eq_ignore_ascii_case(&identity.kind);
    // What is gone from the mesh's APIs has left its words to others.
    let mut ours = api::KINDS.iter().filter(|kind| !kind.is_removed()).map(|kind| kind.name);
    ours.any(is_kind)
        || OTHERS.iter().any(|kind| is_kind(kind))
        || (is_group(identity.group()) && is_version(identity.version()))
}

fn is_group(group: &str) -> bool {
    let is_below = |domain: &str| group.strip_suffix(domain).is_some_and(|it| it.ends_with('.'));
    GROUPS.contains(&group) || is_below("k8s.io") || is_below("istio.io")
}

/// `v1`, `v2beta3`. Source: Kubernetes, "API Overview", versioning.
fn is_version(version: &str) -> bool {
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let stage = ["alpha", "beta"].into_iter().find_map(|stage| version.split_once(stage));
    match (version.strip_prefix('v'), stage) {
        (None, _) => false,
        (Some(number), None) => is_number(number),
        (Some(_), Some((major, minor))) => {
            is_number(major.get(1..).unwrap_or_default()) && is_number(minor)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    /// Kinds that are gone from the mesh's APIs, whose words others have since.
    const GONE: &[&str] = &[
        "BackendPolicy",
        "ClusterRbacConfig",
        "DestinationPolicy",
        "EgressRule",
        "MeshPolicy",
        "Policy",
        "RbacConfig",
        "RouteRule",
        "ServiceRole",
        "ServiceRoleBinding",
    ];

    #[test]
    fn all_kinds_of_the_mesh_are_known_but_those_that_are_gone() {
        for kind in crate::api::KINDS.iter().map(|kind| kind.name) {
            let told = if GONE.contains(&kind) { "not-a-resource" } else { "missing-kind" };
            assert_eq!(said("a.yaml", &format!("kind: {kind}\na: b\n")), [told], "{kind}");
        }
    }

    fn said(path: &str, text: &str) -> Vec<&'static str> {
        Compiled::files(&[(path, text)]).findings.iter().map(|it| it.check.name).collect()
    }

    #[test]
    fn what_no_cluster_is_given_lacks_nothing() {
        for text in [
            "apiVersion: 1\ndatasources: [{name: a}]\n",
            "kind: ZarfPackageConfig\nmetadata: {name: a}\ncomponents: [{name: a}]\n",
            "apiVersion: score.dev/v1b1\nmetadata: {name: a}\n",
            "kind: 5\na: b\n",
        ] {
            assert_eq!(said("a.yaml", text), ["not-a-resource"], "{text}");
        }
        for text in [
            "kind: VirtualService\nspec: {hosts: [a]}\n",
            "kind: deployment\na: b\n",
            "apiVersion: networking.istio.io/v1beta1\na: b\n",
            "apiVersion: apps/v1\na: b\n",
            "apiVersion: v1\na: b\n",
            "apiVersion: 1\nkind: Service\n",
            "kind: Ship\nmetadata: {name: a}\nspec: {}\n",
        ] {
            assert_eq!(said("a.yaml", text), ["missing-kind"], "{text}");
        }
    }

    /// Helm reads them, and no cluster.
    #[test]
    fn what_stands_twice_in_another_programs_file_is_its_own_affair() {
        assert_eq!(said("values.yaml", "a: 1\na: 2\n"), ["not-a-resource"]);
        let twice = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\nmetadata: {name: a}\n";
        assert_eq!(said("a.yaml", twice), ["duplicate-key"]);
    }
}
