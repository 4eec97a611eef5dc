//! `mesh.yaml`: how a project wants to be compiled.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::checks::INVALID_LINT;
use super::decode::{Decoded, decode, nearest};
use super::scalar::Opaque;
use crate::diagnostic::{Applicability, At, Check, Diagnostic, Fix, Level, Severity};
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
    pub(super) fn read(parsed: &Parsed, id: DocumentId, out: &mut Vec<Diagnostic>) -> Self {
        let Decoded { value, diagnostics, .. } = decode::<Self>(parsed, id);
        out.extend(diagnostics);
        value.unwrap_or_default()
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
    let found = Diagnostic::new(&INVALID_LINT, at.key(), format!("there is no check `{name}`"))
        .consequence("the line changes nothing");
    match nearest(name, known) {
        Some(near) => {
            let fix =
                Fix::new(Applicability::Unsafe, format!("write `{near}`")).replace(at.key(), near);
            found.label(format!("did you mean `{near}`?")).fix(fix)
        }
        None => found.label("unknown check"),
    }
}

/// `lints` names a check whose errors cannot be allowed.
pub(crate) fn fixed_check(at: &At<'_>, check: &Check) -> Diagnostic {
    let message = format!("`{}` cannot be set to another level", check.name);
    Diagnostic::new(&INVALID_LINT, at.key(), message).label("always an error").consequence(
        "the line changes nothing: such a resource has no meaning that could be compiled",
    )
}
