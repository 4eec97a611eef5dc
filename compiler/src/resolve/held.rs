//! Which Secrets and `ConfigMap`s there are, as far as a repository tells.
//!
//! A repository of policy alone names Secrets that stand elsewhere. One that is not there can be missed only where the
//! repository holds Secrets, or lists them; a `ConfigMap`, which every namespace has some of, only where the repository
//! holds others of that namespace.

use std::collections::{BTreeMap, BTreeSet};

use super::unread::Unread;
use crate::api::{Copied, Mesh};

/// What a repository tells of a Secret or a `ConfigMap`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Held {
    /// Nothing: it may be there.
    Unsaid,
    Missing,
    /// It is there, with these keys.
    Keys(BTreeSet<String>),
}

/// By namespace and name.
#[derive(Clone, Debug, Default)]
pub struct Holdings<'a> {
    secrets: BTreeMap<(&'a str, &'a str), &'a BTreeSet<String>>,
    config_maps: BTreeMap<(&'a str, &'a str), &'a BTreeSet<String>>,
    /// Secrets that `mesh.yaml` lists.
    listed: BTreeSet<(&'a str, &'a str)>,
    lists_secrets: bool,
    /// Secrets that another program makes of what stands here. That one is made says nothing of the others.
    promised: BTreeSet<(&'a str, &'a str)>,
    /// What other programs fill, or may.
    copied: Copied,
    unread: Unread<'a>,
}

impl<'a> Holdings<'a> {
    pub(super) fn of(mesh: &'a Mesh, unread: &Unread<'a>) -> Self {
        let secrets = mesh.secrets.iter();
        let config_maps = mesh.config_maps.iter();
        let listed = &mesh.project.inventory.secrets;
        Self {
            secrets: secrets.map(|it| ((&*it.namespace, it.name()), &it.spec.keys)).collect(),
            config_maps: config_maps
                .map(|it| ((&*it.namespace, it.name()), &it.spec.keys))
                .collect(),
            listed: listed.iter().filter_map(|it| it.split_once('/')).collect(),
            lists_secrets: !mesh.secrets.is_empty() || !listed.is_empty(),
            promised: mesh.promised.secrets().collect(),
            copied: mesh.promised.copied().clone(),
            unread: unread.clone(),
        }
    }

    /// Whether there is any Secret, so that a name which is none is a mistake. One that is not read is no sign of that: where all are
    /// encrypted, or a kustomization patches one, the others may be anywhere.
    #[must_use]
    pub fn lists_secrets(&self) -> bool {
        self.lists_secrets
    }

    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> Held {
        match self.secrets.get(&(namespace, name)) {
            // What fills it may put in more than is written.
            Some(_) if self.copied.may_fill("Secret", namespace, name) => Held::Unsaid,
            Some(keys) => Held::Keys((*keys).clone()),
            None if self.misses_secret(namespace, name) => Held::Missing,
            None => Held::Unsaid,
        }
    }

    /// Whether a Secret is nowhere where it could be.
    #[must_use]
    pub fn misses_secret(&self, namespace: &str, name: &str) -> bool {
        let at = (namespace, name);
        self.lists_secrets
            && [&self.listed, &self.promised].into_iter().all(|known| !known.contains(&at))
            && !self.secrets.contains_key(&at)
            && !self.unread.may_be("Secret", namespace, name)
            && !self.copied.may_fill("Secret", namespace, name)
    }

    #[must_use]
    pub fn config_map(&self, namespace: &str, name: &str) -> Held {
        let mut of_namespace = self.config_maps.range((namespace, "")..);
        let knows = of_namespace.next().is_some_and(|((of, _), _)| *of == namespace);
        let may_be_there = || {
            self.unread.may_be("ConfigMap", namespace, name)
                || self.copied.may_fill("ConfigMap", namespace, name)
        };
        match self.config_maps.get(&(namespace, name)) {
            Some(_) if self.copied.may_fill("ConfigMap", namespace, name) => Held::Unsaid,
            Some(keys) => Held::Keys((*keys).clone()),
            None if knows && !may_be_there() => Held::Missing,
            None => Held::Unsaid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Held;
    use crate::api::Mesh;
    use crate::testing::{Compiled, Folder, compiled};

    const OTHER: &str =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: other, namespace: edge}\ndata: {a: YQ==}\n";

    fn held(mesh: &Mesh) -> Held {
        crate::resolve::resolve(mesh).holdings.secret("edge", "tls")
    }

    #[test]
    fn secrets_that_are_not_read_do_not_tell_that_all_are_here() {
        let held = |text: &str| held(&Compiled::text(text).mesh);
        assert_eq!(held(OTHER), Held::Missing);
        for rest in ["sops: {mac: 'ENC[x]'}\n", "type: {{ .Values.type }} a: b\n"] {
            let text = format!("{OTHER}{rest}");
            assert_eq!(held(&text), Held::Unsaid, "{rest}");
            assert_eq!(held(&format!("{text}---\n{}", OTHER.replace("other", "b"))), Held::Missing);
            let same = text.replace("other", "tls");
            assert_eq!(held(&format!("{same}---\n{OTHER}")), Held::Unsaid);
        }
    }

    /// Nobody would say why a listener takes no routes.
    #[test]
    fn a_listener_whose_certificate_is_elsewhere_is_open() {
        let listener =
            "name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: tls}]}";
        let gateway = format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: g, namespace: edge}}
spec:
  gatewayClassName: istio
  allowedListeners: {{namespaces: {{from: All}}}}
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: s, namespace: edge}}
spec: {{parentRef: {{name: g, kind: Gateway, group: gateway.networking.k8s.io}}, listeners: [{{{listener}}}]}}
---
{OTHER}"
        );
        let takes_routes = |text: &str| {
            let mesh = Compiled::text(text).mesh;
            let resolved = crate::resolve::resolve(&mesh);
            let gateway = resolved.api_gateways.iter().next().unwrap();
            assert_eq!(gateway.listeners.len(), 2);
            gateway.listeners.iter().all(crate::resolve::gateway::Listener::takes_routes)
        };
        assert!(!takes_routes(&gateway));
        assert!(takes_routes(&format!("{gateway}sops: {{mac: 'ENC[x]'}}\n")));
    }

    #[test]
    fn what_a_kustomization_makes_is_there() {
        let held = |kustomization: &str| {
            let folder = Folder::new();
            folder.write("a.yaml", OTHER);
            let text = format!("resources: [a.yaml]\n{kustomization}\n");
            folder.write("kustomization.yaml", text);
            held(&compiled(folder.path()).mesh)
        };
        assert_eq!(held(""), Held::Missing);
        for own in [
            "secretGenerator: [{name: tls, files: [tls.crt, tls.key], options: {disableNameSuffixHash: true}}]",
            "generatorOptions: {disableNameSuffixHash: true}\nsecretGenerator: [{name: tls, namespace: edge}]",
            "configurations: [a.yaml]\nnamespace: edge\nsecretGenerator: [{name: tls}]",
            "generatorOptions: {disableNameSuffixHash: true}\nnamePrefix: t\nsecretGenerator: [{name: ls}]",
        ] {
            assert_eq!(held(own), Held::Unsaid, "{own}");
        }
        for other in [
            // It is called `tls-h2b9kt5c4g`, and no Gateway is told so.
            "secretGenerator: [{name: tls}]",
            "generatorOptions: {disableNameSuffixHash: true}\nconfigMapGenerator: [{name: tls}]",
            "generatorOptions: {disableNameSuffixHash: true}\nsecretGenerator: [{name: other}]",
            "generatorOptions: {disableNameSuffixHash: true}\nnamespace: shop\nsecretGenerator: [{name: tls}]",
        ] {
            assert_eq!(held(other), Held::Missing, "{other}");
        }
    }

    #[test]
    fn what_is_filled_by_others_may_hold_anything() {
        let own = "apiVersion: v1\nkind: Secret\nmetadata: {name: tls, namespace: edge}\ndata: {tls.crt: ''}\n";
        let held = |text: &str| held(&Compiled::text(text).mesh);
        assert_eq!(held(own), Held::Keys(["tls.crt".to_owned()].into()));
        let annotation = "annotations: {reflector.v1.k8s.emberstack.com/reflects: certs/tls}";
        let stub = own.replace("namespace: edge", &format!("namespace: edge, {annotation}"));
        assert_eq!(held(&stub), Held::Unsaid);
    }

    #[test]
    fn a_patch_of_a_secret_does_not_tell_that_all_are_here() {
        let folder = Folder::new();
        folder.write("a.yaml", OTHER);
        folder.write(
            "kustomization.yaml",
            "resources: [https://a.example/b]\npatches: [{path: a.yaml}]\n",
        );
        let mesh = compiled(folder.path()).mesh;
        assert_eq!(held(&mesh), Held::Unsaid);
    }
}
