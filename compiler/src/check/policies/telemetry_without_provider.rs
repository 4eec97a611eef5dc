//! `telemetry-without-provider`: a `Telemetry` sets up access logs, and neither it nor the mesh says where they go.
//!
//! Source: Istio, `telemetry.ProviderAnalyzer`.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check = Check::lint(
    "telemetry-without-provider",
    Severity::Warning,
    include_str!("telemetry_without_provider.md"),
)
.alias(&["IST0157"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let defaults = mesh.settings.config.map(|it| &it.spec.default_providers.access_logging);
    if defaults.is_some_and(|names| !names.is_empty()) {
        return;
    }
    for telemetry in &mesh.source.telemetries {
        let rules = telemetry.spec.access_logging.iter().enumerate();
        let lost = rules.filter(|(_, it)| it.providers.is_empty() && it.disabled != Some(true));
        let mut places = lost.map(|(index, _)| {
            let path = FieldPath::default().field("spec").field("accessLogging").index(index);
            Place::value(telemetry.id, path)
        });
        let Some(first) = places.next() else { continue };
        let found = Diagnostic::new(&CHECK, first, "nothing says where these access logs go")
            .label("needs `providers`")
            .consequence("the rule is passed over: what it asks to be logged is not")
            .help("name a provider of the mesh configuration, or set its `defaultProviders.accessLogging`");
        out.push(places.fold(found, |found, place| found.also(place, "nor these")));
    }
}
