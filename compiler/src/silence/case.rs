//! The small repositories in which fields are set.

use std::fs;
use std::sync::OnceLock;

use serde_json::Value;

use super::exception::Tell;
use super::outcome;
use crate::parse::parse;
use crate::source::{FileId, Role, SourceFile};

/// A file of `cases/`. It may be one list, as aliases do not lead from one document to another.
pub(crate) struct Case {
    pub name: String,
    pub documents: Vec<Value>,
    compiled: OnceLock<Option<String>>,
}

/// Those of a folder.
pub(crate) fn all(folder: &str) -> Vec<Case> {
    let files = fs::read_dir(super::data(folder)).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| Case::read(&path.to_string_lossy(), &super::read(path))).collect()
}

impl Case {
    fn read(name: &str, text: &str) -> Self {
        let documents = documents(text).unwrap_or_else(|| panic!("{name}: {text}"));
        Self { name: name.to_owned(), documents, compiled: OnceLock::new() }
    }

    /// What comes of it as it stands.
    pub(super) fn outcome(&self, tell: &Tell) -> Option<String> {
        match tell {
            Tell::Compiled => {
                self.compiled.get_or_init(|| outcome::of(&self.documents, tell)).clone()
            }
            Tell::Check(_) | Tell::Nothing => outcome::of(&self.documents, tell),
        }
    }

    /// What is wrong with it, if it cannot be compiled.
    pub(super) fn fault(&self) -> Option<String> {
        let is_right = self.outcome(&Tell::Compiled).is_some();
        (!is_right).then(|| format!("{}: {:?}", self.name, outcome::errors(&self.documents)))
    }
}

/// What a file holds; absent: it is no YAML, or templates are in it.
pub(crate) fn documents(text: &str) -> Option<Vec<Value>> {
    let mut documents = Vec::new();
    for text in text.split("\n---\n") {
        match document(text)? {
            Value::Object(mut list) if list.contains_key("items") => match list.remove("items") {
                Some(Value::Array(items)) => documents.extend(items),
                _ => return None,
            },
            document => documents.push(document),
        }
    }
    Some(documents)
}

/// The first of the trees: what is embedded in a document has its own.
fn document(text: &str) -> Option<Value> {
    let file = SourceFile::new("a.yaml", Role::Policy, text.to_owned());
    let trees = parse(&file, FileId(0), &mut Vec::new()).trees;
    let tree = trees.first()?;
    Some(tree.json(tree.root()?, text))
}
