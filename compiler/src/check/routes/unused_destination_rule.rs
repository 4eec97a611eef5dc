//! `unused-destination-rule`: a `DestinationRule` goes to namespaces whose clients never look at it.
//!
//! A client takes the rule of its own namespace for a host, else that of the service's, else that of the root namespace: the first
//! that is exported to it. So a rule is nobody's where none who gets it sees the host, where another one counts for each of them,
//! and where it stands in a third namespace and is not for that. It is nobody's where its host stands for another one (`ExternalName`),
//! by whose rules clients go; what that does to subsets that routes name is `unknown-subset`'s to say. Rules for many hosts, and for some workloads, are not judged; of
//! one of the root namespace that is for all `shadowed-destination-rule` speaks. Sources: Istio, `PushContext.destinationRule`;
//! `ENABLE_EXTERNAL_NAME_ALIAS`.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use crate::api::Resource;
use crate::api::istio::DestinationRule;
use crate::check::inventory;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::host::{Host, is_wildcard, qualify};
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Visibility};

pub(in crate::check) static CHECK: Check = Check::lint(
    "unused-destination-rule",
    Severity::Warning,
    include_str!("unused_destination_rule.md"),
);

/// Clients and services that are looked at for one rule: where a host has more, nothing is said.
const PAIRS_MAX: usize = 1000;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let subsets = OnceCell::new();
    let is_led_to = |host: &Host, subset: &str| {
        let of_host = subsets.get_or_init(|| subsets_by_host(mesh)).get(host);
        of_host.is_some_and(|it: &BTreeSet<&str>| it.contains(subset))
    };
    let rules = mesh.source.destination_rules.iter();
    out.extend(rules.filter_map(|rule| check(mesh, rule, &is_led_to)));
}

/// The subsets that routes lead to.
fn subsets_by_host<'m>(mesh: &'m Mesh<'_>) -> HashMap<Host, BTreeSet<&'m str>> {
    let mut all: HashMap<Host, BTreeSet<&str>> = HashMap::new();
    for (to, _) in mesh.virtual_services.iter().flat_map(|(_, it)| it.destinations()) {
        all.entry(to.host).or_default().insert(to.subset);
    }
    all
}

/// Whether any route leads to a subset of a host.
type IsLedTo<'f> = &'f dyn Fn(&Host, &str) -> bool;

fn check(
    mesh: &Mesh<'_>,
    rule: &Resource<DestinationRule>,
    is_led_to: IsLedTo<'_>,
) -> Option<Diagnostic> {
    let (namespace, root) = (rule.namespace.as_str(), mesh.settings.root_namespace);
    let host = qualify(&rule.spec.host, namespace, mesh.settings.cluster_domain);
    let services = mesh.services.of_host(&host).iter().map(|id| mesh.services.get(*id));
    let services: Vec<_> = services.collect();
    let first = services.first()?;
    if is_wildcard(&host) {
        return None;
    }
    if services.iter().any(|it| it.alias.is_some()) {
        let [alias] = services.as_slice() else { return None };
        return of_alias(rule, alias, is_led_to);
    }
    if rule.spec.workload_selector.is_some() {
        return None;
    }
    let visibility = Visibility::of(
        rule.spec.export_to.iter().map(String::as_str),
        namespace,
        mesh.settings.destination_rule_export_to,
    );
    let clients = clients(mesh, namespace, &visibility, &services)?;
    if clients.len() * services.len() > PAIRS_MAX {
        return None;
    }
    let (mut is_seen, mut winner) = (false, None);
    for client in clients {
        for service in services.iter().filter(|it| it.visibility.reaches(client)) {
            is_seen = true;
            let found = mesh.destination_rules.find(&host, service.namespace, client, root);
            let found = found.into_iter().map(|id| mesh.destination_rules.get(id));
            let (for_all, for_some): (Vec<_>, Vec<_>) =
                found.partition(|policy| policy.selector.is_none());
            // Of several for all workloads the last counts.
            let counts = for_all.last().copied();
            let all = counts.into_iter().chain(for_some);
            if all.clone().flat_map(|policy| &policy.from).any(|it| it.id == rule.id) {
                return None;
            }
            // One for some workloads keeps others from being looked for, too.
            winner = winner.or_else(|| all.clone().next());
        }
    }
    let is_default = visibility == Visibility::Public && namespace == root;
    if is_default && winner.is_none_or(|it| it.namespace != root) {
        return None;
    }
    let winner = winner.and_then(|policy| policy.from.first());
    // Whoever else has the host may see it elsewhere.
    if inventory::may_have_host(mesh, &host) {
        return None;
    }
    let spec = || FieldPath::default().field("spec");
    let place = if rule.spec.export_to.is_empty() {
        Place::value(rule.id, spec().field("host"))
    } else {
        Place::key(rule.id, spec().field("exportTo"))
    };
    let say = |message: String, label: &str| {
        Diagnostic::new(&CHECK, place, message)
            .supposing(Place::value(rule.id, spec().field("exportTo")))
            .label(label)
            .consequence(format!("requests for `{host}` are sent without what the rule says"))
    };
    Some(match winner {
        _ if !is_seen => {
            say(format!("nobody who gets the rule sees `{host}`"), "goes to these alone")
                .also(first.origin.place(), "this is for others")
                .help("export both to the same namespaces")
        }
        Some(winner) => {
            let message = format!("whoever gets the rule has another one for `{host}`");
            say(message, "goes to these alone")
                .also(Place::resource(winner.id), "this one counts")
                .help("remove the rule, or write one for both")
        }
        None => {
            let message = format!("no client looks for rules of `{host}` in `{namespace}`");
            say(message, "goes to namespaces that look elsewhere")
                .also(first.origin.place(), "the service is of another namespace")
                .help(format!(
                    "put the rule into namespace `{}`, or into its clients' own",
                    first.namespace
                ))
        }
    })
}

/// A rule for a Service that stands for another host.
fn of_alias(
    rule: &Resource<DestinationRule>,
    alias: &Service<'_>,
    is_led_to: IsLedTo<'_>,
) -> Option<Diagnostic> {
    let (host, target) = (&alias.host, alias.alias.as_ref()?);
    if rule.spec.subsets.iter().any(|it| is_led_to(host, &it.name)) {
        return None;
    }
    let place = Place::value(rule.id, FieldPath::default().field("spec").field("host"));
    let message = format!("`{host}` stands for `{target}`, by whose rules clients go");
    Some(
        Diagnostic::new(&CHECK, place, message)
            .label("of this host no rule counts")
            .also(alias.origin.place(), "an `ExternalName`")
            .consequence(format!("requests for `{host}` are sent without what the rule says"))
            .help(format!("write the rule for `{target}`")),
    )
}

/// The namespaces that may have the rule; absent in it: any that nothing is known of. None: it is meant for nobody, or for what
/// there is not, which is told.
fn clients<'m>(
    mesh: &Mesh<'_>,
    own: &'m str,
    visibility: &Visibility<'m>,
    services: &[&Service<'m>],
) -> Option<BTreeSet<Option<&'m str>>> {
    match visibility {
        Visibility::Nobody => None,
        Visibility::Public => {
            let named = services.iter().flat_map(|it| it.visibility.named());
            let homes = services.iter().map(|it| it.namespace);
            Some(named.chain(homes).chain([own]).map(Some).chain([None]).collect())
        }
        Visibility::Namespaces(names) => {
            let are_known = !mesh.namespaces.are_declared()
                || names.iter().any(|it| mesh.namespaces.contains(it));
            are_known.then(|| names.iter().map(|it| Some(*it)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn service(export_to: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop, annotations: {{networking.istio.io/exportTo: '{export_to}'}}}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n---\n"
        )
    }

    fn rule(namespace: &str, export_to: &str) -> String {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: of-{namespace}, namespace: {namespace}}}\nspec: {{host: web.shop.svc.cluster.local, exportTo: [{export_to}], trafficPolicy: {{tls: {{mode: DISABLE}}}}}}\n---\n"
        )
    }

    fn said(parts: &[String]) -> Vec<String> {
        let folder = Folder::new();
        folder.write("a.yaml", parts.concat());
        let found = findings(folder.path()).into_iter().filter(|it| it.check == &CHECK);
        found.map(|it| it.message).collect()
    }

    const HOST: &str = "`web.shop.svc.cluster.local`";

    #[test]
    fn of_an_alias_no_rule_counts() {
        let alias =
            service("*").replace("spec: {", "spec: {type: ExternalName, externalName: web.test, ");
        let found = format!("{HOST} stands for `web.test`, by whose rules clients go");
        assert_eq!(said(&[alias.clone(), rule("shop", "'*'")]), [found.as_str()]);
        assert_eq!(said(&[alias.clone(), rule("far", "'.'")]), [found.as_str()]);
        // Of many hosts some may have it.
        let wide =
            rule("shop", "'*'").replace("host: web.", "host: '*.").replace("local,", "local',");
        assert_eq!(said(&[alias, wide]), [""; 0]);
    }

    #[test]
    fn a_rule_of_a_third_namespace_is_for_that_alone() {
        let third = format!("no client looks for rules of {HOST} in `other`");
        assert_eq!(said(&[service("*"), rule("other", "far")]), [third]);
        for export_to in ["'.'", "'*'", "other", "far, other", ""] {
            assert_eq!(said(&[service("*"), rule("other", export_to)]), [""; 0], "{export_to}");
        }
    }

    #[test]
    fn who_gets_a_rule_sees_the_host_too() {
        let unseen = format!("nobody who gets the rule sees {HOST}");
        for (namespace, export_to) in [("other", "'.'"), ("shop", "far")] {
            let parts = [service("."), rule(namespace, export_to)];
            assert_eq!(said(&parts), [unseen.as_str()], "{namespace}: {export_to}");
        }
        for (namespace, export_to) in [("shop", "'.'"), ("shop", "far, shop"), ("shop", "")] {
            let parts = [service("."), rule(namespace, export_to)];
            assert_eq!(said(&parts), [""; 0], "{namespace}: {export_to}");
        }
        assert_eq!(said(&[service("far"), rule("shop", "far")]), [""; 0]);
        // To the namespace that it is for alone the service is not shown.
        assert_eq!(said(&[service("."), rule("other", "")]).len(), 1);
        // It is switched off.
        assert_eq!(said(&[service("*"), rule("shop", "'~'")]), [""; 0]);
    }

    #[test]
    fn another_rule_may_always_come_first() {
        let lost = format!("whoever gets the rule has another one for {HOST}");
        let own = [service("*"), rule("shop", "far"), rule("far", "'.'")];
        let of_root = [service("*"), rule("shop", "'*'"), rule("istio-system", "far")];
        for parts in [own, of_root] {
            assert_eq!(said(&parts), [lost.as_str()]);
        }
        // For other namespaces, which do not look there, and for its own, where the last counts.
        let apart = [service("*"), rule("far", ""), rule("far", "'.'").replace("of-far", "own")];
        assert_eq!(said(&apart), [lost.as_str()]);
        let two = [service("*"), rule("shop", "far, near"), rule("far", "'.'")];
        assert_eq!(said(&two), [""; 0]);
        let of_some = rule("far", "'.'")
            .replace("spec: {", "spec: {workloadSelector: {matchLabels: {app: a}}, ");
        assert_eq!(said(&[service("*"), rule("shop", "far"), of_some]), [lost.as_str()]);
        let hidden = [service("*"), rule("shop", "near"), rule("istio-system", "far")];
        assert_eq!(said(&hidden), [""; 0]);
    }
}
