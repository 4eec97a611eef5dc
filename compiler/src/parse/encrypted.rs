//! What is encrypted as a whole, as SOPS and Ansible Vault do it: it is there, and nobody knows what is in it.
//!
//! Somebody decrypts it before a cluster sees it (Flux, KSOPS, helm-secrets), so nothing is wrong with what it holds now.
//! Source: SOPS, `sops` and its `mac`; Ansible, "Format of files encrypted with Ansible Vault".

use super::checks::UNRENDERED_SOURCE;
use super::{
    Content, Identity, NodeId, Parsed, Tree, classify, is_securing, judged, not_shown, securing,
};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::source::{FileId, Role, SourceFile};

/// How many more documents are pointed at.
const SHOWN_MAX: usize = 2;

/// What is known of an encrypted document.
#[derive(Default)]
pub(super) struct Encrypted {
    /// The resources in it of which it is known what they are.
    pub resources: Vec<(NodeId, Identity)>,
    /// What else in it may be a policy that must not be left out.
    pub unknown: Vec<NodeId>,
}

/// What is known of the document at `root`, if it is encrypted.
pub(super) fn read(tree: &Tree, root: NodeId, file: &SourceFile) -> Option<Encrypted> {
    let source = file.text();
    match tree.content(root) {
        Content::Text(text) if tree.text(text, source).starts_with("$ANSIBLE_VAULT;") => {
            let unknown = if is_of_variables(&file.path) { Vec::new() } else { vec![root] };
            Some(Encrypted { unknown, ..Encrypted::default() })
        }
        Content::Mapping(_) => {
            let sops = tree.entry(root, "sops", source)?;
            // What is decrypted is held against it, so each has one.
            tree.entry(sops.value, "mac", source)?;
            let mut found = Encrypted::default();
            found.add(tree, root, Identity::read(tree, root, source), source);
            Some(found)
        }
        _ => None,
    }
}

impl Encrypted {
    /// Adds a resource, or those in a list: lists are encrypted by their fields, as all else is.
    fn add(&mut self, tree: &Tree, root: NodeId, identity: Identity, source: &str) {
        let is_known = !identity.kind.starts_with(CIPHER);
        let items = tree.entry(root, "items", source);
        let items = items.filter(|_| !is_known || classify::is_list(tree, root, &identity, source));
        if let Some(items) = items {
            for item in tree.elements(items.value) {
                let of_item = classify::item(tree, *item, &identity, source);
                self.add(tree, *item, of_item, source);
            }
        } else if !is_known {
            self.unknown.extend(may_be_policy(tree, root, &identity, source).then_some(root));
        } else if !identity.kind.is_empty() {
            self.resources.push((root, identity));
        }
    }

    /// That policies cannot be read that must not be left out, and what may be one.
    pub(super) fn policies(
        &self,
        tree: &Tree,
        file: &SourceFile,
        id: FileId,
    ) -> impl Iterator<Item = Diagnostic> {
        let at = move |root| Place::text(id, classify::first_token(tree, root, file.text()));
        let policies = self.resources.iter().filter(|(_, it)| is_securing(&it.kind));
        let policies = policies.map(move |(root, it)| {
            let notice = Diagnostic::new(
                &UNRENDERED_SOURCE,
                at(*root),
                "a policy that is encrypted is not read",
            );
            judged(notice.label("encrypted").help(DECRYPT), Some(&it.kind))
        });
        policies.chain(self.unknown.iter().map(move |root| {
            Diagnostic::new(&UNRENDERED_SOURCE, at(*root), "what is encrypted here may be a policy, and is not read")
                .label("its kind is encrypted, too")
                .consequence("where it is an `AuthorizationPolicy`, a `PeerAuthentication` or a `RequestAuthentication`, the snapshot lets in what that keeps out")
                .help(DECRYPT)
        }))
    }
}

/// What SOPS writes in place of a text.
const CIPHER: &str = "ENC[";

const DECRYPT: &str = "compile what it decrypts to, as in `sops decrypt FILE | mesh compile -`";

/// Whether a resource whose kind is encrypted may be a policy of security, by the names of its fields, which are not.
fn may_be_policy(tree: &Tree, root: NodeId, identity: &Identity, source: &str) -> bool {
    let names = |node| tree.entries(node).iter().map(|entry| tree.text(entry.key, source));
    let is_one_of = |known: &'static [&'static str]| move |name: &str| known.contains(&name);
    let spec = tree.entry(root, "spec", source);
    (identity.api_version.starts_with(CIPHER) || identity.group() == securing::GROUP)
        && names(root).all(is_one_of(ROOT))
        && spec.is_none_or(|spec| names(spec.value).all(is_one_of(securing::FIELDS)))
}

/// What stands beside a policy's `spec`.
const ROOT: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status", "sops"];

/// Whether a file that is encrypted as a whole holds, by its name or its folder, variables or secrets, and no resources.
/// Source: Ansible, "Organizing host and group variables".
fn is_of_variables(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let mut words = name.split(['.', '-', '_', ':']);
    classify::is_values(path)
        || words.any(|word| matches!(word, "secret" | "secrets" | "vault" | "vars"))
        || parts.any(|folder| matches!(folder, "group_vars" | "host_vars" | "vars" | "defaults"))
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
                ("vault.yaml", vault),
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

    /// What is said of a file that is called so, but for notices.
    fn told(path: &str, text: &str) -> Vec<(Severity, String)> {
        let folder = Folder::new();
        folder.write(path, text);
        let found = findings(folder.path()).into_iter().map(|it| (it.severity, it.message));
        found.filter(|(severity, _)| *severity > Severity::Info).collect()
    }

    #[test]
    fn policies_of_an_encrypted_list_are_known_by_their_kinds() {
        let items = "items:\n- {apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: 'ENC[x]'}}\n- metadata: {name: a}\n  spec: {action: DENY}\n";
        let told = |kind: &str, policy: &str| {
            let items = items.replace("- metadata", &format!("- {policy}metadata"));
            told("a.yaml", &format!("apiVersion: v1\nkind: {kind}\n{items}{SOPS}"))
        };
        let policy = "apiVersion: security.istio.io/v1\n  kind: AuthorizationPolicy\n  ";
        for found in [told("List", policy), told("AuthorizationPolicyList", "")] {
            let expected = (Severity::Error, "a policy that is encrypted is not read".to_owned());
            assert_eq!(found, [expected]);
        }
        assert_eq!(told("SecretList", ""), []);
    }

    /// What is in it is seen by the names of its fields alone.
    #[test]
    fn a_kind_that_is_encrypted_may_be_that_of_a_policy() {
        let told = |rest: &str| {
            let kind = "apiVersion: ENC[x]\nkind: ENC[x]\nmetadata: {name: 'ENC[x]'}\n";
            told("a.yaml", &format!("{kind}{rest}{SOPS}"))
        };
        let item = "{apiVersion: 'ENC[x]', kind: 'ENC[x]', spec: {mtls: {mode: 'ENC[x]'}}}";
        for rest in
            ["spec: {action: 'ENC[x]', rules: []}\n", "", &format!("items: [{{}}, {item}]\n")]
        {
            let expected = "what is encrypted here may be a policy, and is not read".to_owned();
            assert_eq!(told(rest), [(Severity::Warning, expected)], "{rest}");
        }
        for rest in
            ["stringData: {a: 'ENC[x]'}\n", "spec: {selector: {}, ports: []}\n", "items: []\n"]
        {
            assert_eq!(told(rest), [], "{rest}");
        }
        let values = format!("replicas: ENC[x]\nspec: {{rules: 'ENC[x]'}}\n{SOPS}");
        assert_eq!(self::told("a.yaml", &values), []);
    }

    #[test]
    fn what_is_encrypted_as_a_whole_may_be_a_policy_but_for_variables_and_secrets() {
        let vault = "$ANSIBLE_VAULT;1.1;AES256\n33363965326261303634\n66336132\n";
        for path in ["policies/a.yaml", "vaults.yaml"] {
            assert_eq!(told(path, vault).len(), 1, "{path}");
        }
        for path in
            ["values.yaml", "values-prod.yaml", "my-secrets.yaml", "group_vars/a.yaml", "vault.yml"]
        {
            assert_eq!(told(path, vault), [], "{path}");
        }
    }

    #[test]
    fn a_field_of_that_name_encrypts_nothing() {
        let found = found(&secret("a", "sops: {version: 3}\n"));
        assert_eq!(found, [("unknown-field", Severity::Error)]);
    }
}
