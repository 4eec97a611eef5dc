//! Istio's own verdict: of its command-line tool, which reads files, or of a program that has its analyzers look at a cluster.

mod cluster;
mod istioctl;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mesh_compiler::diagnostic::Severity;
use serde::Deserialize;
use serde_json::Value;

use crate::verdict::{NOT_FOUND, REFUSED, Remark, Verdict, not_found};
use cluster::Cluster;
use istioctl::Istioctl;

/// Why Istio said nothing.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// Give another path, or build it: see [`HOW_TO_BUILD`].
    #[error("no program at {path}: {error}\n{HOW_TO_BUILD}")]
    Absent { path: PathBuf, error: std::io::Error },
    #[error("a folder for a repository: {0}")]
    Folder(std::io::Error),
    #[error("Istio's program has ended: {0}")]
    Ended(std::io::Error),
    /// It is of another version, or broken.
    #[error("Istio said what cannot be read: {0}")]
    Unreadable(String),
}

/// How to come by the programs.
pub const HOW_TO_BUILD: &str = "\
build it with Go in `testing/peer/istio`, and name it by `--istio` or `--istioctl`:
    CGO_ENABLED=0 go build -o FILE .                                       for --istio
    CGO_ENABLED=0 go build -o FILE istio.io/istio/istioctl/cmd/istioctl    for --istioctl";

/// Who speaks for Istio.
#[derive(Clone, Debug)]
pub enum Istio {
    /// `istioctl analyze --use-kube=false`: it leaves Services, Pods and whatever else only a cluster has out.
    Files(PathBuf),
    /// The program of `testing/peer/istio`: the same analyzers on everything, and what a cluster does not take.
    Cluster(PathBuf),
}

impl Istio {
    /// One for each thread.
    pub(crate) fn session(&self) -> Result<Session, PeerError> {
        match self {
            Self::Files(path) => Ok(Session::Files(Istioctl::at(path)?)),
            Self::Cluster(path) => Ok(Session::Cluster(Cluster::start(path)?)),
        }
    }
}

pub(crate) enum Session {
    Files(Istioctl),
    Cluster(Cluster),
}

impl Session {
    pub(crate) fn judge(&mut self, resources: &[Value]) -> Result<Verdict, PeerError> {
        match self {
            Self::Files(istioctl) => istioctl.judge(resources),
            Self::Cluster(cluster) => cluster.judge(resources),
        }
    }
}

fn absent(path: &Path, error: std::io::Error) -> PeerError {
    PeerError::Absent { path: path.to_owned(), error }
}

/// A message of the analyzers, as both write it.
#[derive(Deserialize)]
struct Message {
    code: String,
    #[serde(rename = "message")]
    text: String,
    level: String,
    #[serde(default)]
    origin: String,
}

impl Verdict {
    fn add(&mut self, messages: Vec<Message>) {
        for Message { code, text, level, origin } in messages {
            let list = if code == REFUSED { &mut self.refused } else { &mut self.noted };
            let severity = match level.as_str() {
                "Error" => Severity::Error,
                "Warning" => Severity::Warning,
                _ => Severity::Info,
            };
            list.push(remark(&code, severity, origin, who_refuses(&text)));
        }
    }

    fn refuse(&mut self, resource: String, text: &str) {
        self.refused.push(remark(REFUSED, Severity::Error, resource, who_refuses(text)));
    }
}

/// Who refuses a resource first is no difference.
fn who_refuses(text: &str) -> &str {
    ["Schema validation error: ", "definition: ", "webhook: "]
        .iter()
        .find_map(|who| text.strip_prefix(who))
        .unwrap_or(text)
}

/// Of the resources that are in conflict, one has the message; it names the others.
fn others(code: &str, text: &str) -> BTreeSet<String> {
    let list = text.strip_prefix("The VirtualServices ").filter(|_| code == "IST0109");
    let list = list.and_then(|it| it.split(' ').next()).unwrap_or_default();
    let names = list.split(',').filter(|it| !it.is_empty());
    names.map(|name| format!("VirtualService {name}")).collect()
}

fn remark(code: &str, severity: Severity, resource: String, text: &str) -> Remark {
    let others = others(code, text);
    let word = text.strip_prefix("Referenced ").and_then(|it| it.split_once(" not found"));
    let code = match word {
        Some((word, _)) if code == NOT_FOUND => not_found(word),
        _ => code.to_owned(),
    };
    Remark {
        codes: vec![code],
        implied: Vec::new(),
        check: "",
        severity,
        resource,
        others,
        text: text.to_owned(),
    }
}
