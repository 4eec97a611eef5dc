//! Which Secrets and `ConfigMap`s there are, as far as a repository tells.
//!
//! A repository of policy alone names Secrets that stand elsewhere. One that is not there can be missed only where the
//! repository holds Secrets, or lists them; a `ConfigMap`, which every namespace has some of, only where the repository
//! holds others of that namespace.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Incomplete, Mesh};

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
    /// What exists without a word of what is in it.
    unread: BTreeSet<(&'a str, &'a str, &'a str)>,
    /// The same, where placeholders stand in its name.
    unnamed: Vec<&'a Incomplete>,
    /// Secrets that another program makes of what stands here. That one is made says nothing of the others.
    promised: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Holdings<'a> {
    pub(super) fn of(mesh: &'a Mesh) -> Self {
        let secrets = mesh.secrets.iter();
        let config_maps = mesh.config_maps.iter();
        let listed = mesh.project.inventory.secrets.iter().filter_map(|it| it.split_once('/'));
        let listed = listed.map(|(namespace, name)| ("Secret", namespace, name));
        let broken = mesh.incomplete.iter();
        let broken = broken.map(|it| (it.kind.as_str(), it.namespace.as_str(), it.name.as_str()));
        Self {
            secrets: secrets.map(|it| ((&*it.namespace, it.name()), &it.spec.keys)).collect(),
            config_maps: config_maps
                .map(|it| ((&*it.namespace, it.name()), &it.spec.keys))
                .collect(),
            unread: listed.chain(broken).collect(),
            unnamed: mesh.incomplete.iter().filter(|it| !it.is_named()).collect(),
            promised: mesh.promised.secrets().collect(),
        }
    }

    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> Held {
        let knows = !self.secrets.is_empty() || self.unread.iter().any(|it| it.0 == "Secret");
        let knows = knows && !self.promised.contains(&(namespace, name));
        self.look("Secret", self.secrets.get(&(namespace, name)), knows, (namespace, name))
    }

    #[must_use]
    pub fn config_map(&self, namespace: &str, name: &str) -> Held {
        let mut of_namespace = self.config_maps.range((namespace, "")..);
        let knows = of_namespace.next().is_some_and(|((of, _), _)| *of == namespace);
        let found = self.config_maps.get(&(namespace, name));
        self.look("ConfigMap", found, knows, (namespace, name))
    }

    fn look(
        &self,
        kind: &str,
        found: Option<&&BTreeSet<String>>,
        knows: bool,
        (namespace, name): (&str, &str),
    ) -> Held {
        match found {
            Some(keys) => Held::Keys((*keys).clone()),
            None if !knows || self.unread.contains(&(kind, namespace, name)) => Held::Unsaid,
            None if self.unnamed.iter().any(|it| it.may_be(kind, namespace, name)) => Held::Unsaid,
            None => Held::Missing,
        }
    }
}
