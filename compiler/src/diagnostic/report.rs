//! One thing that a check found.

use super::{Applicability, At, Check, Fix, Place, Severity};

/// A finding whose places are named, not yet looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    pub check: &'static Check,
    pub severity: Severity,
    pub message: String,
    /// The smallest token at fault.
    pub place: Place,
    /// What is said at that token; may be empty.
    pub label: String,
    /// Other places that explain it, in any files.
    pub others: Vec<Label>,
    /// What it supposes to have been read as it was written, and to be right: where that is not so, nothing is said.
    pub supposed: Vec<Place>,
    /// What becomes of requests.
    pub consequence: Option<String>,
    pub help: Option<String>,
    pub fixes: Vec<Fix>,
    /// Absent: it stands by itself.
    pub cause: Option<Cause>,
}

/// What findings of several resources have in common, so that people are told of it once ([`unite`](super::unite)). Each stays a
/// finding of its own: whoever owns its resource allows it, knows it or mends it, and speaks for no other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The same is said of each, in the same words and with the same explanation.
    Same,
    /// This is said of all in one.
    Together {
        /// After how many they are: `namespaces do not say whether their pods get a proxy`.
        message: String,
        consequence: String,
    },
}

/// A place and what is said there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Label {
    pub place: Place,
    pub text: String,
}

impl Diagnostic {
    #[must_use]
    pub fn new(check: &'static Check, place: Place, message: impl Into<String>) -> Self {
        Self {
            check,
            severity: check.severity,
            message: message.into(),
            place,
            label: String::new(),
            others: Vec::new(),
            supposed: Vec::new(),
            consequence: None,
            help: None,
            fixes: Vec::new(),
            cause: None,
        }
    }

    /// Calls `change` with all that it points at.
    pub(crate) fn each_place(&mut self, mut change: impl FnMut(&mut Place)) {
        change(&mut self.place);
        self.others.iter_mut().for_each(|label| change(&mut label.place));
        self.supposed.iter_mut().for_each(&mut change);
        let edits = self.fixes.iter_mut().flat_map(|fix| &mut fix.edits);
        edits.for_each(|edit| change(&mut edit.place));
    }

    /// What is said at the token at fault.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    /// Says of a name that is none of those there are which of them may be meant, and offers to write that; `otherwise` where
    /// none is like it. Nobody but the author knows whether it is right.
    #[must_use]
    pub fn meant(self, near: Option<&str>, otherwise: impl Into<String>) -> Self {
        let Some(near) = near else { return self.label(otherwise) };
        let fix = Fix::write(Applicability::Unsafe, self.place.clone(), near);
        self.label(format!("did you mean `{near}`?")).fix(fix)
    }

    /// Another place that explains it.
    #[must_use]
    pub fn also(mut self, place: Place, text: impl Into<String>) -> Self {
        self.others.push(Label { place, text: text.into() });
        self
    }

    /// What others may have in common with it.
    #[must_use]
    pub fn cause(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// More places of the same fault of one resource. The first of them are shown, and of the rest is told how many there are.
    #[must_use]
    pub fn and_here(self, places: impl IntoIterator<Item = Place>) -> Self {
        const SHOWN_MAX: usize = 2;
        let mut places = places.into_iter();
        let shown = places.by_ref().take(SHOWN_MAX);
        let found = shown.fold(self, |found, place| found.also(place, "and here"));
        match (places.count(), found.help.clone()) {
            (0, _) => found,
            (more, None) => found.help(format!("{more} more places are not shown")),
            (more, Some(help)) => found.help(format!("{help}; {more} more places are not shown")),
        }
    }

    /// Says nothing if `place` could not be read, or has an error in it: what seems to be absent may be there.
    #[must_use]
    pub fn supposing(mut self, place: Place) -> Self {
        self.supposed.push(place);
        self
    }

    /// Says that none of some fields of what is `at` is there: one that could not be read, or is misspelt, may be it.
    #[must_use]
    pub fn lacking(self, at: &At<'_>, fields: &[&str]) -> Self {
        fields.iter().fold(self, |found, field| found.supposing(at.field(field).value()))
    }

    #[must_use]
    pub fn consequence(mut self, text: impl Into<String>) -> Self {
        self.consequence = Some(text.into());
        self
    }

    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }
}
