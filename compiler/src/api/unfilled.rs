//! What stands in the base of a kustomization until that fills it in: `REPLACE_ME`, `DEX_SERVICE.DEX_NAMESPACE.svc.cluster.local`.
//!
//! Only what is no host and no name by itself is looked at: `ISTIO_MUTUAL` is a value, however loud. Source: Kustomize,
//! `replacements`, `vars`, `patches`.

use super::checks::INVALID_NAME;
use super::decode::of_kustomizations;
use super::rules::host;
use crate::diagnostic::Diagnostic;

/// Puts one notice in place of the errors of a resource that its kustomizations are there to mend; whether there were any.
/// `kind` is the resource's.
pub(super) fn take(kind: &str, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let mut places = Vec::new();
    diagnostics.retain(|found| {
        let is_unfilled = is_unfilled(found);
        if is_unfilled {
            places.push(found.place.clone());
        }
        !is_unfilled
    });
    let Some((first, others)) = places.split_first() else { return false };
    let message = match others.len() {
        0 => "a value is a placeholder that a kustomization fills in".to_owned(),
        more => format!("{} values are placeholders that a kustomization fills in", more + 1),
    };
    diagnostics.push(of_kustomizations(kind, first.clone(), others, message));
    true
}

/// Whether a rule found it to be no host, or no name, and to look like a placeholder.
fn is_unfilled(found: &Diagnostic) -> bool {
    host::is_of_unfilled(found) || (*found.check == INVALID_NAME && found.label == host::UNFILLED)
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Severity;
    use crate::testing::{Folder, compiled};

    /// What is found in a file of a base, by the kustomization of that and the one of an overlay.
    fn said(base: &str, overlay: &str, text: &str) -> Vec<(&'static str, Severity)> {
        let folder = Folder::new();
        folder.write("base/a.yaml", text);
        folder.write("base/kustomization.yaml", base);
        folder.write("over/kustomization.yaml", overlay);
        let found = compiled(folder.path()).findings.into_iter();
        let found = found.map(|it| (it.check.name, it.severity));
        let found = found.filter(|(name, _)| *name != "unrendered-source");
        found.filter(|(_, severity)| *severity > Severity::Info).collect()
    }

    fn route(host: &str, destination: &str) -> String {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: r}}\nspec: {{hosts: [{host}], http: [{{route: [{{destination: {{host: {destination}}}}}]}}]}}\n"
        )
    }

    const RESOURCES: &str = "resources: [a.yaml]\n";
    const PATCHES: &str = "resources: [../base]\npatches: [{patch: a}]\n";
    const NOTICE: (&str, Severity) = ("unresolved-placeholder", Severity::Warning);
    const ERROR: (&str, Severity) = ("invalid-host", Severity::Error);

    #[test]
    fn what_a_kustomization_fills_in_is_a_notice() {
        let replaced = route("REPLACE_ME", "a.example.com");
        assert_eq!(said(RESOURCES, PATCHES, &replaced), [NOTICE]);
        let filled = format!("{RESOURCES}replacements: [{{path: b}}]\n");
        let parts = route("a.example.com", "DEX_SERVICE.DEX_NAMESPACE.svc.cluster.local");
        assert_eq!(said(&filled, "resources: []\n", &parts), [NOTICE]);
        // One for all of a resource.
        let both = route("X_PLACEHOLDER", "web.NS_PLACEHOLDER.svc.cluster.local");
        assert_eq!(said(RESOURCES, PATCHES, &both), [NOTICE]);
    }

    #[test]
    fn what_nobody_fills_in_is_an_error() {
        let replaced = route("REPLACE_ME", "a.example.com");
        assert_eq!(said(RESOURCES, "resources: []\n", &replaced), [ERROR]);
        assert_eq!(said("resources: []\n", PATCHES, &replaced), [ERROR], "no one takes the file");
        // It looks like no placeholder.
        assert_eq!(said(RESOURCES, PATCHES, &route("a_b", "a.example.com")), [ERROR]);
        // A value that is one is no placeholder.
        let mode = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: r}\nspec: {host: a.example.com, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}\n";
        assert!(!said(RESOURCES, PATCHES, mode).contains(&NOTICE));
    }

    #[test]
    fn a_namespace_that_a_kustomization_sets_may_be_absent() {
        let webhook = "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: a}\nwebhooks: [{name: a.example.com, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {service: {name: a, path: /}}}]\n";
        assert_eq!(said(RESOURCES, "resources: [../base]\nnamespace: shop\n", webhook), [NOTICE]);
        let missing = ("missing-field", Severity::Error);
        assert_eq!(said(RESOURCES, "resources: []\n", webhook), [missing]);
    }
}
