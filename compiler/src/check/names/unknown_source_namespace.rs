//! `unknown-source-namespace`: a policy speaks of callers from a namespace that there is not.
//!
//! Said where the repository declares namespaces, so that one which it does not know is a mistake. Source: Istio,
//! `auth.AuthorizationPoliciesAnalyzer`, which looks at `from` alone.

use crate::api::istio::AuthorizationPolicy;
use crate::api::nearest;
use crate::check::policy_value::is_namespace;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check = Check::lint(
    "unknown-source-namespace",
    Severity::Error,
    include_str!("unknown_source_namespace.md"),
)
.alias(&["IST0101"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !mesh.namespaces.are_declared() {
        return;
    }
    let known: Vec<_> = mesh.namespaces.names().collect();
    for policy in &mesh.source.authorization_policies {
        let is_known = |name: &str| mesh.namespaces.contains(name) || matches(&known, name);
        for list in lists(&policy.spec) {
            let names = list.names.iter().enumerate();
            for (index, name) in names.filter(|(_, name)| !is_known(name)) {
                let place = Place::value(policy.id, list.at.clone().index(index));
                out.push(report(place, list.is_left_out, name, &known));
            }
        }
    }
}

/// Namespaces that a rule names.
struct List<'p> {
    at: FieldPath,
    names: &'p [String],
    /// Whether it says who is not meant.
    is_left_out: bool,
}

fn lists(policy: &AuthorizationPolicy) -> Vec<List<'_>> {
    let mut all = Vec::new();
    let mut push = |at: &FieldPath, field: &'static str, names, is_left_out| {
        all.push(List { at: at.clone().field(field), names, is_left_out });
    };
    let rules = FieldPath::default().field("spec").field("rules");
    for (index, rule) in policy.rules.iter().flatten().enumerate() {
        let at = rules.clone().index(index);
        for (index, from) in rule.from.iter().flatten().enumerate() {
            let Some(source) = &from.source else { continue };
            let at = at.clone().field("from").index(index).field("source");
            push(&at, "namespaces", source.namespaces.as_slice(), false);
            push(&at, "notNamespaces", source.not_namespaces.as_slice(), true);
        }
        for (index, condition) in rule.when.iter().enumerate() {
            if condition.key == "source.namespace" {
                let at = at.clone().field("when").index(index);
                push(&at, "values", condition.values.as_slice(), false);
                push(&at, "notValues", condition.not_values.as_slice(), true);
            }
        }
    }
    all
}

/// Proxies compare with case; Istio's analyzer does not.
fn matches(known: &[&str], name: &str) -> bool {
    name.contains('*') && (name == "*" || known.iter().any(|own| is_namespace(own, name)))
}

fn report(place: Place, is_left_out: bool, name: &str, known: &[&str]) -> Diagnostic {
    let near = nearest(name, known.iter().copied());
    let effect = if is_left_out {
        "every caller is from elsewhere: the rule leaves out nobody"
    } else {
        "no caller is from there: the rule is for nobody, or for fewer than it says"
    };
    Diagnostic::new(&CHECK, place.clone(), format!("there is no namespace `{name}`"))
        .supposing(place)
        .meant(near, "no such namespace")
        .consequence(effect)
        .help("a namespace that exists outside of this repository goes into `inventory.namespaces` of mesh.yaml")
}
