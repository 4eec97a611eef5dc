//! Which texts a value of a policy or of a match stands for.

use crate::api::istio::{StringMatch, TextTest};

/// Which texts are asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(in crate::check) enum Form<'t> {
    Exact(&'t str),
    Prefix(&'t str),
    Suffix(&'t str),
    /// A template of a path.
    Template(&'t str),
    Regex(&'t str),
}

impl<'t> Form<'t> {
    /// A value of an `AuthorizationPolicy`; absent: any text. A star is a wildcard at one end, first of all at the beginning. Source: Istio,
    /// `matcher.StringMatcherWithPrefix`.
    pub(in crate::check) fn of_policy(value: &'t str) -> Option<Self> {
        match (value.strip_prefix('*'), value.strip_suffix('*')) {
            (Some(""), _) => None,
            (Some(suffix), _) => Some(Self::Suffix(suffix)),
            (None, Some(prefix)) => Some(Self::Prefix(prefix)),
            (None, None) => Some(Self::Exact(value)),
        }
    }

    /// The same of a path. Source: Istio, `security.ContainsPathTemplate`.
    pub(in crate::check) fn of_policy_path(value: &'t str) -> Option<Self> {
        let is_template = value.contains("{*}") || value.contains("{**}");
        if is_template { Some(Self::Template(value)) } else { Self::of_policy(value) }
    }

    /// What a match of a route asks for; absent: any text.
    pub(in crate::check) fn of_match(it: &'t StringMatch) -> Option<Self> {
        match it.test()? {
            TextTest::Exact(text) => Some(Self::Exact(text)),
            TextTest::Prefix("") => None,
            TextTest::Prefix(text) => Some(Self::Prefix(text)),
            TextTest::Regex(source) => Some(Self::Regex(source)),
        }
    }

    pub(in crate::check) const fn text(&self) -> &'t str {
        match self {
            Self::Exact(text)
            | Self::Prefix(text)
            | Self::Suffix(text)
            | Self::Template(text)
            | Self::Regex(text) => text,
        }
    }

    /// The same with another text.
    pub(super) const fn with<'o>(&self, text: &'o str) -> Form<'o> {
        match self {
            Self::Exact(_) => Form::Exact(text),
            Self::Prefix(_) => Form::Prefix(text),
            Self::Suffix(_) => Form::Suffix(text),
            Self::Template(_) => Form::Template(text),
            Self::Regex(_) => Form::Regex(text),
        }
    }
}
