//! `unknown-source-namespace`: a policy speaks of callers from a namespace that there is not.
//!
//! Said where the repository declares namespaces, so that one which it does not know is a mistake. Source: Istio,
//! `auth.AuthorizationPoliciesAnalyzer`.

use crate::api::nearest;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
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
        let rules = FieldPath::default().field("spec").field("rules");
        for (rule, it) in policy.spec.rules.iter().flatten().enumerate() {
            for (from, source) in it.from.iter().flatten().enumerate() {
                let Some(source) = &source.source else { continue };
                let at = rules.clone().index(rule).field("from").index(from).field("source");
                let lists =
                    [("namespaces", &source.namespaces), ("notNamespaces", &source.not_namespaces)];
                for (field, names) in lists {
                    let names = names.iter().enumerate();
                    let is_known =
                        |name: &str| mesh.namespaces.contains(name) || matches(&known, name);
                    for (index, name) in names.filter(|(_, name)| !is_known(name)) {
                        let place = Place::value(policy.id, at.clone().field(field).index(index));
                        out.push(report(place, field, name, &known));
                    }
                }
            }
        }
    }
}

/// `*` may stand at either end. Case makes no difference to Istio's analyzer.
fn matches(known: &[&str], name: &str) -> bool {
    if name == "*" {
        return true;
    }
    known.iter().any(|own| match (name.strip_prefix('*'), name.strip_suffix('*')) {
        (Some(end), _) => own.ends_with(end),
        (None, Some(start)) => own.starts_with(start),
        (None, None) => own.eq_ignore_ascii_case(name),
    })
}

fn report(place: Place, field: &str, name: &str, known: &[&str]) -> Diagnostic {
    let near = nearest(name, known.iter().copied());
    let effect = if field == "namespaces" {
        "no caller is from there: the rule is for nobody, or for fewer than it says"
    } else {
        "every caller is from elsewhere: the rule leaves out nobody"
    };
    Diagnostic::new(&CHECK, place, format!("there is no namespace `{name}`"))
        .meant(near, "no such namespace")
        .consequence(effect)
        .help("a namespace that exists outside of this repository goes into `inventory.namespaces` of mesh.yaml")
}
