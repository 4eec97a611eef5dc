//! A service account: the identity of a workload. Its name is all there is to it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::{FieldTable, METADATA};
use crate::api::metadata::Metadata;
use crate::api::read::{Fields, Read, bare_fields};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource};

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ServiceAccount;

/// As it stands in a file.
#[expect(dead_code, reason = "fields that are known by name and read by nobody")]
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Document {
    #[serde(default)]
    pub api_version: Opaque,
    #[serde(default)]
    pub kind: Opaque,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub secrets: Opaque,
    #[serde(default)]
    pub image_pull_secrets: Opaque,
    #[serde(default)]
    pub automount_service_account_token: Opaque,
}

static FIELDS: Fields =
    Fields::new(|| bare_fields(&[METADATA, include_str!("service_account.fields")]));

impl Read for ServiceAccount {
    type Document = Document;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Document) -> (Metadata, Option<Self>) {
        (document.metadata, Some(Self))
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.service_accounts
    }
}
