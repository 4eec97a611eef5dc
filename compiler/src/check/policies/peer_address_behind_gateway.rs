//! `peer-address-behind-gateway`: a policy asks for the peer's address where the peer is a gateway.
//!
//! It is said of blocks that no pod has an address in: those of the internet. Source: Istio, `Source.ipBlocks`,
//! `Source.remoteIpBlocks`; RFC 1918, RFC 4193, RFC 6598.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::api::istio::{Action, Rule};
use crate::check::{behind_gateway, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "peer-address-behind-gateway",
    Severity::Warning,
    include_str!("peer_address_behind_gateway.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let policies = mesh.policies.authorization_policies.iter();
    let asks = policies.filter_map(|policy| {
        let mut rules = policy.resource.spec.rules.iter().flatten().enumerate();
        let asked = rules.find_map(|(index, rule)| {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            peer_addresses(rule, &at)
        });
        Some((policy, asked?))
    });
    let asks: Vec<_> = asks.collect();
    if asks.is_empty() {
        return;
    }
    let behind = behind_gateway::all(mesh);
    for (policy, asked) in asks {
        let Ok(scope) = &policy.scope else { continue };
        let selected = selection::of_policy(mesh, scope);
        let found = behind.iter().find(|it| selected.iter().any(|own| own.id == it.workload.id));
        let Some(found) = found else { continue };
        let message = format!(
            "`{}` is reached through a gateway, and sees its address",
            found.workload.name()
        );
        let effect = match (asked.excludes, policy.resource.spec.action) {
            (false, _) => "no request that comes through the gateway matches",
            (true, Action::Deny) => "every request that comes through the gateway is denied",
            (true, _) => "no request that comes through the gateway is left out",
        };
        let instead = match (asked.is_condition, asked.excludes) {
            (true, _) => "remote.ip",
            (false, false) => "remoteIpBlocks",
            (false, true) => "notRemoteIpBlocks",
        };
        out.push(
            Diagnostic::new(&CHECK, Place::key(policy.resource.id, asked.at), message)
                .label("addresses of the peer, which is the gateway")
                .also(found.route.place(), "this route leads there")
                .also(Place::resource(found.gateway.id), "this is the gateway")
                .consequence(effect)
                .help(format!("ask for the client's own address with `{instead}`")),
        );
    }
}

/// Where a rule names addresses of the peer, all of them public.
struct Asked {
    at: FieldPath,
    /// Whether they are left out, and not asked for.
    excludes: bool,
    is_condition: bool,
}

fn peer_addresses(rule: &Rule, at: &FieldPath) -> Option<Asked> {
    let are_public =
        |blocks: &[String]| !blocks.is_empty() && blocks.iter().all(|block| is_public(block));
    let sources = rule.from.iter().flatten().enumerate();
    let mut sources = sources.filter_map(|(index, part)| Some((index, part.source.as_ref()?)));
    let source = sources.find_map(|(index, it)| {
        let lists = [("ipBlocks", &it.ip_blocks), ("notIpBlocks", &it.not_ip_blocks)];
        let (field, _) = lists.into_iter().find(|(_, blocks)| are_public(blocks))?;
        let at = at.clone().field("from").index(index).field("source").field(field);
        Some(Asked { at, excludes: field == "notIpBlocks", is_condition: false })
    });
    let mut conditions = rule.when.iter().enumerate().filter(|(_, it)| it.key == "source.ip");
    source.or_else(|| {
        conditions.find_map(|(index, it)| {
            let lists = [("values", &it.values), ("notValues", &it.not_values)];
            let (field, _) = lists.into_iter().find(|(_, blocks)| are_public(blocks))?;
            let at = at.clone().field("when").index(index).field(field);
            Some(Asked { at, excludes: field == "notValues", is_condition: true })
        })
    })
}

fn is_public(text: &str) -> bool {
    let block = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    match block.map(|block| block.network()) {
        Ok(IpAddr::V4(v4)) => {
            let shared = v4.octets()[0] == 100 && (v4.octets()[1] & 0xc0) == 64;
            !v4.is_private()
                && !v4.is_loopback()
                && !v4.is_link_local()
                && !v4.is_unspecified()
                && !shared
        }
        Ok(IpAddr::V6(v6)) => {
            !v6.is_unique_local()
                && !v6.is_unicast_link_local()
                && !v6.is_loopback()
                && !v6.is_unspecified()
        }
        Err(_) => false,
    }
}
