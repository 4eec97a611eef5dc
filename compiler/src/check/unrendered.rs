//! What is not said of files that kustomizations change, of what charts make, and of what waits for its placeholders: names may
//! be others once these are applied and rendered, and what is missed may be among what is filled in.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::check::installation::{pod_without_proxy, unknown_webhook_service};
use crate::check::names::{
    import_of_nothing, missing_reference_grant, unknown_export_namespace, unknown_gateway,
    unknown_gateway_class, unknown_grant_namespace, unknown_host, unknown_policy_namespace,
    unknown_policy_port, unknown_port, unknown_provider, unknown_route_host, unknown_rule_host,
    unknown_secret, unknown_service_account, unknown_source_namespace, unknown_subset,
};
use crate::check::policies::{deny_without_waypoint, telemetry_without_provider};
use crate::check::routes::{
    unattached_route, undeployed_gateway, unserved_gateway_host, unserved_ingress,
    unserved_waypoint, unused_destination_rule,
};
use crate::check::workloads::{
    entry_without_endpoints, missing_entry_addresses, selector_without_workload,
    subset_without_instances,
};
use crate::diagnostic::{Check, Diagnostic, Label, Place, Severity};
use crate::parse::{Parsed, report_encrypted};

/// The checks by which a name leads nowhere.
static OF_NAMES: &[&Check] = &[
    &missing_reference_grant::CHECK,
    &selector_without_workload::CHECK,
    &subset_without_instances::CHECK,
    &unknown_export_namespace::CHECK,
    &unknown_gateway::CHECK,
    &unknown_grant_namespace::CHECK,
    &unknown_host::CHECK,
    &unknown_policy_port::CHECK,
    &unknown_port::CHECK,
    &unknown_provider::CHECK,
    &unknown_route_host::CHECK,
    &unknown_rule_host::CHECK,
    &unknown_secret::CHECK,
    &unknown_service_account::CHECK,
    &unknown_source_namespace::CHECK,
    &unknown_subset::CHECK,
    &unknown_webhook_service::CHECK,
    // A route for the host may be another's once it has another namespace.
    &unserved_gateway_host::CHECK,
];

const WORKLOADS: &[&str] = crate::api::WORKLOADS;
const ENTRIES: &[&str] = &["WorkloadEntry", "WorkloadGroup"];
const SETTINGS: &[&str] = &["ConfigMap", "IstioOperator"];

/// Checks that miss something, and the kinds of resources that would be it. Where one of these cannot be read, nobody knows
/// whether it is what is missed. What is missed by its name is known as far as the name is, and not among them.
static MISSING: &[(&Check, Kinds)] = &[
    (&deny_without_waypoint::CHECK, &[&["Gateway"]]),
    (&entry_without_endpoints::CHECK, &[ENTRIES, WORKLOADS]),
    (&import_of_nothing::CHECK, &[&["Service", "ServiceEntry", "VirtualService"]]),
    (&missing_entry_addresses::CHECK, &[SETTINGS]),
    (&missing_reference_grant::CHECK, &[&["ReferenceGrant"]]),
    (&pod_without_proxy::CHECK, &[&["Namespace"]]),
    (&selector_without_workload::CHECK, &[ENTRIES]),
    (&subset_without_instances::CHECK, &[ENTRIES]),
    (&telemetry_without_provider::CHECK, &[SETTINGS]),
    (&unattached_route::CHECK, &[&["Gateway", "ListenerSet"]]),
    (&undeployed_gateway::CHECK, &[&["Service"], WORKLOADS]),
    (&unknown_export_namespace::CHECK, &[&["Namespace"]]),
    (&unknown_gateway_class::CHECK, &[&["GatewayClass"]]),
    (&unknown_grant_namespace::CHECK, &[&["Namespace"]]),
    (&unknown_policy_namespace::CHECK, &[&["Namespace"]]),
    (&unknown_policy_port::CHECK, &[WORKLOADS]),
    (&unknown_provider::CHECK, &[SETTINGS]),
    (&unknown_source_namespace::CHECK, &[&["Namespace"]]),
    (&unserved_gateway_host::CHECK, &[&["VirtualService", "ListenerSet"], ROUTES]),
    (&unserved_ingress::CHECK, &[&["IngressClass"]]),
    (&unserved_waypoint::CHECK, &[&["Gateway"], WORKLOADS]),
    (&unused_destination_rule::CHECK, &[&["Service", "ServiceEntry", "VirtualService"]]),
];
const ROUTES: &[&str] = &["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"];

type Kinds = &'static [&'static [&'static str]];

/// Takes back what is missed and may be among what cannot be read; what cannot is told where it stands.
fn hold_back_missing(awaited: &BTreeSet<String>, out: &mut Vec<Cow<'_, Diagnostic>>) {
    if awaited.is_empty() {
        return;
    }
    out.retain(|found| {
        let missing = MISSING.iter().find(|(check, _)| *check == found.check);
        let mut kinds = missing.into_iter().flat_map(|(_, kinds)| kinds.iter().copied().flatten());
        !kinds.any(|kind| awaited.contains(*kind))
    });
}

/// Takes back what is said of names in such files, and of names elsewhere that a resource of such a file or of a chart's
/// template may have; in its place, that nothing is built of them. Where a chart's names depend on values, a name that leads
/// nowhere may be one of them, and is no error.
pub(crate) fn hold_back(
    parsed: &Parsed,
    awaited: &BTreeSet<String>,
    out: &mut Vec<Cow<'_, Diagnostic>>,
) {
    hold_back_missing(awaited, out);
    out.extend(report_encrypted(parsed).map(Cow::Owned));
    let kustomizations = parsed.kustomizations();
    let changed = parsed.documents().filter(|(_, it)| kustomizations.change(it.file));
    let names: BTreeSet<&str> = changed.filter_map(|(_, it)| it.identity.name.as_deref()).collect();
    let before = out.len();
    if !names.is_empty() {
        out.retain(|found| {
            let is_of_changed = || kustomizations.change(found.place.file(parsed));
            !OF_NAMES.contains(&found.check)
                || !(is_of_changed() || names_any(parsed, found, &names))
        });
    }
    let changed = before - out.len();
    let (charts, before) = (parsed.charts(), out.len());
    let names = charts.names();
    out.retain(|found| !OF_NAMES.contains(&found.check) || !names_any(parsed, found, &names));
    let made = before - out.len();
    if let Some(chart) = charts.of_unknown_names() {
        let of_names = out.iter_mut().filter(|it| OF_NAMES.contains(&it.check));
        for found in of_names.filter(|it| it.severity == Severity::Error) {
            let warning = found.to_mut();
            warning.severity = Severity::Warning;
            let text = "this chart, which is not rendered, may make it".to_owned();
            warning.others.push(Label { place: Place::File(chart), text });
        }
    }
    let reports = kustomizations.report(parsed, changed).into_iter().chain(charts.report(made));
    out.extend(reports.map(Cow::Owned));
}

/// Whether what a finding points at has a part that is one of the names.
fn names_any(parsed: &Parsed, found: &Diagnostic, names: &BTreeSet<&str>) -> bool {
    let (file, span) = found.place.locate(parsed);
    let text = parsed.source(file).text().get(span.range()).unwrap_or_default();
    let is_name = |part: &str| names.contains(part);
    is_name(text) || text.split(['.', '/', '"', '\'']).any(is_name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::MISSING;
    use crate::diagnostic::Severity;
    use crate::testing::{Folder, findings};

    #[test]
    fn what_misses_something_is_a_check() {
        let known: BTreeSet<_> = crate::checks().map(|it| it.name).collect();
        for (check, kinds) in MISSING {
            assert!(known.contains(check.name) && !kinds.is_empty(), "{}", check.name);
        }
    }

    fn said(text: &str) -> Vec<String> {
        let folder = Folder::new();
        folder.write("a.yaml", text);
        let found = findings(folder.path()).into_iter();
        let found = found.filter(|it| it.severity > Severity::Info);
        found.map(|it| it.check.name.to_owned()).collect()
    }

    const WORKLOAD: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: shop}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}, annotations: {checksum/config: NOTE}}
    spec: {serviceAccountName: NAME, containers: [{name: c, image: IMAGE, args: [IMAGE], env: [{name: A, value: IMAGE}], ports: [{containerPort: 8080}]}]}
---
";
    const REST: &str = "apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, name: http, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: shop}
spec: {workloadSelector: {labels: {app: web}}, egress: [{hosts: [./*]}]}
";

    fn with(name: &str, image: &str, note: &str) -> String {
        let fill = |name: &str, image: &str, note: &str| {
            WORKLOAD.replace("NAME", name).replace("IMAGE", image).replace("NOTE", note)
        };
        fill("db", "postgres", "a") + &fill(name, image, note) + REST
    }

    #[test]
    fn what_nobody_looks_at_may_wait_for_its_placeholder() {
        assert_eq!(said(&with("web", "'registry.example.com/web:${TAG}'", "'${SUM}'")), [""; 0]);
        assert_eq!(said(&with("web", "web:1", "x")), [""; 0]);
        assert_eq!(said(&with("other", "web:1", "x")), ["selector-without-workload"; 2]);
    }

    #[test]
    fn what_selects_a_workload_that_waits_is_not_told() {
        assert_eq!(said(&with("'${NAME}'", "web:1", "x")), ["unresolved-placeholder"]);
        let elsewhere = with("'${NAME}'", "web:1", "x").replace(
            "namespace: shop}
spec:
  selector: {matchLabels: {app: '$",
            "namespace: '${SPACE}'}
spec:
  selector: {matchLabels: {app: '$",
        );
        assert_eq!(said(&elsewhere), ["unresolved-placeholder"]);
        let annotated = with("web", "web:1", "x")
            .replace("checksum/config: x", "sidecar.istio.io/inject: '${INJECT}'");
        assert_eq!(said(&annotated), ["unresolved-placeholder"]);
    }

    const GATEWAY: &str = "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec: {selector: {istio: gateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [HOST]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: edge}
spec: {hosts: [ROUTE], gateways: [public], http: [{directResponse: {status: 200}}]}
";

    #[test]
    fn what_is_missed_may_be_what_waits() {
        let gateway =
            |host: &str, route: &str| said(&GATEWAY.replace("HOST", host).replace("ROUTE", route));
        assert_eq!(gateway("a.example.com", "'${HOST}'"), ["unresolved-placeholder"]);
        assert_eq!(gateway("'${HOST}'", "a.example.com"), ["unresolved-placeholder"]);
        let alone = GATEWAY.replace("[public]", "[other]").replace("HOST", "a.example.com");
        assert!(
            said(&alone.replace("ROUTE", "a.example.com"))
                .contains(&"unserved-gateway-host".to_owned())
        );
    }

    #[test]
    fn placeholders_are_alike_where_they_are_written_alike() {
        let listeners = |one: &str, two: &str| {
            said(&format!(
                "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: a, namespace: edge}}
spec:
  gatewayClassName: istio
  listeners:
  - {{name: a, port: 80, protocol: HTTP, hostname: '{one}'}}
  - {{name: b, port: 80, protocol: HTTP, hostname: '{two}'}}
"
            ))
        };
        assert_eq!(listeners("*.${A:=a.io}", "*.${B:=b.io}"), ["unresolved-placeholder"]);
        assert!(listeners("*.${A}", "*.${A}").contains(&"invalid-listener".to_owned()));
    }
}
