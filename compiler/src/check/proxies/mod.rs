//! How proxies are set up.

mod conflicting_sidecars;
mod deprecated_egress_proxy;
mod ignored_add;
mod ignored_remove;
pub(super) mod ineffective_ingress_tls;
pub(super) mod ineffective_sidecar;
mod several_default_sidecars;
mod unknown_registry;
mod unmatched_patch;
mod unordered_patch;
mod unordered_patch_of_version;
mod unserved_extension;
mod unserved_patch;
mod unsupported_replace;

use super::Rule;

pub(super) static RULES: &[Rule] = &[
    (&conflicting_sidecars::CHECK, conflicting_sidecars::run),
    (&several_default_sidecars::CHECK, several_default_sidecars::run),
    (&ineffective_sidecar::CHECK, ineffective_sidecar::run),
    (&ineffective_ingress_tls::CHECK, ineffective_ingress_tls::run),
    (&unknown_registry::CHECK, unknown_registry::run),
    (&unmatched_patch::CHECK, unmatched_patch::run),
    (&unserved_patch::CHECK, unserved_patch::run),
    (&unserved_extension::CHECK, unserved_extension::run),
    (&ignored_add::CHECK, ignored_add::run),
    (&ignored_remove::CHECK, ignored_remove::run),
    (&unsupported_replace::CHECK, unsupported_replace::run),
    (&deprecated_egress_proxy::CHECK, deprecated_egress_proxy::run),
    (&unordered_patch::CHECK, unordered_patch::run),
    (&unordered_patch_of_version::CHECK, unordered_patch_of_version::run),
];
