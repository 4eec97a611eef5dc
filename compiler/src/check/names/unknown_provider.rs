//! `unknown-provider`: something names a provider that the mesh configuration does not have, or that is of another sort.
//!
//! Source: Istio, `AuthorizationPolicy.provider`, `Telemetry`, `MeshConfig.defaultProviders`; a `CUSTOM` policy with a provider
//! that there is not denies (`authz.newRule`).

use crate::api::istio::{Action, ProviderRef};
use crate::api::mesh_config::ExtensionProvider;
use crate::api::nearest;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check =
    Check::lint("unknown-provider", Severity::Warning, include_str!("unknown_provider.md"));

/// Those that Istio's own configuration defines.
const BUILT_IN: &[&str] = &["prometheus", "stackdriver", "envoy"];

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let providers = mesh.settings.config.map(|config| &config.spec.extension_providers);
    let providers = providers.map(Vec::as_slice).unwrap_or_default();
    check_policies(mesh, providers, out);
    check_telemetries(mesh, providers, out);
    check_defaults(mesh, providers, out);
}

fn check_policies(mesh: &Mesh<'_>, providers: &[ExtensionProvider], out: &mut Vec<Diagnostic>) {
    let decides = |it: &&ExtensionProvider| {
        it.envoy_ext_authz_http.is_some() || it.envoy_ext_authz_grpc.is_some()
    };
    let authorizers: Vec<_> = providers.iter().filter(decides).map(|it| it.name.as_str()).collect();
    let asking = mesh.source.authorization_policies.iter();
    for policy in asking.filter(|it| it.spec.action == Action::Custom) {
        let Some(provider) = &policy.spec.provider else { continue };
        if authorizers.contains(&provider.name.as_str()) {
            continue;
        }
        let path = FieldPath::default().field("spec").field("provider").field("name");
        let message = format!("the mesh configuration has no authorizer `{}`", provider.name);
        let effect = "there is nobody to ask: no request that the policy is for can be let in";
        out.push(describe(Place::value(policy.id, path), message, &provider.name, &authorizers)
            .consequence(effect)
            .help("define it in `extensionProviders`, with `envoyExtAuthzHttp` or `envoyExtAuthzGrpc`"));
    }
}

fn check_telemetries(mesh: &Mesh<'_>, providers: &[ExtensionProvider], out: &mut Vec<Diagnostic>) {
    let known = known(providers);
    for telemetry in &mesh.source.telemetries {
        let spec = &telemetry.spec;
        let tracing = spec.tracing.iter().map(|it| it.providers.as_slice()).enumerate();
        let metrics = spec.metrics.iter().map(|it| it.providers.as_slice()).enumerate();
        let logging = spec.access_logging.iter().map(|it| it.providers.as_slice()).enumerate();
        let all = tracing.map(|(rule, it)| ("tracing", rule, it));
        let all = all.chain(metrics.map(|(rule, it)| ("metrics", rule, it)));
        for (list, rule, named) in all.chain(logging.map(|(rule, it)| ("accessLogging", rule, it)))
        {
            let at = FieldPath::default().field("spec").field(list).index(rule).field("providers");
            for (index, ProviderRef { name }) in named.iter().enumerate() {
                let path = at.clone().index(index).field("name");
                out.extend(observer(Place::value(telemetry.id, path), name, &known));
            }
        }
    }
}

fn check_defaults(mesh: &Mesh<'_>, providers: &[ExtensionProvider], out: &mut Vec<Diagnostic>) {
    let Some(config) = mesh.settings.config else { return };
    let known = known(providers);
    let defaults = &config.spec.default_providers;
    let lists = [
        ("tracing", &defaults.tracing),
        ("metrics", &defaults.metrics),
        ("accessLogging", &defaults.access_logging),
    ];
    let at = config.at();
    let at = at.field("defaultProviders");
    for (field, names) in lists {
        let list = at.field(field);
        for (index, name) in names.iter().enumerate() {
            out.extend(observer(list.index(index).value(), name, &known));
        }
    }
}

fn known(providers: &[ExtensionProvider]) -> Vec<&str> {
    providers.iter().map(|it| it.name.as_str()).chain(BUILT_IN.iter().copied()).collect()
}

fn observer(place: Place, name: &str, known: &[&str]) -> Option<Diagnostic> {
    if known.contains(&name) {
        return None;
    }
    let message = format!("the mesh configuration has no provider `{name}`");
    Some(
        describe(place, message, name, known)
            .consequence("nothing is sent there")
            .help("define it in `extensionProviders`"),
    )
}

fn describe(place: Place, message: String, name: &str, known: &[&str]) -> Diagnostic {
    let near = nearest(name, known.iter().copied());
    Diagnostic::new(&CHECK, place, message).meant(near, "no such provider")
}
