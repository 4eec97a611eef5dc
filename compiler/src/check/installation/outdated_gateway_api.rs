//! `outdated-gateway-api`: the definition of a kind of the Gateway API is older than what Istio reads.
//!
//! Source: Istio, `k8sgateway.CRDVersionAnalyzer`; the annotation `gateway.networking.k8s.io/bundle-version`.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("outdated-gateway-api", Severity::Warning, include_str!("outdated_gateway_api.md"))
        .alias(&["IST0176"]);

const RELEASE: &str = "gateway.networking.k8s.io/bundle-version";

/// The first release, major and minor, whose definition Istio reads.
const LEAST: &[(&str, (u64, u64))] = &[
    ("grpcroutes.gateway.networking.k8s.io", (1, 1)),
    ("backendtlspolicies.gateway.networking.k8s.io", (1, 4)),
    ("tlsroutes.gateway.networking.k8s.io", (1, 5)),
    ("tcproutes.gateway.networking.k8s.io", (1, 6)),
];

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for definition in &mesh.source.custom_resources {
        let least = LEAST.iter().find(|(name, _)| *name == definition.name());
        let release = definition.metadata.annotations.get(RELEASE);
        let (Some((_, least)), Some(release)) = (least, release) else { continue };
        if version(release).is_none_or(|own| own >= *least) {
            continue;
        }
        let kind = &definition.spec.names.kind;
        let at = FieldPath::default().field("metadata").field("annotations").field(RELEASE);
        let message = format!(
            "{kind} is of release {release} of the Gateway API, and Istio reads it from v{}.{} on",
            least.0, least.1
        );
        out.push(
            Diagnostic::new(&CHECK, Place::value(definition.id, at), message)
                .label("too old")
                .consequence(format!(
                    "every {kind} is passed over: what it routes or sets does not happen"
                ))
                .help("install the definitions of a newer release of the Gateway API"),
        );
    }
}

/// Major and minor; what follows makes no difference to any of [`LEAST`]. `None` where it is no version.
fn version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.strip_prefix('v').unwrap_or(text).split(['.', '-', '+']);
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().map_or(Some(0), |minor| minor.parse().ok())?;
    Some((major, minor))
}
