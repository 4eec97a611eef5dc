//! `deprecated-provider`: a `Telemetry` sends spans to Lightstep by a provider that is to go.
//!
//! Source: Istio, `telemetry.LightstepAnalyzer`.

use std::collections::BTreeSet;

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("deprecated-provider", Severity::Warning, include_str!("deprecated_provider.md"))
        .alias(&["IST0002"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let providers = mesh.settings.config.iter().flat_map(|it| &it.spec.extension_providers);
    let deprecated: BTreeSet<&str> = providers
        .filter(|provider| provider.lightstep.is_some())
        .map(|provider| provider.name.as_str())
        .collect();
    for telemetry in mesh.source.telemetries.iter().filter(|_| !deprecated.is_empty()) {
        let rules = telemetry.spec.tracing.iter().enumerate();
        let providers = rules.flat_map(|(rule, it)| {
            it.providers.iter().enumerate().map(move |(index, provider)| (rule, index, provider))
        });
        for (rule, index, provider) in providers.filter(|it| deprecated.contains(&*it.2.name)) {
            let path = FieldPath::default().field("spec").field("tracing").index(rule);
            let path = path.field("providers").index(index).field("name");
            let message =
                format!("the provider `{}` is for Lightstep, which is deprecated", provider.name);
            out.push(
                Diagnostic::new(&CHECK, Place::value(telemetry.id, path), message)
                    .label("deprecated")
                    .consequence("a later release of Istio sends no spans there")
                    .help("use an `opentelemetry` provider: Lightstep takes its spans too"),
            );
        }
    }
}
