//! The table of a kind, as a tree of field names.

/// What becomes of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldState {
    Enforced,
    Reported,
    Elsewhere,
    /// Accepted, and the check of this name says of each what will not happen.
    Named(&'static str),
    /// Accepted, and then: what will not happen.
    Unenforced(&'static str),
    /// Accepted, and nobody acts on it any more, Istio neither: what to write instead.
    Deprecated(&'static str),
    /// Not accepted: what to write instead.
    Refused(&'static str),
}

impl FieldState {
    pub(crate) fn parse(word: &str, rest: &'static str) -> Option<Self> {
        Some(match word {
            "enforced" => Self::Enforced,
            "reported" => Self::Reported,
            "elsewhere" => Self::Elsewhere,
            "named" => Self::Named(rest),
            "unenforced" => Self::Unenforced(rest),
            "deprecated" => Self::Deprecated(rest),
            "refused" => Self::Refused(rest),
            _ => return None,
        })
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Reported => "reported",
            Self::Elsewhere => "elsewhere",
            Self::Named(_) => "named",
            Self::Unenforced(_) => "unenforced",
            Self::Deprecated(_) => "deprecated",
            Self::Refused(_) => "refused",
        }
    }

    /// Whether it says more than its name.
    const fn has_text(self) -> bool {
        self.speaks() || matches!(self, Self::Named(_))
    }

    /// Whether an author who sets the field is told something.
    #[must_use]
    pub const fn speaks(self) -> bool {
        matches!(self, Self::Unenforced(_) | Self::Deprecated(_) | Self::Refused(_))
    }
}

/// The states of all fields of one kind.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FieldTable {
    /// By name; `[]` and `*` for whatever stands in a list or a map.
    pub(super) children: Vec<(String, FieldTable)>,
    pub(crate) state: Option<FieldState>,
    /// Values of an enforced field that are not.
    pub(super) values: Vec<(String, FieldState)>,
    /// Whether something at or below this field speaks.
    pub(super) speaks: bool,
}

/// A line that is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{line}`: {reason}")]
pub struct TableError {
    pub line: String,
    pub reason: &'static str,
}

impl FieldTable {
    /// Reads a table that stands in several texts; `shared` are those that `@name` may name.
    ///
    /// # Errors
    /// Names the first line that is malformed, or speaks of a field that another line speaks of.
    pub fn parse(
        texts: &[&'static str],
        shared: &[(&str, &'static str)],
    ) -> Result<Self, TableError> {
        let mut table = Self::default();
        for text in texts {
            table.read("", text, shared)?;
        }
        table.note_who_speaks();
        Ok(table)
    }

    fn read(
        &mut self,
        prefix: &str,
        text: &'static str,
        shared: &[(&str, &'static str)],
    ) -> Result<(), TableError> {
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let fail = |reason| TableError { line: line.to_owned(), reason };
            let (path, rest) = line.split_once(' ').ok_or_else(|| fail("no state"))?;
            let rest = rest.trim_start();
            for path in expand(path) {
                let path = format!("{prefix}{path}");
                if let Some(name) = rest.strip_prefix('@') {
                    let found = shared.iter().find(|(known, _)| *known == name);
                    let (_, text) = found.ok_or_else(|| fail("no such table"))?;
                    self.read(&format!("{path}."), text, shared)?;
                    continue;
                }
                let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let state =
                    FieldState::parse(word, rest.trim()).ok_or_else(|| fail("no such state"))?;
                if state.has_text() == rest.is_empty() {
                    return Err(fail("say what will not happen, and only then"));
                }
                self.insert(&path, state).map_err(fail)?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: &str, state: FieldState) -> Result<(), &'static str> {
        let (path, value) =
            path.split_once('=').map_or((path, None), |(path, value)| (path, Some(value)));
        let mut table = self;
        for step in steps(path) {
            if table.state.is_some() {
                return Err("a line above speaks for all of this");
            }
            let position = table.children.iter().position(|(name, _)| name == step);
            let position = position.unwrap_or_else(|| {
                table.children.push((step.to_owned(), Self::default()));
                table.children.len() - 1
            });
            let (_, child) = table.children.get_mut(position).ok_or("no such field")?;
            table = child;
        }
        if let Some(value) = value {
            table.values.push((value.to_owned(), state));
            return Ok(());
        }
        if table.state.is_some() || !table.children.is_empty() {
            return Err("another line speaks of this field");
        }
        table.state = Some(state);
        Ok(())
    }

    fn note_who_speaks(&mut self) -> bool {
        let mut speaks = self.state.is_some_and(FieldState::speaks) || !self.values.is_empty();
        for (_, child) in &mut self.children {
            speaks |= child.note_who_speaks();
        }
        self.speaks = speaks;
        speaks
    }

    /// What will not happen, of a kind of which nothing is enforced: then a line speaks for all of `spec`.
    #[must_use]
    pub fn consequence_of_all(&self) -> Option<&'static str> {
        match self.child("spec")?.state {
            Some(FieldState::Unenforced(consequence)) => Some(consequence),
            _ => None,
        }
    }

    /// What the table knows of a step: the field of that name, or what stands for any.
    #[must_use]
    pub fn child(&self, step: &str) -> Option<&Self> {
        let named = |wanted: &str| {
            self.children.iter().find(|(name, _)| name == wanted).map(|(_, child)| child)
        };
        named(step).or_else(|| named("*"))
    }

    /// The state of a path as in a schema, `spec.http[].match[].uri.exact`: its own, or that of what it lies in.
    #[must_use]
    pub fn state(&self, path: &str) -> Option<FieldState> {
        let mut table = self;
        for step in steps(path) {
            if table.state.is_some() {
                break;
            }
            table = table.child(step)?;
        }
        table.state
    }

    /// Whether a line is for this path, for what it lies in, or for something below it.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let mut table = self;
        for step in steps(path) {
            if table.state.is_some() {
                return true;
            }
            match table.child(step) {
                Some(child) => table = child,
                None => return false,
            }
        }
        true
    }

    /// Every line, with its path written out.
    #[must_use]
    pub fn lines(&self) -> Vec<(String, FieldState)> {
        let own = self.state.map(|state| (String::new(), state));
        let values = self.values.iter().map(|(value, state)| (format!("={value}"), *state));
        let mut lines: Vec<_> = own.into_iter().chain(values).collect();
        for (step, child) in &self.children {
            let join = |path: String| match path.as_str() {
                "" => step.clone(),
                below if below.starts_with(['[', '=']) => format!("{step}{below}"),
                below => format!("{step}.{below}"),
            };
            lines.extend(child.lines().into_iter().map(|(path, state)| (join(path), state)));
        }
        lines
    }
}

/// `a.{b,c}.d` is `a.b.d` and `a.c.d`.
pub(crate) fn expand(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let Some((choices, after)) = rest.split_once('}') else { return vec![path.to_owned()] };
    choices.split(',').flat_map(|choice| expand(&format!("{before}{choice}{after}"))).collect()
}

/// `a[].b.*` is `a`, `[]`, `b` and `*`.
pub(crate) fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').flat_map(|part| {
        let lists = part.matches("[]").count();
        let name = part.trim_end_matches("[]");
        std::iter::once(name).chain(std::iter::repeat_n("[]", lists))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read() {
        let text = "# a comment\n\na.{b,c}[]  enforced\nd.*.e  @inner\nf  unenforced nothing happens\n\
                    g  enforced\ng=X  refused write Y\n";
        let table = FieldTable::parse(&[text], &[("inner", "x  reported\n")]).unwrap();
        assert_eq!(table.state("a.c[]"), Some(FieldState::Enforced));
        assert_eq!(table.state("d.*.e.x"), Some(FieldState::Reported));
        assert_eq!(table.state("f.g.h[]"), Some(FieldState::Unenforced("nothing happens")));
        assert_eq!(table.state("a.x"), None);
        let paths: Vec<_> = table.lines().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a.b[]", "a.c[]", "d.*.e.x", "f", "g", "g=X"]);
    }

    #[test]
    fn a_bad_line_is_named() {
        let fails = |text| FieldTable::parse(&[text], &[]).unwrap_err().reason;
        assert_eq!(fails("a\n"), "no state");
        assert_eq!(fails("a  enforce\n"), "no such state");
        assert_eq!(fails("a  refused\n"), "say what will not happen, and only then");
        assert_eq!(fails("a  enforced but\n"), "say what will not happen, and only then");
        assert_eq!(fails("a  @b\n"), "no such table");
        assert_eq!(fails("a  enforced\na.b  enforced\n"), "a line above speaks for all of this");
        assert_eq!(fails("a.b  enforced\na  enforced\n"), "another line speaks of this field");
    }
}
