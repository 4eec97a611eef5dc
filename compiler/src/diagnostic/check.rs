//! A rule and what is known of it before it runs.

use super::Finding;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

impl Severity {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a project may say about a check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// Its findings are dropped.
    Allow,
    At(Severity),
}

/// Who may change a check's severity, and what its errors mean for the exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// The input cannot be read, or is not YAML.
    Input,
    /// There is no meaning to compile: the severity is fixed.
    Rule,
    /// There is a meaning, but hardly the one that was meant: `mesh.yaml` may set another severity.
    Lint,
}

/// A rule of the compiler. Its name states the fault, and reads well after "allow".
#[derive(Debug)]
pub struct Check {
    /// In kebab-case, unique, never used again for something else.
    pub name: &'static str,
    pub severity: Severity,
    pub class: Class,
    /// What Istio (`IST0101`) and Kiali (`KIA1107`) call the same fault.
    pub aliases: &'static [&'static str],
    /// Markdown: what, why, and fenced examples that a test runs (`yaml fails` and `yaml fixed`).
    pub docs: &'static str,
}

impl Check {
    /// A check of what can be read at all.
    #[must_use]
    pub const fn input(name: &'static str, severity: Severity, docs: &'static str) -> Self {
        Self { name, severity, class: Class::Input, aliases: &[], docs }
    }

    /// A check whose findings are errors, whatever the project says.
    #[must_use]
    pub const fn rule(name: &'static str, docs: &'static str) -> Self {
        Self { name, severity: Severity::Error, class: Class::Rule, aliases: &[], docs }
    }

    /// A check whose severity the project may set.
    #[must_use]
    pub const fn lint(name: &'static str, severity: Severity, docs: &'static str) -> Self {
        Self { name, severity, class: Class::Lint, aliases: &[], docs }
    }

    #[must_use]
    pub const fn alias(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Whether `name` is the check's own or an alias; case does not count.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        std::iter::once(&self.name)
            .chain(self.aliases)
            .any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Two checks are the same when their names are.
impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Check {}

impl Finding {
    /// Whether it tells of input that nobody could read: what else was found may follow from it.
    #[must_use]
    pub const fn is_unreadable(&self) -> bool {
        matches!((self.severity, self.check.class), (Severity::Error, Class::Input))
    }
}
