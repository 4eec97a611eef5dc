//! `unserved-extension`: a program of somebody else's in the path of requests, which no proxy of this mesh runs.
//!
//! One finding a `WasmPlugin` or `TrafficExtension`, which says what the program is and where it would have stood.

use super::unserved_patch::report;
use crate::api::istio::{ExtensionPhase, FailStrategy, PluginPhase, TrafficExtension, WasmPlugin};
use crate::diagnostic::{At, Check, Diagnostic, Severity};
use crate::resolve::Mesh;
use crate::resolve::envoy::{Loss, lua_header_edits, script_loss};

pub(super) static CHECK: Check =
    Check::lint("unserved-extension", Severity::Warning, include_str!("unserved_extension.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for plugin in &mesh.source.wasm_plugins {
        let root = plugin.at();
        let spec = root.field("spec");
        out.push(report(&CHECK, spec.field("url").value(), of_plugin(&plugin.spec)));
    }
    for extension in &mesh.source.traffic_extensions {
        let root = extension.at();
        let spec = root.field("spec");
        out.extend(of_extension(&extension.spec, &spec));
    }
}

fn of_plugin(plugin: &WasmPlugin) -> Loss {
    let name = plugin.plugin_name.as_deref().unwrap_or(&plugin.url);
    let decides = matches!(plugin.phase, PluginPhase::Authn | PluginPhase::Authz);
    program(name, plugin.fail_strategy, decides)
}

fn of_extension(extension: &TrafficExtension, spec: &At<'_>) -> Option<Diagnostic> {
    if let Some(wasm) = &extension.wasm {
        let name = wasm.plugin_name.as_deref().unwrap_or(&wasm.url);
        let decides = matches!(extension.phase, ExtensionPhase::Authn | ExtensionPhase::Authz);
        let at = spec.field("wasm");
        let loss = program(name, wasm.fail_strategy, decides);
        return Some(report(&CHECK, at.field("url").value(), loss));
    }
    let at = spec.field("lua");
    let loss = match lua_header_edits(&extension.lua.as_ref()?.inline_code) {
        Some(edits) if edits.is_empty() => return None,
        Some(edits) => edits.unmade(),
        None => script_loss(),
    };
    Some(report(&CHECK, at.field("inlineCode").key(), loss))
}

fn program(name: &str, strategy: FailStrategy, decides: bool) -> Loss {
    let consequence = match (decides, strategy) {
        (true, _) => "requests that it would refuse are served",
        (false, FailStrategy::FailOpen) => {
            "requests pass as they do in Istio where it cannot be loaded: what it checks or changes does not happen"
        }
        (false, _) => "what it checks or changes does not happen",
    };
    Loss {
        what: format!("the program `{name}` (Wasm) does not run"),
        consequence: consequence.to_owned(),
        help: None,
        path: Vec::new(),
    }
}
