//! The program of `testing/peer/istio`: one process that is asked about one repository after the other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Message, PeerError, absent};
use crate::verdict::{Verdict, name};

pub(crate) struct Cluster {
    process: Child,
    answers: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Answer {
    messages: Vec<Message>,
    unread: Vec<About>,
    refused: Vec<About>,
    /// Why there is none.
    #[serde(default)]
    error: String,
}

/// Of the resource at that place.
#[derive(Deserialize)]
struct About {
    index: usize,
    text: String,
}

impl Cluster {
    /// # Errors
    /// When there is no such program.
    pub(super) fn start(path: &Path) -> Result<Self, PeerError> {
        let mut command = Command::new(path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(|error| absent(path, error))?;
        let answers = process.stdout.take().ok_or_else(ended)?;
        Ok(Self { process, answers: BufReader::new(answers) })
    }

    pub(super) fn judge(&mut self, resources: &[Value]) -> Result<Verdict, PeerError> {
        let asked = json!({ "resources": resources });
        let input = self.process.stdin.as_mut().ok_or_else(ended)?;
        writeln!(input, "{asked}").map_err(PeerError::Ended)?;
        // What it links may write a log there before it begins.
        let mut line = String::new();
        while !line.starts_with('{') {
            line.clear();
            if self.answers.read_line(&mut line).map_err(PeerError::Ended)? == 0 {
                return Err(ended());
            }
        }
        let answer: Answer = serde_json::from_str(&line)
            .map_err(|error| PeerError::Unreadable(format!("{error}: {line}")))?;
        if !answer.error.is_empty() {
            return Err(PeerError::Unreadable(answer.error));
        }
        let mut verdict = Verdict::default();
        for About { index, text } in answer.unread.into_iter().chain(answer.refused) {
            let Some(resource) = resources.get(index) else { continue };
            verdict.refuse(settings(&name(resource)), &text);
        }
        verdict.add(answer.messages);
        for remark in &mut verdict.noted {
            remark.resource = settings(&remark.resource);
        }
        Ok(verdict)
    }
}

/// What the settings of the mesh are called here: they have no kind of their own, and Istio gives them names.
fn settings(name: &str) -> String {
    let renamed = match name {
        "ConfigMap istio-system/istio" => "MeshConfig istio-system/istio",
        "MeshNetworks istio-system/meshnetworks" => "MeshNetworks istio-system/istio",
        other => other,
    };
    renamed.to_owned()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It ends with its input; whether it did so well makes no difference any more.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn ended() -> PeerError {
    PeerError::Ended(std::io::ErrorKind::UnexpectedEof.into())
}
