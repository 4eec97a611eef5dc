//! Edits of headers, in the order in which they are made.

/// What is done to one header. Names are in lower case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeaderEdit {
    /// One more value, whatever is there.
    Add {
        name: String,
        value: String,
    },
    /// This value and no other.
    Set {
        name: String,
        value: String,
    },
    Remove {
        name: String,
    },
}

impl HeaderEdit {
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Add { name, .. } | Self::Set { name, .. } | Self::Remove { name } => name,
        }
    }
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
