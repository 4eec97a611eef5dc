//! Edits of headers, in the order in which they are made.

use mesh_engine::format::Format;
use mesh_snapshot::object::HeaderEdit;

use super::Loss;

/// Whether a text of Envoy's format language can be written as the value of a header.
pub(super) fn is_value(text: &str) -> bool {
    !text.contains(|letter: char| letter.is_ascii_control() && letter != '\t')
        && Format::parse(text).is_ok()
}

/// Of requests, and of answers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeaderEdits {
    pub request: Vec<HeaderEdit>,
    pub response: Vec<HeaderEdit>,
}

impl HeaderEdits {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty()
    }

    /// Of edits that nothing makes.
    #[must_use]
    pub fn unmade(&self) -> Loss {
        Loss::new(
            format!("headers are not edited: {}", self.summary()),
            "they pass as the client and the application wrote them",
        )
        .help("write the edits as `headers` of a VirtualService")
    }

    /// `of requests x-a, x-b, and of answers x-c`
    #[must_use]
    pub fn summary(&self) -> String {
        let list = |edits: &[HeaderEdit]| {
            let mut names: Vec<String> = Vec::new();
            for edit in edits {
                let name = format!("`{}`", edit.name());
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names.join(", ")
        };
        match (self.request.is_empty(), self.response.is_empty()) {
            (false, true) => format!("{} of requests", list(&self.request)),
            (true, false) => format!("{} of answers", list(&self.response)),
            _ => {
                format!(
                    "{} of requests and {} of answers",
                    list(&self.request),
                    list(&self.response)
                )
            }
        }
    }
}
