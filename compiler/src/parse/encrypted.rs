//! What is encrypted as a whole, as SOPS and Ansible Vault do it: it is there, and nobody knows what is in it.
//!
//! Somebody decrypts it before a cluster sees it (Flux, KSOPS, helm-secrets), so nothing is wrong with what it holds now.
//! Source: SOPS, `sops` and its `mac`; Ansible, "Format of files encrypted with Ansible Vault".

use super::checks::UNRENDERED_SOURCE;
use super::{Parsed, Tree, not_shown};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::parse::{Content, NodeId, is_securing, judged};
use crate::source::Role;

/// How many more documents are pointed at.
const SHOWN_MAX: usize = 2;

/// Whether the document at `root` is encrypted.
pub(super) fn is_encrypted(tree: &Tree, root: NodeId, source: &str) -> bool {
    match tree.content(root) {
        Content::Text(text) => tree.text(text, source).starts_with("$ANSIBLE_VAULT;"),
        Content::Mapping(_) => {
            let sops = tree.entry(root, "sops", source);
            // What is decrypted is held against it, so each has one.
            sops.is_some_and(|sops| tree.entry(sops.value, "mac", source).is_some())
        }
        _ => false,
    }
}

/// That a policy cannot be read that must not be left out.
pub(super) fn policy(kind: &str, place: Place) -> Option<Diagnostic> {
    let message = "a policy that is encrypted is not read";
    let notice = Diagnostic::new(&UNRENDERED_SOURCE, place, message).label("encrypted");
    let notice =
        notice.help("compile what it decrypts to, as in `sops decrypt FILE | mesh compile -`");
    is_securing(kind).then(|| judged(notice, Some(kind)))
}

/// That they are not decrypted, in one notice; and how many findings are `held` back for it.
pub(crate) fn report_encrypted(parsed: &Parsed, held: usize) -> Option<Diagnostic> {
    let all = parsed.encrypted().iter();
    let shown = all.filter(|(file, _)| parsed.source(*file).role != Role::Context);
    let mut places = shown.map(|(file, span)| Place::text(*file, *span));
    let first = places.next()?;
    let more = places.clone().count();
    let message = match more {
        0 => "an encrypted document is not decrypted".to_owned(),
        more => format!("{} encrypted documents are not decrypted", more + 1),
    };
    let mut found = Diagnostic::new(&UNRENDERED_SOURCE, first, message)
        .label("encrypted")
        .consequence(format!(
            "resources in them are known to be there, and nothing of what they hold is checked or compiled{}",
            not_shown(held, "what is missing unless it is in them")
        ))
        .help("nothing is to be done where they are Secrets; compile what others decrypt to, as in `sops decrypt FILE | mesh compile -`");
    found.severity = Severity::Info;
    let places = places.take(SHOWN_MAX);
    Some(places.fold(found, |found, place| found.also(place, "encrypted, too")))
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Severity;
    use crate::testing::{Folder, findings};

    const SOPS: &str =
        "sops:\n  mac: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n  version: 3.9.0\n";
    const GATEWAY: &str = "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  selector: {istio: gateway}
  servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example.com], tls: {mode: SIMPLE, credentialName: NAME}}]
---
apiVersion: v1
kind: Service
metadata: {name: gateway, namespace: edge}
spec: {selector: {istio: gateway}, ports: [{name: https, port: 443}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway, namespace: edge}
spec:
  selector: {matchLabels: {istio: gateway}}
  template: {metadata: {labels: {istio: gateway}}, spec: {containers: [{name: istio-proxy, image: auto}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: edge}
spec: {hosts: [a.example.com], gateways: [public], http: [{directResponse: {status: 200}}]}
---
apiVersion: v1
kind: Secret
metadata: {name: other, namespace: edge}
data: {a: YQ==}
";

    fn secret(name: &str, rest: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: edge}}\nstringData: {{tls: 'ENC[AES256_GCM]'}}\n{rest}"
        )
    }

    fn found(text: &str) -> Vec<(&'static str, Severity)> {
        let folder = Folder::new();
        folder.write("a.yaml", text);
        findings(folder.path()).iter().map(|it| (it.check.name, it.severity)).collect()
    }

    /// Its keys may be others once it is decrypted, and it is there.
    #[test]
    fn encrypted_secrets_are_there_and_one_notice() {
        let (one, two) = (secret("one", SOPS), secret("two", SOPS));
        let vault = "$ANSIBLE_VAULT;1.1;AES256\n33363965326261303634\n66336132\n";
        let gateway = |name: &str| GATEWAY.replace("NAME", name);
        let said = |name: &str| {
            let folder = Folder::new();
            for (path, text) in [
                ("g.yaml", &*gateway(name)),
                ("one.yaml", &*one),
                ("two.yaml", &*two),
                ("v.yaml", vault),
            ] {
                folder.write(path, text);
            }
            let found = findings(folder.path()).into_iter();
            found.map(|it| (it.check.name, it.message)).collect::<Vec<_>>()
        };
        let found = said("one");
        let told = "3 encrypted documents are not decrypted".to_owned();
        assert_eq!(found, [("unrendered-source", told.clone())]);
        let found = said("missing");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|it| it.0 == "unknown-secret"), "{found:?}");
    }

    /// A snapshot without it lets in what it keeps out.
    #[test]
    fn an_encrypted_policy_is_an_error() {
        let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec: {action: 'ENC[x]'}\n";
        let found = found(&format!("{policy}{SOPS}"));
        assert!(found.contains(&("unrendered-source", Severity::Error)), "{found:?}");
    }

    #[test]
    fn a_field_of_that_name_encrypts_nothing() {
        let found = found(&secret("a", "sops: {version: 3}\n"));
        assert_eq!(found, [("unknown-field", Severity::Error)]);
    }
}
