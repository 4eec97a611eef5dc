//! Rules of `ProxyConfig`.

use super::checks::INVALID_PROXY_CONFIG;
use super::{annotation, selector};
use crate::api::Resource;
use crate::api::istio::ProxyConfig;
use crate::diagnostic::{At, Diagnostic};

/// The longest value of an environment variable, in bytes. Source: Istio's resource definition.
const VALUE_MAX: usize = 2048;

pub(in crate::api) fn check(
    resource: &Resource<ProxyConfig>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    selector::check(spec.selector.as_ref(), &at.field("selector"), out);
    if spec.concurrency.is_some_and(|threads| threads < 0) {
        let place = at.field("concurrency").value();
        let found = Diagnostic::new(&INVALID_PROXY_CONFIG, place, "`concurrency` is negative");
        out.push(found.label("0 is one thread a core"));
    }
    let variables = at.field("environmentVariables");
    for (name, value) in &spec.environment_variables {
        if value.len() > VALUE_MAX {
            let place = variables.field(name).value();
            let message = format!("the value of `{name}` has {} characters", value.len());
            out.push(Diagnostic::new(&INVALID_PROXY_CONFIG, place, message).label("at most 2048"));
        }
    }
}
