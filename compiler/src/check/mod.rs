//! Rules that hold between resources: what each of them says may be in order, and all of them together are not.
//!
//! One file a rule, named as the rule is, with its page beside it, in the folder of what it is about. A rule takes the resolved
//! mesh and says what it finds, with labels in every file that has a part in it. It reports what it can prove and nothing that
//! may be right. It stays on its thread: what it looks at elsewhere is not noted ([`crate::parts`]), and `--watch` would keep
//! what it found for ever.
//!
//! What a repository does not hold may exist all the same. [`inventory`] decides what is known well enough that an
//! unknown name is a mistake; what is taken on trust instead is said once, by `assumed-inventory`.

// Rules, by what they are about.
mod access;
mod installation;
mod names;
mod policies;
mod proxies;
mod routes;
mod workloads;

// What they are made of.
mod alias;
mod ambient;
mod any_match;
mod audience;
mod barred;
mod behind_gateway;
mod caller;
mod capture;
mod client_tls;
mod control_plane_address;
mod credential;
mod destinations;
mod envoy_patch;
mod gateway_port;
mod http_field;
mod identity;
mod in_force;
mod injection;
mod inventory;
mod led;
mod matching;
mod mtls;
mod openers;
mod operation;
mod outsiders;
mod overlap;
mod own_tls;
mod policy_value;
mod reference_kind;
mod selection;
mod served_hosts;
mod server_port;
mod sight;
mod suggestion;
mod trusted_proxies;
mod webhook;
mod workload_ports;

mod foreign;
mod kept;
mod unrendered;

#[cfg(test)]
mod tests;

pub use capture::Capture;
pub(crate) use capture::captures;
pub(crate) use foreign::leave_to_others;
pub use injection::WithoutProxy;
pub(crate) use injection::without_proxy;
pub(crate) use kept::Kept;
pub(crate) use unrendered::hold_back;

use crate::diagnostic::{Check, Date, Diagnostic};
use crate::parts::Parts;
use crate::resolve::Mesh;

/// A rule: what is known of it, and what looks for it.
type Rule = (&'static Check, fn(&Mesh<'_>, &mut Vec<Diagnostic>));

static RULES: &[&[Rule]] = &[
    names::RULES,
    routes::RULES,
    workloads::RULES,
    proxies::RULES,
    installation::RULES,
    policies::RULES,
    access::RULES,
];

fn rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().flatten()
}

/// The checks of this stage.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    rules().map(|(check, _)| *check).chain([&names::expired_certificate::CHECK])
}

/// Looks at a mesh by every rule. Where nobody knows what day it is, nothing has expired.
pub fn all(mesh: &Mesh<'_>, today: Option<Date>, out: &mut Vec<Diagnostic>) {
    let mut kept = Kept::once();
    kept.forget(Parts::ALL, today);
    kept.look(mesh);
    out.extend(kept.into_all());
}
