//! `unserved-backend-policy`: a `BackendTLSPolicy` is for a Service that there is not, or comes behind an older one.
//!
//! Source: Gateway API, `BackendTLSPolicy.spec.targetRefs`; of policies for one target the oldest counts.

use crate::check::inventory;
use crate::check::reference_kind::{GroupKind, Mistake};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::backend_tls::TargetState;

pub(super) static CHECK: Check = Check::lint(
    "unserved-backend-policy",
    Severity::Warning,
    include_str!("unserved_backend_policy.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (policy, states) in mesh.backend_tls.iter() {
        for (index, (state, target)) in states.iter().zip(&policy.spec.target_refs).enumerate() {
            let path = FieldPath::default().field("spec").field("targetRefs").index(index);
            let say = |field, message: String, label: &str| {
                Diagnostic::new(&CHECK, Place::value(policy.id, path.clone().field(field)), message)
                    .label(label)
                    .consequence("connections there are as without the policy: perhaps plain text")
            };
            let (kind, name) = (&target.kind, &target.name);
            match state {
                TargetState::Missing if inventory::lists_services(mesh) => {
                    let namespace = &policy.namespace;
                    if !inventory::is_incomplete(mesh, kind, namespace, name) {
                        let message =
                            format!("there is no {kind} `{name}` in namespace `{namespace}`");
                        out.push(say("name", message, "for nobody"));
                    }
                }
                TargetState::NoPort => {
                    let section = target.section_name.as_deref().unwrap_or_default();
                    let message = format!("{kind} `{name}` has no port named `{section}`");
                    out.push(say("sectionName", message, "no such port"));
                }
                TargetState::Overruled(first) => {
                    let message = format!("an older policy is for {kind} `{name}`");
                    let found = say("name", message, "not applied here");
                    out.push(found.also(Place::resource(first.id), "the older one"));
                }
                TargetState::Foreign => {
                    const SERVED: [GroupKind<'_>; 2] =
                        [("", "Service"), ("networking.istio.io", "ServiceEntry")];
                    let group = &target.group;
                    let message =
                        format!("no such policy is for a `{kind}` of the group `{group}`");
                    let mistake = Mistake::of((group, kind), &SERVED);
                    out.extend(mistake.map(|it| it.say(say("kind", message, "for nobody"))));
                }
                TargetState::Applied | TargetState::Missing => {}
            }
        }
    }
}
