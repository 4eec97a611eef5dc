//! Who denied, and where that stands: what the default formats say beyond Istio's.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use mesh_engine::policy::Rule;
use mesh_snapshot::SourceMap;
use mesh_snapshot::source_map::Location;

use crate::observe::record::{Decided, Denial};

/// Written as `shop/reviews/rules[0]`; `none` where no policy allowed it.
pub(super) struct Denier<'a>(pub(super) &'a Denial<'a>);

/// Written as `policies/reviews.yaml:12`.
pub(super) struct Place<'a> {
    sources: Arc<SourceMap>,
    rule: &'a Rule,
}

impl fmt::Display for Denier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.rule {
            Some(rule) => write!(f, "{}/{}/{}", rule.namespace, rule.policy, rule.item()),
            None => f.write_str("none"),
        }
    }
}

impl<'a> Place<'a> {
    /// Where `rule` stands, if anybody has said.
    pub(super) fn of(rule: Option<&'a Rule>, decided: &Decided<'_>) -> Option<Self> {
        let place = Self { rule: rule?, sources: decided.sources.get()? };
        place.location().is_some().then_some(place)
    }

    fn location(&self) -> Option<&Location> {
        self.sources.get(&self.rule.key, self.rule.item())
    }
}

impl fmt::Display for Place<'_> {
    /// Without spaces and control characters, so that it is one word of its line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(location) = self.location() else { return Ok(()) };
        for symbol in location.file.chars() {
            if symbol.is_whitespace() || symbol.is_control() {
                write!(f, "{}", symbol.escape_unicode())?;
            } else {
                f.write_char(symbol)?;
            }
        }
        write!(f, ":{}", location.line)
    }
}
