//! The documents of the file registry: one JSON object a file.
//!
//! ```json
//! {"kind": "instance", "name": "reviews-v1-0", "address": "127.0.0.1", "reachedAt": {"9080": 21080},
//!  "workload": {"namespace": "shop", "name": "reviews-v1", "serviceAccount": "reviews", "labels": {"app": "reviews"}}}
//! {"kind": "listed", "namespace": "shop", "service": "legacy", "endpoints": [{"address": "10.0.0.7"}]}
//! {"kind": "addresses", "host": "reviews.shop.svc.cluster.local", "addresses": ["10.96.0.7"]}
//! {"kind": "keySet", "name": "https://example.com/jwks", "keys": "{\"keys\": []}"}
//! ```

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use mesh_snapshot::object::Workload;
use mesh_snapshot::wire::Endpoint;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::identity::is_segment;

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Document {
    Instance(Instance),
    Listed(ListedService),
    Addresses(HostAddresses),
    KeySet(KeySet),
}

/// One running instance of a workload.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// Unique in the workload's namespace, and that of its proxy.
    pub name: String,
    pub workload: Workload,
    pub address: IpAddr,
    /// Workload port → port at `address`, where that is another.
    #[serde(default)]
    pub reached_at: BTreeMap<u16, u16>,
    /// Whether it has a proxy.
    #[serde(default = "yes")]
    pub meshed: bool,
    /// `region/zone/subzone`.
    #[serde(default)]
    pub locality: String,
    /// Zero is the same as one.
    #[serde(default)]
    pub weight: u32,
    #[serde(default = "yes")]
    pub healthy: bool,
}

/// What stands behind a Service without a selector.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListedService {
    pub namespace: String,
    pub service: String,
    pub endpoints: Vec<Listed>,
}

/// An endpoint without a workload: never meshed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listed {
    pub address: IpAddr,
    /// Ports by the names that the Service's target ports use.
    #[serde(default)]
    pub named_ports: BTreeMap<String, u16>,
    #[serde(default = "yes")]
    pub healthy: bool,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostAddresses {
    pub host: String,
    pub addresses: Vec<IpAddr>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySet {
    /// As [`mesh_snapshot::wire::Jwks`] names it.
    pub name: String,
    pub keys: String,
}

const fn yes() -> bool {
    true
}

/// Why a file is no document. What it said before stands.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("not an object with a `kind`")]
    Form,
    #[error("unknown kind `{0}`: instance, listed, addresses and keySet are known")]
    Kind(String),
    #[error("an instance needs a {0}")]
    Empty(&'static str),
    #[error(
        "{what} `{name}`: letters, digits, `.`, `-` and `_` alone can be in an identity and in a path"
    )]
    Name { what: &'static str, name: String },
    #[error("{first} says the same of {what}")]
    Duplicate { what: String, first: PathBuf },
}

impl Document {
    /// # Errors
    ///
    /// When the file is not one document in JSON.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        let document = Self::parse(&std::fs::read(path)?)?;
        if let Self::Instance(instance) = &document {
            instance.check()?;
        }
        Ok(document)
    }

    /// By kind first: a derived decoder for tagged unions could not read maps whose keys are numbers.
    fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let mut value: Value = serde_json::from_slice(bytes)?;
        let kind = value.as_object_mut().and_then(|fields| fields.remove("kind"));
        let Some(Value::String(kind)) = kind else { return Err(DocumentError::Form) };
        Ok(match kind.as_str() {
            "instance" => Self::Instance(serde_json::from_value(value)?),
            "listed" => Self::Listed(serde_json::from_value(value)?),
            "addresses" => Self::Addresses(serde_json::from_value(value)?),
            "keySet" => Self::KeySet(serde_json::from_value(value)?),
            _ => return Err(DocumentError::Kind(kind)),
        })
    }

    /// What it is about: no two documents may be about the same.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::Instance(it) => format!("instance {}/{}", it.workload.namespace, it.name),
            Self::Listed(it) => format!("service {}/{}", it.namespace, it.service),
            Self::Addresses(it) => format!("addresses of {}", it.host),
            Self::KeySet(it) => format!("key set {}", it.name),
        }
    }
}

impl Instance {
    /// What cannot be certified is no instance. The workload's name is in no identity.
    fn check(&self) -> Result<(), DocumentError> {
        let Workload { namespace, name, service_account, .. } = &self.workload;
        let named =
            [(&self.name, "name"), (namespace, "namespace"), (service_account, "service account")];
        let empty = named.into_iter().chain([(name, "workload")]).find(|(part, _)| part.is_empty());
        if let Some((_, what)) = empty {
            return Err(DocumentError::Empty(what));
        }
        match named.into_iter().find(|(part, _)| !is_segment(part)) {
            Some((name, what)) => Err(DocumentError::Name { what, name: name.clone() }),
            None => Ok(()),
        }
    }
}

impl Listed {
    pub(super) fn endpoint(&self, namespace: &str, cluster: &str) -> Endpoint {
        let ports = self.named_ports.iter();
        Endpoint {
            address: self.address.to_string(),
            named_ports: ports.map(|(name, port)| (name.clone(), u32::from(*port))).collect(),
            namespace: namespace.to_owned(),
            cluster: cluster.to_owned(),
            unhealthy: !self.healthy,
            ..Endpoint::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The module's own examples.
    #[test]
    fn each_kind_is_read_and_written_alike() {
        for text in [
            r#"{"kind": "instance", "name": "reviews-v1-0", "address": "127.0.0.1", "reachedAt": {"9080": 21080},
                "workload": {"namespace": "shop", "name": "reviews-v1", "serviceAccount": "reviews", "labels": {"app": "reviews"}}}"#,
            r#"{"kind": "listed", "namespace": "shop", "service": "legacy", "endpoints": [{"address": "10.0.0.7"}]}"#,
            r#"{"kind": "addresses", "host": "reviews.shop.svc.cluster.local", "addresses": ["10.96.0.7"]}"#,
            r#"{"kind": "keySet", "name": "https://example.com/jwks", "keys": "{\"keys\": []}"}"#,
        ] {
            let document = Document::parse(text.as_bytes()).unwrap();
            let written = serde_json::to_vec(&document).unwrap();
            assert_eq!(Document::parse(&written).unwrap(), document);
        }
    }

    #[test]
    fn an_instance_that_cannot_be_certified_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let refused = |name: &str, namespace: &str, account: &str| {
            let workload = format!(
                r#"{{"namespace": "{namespace}", "name": "w", "serviceAccount": "{account}"}}"#
            );
            let text = format!(
                r#"{{"kind": "instance", "name": "{name}", "address": "::1", "workload": {workload}}}"#
            );
            std::fs::write(&path, text).unwrap();
            Document::read(&path).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(refused("web-1", "shop", "web"), "");
        assert!(refused("web-1", "shop", "web front").starts_with("service account `web front`: "));
        assert!(refused("../web", "shop", "web").starts_with("name `../web`: "));
        assert!(refused("web-1", "..", "web").starts_with("namespace `..`: "));
        assert_eq!(refused("web-1", "shop", ""), "an instance needs a service account");
    }

    #[test]
    fn what_is_no_document_is_refused_with_the_reason() {
        let refused = |text: &str| Document::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused("[]"), "not an object with a `kind`");
        assert!(refused(r#"{"kind": "pod"}"#).starts_with("unknown kind `pod`"));
        let text = r#"{"kind": "addresses", "host": "a", "addresses": [], "adresses": []}"#;
        assert!(refused(text).contains("unknown field `adresses`"));
        assert!(refused("{ half").contains("line 1"));
    }
}
