//! What a status says it is about, in the words of the resource.

use serde::{Deserialize, Serialize};

use super::GROUP;
use crate::api::gateway_api::{ParentReference, PolicyTarget};

/// A `ParentReference`; of a policy's ancestor, one with a group and a kind.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

impl Reference {
    /// The same for references that mean the same. Source: Istio, `parentRefString`.
    pub(super) fn key(&self, own_namespace: &str) -> String {
        format!(
            "{}/{}/{}/{}/{}.{}",
            self.group.as_deref().unwrap_or(GROUP),
            self.kind.as_deref().unwrap_or("Gateway"),
            self.name,
            self.section_name.as_deref().unwrap_or_default(),
            self.port.unwrap_or_default(),
            self.namespace.as_deref().unwrap_or(own_namespace),
        )
    }
}

impl From<&ParentReference> for Reference {
    fn from(it: &ParentReference) -> Self {
        Self {
            group: it.group.clone(),
            kind: it.kind.clone(),
            name: it.name.clone(),
            namespace: it.namespace.clone(),
            section_name: it.section_name.clone(),
            port: it.port,
        }
    }
}

impl From<&PolicyTarget> for Reference {
    fn from(it: &PolicyTarget) -> Self {
        Self {
            group: Some(it.group.clone()),
            kind: Some(it.kind.clone()),
            name: it.name.clone(),
            section_name: it.section_name.clone(),
            ..Self::default()
        }
    }
}
