//! `mesh.yaml`: how a project wants to be compiled.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::checks::INVALID_LINT;
use super::decode::{Decoded, decode, nearest};
use super::rules;
use super::scalar::Opaque;
use crate::diagnostic::{At, Check, Diagnostic, Level, Severity};
use crate::parse::{DocumentId, Parsed};

/// The file at the root of a repository. All of it may be absent, and so may the file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Project {
    /// By the name of a check or one of its aliases, how much its findings weigh.
    #[serde(default)]
    pub lints: BTreeMap<String, LintLevel>,
    /// Istio's mesh configuration, in place of the `ConfigMap` named `istio`. It is a document of its own to the
    /// compiler, so that its fields have places.
    #[serde(default)]
    pub mesh_config: Opaque,
    /// The SPIFFE trust domain, in place of `meshConfig.trustDomain`.
    pub trust_domain: Option<String>,
    /// The DNS suffix of Kubernetes services. Absent: `cluster.local`.
    pub cluster_domain: Option<String>,
    /// The namespace of resources that name none. Absent: `default`.
    pub default_namespace: Option<String>,
    /// What exists although no file of the repository says so.
    #[serde(default)]
    pub inventory: Inventory,
    /// Files and folders below this one's that say what is in the cluster, as `kubectl get -o yaml` does, and are no policy.
    #[serde(default)]
    pub context: Vec<String>,
    /// What the repository holds for more than one cluster, by the names of these. Absent: all files are one policy.
    #[serde(default)]
    pub environments: BTreeMap<String, Environment>,
    /// Who may write what, by where it stands. The last of them that names a file holds for it.
    #[serde(default)]
    pub ownership: Vec<Ownership>,
}

/// One of several clusters, or meshes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Environment {
    /// Files and folders below this one's folder. A resource in a later path replaces the one of the same name in an earlier.
    pub paths: Vec<String>,
    /// As for the project, and beside that.
    #[serde(default)]
    pub context: Vec<String>,
    /// As for the project, and beside that.
    #[serde(default)]
    pub inventory: Inventory,
    /// In place of the project's, like the next two.
    pub trust_domain: Option<String>,
    pub cluster_domain: Option<String>,
    pub default_namespace: Option<String>,
}

/// What the files of some folders may say. In texts, `*` stands for anything but `/`, and `**` for that too. A list that is
/// absent forbids nothing; an empty one forbids all.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ownership {
    /// Files and folders below this one's folder: `teams/shop`, `teams/*/routes`.
    pub paths: Vec<String>,
    /// Who they belong to, for whoever is told that they said too much.
    pub owner: Option<String>,
    /// The namespaces of their resources.
    pub namespaces: Option<Vec<String>>,
    /// The kinds of their resources.
    pub kinds: Option<Vec<String>>,
    /// The hosts that they take requests for or set the traffic of. The services of the namespaces above may be named too.
    pub hosts: Option<Vec<String>>,
}

/// Names that policy may refer to.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inventory {
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Fully qualified hosts.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// `namespace/name`.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// `namespace/name`.
    #[serde(default)]
    pub service_accounts: Vec<String>,
    /// `namespace/name`.
    #[serde(default)]
    pub gateways: Vec<String>,
}

/// How much the findings of a check weigh.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum LintLevel {
    /// Nothing is said.
    Allow,
    Info,
    Warn,
    /// The same as `warn`.
    Warning,
    Error,
}

impl Project {
    /// As it holds in the environment that was chosen.
    pub(super) fn read(parsed: &Parsed, id: DocumentId, out: &mut Vec<Diagnostic>) -> Self {
        let Decoded { value, diagnostics, .. } = decode::<Self>(parsed, id);
        out.extend(diagnostics);
        let mut project = value.unwrap_or_default();
        rules::project::check(&project, &At::root(id), out);
        let own = parsed.environment().and_then(|name| project.environments.get(name)).cloned();
        if let Some(own) = own {
            project.enter(own);
        }
        project
    }

    /// As it is written; whoever reads it for good says what is wrong.
    pub(crate) fn peek(parsed: &Parsed) -> Self {
        let id = parsed.project();
        id.and_then(|id| decode::<Self>(parsed, id).value).unwrap_or_default()
    }

    fn enter(&mut self, own: Environment) {
        self.inventory.add(own.inventory);
        self.context.extend(own.context);
        self.trust_domain = own.trust_domain.or(self.trust_domain.take());
        self.cluster_domain = own.cluster_domain.or(self.cluster_domain.take());
        self.default_namespace = own.default_namespace.or(self.default_namespace.take());
    }

    #[must_use]
    pub fn default_namespace(&self) -> &str {
        self.default_namespace.as_deref().unwrap_or("default")
    }

    #[must_use]
    pub fn cluster_domain(&self) -> &str {
        self.cluster_domain.as_deref().unwrap_or("cluster.local")
    }
}

impl Inventory {
    fn add(&mut self, other: Self) {
        self.namespaces.extend(other.namespaces);
        self.hosts.extend(other.hosts);
        self.secrets.extend(other.secrets);
        self.service_accounts.extend(other.service_accounts);
        self.gateways.extend(other.gateways);
    }
}

impl LintLevel {
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::Allow => Level::Allow,
            Self::Info => Level::At(Severity::Info),
            Self::Warn | Self::Warning => Level::At(Severity::Warning),
            Self::Error => Level::At(Severity::Error),
        }
    }
}

/// `lints` names a check that there is not.
pub(crate) fn unknown_check<'a>(
    at: &At<'_>,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    Diagnostic::new(&INVALID_LINT, at.key(), format!("there is no check `{name}`"))
        .consequence("the line changes nothing")
        .meant(nearest(name, known), "unknown check")
}

/// `lints` names a check whose errors cannot be allowed.
pub(crate) fn fixed_check(at: &At<'_>, check: &Check) -> Diagnostic {
    let message = format!("`{}` cannot be set to another level", check.name);
    Diagnostic::new(&INVALID_LINT, at.key(), message).label("always an error").consequence(
        "the line changes nothing: such a resource has no meaning that could be compiled",
    )
}
