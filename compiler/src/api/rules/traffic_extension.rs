//! Rules of `TrafficExtension`.

use super::checks::INVALID_EXTENSION;
use super::wasm_plugin::{Program, check_match, check_program};
use super::{annotation, selector};
use crate::api::Resource;
use crate::api::istio::{Attached, TrafficExtension};
use crate::diagnostic::{At, Diagnostic};

/// The longest program in Lua, in bytes. Source: Istio's resource definition.
const CODE_MAX: usize = 65536;

pub(in crate::api) fn check(
    resource: &Resource<TrafficExtension>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    selector::check_targets(spec.attachment(), &at, out);
    match (&spec.wasm, &spec.lua) {
        (Some(_), Some(_)) => {
            let message = "exactly one of `wasm` and `lua` must be set";
            let found = Diagnostic::new(&INVALID_EXTENSION, at.field("lua").key(), message);
            out.push(found.label("one of them").also(at.field("wasm").key(), "or this"));
        }
        (None, None) => {
            let message = "exactly one of `wasm` and `lua` must be set";
            let found = Diagnostic::new(&INVALID_EXTENSION, at.key(), message);
            out.push(found.label("needs `wasm` or `lua`").lacking(&at, &["wasm", "lua"]));
        }
        _ => {}
    }
    if let Some(wasm) = &spec.wasm {
        let program = Program {
            url: &wasm.url,
            sha256: &wasm.sha256,
            image_pull_secret: wasm.image_pull_secret.as_deref(),
            plugin_name: wasm.plugin_name.as_deref(),
            vm_config: wasm.vm_config.as_ref(),
        };
        check_program(&program, &at.field("wasm"), out);
    }
    if let Some(lua) = &spec.lua {
        let at = at.field("lua");
        let code = at.field("inlineCode");
        let fault = match lua.inline_code.len() {
            0 => "`lua.inlineCode` cannot be empty",
            1..=CODE_MAX => "",
            _ => "`lua.inlineCode` exceeds the maximum size of 64KB",
        };
        if !fault.is_empty() {
            let found = Diagnostic::new(&INVALID_EXTENSION, code.value(), fault);
            out.push(found.label("1 to 65536 bytes"));
        }
    }
    check_match(&spec.r#match, &at.field("match"), out);
}
