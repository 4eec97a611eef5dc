//! What the terminal can show.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use mesh_compiler::diagnostic::Severity;

/// When to use colour.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR`, `CLICOLOR=0` or `TERM=dumb` says otherwise.
    Auto,
    Always,
    Never,
}

/// Where output goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stream {
    Output,
    Error,
}

impl Stream {
    pub(crate) fn open(self) -> Box<dyn Write> {
        match self {
            Self::Output => Box::new(io::stdout().lock()),
            Self::Error => Box::new(io::stderr()),
        }
    }

    fn is_terminal(self) -> bool {
        match self {
            Self::Output => io::stdout().is_terminal(),
            Self::Error => io::stderr().is_terminal(),
        }
    }

    /// Whether it is a terminal that can be wiped.
    pub(crate) fn can_be_cleared(self) -> bool {
        let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
        self.is_terminal() && !is_dumb
    }

    /// Wipes what stands on a terminal that can be wiped.
    pub(crate) fn clear(self) {
        if self.can_be_cleared() {
            // ECMA-48: CUP to the first place, then ED of all of the page. Whoever closed it does not want to know.
            let _ = self.open().write_all(b"\x1b[H\x1b[2J");
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// In columns.
    pub width: usize,
    pub paint: Paint,
}

/// Without a terminal, output goes to files and logs, which are read at about this width.
const WIDTH_ELSEWHERE: usize = 100;

impl Terminal {
    /// Looks at standard output and the environment.
    pub(crate) fn detect(color: Color) -> Self {
        Self::of(Stream::Output, color)
    }

    /// Looks at what is written to, and the environment.
    pub(crate) fn of(stream: Stream, color: Color) -> Self {
        let own = || terminal_size::terminal_size().filter(|_| stream.is_terminal());
        let width = asked_width().or_else(|| own().map(|(width, _)| usize::from(width.0)));
        let has_color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => stream.is_terminal() && environment_allows_color(),
        };
        let width = width.unwrap_or(WIDTH_ELSEWHERE).clamp(40, 140);
        Self { width, paint: Paint(has_color) }
    }
}

/// What the user prefers to what the terminal tells. Source: POSIX.1-2024, XBD 8.3, `COLUMNS`.
fn asked_width() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|width| *width > 0)
}

/// Source: no-color.org, bixense.com/clicolors.
fn environment_allows_color() -> bool {
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|set| set == value);
    let has_no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !(has_no_color || is("CLICOLOR", "0") || is("TERM", "dumb"))
}

/// Paints text, or leaves it as it is. Colour never says what no word says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(pub bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// What belongs to a finding, and is not at fault.
    pub(crate) fn link(self, text: &str) -> String {
        self.with("36;1;4", text)
    }

    pub(crate) fn at_fault(self, severity: Severity, text: &str) -> String {
        let code = match severity {
            Severity::Error => "31",
            Severity::Warning => "33",
            Severity::Info => "36",
        };
        self.with(code, text)
    }

    pub(crate) fn removed(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(crate) fn added(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(crate) fn severity(self, severity: Severity, text: &str) -> String {
        let code = match severity {
            Severity::Error => "1;31",
            Severity::Warning => "1;33",
            Severity::Info => "1;34",
        };
        self.with(code, text)
    }
}
