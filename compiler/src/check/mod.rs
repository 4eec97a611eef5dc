//! Rules that hold between resources: what each of them says may be in order, and all of them together are not.
//!
//! One file a rule, named as the rule is, with its page beside it. A rule takes the resolved mesh and says what it finds,
//! with labels in every file that has a part in it. It reports what it can prove and nothing that may be right.
//!
//! What a repository does not hold may exist all the same. [`inventory`] decides what is known well enough that an
//! unknown name is a mistake; what is taken on trust instead is said once, by `assumed-inventory`.

mod inventory;
mod suggestion;

mod assumed_inventory;
mod missing_reference_grant;
mod unknown_gateway;
mod unknown_host;
mod unknown_port;
mod unknown_secret;
mod unknown_service_account;
mod unknown_subset;

use rayon::prelude::*;

use crate::diagnostic::{Check, Diagnostic};
use crate::resolve::Mesh;

/// A rule: what is known of it, and what looks for it.
type Rule = (&'static Check, fn(&Mesh<'_>, &mut Vec<Diagnostic>));

static RULES: &[Rule] = &[
    (&unknown_host::CHECK, unknown_host::run),
    (&unknown_subset::CHECK, unknown_subset::run),
    (&unknown_port::CHECK, unknown_port::run),
    (&unknown_gateway::CHECK, unknown_gateway::run),
    (&unknown_secret::CHECK, unknown_secret::run),
    (&unknown_service_account::CHECK, unknown_service_account::run),
    (&missing_reference_grant::CHECK, missing_reference_grant::run),
    (&assumed_inventory::CHECK, assumed_inventory::run),
];

/// The checks of this stage.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    RULES.iter().map(|(check, _)| *check)
}

/// Looks at a mesh by every rule.
pub fn all(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let found: Vec<Vec<Diagnostic>> = RULES
        .par_iter()
        .map(|(_, run)| {
            let mut found = Vec::new();
            run(mesh, &mut found);
            found
        })
        .collect();
    out.extend(found.into_iter().flatten());
}
