//! Findings that are known and not to be reported again: a file, `mesh.baseline/v1`.
//!
//! A finding is known by its fingerprint; what else stands in the file is for those who read it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::{Named, replace};

const SCHEMA: &str = "mesh.baseline/v1";

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Baseline {
    schema: String,
    findings: Vec<Known>,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Known {
    pub file: String,
    pub check: String,
    pub resource: Option<String>,
    pub message: String,
    pub fingerprint: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BaselineError {
    #[error("{}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: this is no baseline, which `--write-baseline` writes: {error}", path.display())]
    Json { path: PathBuf, error: serde_json::Error },
    #[error("{}: this is `{schema}`, and `{SCHEMA}` is read", path.display())]
    Schema { path: PathBuf, schema: String },
    #[error("{}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
}

impl Baseline {
    /// Of all `findings`; sorted, so that a baseline changes in Git only where the findings do.
    pub(crate) fn of<'a>(findings: impl Iterator<Item = &'a Named>) -> Self {
        let known = findings.map(|named| Known {
            file: named.file.clone(),
            check: named.finding.check.name.to_owned(),
            resource: named.finding.primary.resource.as_deref().map(str::to_owned),
            message: named.finding.message.clone(),
            fingerprint: named.fingerprint.clone(),
        });
        let mut findings: Vec<_> = known.collect();
        findings.sort();
        Self { schema: SCHEMA.to_owned(), findings }
    }

    pub(crate) fn read(path: &Path) -> Result<Self, BaselineError> {
        let named = || path.to_owned();
        let text = fs::read(path).map_err(|error| BaselineError::Read { path: named(), error })?;
        let read: Self = serde_json::from_slice(&text)
            .map_err(|error| BaselineError::Json { path: named(), error })?;
        if read.schema != SCHEMA {
            return Err(BaselineError::Schema { path: named(), schema: read.schema });
        }
        Ok(read)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), BaselineError> {
        let failed = |error| BaselineError::Write { path: path.to_owned(), error };
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        replace(path, &text).map_err(failed)
    }

    pub(crate) fn len(&self) -> usize {
        self.findings.len()
    }

    pub(crate) fn fingerprints(&self) -> BTreeSet<&str> {
        self.findings.iter().map(|known| known.fingerprint.as_str()).collect()
    }

    /// What is no longer found, of the checks that were looked at.
    pub(crate) fn stale(&self, found: &[Named], is_asked: &dyn Fn(&str) -> bool) -> Vec<&Known> {
        let found: BTreeSet<_> = found.iter().map(|named| named.fingerprint.as_str()).collect();
        let known = self.findings.iter().filter(|known| is_asked(&known.check));
        known.filter(|known| !found.contains(known.fingerprint.as_str())).collect()
    }
}
