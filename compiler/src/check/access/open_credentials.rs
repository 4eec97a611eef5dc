//! `open-credentials`: pages of other sites may send a browser's credentials, and read what comes back.
//!
//! Source: Fetch, "CORS protocol and credentials"; Istio, `CorsPolicy`: an allowed origin is echoed.

use crate::api::istio::{CorsPolicy, StringMatch};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("open-credentials", Severity::Warning, include_str!("open_credentials.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for it in mesh.virtual_services.written() {
        for (index, route) in it.resource.spec.http.iter().enumerate() {
            let Some(policy) = &route.cors_policy else { continue };
            let at = FieldPath::default().field("spec").field("http").index(index);
            out.extend(report(policy, it.resource.id, &at.field("corsPolicy")));
        }
    }
}

fn report(
    policy: &CorsPolicy,
    document: crate::parse::DocumentId,
    at: &FieldPath,
) -> Option<Diagnostic> {
    if policy.allow_credentials != Some(true) {
        return None;
    }
    let (index, why) = policy
        .allow_origins
        .iter()
        .enumerate()
        .find_map(|(index, origin)| Some((index, too_wide(origin)?)))?;
    let place = Place::value(document, at.clone().field("allowOrigins").index(index));
    Some(
        Diagnostic::new(&CHECK, place, why)
            .label("more origins than are meant")
            .also(Place::value(document, at.clone().field("allowCredentials")), "with credentials")
            .consequence("a page of another site can act in the name of whoever opens it, and read the answers")
            .help("name each origin with `exact`"),
    )
}

/// Why origins match that nobody can have meant.
fn too_wide(origin: &StringMatch) -> Option<&'static str> {
    if origin.exact.as_deref() == Some("*") {
        return Some("every origin is allowed");
    }
    if let Some(prefix) = &origin.prefix {
        // Behind a name without an end another may go on.
        let authority = prefix.split_once("://").map(|(_, rest)| rest);
        return authority
            .is_none_or(|rest| !rest.contains(['/', ':']))
            .then_some("the prefix of an origin goes on: `https://a.test` is one of `https://a.test.evil.test`");
    }
    let regex = origin.regex.as_deref()?;
    if matches!(regex, ".*" | ".+" | "^.*$" | "^.+$") {
        return Some("every origin is allowed");
    }
    has_loose_start(regex).then_some(
        "what stands before the name may be anything: `https://evil-example.com` ends with `example.com`",
    )
}

/// Whether a name follows `.*` at once, so that it may be the end of another name, or has dots that stand for any letter.
fn has_loose_start(regex: &str) -> bool {
    let bytes = regex.as_bytes();
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    (0..bytes.len()).any(|at| {
        let after_any = bytes.get(at..at + 2).is_some_and(|two| matches!(two, b".*" | b".+"))
            && is_letter(bytes.get(at + 2));
        let is_bare_dot = bytes.get(at) == Some(&b'.')
            && is_letter(bytes.get(at + 1))
            && at > 0
            && is_letter(bytes.get(at - 1));
        after_any || is_bare_dot
    })
}

#[cfg(test)]
mod tests {
    use super::has_loose_start;

    #[test]
    fn a_name_has_a_start_and_its_dots_are_dots() {
        for regex in ["https://.*example\\.com", "https://.+example.com", "https://a.test"] {
            assert!(has_loose_start(regex), "{regex}");
        }
        for regex in ["https://(.*\\.)?example\\.com", "https://[a-z]+\\.a\\.test", "https://a:.*"]
        {
            assert!(!has_loose_start(regex), "{regex}");
        }
    }
}
