//! A Secret: which keys it has, and what anybody may know of the certificates among them. The rest of its data is let go
//! of at once, and none is ever shown.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use super::certificate::{Certificate, PublicKey, Unreadable};

use crate::api::field::{FieldTable, METADATA};
use crate::api::metadata::Metadata;
use crate::api::read::{Fields, Read, bare_fields};
use crate::api::scalar::{Opaque, TextIfAny};
use crate::api::{Mesh, Resource};
use crate::diagnostic::FieldPath;

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Secret {
    /// `kubernetes.io/tls` and the like. Empty: `Opaque`.
    pub r#type: String,
    /// Of `data` and `stringData`.
    pub keys: BTreeSet<String>,
    /// What it proves its holder with. Absent: there is none, or something that stands for it.
    pub certificate: Option<Entry<Result<Certificate, Unreadable>>>,
    /// That of its private key, as far as the key tells.
    pub key: Option<Entry<PublicKey>>,
    /// Whose certificates its holder believes: the first of them.
    pub authority: Option<Entry<Result<Certificate, Unreadable>>>,
}

/// What stands under one of its keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry<T> {
    /// `data` or `stringData`.
    section: &'static str,
    pub name: &'static str,
    pub value: T,
}

impl<T> Entry<T> {
    /// Where its key is written in the Secret.
    #[must_use]
    pub fn path(&self) -> FieldPath {
        FieldPath::default().field(self.section).field(self.name)
    }

    fn map<U>(self, change: impl FnOnce(T) -> U) -> Entry<U> {
        Entry { section: self.section, name: self.name, value: change(self.value) }
    }
}

/// Of a certificate and its key: the first that is there whole counts. Source: Istio, `ExtractCertInfo`.
const PAIRS: [(&str, &str); 2] = [("cert", "key"), ("tls.crt", "tls.key")];
/// The first that is there. Source: Istio, `ExtractRoot`.
const AUTHORITIES: [&str; 2] = ["cacert", "ca.crt"];

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
    pub r#type: String,
    /// In base64.
    #[serde(default)]
    pub data: BTreeMap<String, TextIfAny>,
    #[serde(default)]
    pub string_data: BTreeMap<String, TextIfAny>,
    #[serde(default)]
    pub immutable: Opaque,
}

impl<T> Entry<Option<T>> {
    fn known(self) -> Option<Entry<T>> {
        let Self { section, name, value } = self;
        value.map(|value| Entry { section, name, value })
    }
}

impl Document {
    fn has(&self, name: &str) -> bool {
        self.data.contains_key(name) || self.string_data.contains_key(name)
    }

    /// What stands under `name`: of both, the text. Absent: nothing, or what is filled in later, which is no base64 or no PEM.
    fn entry(&self, name: &'static str) -> Option<Entry<Vec<u8>>> {
        if let Some(text) = self.string_data.get(name) {
            let text = text.0.as_deref().filter(|it| it.contains("-----BEGIN "))?;
            let value = text.as_bytes().to_vec();
            return Some(Entry { section: "stringData", name, value });
        }
        let mut base64 = self.data.get(name)?.0.clone()?;
        base64.retain(|it| !it.is_ascii_whitespace());
        let value = STANDARD.decode(base64).ok().filter(|it| !it.is_empty())?;
        Some(Entry { section: "data", name, value })
    }
}

static FIELDS: Fields = Fields::new(|| bare_fields(&[METADATA, include_str!("secret.fields")]));

impl Read for Secret {
    type Document = Document;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Document) -> (Metadata, Option<Self>) {
        let pair = PAIRS.iter().find(|(a, b)| document.has(a) && document.has(b));
        let certificate = pair.and_then(|(name, _)| document.entry(name));
        let key = pair.and_then(|(_, name)| document.entry(name));
        let authority = AUTHORITIES.iter().find_map(|name| document.entry(name));
        let read = |it: Entry<Vec<u8>>| it.map(|pem| Certificate::of(&pem));
        let key = key.map(|it| it.map(|pem| PublicKey::of_private(&pem)));
        let secret = Self {
            certificate: certificate.map(read),
            key: key.and_then(Entry::known),
            authority: authority.map(read),
            keys: document.data.into_keys().chain(document.string_data.into_keys()).collect(),
            r#type: document.r#type,
        };
        (document.metadata, Some(secret))
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.secrets
    }
}
