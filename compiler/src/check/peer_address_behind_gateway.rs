//! `peer-address-behind-gateway`: a policy asks for the peer's address where the peer is a gateway.
//!
//! It is said of blocks that no pod has an address in: those of the internet. Source: Istio, `Source.ipBlocks`,
//! `Source.remoteIpBlocks`; RFC 1918, RFC 4193, RFC 6598.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{behind_gateway, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "peer-address-behind-gateway",
    Severity::Warning,
    include_str!("peer_address_behind_gateway.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let policies = mesh.policies.authorization_policies.iter();
    let asks = policies.flat_map(|policy| {
        let rules = policy.resource.spec.rules.iter().flatten().enumerate();
        rules.filter_map(move |(index, rule)| {
            let from = rule.from.iter().flatten().enumerate();
            let mut sources = from.filter_map(|(at, part)| Some((at, part.source.as_ref()?)));
            let (at, source) = sources.find(|(_, it)| {
                !it.ip_blocks.is_empty() && it.ip_blocks.iter().all(|block| is_public(block))
            })?;
            let path = FieldPath::default().field("spec").field("rules").index(index);
            let path = path.field("from").index(at).field("source").field("ipBlocks");
            Some((policy, path, source.ip_blocks.len()))
        })
    });
    let asks: Vec<_> = asks.collect();
    if asks.is_empty() {
        return;
    }
    let behind = behind_gateway::all(mesh);
    let mut met = BTreeSet::new();
    for (policy, path, _) in asks {
        let Ok(scope) = &policy.scope else { continue };
        let selected = selection::of_policy(mesh, scope);
        let found = behind.iter().find(|it| selected.iter().any(|own| own.id == it.workload.id));
        let Some(found) = found.filter(|_| met.insert(policy.resource.id)) else { continue };
        let message = format!(
            "`{}` is reached through a gateway, and sees its address",
            found.workload.name()
        );
        out.push(
            Diagnostic::new(&CHECK, Place::key(policy.resource.id, path), message)
                .label("addresses of the peer, which is the gateway")
                .also(found.route.place(), "this route leads there")
                .also(Place::resource(found.gateway.id), "this is the gateway")
                .consequence("no request that comes through the gateway matches")
                .help("ask for the client's own address with `remoteIpBlocks`"),
        );
    }
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
