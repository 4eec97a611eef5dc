//! `open-authorizer`: an external authorizer that a policy asks lets everybody in while it cannot be reached.
//!
//! Source: Istio, `MeshConfig.ExtensionProvider`, `failOpen`.

use crate::api::istio::Action;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("open-authorizer", Severity::Warning, include_str!("open_authorizer.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let Some(config) = mesh.settings.config else { return };
    for (index, provider) in config.spec.extension_providers.iter().enumerate() {
        let over_http = provider.envoy_ext_authz_http.as_ref().is_some_and(|it| it.fail_open);
        let over_grpc = provider.envoy_ext_authz_grpc.as_ref().is_some_and(|it| it.fail_open);
        if !over_http && !over_grpc {
            continue;
        }
        let asks = mesh.policies.authorization_policies.iter().find(|policy| {
            let spec = &policy.resource.spec;
            let named = spec.provider.as_ref().map(|it| it.name.as_str());
            spec.action == Action::Custom && named == Some(&provider.name)
        });
        let Some(policy) = asks else { continue };
        let kind = if over_http { "envoyExtAuthzHttp" } else { "envoyExtAuthzGrpc" };
        let at = config.at();
        let at = at.field("extensionProviders");
        let at = at.index(index);
        let place = at.field(kind).field("failOpen").value();
        let by = FieldPath::default().field("spec").field("provider").field("name");
        out.push(
            Diagnostic::new(&CHECK, place, format!("`{}` fails open", provider.name))
                .label("whoever stops it opens the door")
                .also(Place::value(policy.resource.id, by), "this policy asks it")
                .consequence(
                    "while it cannot be reached, or answers too late, every request is let in",
                )
                .help("set `failOpen: false`"),
        );
    }
}
