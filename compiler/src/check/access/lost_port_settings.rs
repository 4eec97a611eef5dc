//! `lost-port-settings`: what a `DestinationRule` says of all ports does not hold for the port that has settings of its own.
//!
//! Settings of a port replace those of the host as a whole; what they leave out is as if nobody had said it. Those of a subset's port
//! replace what the subset would have of the host besides. Source: Istio,
//! `TrafficPolicy.portLevelSettings`: "Note that port level settings will override the destination-level settings."

use crate::api::Resource;
use crate::api::istio::{DestinationRule, PortTrafficPolicy, TrafficPolicy};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("lost-port-settings", Severity::Warning, include_str!("lost_port_settings.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for rule in &mesh.source.destination_rules {
        let root = FieldPath::default().field("spec");
        let whole = rule.spec.traffic_policy.as_ref();
        let whole = whole.map(|policy| (policy, root.clone().field("trafficPolicy")));
        if let Some((policy, at)) = &whole {
            check_policy(rule, None, (policy, at), None, out);
        }
        for (index, subset) in rule.spec.subsets.iter().enumerate() {
            let at = root.clone().field("subsets").index(index).field("trafficPolicy");
            if let Some(policy) = &subset.traffic_policy {
                let whole = whole.as_ref().map(|(policy, at)| (*policy, at));
                check_policy(rule, Some(&subset.name), (policy, &at), whole, out);
            }
        }
    }
}

/// Which of the four blocks are there that settings of a port replace.
type Blocks = [(&'static str, bool); 4];

fn of_host(policy: &TrafficPolicy) -> Blocks {
    [
        ("tls", policy.tls.is_some()),
        ("outlierDetection", policy.outlier_detection.is_some()),
        ("connectionPool", policy.connection_pool.is_some()),
        ("loadBalancer", policy.load_balancer.is_some()),
    ]
}

fn of_port(port: &PortTrafficPolicy) -> Blocks {
    [
        ("tls", port.tls.is_some()),
        ("outlierDetection", port.outlier_detection.is_some()),
        ("connectionPool", port.connection_pool.is_some()),
        ("loadBalancer", port.load_balancer.is_some()),
    ]
}

/// The blocks of a policy for a port, and where they stand.
fn in_force(policy: &TrafficPolicy, at: &FieldPath, number: u32) -> (Blocks, FieldPath) {
    let mut ports = policy.port_level_settings.iter().enumerate();
    let own = ports.find(|(_, it)| it.port.as_ref().is_some_and(|port| port.number == number));
    match own {
        Some((index, port)) => (of_port(port), at.clone().field("portLevelSettings").index(index)),
        None => (of_host(policy), at.clone()),
    }
}

/// `subset`: whose policy it is, where it is not the host's; it has what the host's, `whole`, says for the port besides.
fn check_policy(
    rule: &Resource<DestinationRule>,
    subset: Option<&str>,
    (policy, at): (&TrafficPolicy, &FieldPath),
    whole: Option<(&TrafficPolicy, &FieldPath)>,
    out: &mut Vec<Diagnostic>,
) {
    for (index, port) in policy.port_level_settings.iter().enumerate() {
        let number = port.port.as_ref().map_or(0, |port| port.number);
        let inherited = whole.map(|(policy, at)| in_force(policy, at, number));
        let said =
            |blocks: &Blocks, name| blocks.iter().any(|(it, is_said)| *it == name && *is_said);
        let place = |name| match &inherited {
            _ if said(&of_host(policy), name) => Some(at.clone()),
            Some((above, at)) if said(above, name) => Some(at.clone()),
            _ => None,
        };
        let left_out = of_port(port).into_iter().filter(|(_, is_said)| !is_said);
        let lost = left_out.filter_map(|(name, _)| Some((name, place(name)?)));
        let lost: Vec<_> = lost.collect();
        let Some((first, said)) = lost.first() else { continue };
        let place = at.clone().field("portLevelSettings").index(index).field("port");
        let of_subset = subset.map_or(String::new(), |name| format!(" of the subset `{name}`"));
        let (own, of_host): (Vec<_>, Vec<_>) =
            lost.iter().partition(|(_, place)| subset.is_some() && place == at);
        let parts = [("the subset's", own), ("the host's", of_host)].map(|(whose, lost)| {
            let names: Vec<_> = lost.iter().map(|(name, _)| format!("`{name}`")).collect();
            (!names.is_empty()).then(|| format!("{whose} {}", names.join(", ")))
        });
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        let message = format!("port {number}{of_subset} does not have {}", parts.join(" and "));
        let effect = if *first == "tls" {
            "connections to the port go by the mesh's defaults, not by the TLS that is set for all ports"
        } else {
            "the port has the defaults of what is left out"
        };
        out.push(
            Diagnostic::new(&CHECK, Place::key(rule.id, place.clone()), message)
                .supposing(Place::value(rule.id, place.field("number")))
                .label("has settings of its own, which replace all others")
                .also(Place::key(rule.id, said.clone().field(*first)), "not for that port")
                .consequence(effect)
                .help("repeat it among the settings of the port"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// What is told of a rule with these two policies, of the host and of a subset.
    fn told(host: &str, subset: &str) -> Vec<String> {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: a, namespace: shop}}\nspec:\n  host: reviews\n  trafficPolicy: {{{host}}}\n  subsets: [{{name: v2, labels: {{version: v2}}, trafficPolicy: {{{subset}}}}}]\n"
        );
        folder.write("a.yaml", text);
        let found = findings(folder.path());
        let found = found.into_iter().filter(|it| it.check == &CHECK);
        found.map(|it| it.message).collect()
    }

    #[test]
    fn a_port_of_a_subset_loses_what_the_host_has() {
        let tls = "tls: {mode: SIMPLE, caCertificates: /x}";
        let port = |said: &str| format!("portLevelSettings: [{{port: {{number: 80}}, {said}}}]");
        let random = "loadBalancer: {simple: RANDOM}";
        let lost = "port 80 of the subset `v2` does not have the host's `tls`";
        assert_eq!(told(tls, &port(random)), [lost]);
        assert_eq!(told(tls, &port(tls)), [""; 0]);
        assert_eq!(told(random, &port(random)), [""; 0]);
        let own = format!("{random}, {}", port("connectionPool: {}"));
        let lost_own = "port 80 of the subset `v2` does not have the subset's `loadBalancer`";
        assert_eq!(told("", &own), [lost_own]);
        assert_eq!(told(random, &own), [lost_own]);
        assert_eq!(told(tls, &own), [format!("{lost_own} and the host's `tls`")]);
        // What the host says of the port itself comes before what it says of all.
        let other = format!("{tls}, portLevelSettings: [{{port: {{number: 81}}, {tls}}}]");
        assert_eq!(told(&other, &port(random)), [lost]);
        let whole = format!("portLevelSettings: [{{port: {{number: 80}}, {tls}}}]");
        assert_eq!(told(&whole, &port(random)), [lost]);
        let whole = format!("connectionPool: {{}}, {}", port(random));
        assert_eq!(
            told(&whole, &port(random)),
            ["port 80 does not have the host's `connectionPool`"]
        );
    }
}
