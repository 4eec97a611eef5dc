//! Every field has a state, and is known: a document that sets it is not told that it is none.

use std::path::Path;

use mesh_compiler::api;
use serde_json::{Map, Value, json};

use crate::case::{Case, Mismatch, Verdict};
use crate::corpus::{self, CorpusError};
use crate::place;
use crate::subject::{Files, is_unsupported};

/// A line: `Kind.group/version path {}`, `Kind/group/version path {}`, or `MeshConfig path  # type`. `[]` is an element, `*` a
/// key, `{}` says that there are fields below.
struct Field {
    kind: String,
    /// Empty: it is no resource.
    api_version: String,
    path: String,
    has_fields: bool,
}

/// The fields of a list; `is_whole`: of every version, which then is a part of the cases' names.
pub(super) fn cases(file: &Path, is_whole: bool) -> Result<Vec<Case>, CorpusError> {
    let text = corpus::text(file)?;
    let fields = text.lines().filter_map(Field::parse);
    let list = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let case = |field: Field| {
        let name = if is_whole {
            format!("{list} {} {} {}", field.kind, field.api_version, field.path)
        } else {
            format!("{} {}", field.kind, field.path)
        };
        Case::new(name, move || field.judge())
    };
    Ok(fields.map(case).collect())
}

impl Field {
    fn parse(line: &str) -> Option<Self> {
        let line = line.split_once('#').map_or(line, |(line, _)| line).trim();
        let mut words = line.split_whitespace();
        let (kind, path) = (words.next()?, words.next()?.to_owned());
        let has_fields = words.next() == Some("{}");
        let (kind, api_version) = match kind.split_once(['.', '/']) {
            Some((kind, version)) => (kind.to_owned(), version.to_owned()),
            None => (kind.to_owned(), String::new()),
        };
        // Outside of a resource it is a part of the mesh configuration.
        let (kind, path) = match (kind.as_str(), api_version.as_str()) {
            ("ProxyConfig", "") => ("MeshConfig".to_owned(), format!("defaultConfig.{path}")),
            _ => (kind, path),
        };
        Some(Self { kind, api_version, path, has_fields })
    }

    fn judge(&self) -> Verdict {
        let fails = |got: String| Err(Mismatch::new("a known field", got));
        let group = self.api_version.split_once('/').map_or("", |(group, _)| group);
        match api::fields_of(group, &self.kind) {
            Some(table) if table.covers(&self.path) => {}
            Some(_) => return fails("a field without a state".to_owned()),
            None => return fails("a kind without a table of fields".to_owned()),
        }
        let mut files = Files::default();
        let value = self.value(&self.path);
        match self.kind.as_str() {
            "MeshConfig" => files.mesh_config(&format!("{value}\n")),
            "MeshNetworks" => files.mesh_networks(&format!("{value}\n")),
            kind => {
                let mut document = json!({
                    "apiVersion": self.api_version,
                    "kind": kind,
                    "metadata": { "name": "a", "namespace": "shop" },
                });
                if let (Some(document), Value::Object(fields)) = (document.as_object_mut(), value) {
                    document.extend(fields);
                }
                files.add("a.yaml", document.to_string());
            }
        }
        let found = files.validate();
        let named: Vec<_> = self.names().collect();
        let denies = |finding: &&mesh_compiler::diagnostic::Finding| {
            let path = place::path(&found.parsed, &finding.primary);
            let is_here = || names(&path).zip(&named).all(|(found, named)| found == *named);
            finding.check.name == "unknown-field" && is_here()
                || (is_unsupported(finding) && finding.check.name == "unsupported-kind")
        };
        let unknown: Vec<_> = found.all.iter().filter(denies).collect();
        if unknown.is_empty() { Ok(()) } else { fails(found.lines(unknown)) }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        names(&self.path)
    }

    /// A value in which the field is set.
    fn value(&self, path: &str) -> Value {
        let (first, rest) = match path.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        let name = first.trim_end_matches("[]");
        let depth = (first.len() - name.len()) / 2;
        let inner = match rest {
            Some(rest) => self.value(rest),
            None if self.has_fields => json!({}),
            None => json!("x"),
        };
        let listed = (0..depth).fold(inner, |inner, _| json!([inner]));
        let key = if name == "*" { "key" } else { name };
        Value::Object(Map::from_iter([(key.to_owned(), listed)]))
    }
}

/// The fields along a path, without the places of elements.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').map(|part| part.split_once('[').map_or(part, |(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::Field;
    use serde_json::json;

    #[test]
    fn a_document_sets_the_field() {
        let field =
            Field::parse("Gateway.networking.istio.io/v1 spec.servers[].tls.a.*.hosts[]").unwrap();
        let value = field.value(&field.path);
        let tls = json!({ "a": { "key": { "hosts": ["x"] } } });
        assert_eq!(value, json!({ "spec": { "servers": [{ "tls": tls }] } }));
        assert_eq!(field.api_version, "networking.istio.io/v1");
        let field = Field::parse("ProxyConfig configPath  # string").unwrap();
        assert_eq!((&*field.kind, &*field.path), ("MeshConfig", "defaultConfig.configPath"));
        let field = Field::parse("XMesh/a.b/v1 spec.c").unwrap();
        assert_eq!((&*field.kind, &*field.api_version), ("XMesh", "a.b/v1"));
        let field = Field::parse("MeshConfig ca.settings {}").unwrap();
        assert_eq!(field.value(&field.path), json!({ "ca": { "settings": {} } }));
    }
}
