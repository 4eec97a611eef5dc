//! `istioctl analyze`, a process for each repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Message, PeerError, absent};
use crate::verdict::{Verdict, name};

/// A tool that runs.
pub(crate) struct Istioctl(PathBuf);

impl Istioctl {
    /// # Errors
    /// When there is no such program.
    pub(super) fn at(path: &Path) -> Result<Self, PeerError> {
        let version = Command::new(path).args(["version", "--remote=false"]).output();
        version.map_err(|error| absent(path, error))?;
        Ok(Self(path.to_owned()))
    }

    pub(super) fn judge(&self, resources: &[Value]) -> Result<Verdict, PeerError> {
        let folder = tempfile::tempdir().map_err(PeerError::Folder)?;
        for (index, resource) in resources.iter().enumerate() {
            let file = folder.path().join(format!("{index}.yaml"));
            std::fs::write(file, resource.to_string()).map_err(PeerError::Folder)?;
        }
        let output = Command::new(&self.0)
            .args(["analyze", "--use-kube=false", "-A", "-o", "json"])
            .arg(folder.path())
            .output()
            .map_err(PeerError::Folder)?;
        let messages = String::from_utf8_lossy(&output.stdout);
        // Its log comes first, then the list, and a summary behind it.
        let start =
            if messages.starts_with('[') { Some(0) } else { messages.find("\n[").map(|at| at + 1) };
        let list = start.and_then(|start| messages.get(start..)).unwrap_or_default();
        let mut read = serde_json::Deserializer::from_str(list).into_iter::<Vec<Message>>();
        let read = match read.next() {
            Some(Ok(read)) => read,
            Some(Err(error)) => return Err(PeerError::Unreadable(format!("{error}: {messages}"))),
            None => {
                let log = String::from_utf8_lossy(&output.stderr);
                return Err(PeerError::Unreadable(format!("nothing; its log: {log}")));
            }
        };
        let mut verdict = Verdict::default();
        for log in [messages.as_ref(), String::from_utf8_lossy(&output.stderr).as_ref()] {
            unparsed(log, resources, &mut verdict);
        }
        verdict.add(read);
        Ok(verdict)
    }
}

/// Resources that it could not even parse: it names their files.
fn unparsed(log: &str, resources: &[Value], verdict: &mut Verdict) {
    for line in log.lines().filter(|line| line.contains("- skipping")) {
        let Some((_, rest)) = line.split_once("error processing ") else { continue };
        let Some((path, text)) = rest.split_once(".yaml[0]: ") else { continue };
        let index = path.rsplit('/').next().and_then(|index| index.parse::<usize>().ok());
        let Some(resource) = index.and_then(|index| resources.get(index)) else { continue };
        verdict.refuse(name(resource), text.trim_end_matches(" - skipping"));
    }
}
