//! Prometheus' text format. Source: Prometheus, “Exposition formats”, version 0.0.4.

use std::fmt::{self, Write as _};

/// A page, or a part of one.
#[derive(Debug, Default)]
pub(in crate::observe) struct Text(pub(super) String);

/// Of a family.
#[derive(Clone, Copy, Debug)]
pub(in crate::observe) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Text {
    /// Begins a family; all its samples follow.
    pub(in crate::observe) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    /// `labels` as written by [`Labels`], without braces.
    pub(in crate::observe) fn sample(&mut self, name: &str, labels: &str, value: u64) {
        if labels.is_empty() {
            self.line(format_args!("{name} {value}"));
        } else {
            self.line(format_args!("{name}{{{labels}}} {value}"));
        }
    }

    /// A family of one sample without labels.
    pub(in crate::observe) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, Kind::Counter, help);
        self.sample(name, "", value);
    }

    /// The same.
    pub(in crate::observe) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, Kind::Gauge, help);
        self.sample(name, "", value);
    }

    pub(super) fn line(&mut self, line: fmt::Arguments<'_>) {
        // To write to a string cannot fail.
        let _ = self.0.write_fmt(line);
        self.0.push('\n');
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

/// Names and values of one sample.
#[derive(Debug, Default)]
pub(in crate::observe) struct Labels(String);

impl Labels {
    pub(in crate::observe) fn add(&mut self, name: &str, value: impl fmt::Display) -> &mut Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        let _ = write!(Escaped(&mut self.0), "{value}");
        self.0.push('"');
        self
    }

    pub(in crate::observe) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for symbol in text.chars() {
            match symbol {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                symbol => self.0.push(symbol),
            }
        }
        Ok(())
    }
}

/// Thousandths, as a decimal fraction without trailing zeros.
pub(super) struct Thousandths(pub(super) u64);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        match rest {
            0 => write!(f, "{whole}"),
            _ if rest % 100 == 0 => write!(f, "{whole}.{}", rest / 100),
            _ if rest % 10 == 0 => write!(f, "{whole}.{:02}", rest / 10),
            _ => write!(f, "{whole}.{rest:03}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Labels, Thousandths};

    #[test]
    fn values_are_escaped() {
        let mut labels = Labels::default();
        labels.add("a", "x\\y\"z\nä").add("b", 7);
        assert_eq!(labels.as_str(), "a=\"x\\\\y\\\"z\\nä\",b=\"7\"");
    }

    #[test]
    fn thousandths_lose_nothing() {
        let written = |number| Thousandths(number).to_string();
        assert_eq!(
            [0, 500, 1050, 1234, 3000, 7].map(written),
            ["0", "0.5", "1.05", "1.234", "3", "0.007"]
        );
    }
}
