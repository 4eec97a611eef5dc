//! Istio's own verdict, by its command-line tool.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::verdict::{REFUSED, Remark, Verdict, name};

/// Why Istio said nothing.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// Give another path, or build it: see [`HOW_TO_BUILD`].
    #[error("no `istioctl` at {path}: {error}\n{HOW_TO_BUILD}")]
    Absent { path: PathBuf, error: std::io::Error },
    #[error("a folder for a repository: {0}")]
    Folder(std::io::Error),
    /// It is of another version, or broken.
    #[error("`istioctl analyze` said what cannot be read: {0}")]
    Unreadable(String),
}

/// How to come by the tool.
pub const HOW_TO_BUILD: &str = "\
build it with Go in a module that requires `istio.io/istio` (`go get istio.io/istio@master`):
    CGO_ENABLED=0 go build istio.io/istio/istioctl/cmd/istioctl
and name it by `--istioctl`, or put it into PATH";

/// A tool that runs.
#[derive(Clone, Debug)]
pub struct Istioctl(PathBuf);

/// An element of what `analyze -o json` writes.
#[derive(Deserialize)]
struct Message {
    code: String,
    #[serde(rename = "message")]
    text: String,
    #[serde(default)]
    origin: String,
}

impl Istioctl {
    /// # Errors
    /// When there is no such program.
    pub fn at(path: &Path) -> Result<Self, PeerError> {
        let absent = |error| PeerError::Absent { path: path.to_owned(), error };
        Command::new(path).args(["version", "--remote=false"]).output().map_err(absent)?;
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn analyze(&self, resources: &[Value]) -> Result<Verdict, PeerError> {
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
        let mut verdict = unparsed(&messages, resources);
        verdict
            .refused
            .extend(unparsed(&String::from_utf8_lossy(&output.stderr), resources).refused);
        verdict.add(read);
        Ok(verdict)
    }
}

/// Resources that it could not even parse: it names their files.
fn unparsed(log: &str, resources: &[Value]) -> Verdict {
    let mut verdict = Verdict::default();
    for line in log.lines().filter(|line| line.contains("- skipping")) {
        let Some((_, rest)) = line.split_once("error processing ") else { continue };
        let Some((path, text)) = rest.split_once(".yaml[0]: ") else { continue };
        let index = path.rsplit('/').next().and_then(|index| index.parse::<usize>().ok());
        let Some(resource) = index.and_then(|index| resources.get(index)) else { continue };
        verdict.refused.push(remark(REFUSED, name(resource), text.trim_end_matches(" - skipping")));
    }
    verdict
}

fn remark(code: &str, resource: String, text: &str) -> Remark {
    Remark {
        codes: vec![code.to_owned()],
        check: "",
        resource,
        others: BTreeSet::new(),
        text: text.to_owned(),
    }
}

impl Verdict {
    fn add(&mut self, messages: Vec<Message>) {
        for Message { code, text, origin } in messages {
            let list = if code == REFUSED { &mut self.refused } else { &mut self.noted };
            list.push(remark(&code, origin, &text));
        }
    }
}
