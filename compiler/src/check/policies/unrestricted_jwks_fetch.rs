//! `unrestricted-jwks-fetch`: the control plane fetches keys from whatever address a `RequestAuthentication` names.
//!
//! Source: Istio, `authn.BlockedCIDRsAnalyzer`; `BLOCKED_CIDRS_IN_JWKS_URIS` of istiod.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check = Check::lint(
    "unrestricted-jwks-fetch",
    Severity::Warning,
    include_str!("unrestricted_jwks_fetch.md"),
)
.alias(&["IST0175"]);

const VARIABLE: &str = "BLOCKED_CIDRS_IN_JWKS_URIS";

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let policies = &mesh.source.request_authentications;
    if policies.is_empty() {
        return;
    }
    let is_istiod = |it: &&Workload<'_>| {
        it.kind == "Deployment" && it.own.labels.get("app").is_some_and(|app| app == "istiod")
    };
    for istiod in mesh.workloads.iter().filter(is_istiod) {
        let mut variables = istiod.pod.containers.iter().flat_map(|it| &it.env);
        if variables.any(|it| it.name == VARIABLE && !it.value.0.is_empty()) {
            continue;
        }
        let containers = istiod.pod_path().field("containers");
        let message = format!("`{}` fetches keys from any address", istiod.name());
        let found = Diagnostic::new(&CHECK, Place::key(istiod.id, containers), message)
            .label(format!("no `{VARIABLE}` in its environment"))
            .consequence(
                "whoever may write a RequestAuthentication can have the control plane send requests into its own network",
            )
            .help(format!("set `{VARIABLE}` to the ranges that it must not ask, as `10.0.0.0/8,169.254.0.0/16`"));
        out.push(policies.iter().take(SHOWN_MAX).fold(found, |found, policy| {
            let rules = FieldPath::default().field("spec").field("jwtRules");
            found.also(Place::key(policy.id, rules), "keys are fetched for these")
        }));
    }
}

/// How many policies a finding points at.
const SHOWN_MAX: usize = 3;
