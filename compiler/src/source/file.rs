//! One file, as it was read.

use std::sync::OnceLock;

use mesh_snapshot::Digest;

use super::{LineIndex, Position, Span};

/// What a file is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// It holds resources, or should.
    Policy,
    /// `mesh.yaml` at the root of the first path: how the project is to be compiled.
    Project,
    /// It says what is in the cluster, and is no policy: nobody is told what is wrong with it.
    Context,
}

/// A file of the repository. What could not be read is here too, without text, so that it has a name
/// that a diagnostic can give.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As the user reached it, with `/`: the path given, and the way from there. `-` is standard input.
    pub path: String,
    pub role: Role,
    text: String,
    lines: LineIndex,
    readable: bool,
    /// What must not be shown, ascending: the data of Secrets.
    hidden: Vec<Span>,
    /// The text as it may be shown, where that is not as it is; once somebody has asked.
    shown: OnceLock<Option<String>>,
    /// Of the text; once somebody has asked.
    digest: OnceLock<Digest>,
}

impl SourceFile {
    #[must_use]
    pub fn new(path: impl Into<String>, role: Role, text: String) -> Self {
        let lines = LineIndex::new(&text);
        Self {
            path: path.into(),
            role,
            text,
            lines,
            readable: true,
            hidden: Vec::new(),
            shown: OnceLock::new(),
            digest: OnceLock::new(),
        }
    }

    /// A file whose bytes are missing, or not text. `shown` is what can be shown of it.
    #[must_use]
    pub fn unreadable(path: impl Into<String>, role: Role, shown: String) -> Self {
        Self { readable: false, ..Self::new(path, role, shown) }
    }

    /// Whether there is anything to parse.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| Digest::of(self.text.as_bytes()))
    }

    /// The text at `span`, empty where there is none.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    #[must_use]
    pub fn lines(&self) -> &LineIndex {
        &self.lines
    }

    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        self.lines.position(offset, &self.text)
    }

    /// Keeps `spans` out of everything that is shown.
    pub fn hide(&mut self, spans: impl IntoIterator<Item = Span>) {
        self.hidden.extend(spans);
        self.hidden.sort_unstable();
        self.shown.take();
    }

    /// The whole text as it may be shown, as [`SourceFile::shown`] says it. Many findings may be about one file.
    #[must_use]
    pub fn shown_text(&self) -> &str {
        let shown = self.shown.get_or_init(|| {
            let is_harmless = self.hidden.is_empty() && is_harmless(&self.text);
            let whole = Span::of(0..self.text.len());
            (!is_harmless).then(|| self.shown(whole))
        });
        shown.as_deref().unwrap_or(&self.text)
    }

    /// Whether anything at `span` must not be shown.
    #[must_use]
    pub fn hides(&self, span: Span) -> bool {
        self.hidden.iter().any(|hidden| hidden.start < span.end && span.start < hidden.end)
    }

    /// The text at `span` as it may be shown, byte for byte as long as it is: the characters of a secret are stars,
    /// and what a terminal would act on is a question mark or a replacement character.
    #[must_use]
    pub fn shown(&self, span: Span) -> String {
        let base = span.start as usize;
        let is_concealed = self.hides(span);
        // The spans lie one behind the other, and so do the characters.
        let mut hidden = self.hidden.iter().map(|hidden| hidden.range()).peekable();
        let mut is_hidden = |at: usize| {
            while hidden.next_if(|it| it.end <= at).is_some() {}
            hidden.peek().is_some_and(|it| it.contains(&at))
        };
        let text = self.slice(span);
        let mut shown = String::with_capacity(text.len());
        for (at, character) in text.char_indices() {
            let bytes = character.len_utf8();
            match character {
                '\n' | '\t' => shown.push(character),
                '\r' if text.as_bytes().get(at + 1) == Some(&b'\n') => shown.push(' '),
                '\r' => shown.push('\n'),
                _ if is_concealed && character != ' ' && is_hidden(base + at) => {
                    shown.extend(std::iter::repeat_n('*', bytes));
                }
                _ if is_deceptive(character) && bytes == 3 => shown.push('\u{fffd}'),
                _ if is_deceptive(character) => shown.extend(std::iter::repeat_n('?', bytes)),
                _ => shown.push(character),
            }
        }
        shown
    }
}

/// Whether a text can be shown as it is.
fn is_harmless(text: &str) -> bool {
    let may_be_odd = |byte: u8| !matches!(byte, b'\n' | b'\t' | b' '..=b'~');
    // Asked of all bytes and not up to the first, which the compiler turns into a few instructions for many bytes.
    let may_have_odd = text.bytes().fold(false, |found, byte| found | may_be_odd(byte));
    let is_odd = |character: char| is_deceptive(character) && !matches!(character, '\n' | '\t');
    !may_have_odd || !text.contains(is_odd)
}

/// Whether a terminal would act on the character, or show what follows it in another order.
#[must_use]
pub fn is_deceptive(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{Role, SourceFile, Span, is_harmless};

    #[test]
    fn only_what_a_terminal_acts_on_is_not_shown_as_it_is() {
        assert!(is_harmless("a: \"b\"\n\tc ~ ü→\n"));
        for odd in ["\r", "\u{1b}", "\0", "\u{7f}", "\u{85}", "\u{202e}"] {
            assert!(!is_harmless(&format!("a{odd}b")), "{odd:?}");
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let mut file = SourceFile::new("s.yaml", Role::Policy, "key: c2VjcmV0\nb: \u{1}\n".into());
        file.hide([Span::new(5, 13)]);
        assert!(file.hides(Span::new(0, 6)));
        assert!(!file.hides(Span::new(0, 5)));
        assert_eq!(file.shown(Span::new(0, 14)), "key: ********\n");
        assert_eq!(file.shown(Span::new(14, 18)), "b: ?");
    }
}
