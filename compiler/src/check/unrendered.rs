//! What is not said of files that kustomizations change, of what charts make, and of what waits for its placeholders: names may
//! be others once these are applied and rendered, and what is missed may be among what is filled in.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::api::UNRESOLVED_PLACEHOLDER;
use crate::check::access::{
    optional_certificate, optional_token, unnormalized_path, untrusted_client_address,
};
use crate::check::installation::{
    auto_image_without_injection, pod_without_proxy, unknown_webhook_service,
};
use crate::check::names::{
    import_of_nothing, missing_reference_grant, undefined_alias, unknown_export_namespace,
    unknown_gateway, unknown_gateway_class, unknown_grant_namespace, unknown_host,
    unknown_policy_namespace, unknown_policy_port, unknown_port, unknown_provider,
    unknown_route_host, unknown_rule_host, unknown_secret, unknown_service_account,
    unknown_source_namespace, unknown_subset,
};
use crate::check::policies::{
    allow_only_for_monitoring, claim_route_without_authentication, closed_gateway,
    deny_by_identity, deny_without_authentication, deny_without_waypoint,
    peer_authentication_at_gateway, refused_preflight, refused_probe, telemetry_without_provider,
    unlisted_gateway,
};
use crate::check::proxies::ineffective_ingress_tls;
use crate::check::routes::{
    unattached_route, undeployed_gateway, unserved_gateway_host, unserved_ingress,
    unserved_waypoint, unused_destination_rule,
};
use crate::check::workloads::{
    entry_without_endpoints, missing_entry_addresses, mtls_conflict, selector_without_workload,
    subset_without_instances,
};
use crate::diagnostic::{Check, Diagnostic, Label, Place, Severity};
use crate::parse::{Parsed, UNRENDERED_SOURCE, not_shown, report_encrypted};
use crate::source::{FileId, Role};

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
const GATEWAYS: &[&str] = &["Gateway", "ListenerSet"];
/// What lets somebody in, or keeps him out.
const POLICIES: &[&str] = &["AuthorizationPolicy"];
/// What checks tokens.
const TOKENS: &[&str] = &["RequestAuthentication"];
/// What says how a port is to be called.
const MUTUAL_TLS: &[&str] = &["PeerAuthentication", "Sidecar"];
const SETTINGS: &[&str] = &["ConfigMap", "IstioOperator"];

/// Checks that miss something, and the kinds of resources that would be it. Where one of these cannot be read, nobody knows
/// whether it is what is missed. What is missed by its name is known as far as the name is, and not among them.
static MISSING: &[(&Check, Kinds)] = &[
    (&allow_only_for_monitoring::CHECK, &[POLICIES]),
    (&auto_image_without_injection::CHECK, &[&["Namespace"]]),
    (&claim_route_without_authentication::CHECK, &[TOKENS]),
    (&closed_gateway::CHECK, &[POLICIES, GATEWAYS]),
    (&deny_by_identity::CHECK, &[MUTUAL_TLS]),
    (&deny_without_authentication::CHECK, &[TOKENS]),
    (&deny_without_waypoint::CHECK, &[GATEWAYS]),
    (&entry_without_endpoints::CHECK, &[ENTRIES, WORKLOADS]),
    (&import_of_nothing::CHECK, &[&["Service", "ServiceEntry", "VirtualService"]]),
    (&ineffective_ingress_tls::CHECK, &[MUTUAL_TLS]),
    (&missing_entry_addresses::CHECK, &[SETTINGS]),
    (&missing_reference_grant::CHECK, &[&["ReferenceGrant"]]),
    (&mtls_conflict::CHECK, &[MUTUAL_TLS]),
    (&optional_certificate::CHECK, &[POLICIES]),
    (&optional_token::CHECK, &[POLICIES]),
    (&peer_authentication_at_gateway::CHECK, &[ENTRIES]),
    (&pod_without_proxy::CHECK, &[&["Namespace"]]),
    (&refused_preflight::CHECK, &[POLICIES]),
    (&refused_probe::CHECK, &[POLICIES, MUTUAL_TLS]),
    (&selector_without_workload::CHECK, &[ENTRIES]),
    (&subset_without_instances::CHECK, &[ENTRIES]),
    (&telemetry_without_provider::CHECK, &[SETTINGS]),
    (&unattached_route::CHECK, &[GATEWAYS]),
    (&undefined_alias::CHECK, &[&["Service", "ServiceEntry"]]),
    (&undeployed_gateway::CHECK, &[&["Service"], WORKLOADS]),
    (&unknown_export_namespace::CHECK, &[&["Namespace"]]),
    (&unknown_gateway_class::CHECK, &[&["GatewayClass"]]),
    (&unknown_grant_namespace::CHECK, &[&["Namespace"]]),
    (&unknown_policy_namespace::CHECK, &[&["Namespace"]]),
    (&unknown_policy_port::CHECK, &[WORKLOADS]),
    (&unknown_provider::CHECK, &[SETTINGS]),
    (&unknown_source_namespace::CHECK, &[&["Namespace"]]),
    (&unlisted_gateway::CHECK, &[POLICIES]),
    (&unnormalized_path::CHECK, &[SETTINGS]),
    (&unserved_gateway_host::CHECK, &[&["VirtualService", "ListenerSet"], ROUTES]),
    (&unserved_ingress::CHECK, &[&["IngressClass"]]),
    (&unserved_waypoint::CHECK, &[GATEWAYS, WORKLOADS]),
    (&untrusted_client_address::CHECK, &[SETTINGS, WORKLOADS]),
    (&unused_destination_rule::CHECK, &[&["Service", "ServiceEntry", "VirtualService"]]),
];
const ROUTES: &[&str] = &["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"];

type Kinds = &'static [&'static [&'static str]];

/// By which it is told that something is not read which may be in order.
static UNREAD: &[&Check] = &[&UNRENDERED_SOURCE, &UNRESOLVED_PLACEHOLDER];

/// Takes back what is missed and may be among what cannot be read; what cannot is told where it stands, and how much is held
/// back for it, at the first notice of a resource that may be what is missed. What cannot be read for an error has the error alone.
fn hold_back_missing(
    parsed: &Parsed,
    awaited: &BTreeSet<String>,
    out: &mut Vec<Cow<'_, Diagnostic>>,
) {
    let mut held = BTreeMap::new();
    out.retain(|found| {
        let kinds = MISSING.iter().find(|(check, _)| *check == found.check).map(|(_, it)| *it);
        let kinds = kinds.filter(|kinds| is_any(kinds, |kind| awaited.contains(kind)));
        kinds.inspect(|kinds| *held.entry(*kinds).or_default() += 1).is_none()
    });
    tell_held(parsed, &mut held, out);
    let encrypted: BTreeSet<_> = parsed.encrypted().iter().map(|(file, _)| *file).collect();
    let broken = parsed.broken().iter().filter(|it| encrypted.contains(&it.file));
    let kinds: BTreeSet<_> = broken.map(|it| &*it.identity.kind).collect();
    let held = take_for(&mut held, |kind| kinds.contains(kind));
    out.extend(report_encrypted(parsed, held).map(Cow::Owned));
}

/// How many findings are held back for what may be of one of these kinds.
type Held = BTreeMap<Kinds, usize>;

/// Tells each notice of what is not read how many findings are held back for it.
fn tell_held(parsed: &Parsed, held: &mut Held, out: &mut [Cow<'_, Diagnostic>]) {
    if held.is_empty() {
        return;
    }
    let mut broken: BTreeMap<FileId, BTreeSet<&str>> = BTreeMap::new();
    for it in parsed.broken().iter().filter(|it| !it.is_patch) {
        broken.entry(it.file).or_default().insert(&it.identity.kind);
    }
    for notice in out.iter_mut().filter(|it| UNREAD.contains(&it.check)) {
        let file = notice.place.file(parsed);
        if parsed.source(file).role == Role::Context {
            continue;
        }
        let is_unread = |kind: &str| match notice.place.document() {
            Some(id) => &*parsed.document(id).identity.kind == kind,
            None => broken.get(&file).is_some_and(|kinds| kinds.contains(kind)),
        };
        let held = take_for(held, is_unread);
        if held > 0
            && let Some(consequence) = &mut notice.to_mut().consequence
        {
            consequence.push_str(&not_shown(held, "what is missing unless it is here"));
        }
    }
}

/// Takes out those that may be of such a kind.
fn take_for(held: &mut Held, is_such: impl Fn(&str) -> bool) -> usize {
    held.extract_if(.., |kinds, _| is_any(kinds, &is_such)).map(|(_, many)| many).sum()
}

fn is_any(kinds: Kinds, is_such: impl Fn(&str) -> bool) -> bool {
    kinds.iter().copied().flatten().any(|kind| is_such(kind))
}

/// Takes back what is said of names in such files, and of names elsewhere that a resource of such a file or of a chart's
/// template may have; in its place, that nothing is built of them. Where a chart's names depend on values, a name that leads
/// nowhere may be one of them, and is no error.
pub(crate) fn hold_back(
    parsed: &Parsed,
    awaited: &BTreeSet<String>,
    out: &mut Vec<Cow<'_, Diagnostic>>,
) {
    hold_back_missing(parsed, awaited, out);
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
    use crate::api::KINDS;
    use crate::diagnostic::Severity;
    use crate::testing::{Folder, findings};

    #[test]
    fn what_is_missed_is_of_a_kind() {
        let known: BTreeSet<_> = KINDS.iter().map(|it| it.name).collect();
        for (check, kinds) in MISSING {
            let all: BTreeSet<_> = kinds.iter().copied().flatten().copied().collect();
            assert!(!all.is_empty() && all.is_subset(&known), "{}: {all:?}", check.name);
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

    /// What becomes of requests, as the notices of one check tell it.
    fn effects(text: &str, check: &str) -> Vec<String> {
        let folder = Folder::new();
        folder.write("a.yaml", text);
        let found = findings(folder.path()).into_iter().filter(|it| it.check.name == check);
        found.map(|it| it.consequence.unwrap_or_default()).collect()
    }

    #[test]
    fn what_is_held_back_is_counted_once() {
        let route = |name: &str, host: &str| {
            format!(
                "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: edge}}\nspec: {{hosts: [{host}], gateways: [public], http: [{{directResponse: {{status: 200}}}}]}}\n"
            )
        };
        let gateway = GATEWAY.split("---").next().unwrap();
        let served = gateway.replace("HOST", "a.example.com, b.example.com, c.example.com");
        let alone = "the resource is checked as far as it can be, and left out of what is compiled";
        let told = |rest: &str| effects(&(served.clone() + rest), "unresolved-placeholder");
        let held =
            |many: &str| format!("{alone}; {many} not shown, of what is missing unless it is here");
        let known = route("a", "a.example.com");
        assert_eq!(told(&(known.clone() + &route("x", "'${X}'"))), [held("2 findings are")]);
        let known = known + &route("b", "b.example.com");
        assert_eq!(
            told(&(known.clone() + &route("x", "'${X}'") + &route("y", "'${Y}'"))),
            [held("1 finding is"), alone.to_owned()]
        );
        let known = known + &route("c", "c.example.com");
        assert_eq!(told(&(known.clone() + &route("x", "'${X}'"))), [alone]);
    }

    #[test]
    fn whoever_tells_what_is_not_read_tells_what_is_held_back() {
        let gateway = GATEWAY.split("---").next().unwrap().replace("HOST", "a.example.com");
        let route = |host: &str, rest: &str| {
            let it = GATEWAY.split("---").nth(1).unwrap().replace("ROUTE", host);
            format!("{gateway}---{it}{rest}")
        };
        let sops = "sops: {mac: 'ENC[x]', version: 3.9.0}\n";
        for (text, place) in [
            (route("'ENC[x]'", sops), "in them"),
            (route("${HOST}", "--- # another"), "here"),
            (route("{{ .Values.host }} a: b", ""), "here"),
        ] {
            let told = effects(&text, "unrendered-source").concat();
            let held = format!("; 1 finding is not shown, of what is missing unless it is {place}");
            assert!(told.ends_with(&held), "{told}");
        }
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
