//! YAML as nearly all policy is written: block collections, flow collections on one line, scalars on one line. It is read in one
//! pass over the bytes, in a quarter of the time that the whole of YAML takes.
//!
//! It is a part of the language and no dialect. Whatever lies outside of it (anchors, tags, block scalars, texts of several
//! lines, tabs, letters beyond ASCII, and every fault) makes it give up, and the general parser reads the text from its beginning. So
//! nothing is decided or reported here, and what is read here is read as the general parser does, byte for byte: [`tests`]
//! compares the two.

mod flow;
mod scalar;

#[cfg(test)]
mod tests;

use granit_parser::{Event, ScalarStyle, StructureStyle};

use self::scalar::{Context, Scalar};
use super::build::Builder;
use super::stream::{YamlDocument, document};
use crate::source::{FileId, Span};

/// How deep collections may lie in each other here. The deepest field of any kind lies at 20.
const DEPTH_MAX: usize = 32;
/// A longer key is one only to some parsers. Source: YAML 1.2, 7.4.3: at most 1024 characters, its value's `:` among them.
const KEY_BYTES_MAX: usize = 512;

/// All documents of `text`; `None` where anything in it is not everyday YAML.
pub(super) fn read(text: &str, file: FileId) -> Option<Vec<YamlDocument>> {
    let is_plain = |byte: &u8| matches!(byte, b'\n' | b' '..=b'~');
    // Without a way out of the loop it takes many bytes at once.
    if !text
        .as_bytes()
        .chunks(256)
        .all(|chunk| chunk.iter().fold(true, |all, it| all & is_plain(it)))
    {
        return None;
    }
    let mut reader = Reader::new(text, file);
    let mut documents = Vec::new();
    reader.next_line();
    while !reader.is_at_end() {
        let start = reader.at;
        if reader.indent.is_none() {
            reader.marker()?;
        }
        let document = reader.document(start)?;
        if !document.is_nothing(text) {
            documents.push(document);
        }
    }
    Some(documents)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    builder: Builder<'a>,
    /// The byte that is looked at.
    at: usize,
    /// Where its line begins.
    line: usize,
    /// The column of what begins the line; none where a document ends before it.
    indent: Option<usize>,
    depth: usize,
}

/// `None`: this is not everyday YAML.
type Taken = Option<()>;

impl<'a> Reader<'a> {
    fn new(text: &'a str, file: FileId) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            builder: Builder::new(text, file),
            at: 0,
            line: 0,
            indent: None,
            depth: 0,
        }
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Whether `---` or `...` stands here, alone.
    fn is_at_marker(&self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        matches!(rest, [b'-', b'-', b'-', ..] | [b'.', b'.', b'.', ..])
            && matches!(rest.get(3), None | Some(b' ' | b'\n'))
    }

    /// Whether the byte `indicator` stands here, with nothing but space behind it.
    fn is_at(&self, indicator: u8) -> bool {
        self.byte() == Some(indicator)
            && matches!(self.bytes.get(self.at + 1), None | Some(b' ' | b'\n'))
    }

    fn is_at_entry(&self) -> bool {
        self.is_at(b'-')
    }

    /// Whether nothing but a comment follows in the line.
    fn is_at_line_end(&self) -> bool {
        matches!(self.byte(), None | Some(b'\n' | b'#'))
    }

    fn skip_spaces(&mut self) {
        while self.byte() == Some(b' ') {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
    }

    /// Goes to what begins the next line that is neither empty nor a comment.
    fn next_line(&mut self) {
        loop {
            self.line = self.at;
            self.skip_spaces();
            match self.byte() {
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.skip_line(),
                Some(_) => {
                    let column = self.at - self.line;
                    let is_marker = column == 0 && self.is_at_marker();
                    self.indent = (!is_marker).then_some(column);
                    return;
                }
                None => {
                    self.indent = None;
                    return;
                }
            }
        }
    }

    /// Ends a line that has nothing more to say.
    fn end_line(&mut self) -> Taken {
        self.skip_spaces();
        match self.byte() {
            Some(b'\n') => self.at += 1,
            // What stands before a comment ends with a space.
            Some(b'#') if self.bytes.get(self.at.wrapping_sub(1)) == Some(&b' ') => {
                self.skip_line();
            }
            Some(_) => return None,
            None => {}
        }
        self.next_line();
        Some(())
    }

    /// `---`, with nothing behind it.
    fn marker(&mut self) -> Taken {
        if self.byte() != Some(b'-') {
            return None;
        }
        self.at += 3;
        self.end_line()
    }

    fn document(&mut self, start: usize) -> Option<YamlDocument> {
        // An empty one has a place that is hard to say.
        self.block(self.indent?)?;
        if self.indent.is_some() {
            return None;
        }
        Some(document(self.builder.finish(), Span::of(start..self.at), true))
    }

    /// Whatever begins at `column`, up to the end of its last line.
    fn block(&mut self, column: usize) -> Taken {
        self.depth += 1;
        // A marker that is indented is a text of which the general parser makes nothing.
        if self.depth > DEPTH_MAX || self.is_at_marker() {
            return None;
        }
        if self.is_at_entry() {
            self.sequence(column, self.at)?;
        } else if self.is_at_flow() {
            self.flow()?;
            self.end_line()?;
        } else {
            let scalar = self.scalar(Context::Block)?;
            if self.is_at(b':') {
                self.mapping(column, scalar)?;
            } else {
                self.take(scalar);
                self.end_line()?;
            }
        }
        self.depth -= 1;
        Some(())
    }

    /// A mapping, behind its first key.
    fn mapping(&mut self, column: usize, first: Scalar<'a>) -> Taken {
        let start = first.span.start as usize;
        self.event(Event::MappingStart(StructureStyle::Block, 0, None), Span::of(start..start));
        let mut key = first;
        loop {
            self.key(key)?;
            self.value(column)?;
            match self.indent {
                Some(next) if next > column => return None,
                Some(next) if next == column && !self.is_at_entry() => {}
                _ => break,
            }
            key = self.scalar(Context::Block)?;
        }
        self.event(Event::MappingEnd, Span::of(self.at..self.at));
        Some(())
    }

    /// Takes a key, and goes behind its `:`.
    fn key(&mut self, key: Scalar<'a>) -> Taken {
        if !self.is_at(b':') || self.at - key.span.start as usize > KEY_BYTES_MAX {
            return None;
        }
        self.take(key);
        self.at += 1;
        Some(())
    }

    /// What a mapping at `column` has behind a `:`.
    fn value(&mut self, column: usize) -> Taken {
        let colon = self.at - 1;
        self.skip_spaces();
        if !self.is_at_line_end() {
            if self.is_at_flow() {
                self.flow()?;
            } else {
                let scalar = self.scalar(Context::Block)?;
                self.take(scalar);
            }
            return self.end_line();
        }
        self.end_line()?;
        match self.indent {
            Some(next) if next > column => self.block(next),
            Some(next) if next == column && self.is_at_entry() => self.indentless_sequence(column),
            _ => {
                let absent = Event::Scalar("~".into(), ScalarStyle::Plain, 0, None);
                self.event(absent, Span::of(colon..colon));
                Some(())
            }
        }
    }

    /// A sequence that stands as far to the left as the mapping that it is in. It begins with its first value.
    fn indentless_sequence(&mut self, column: usize) -> Taken {
        let behind = self.text.get(self.at + 1..).unwrap_or_default();
        let spaces = behind.len() - behind.trim_start_matches(' ').len();
        if matches!(behind.as_bytes().get(spaces), None | Some(b'\n' | b'#')) {
            return None;
        }
        self.sequence(column, self.at + 1 + spaces)
    }

    fn sequence(&mut self, column: usize, start: usize) -> Taken {
        self.event(Event::SequenceStart(StructureStyle::Block, 0, None), Span::of(start..start));
        loop {
            self.at += 1;
            self.skip_spaces();
            if self.is_at_line_end() {
                self.end_line()?;
                // An absent value has a place that is hard to say.
                let next = self.indent.filter(|next| *next > column)?;
                self.block(next)?;
            } else {
                self.block(self.at - self.line)?;
            }
            match self.indent {
                Some(next) if next > column => return None,
                Some(next) if next == column && self.is_at_entry() => {}
                _ => break,
            }
        }
        self.event(Event::SequenceEnd, Span::of(self.at..self.at));
        Some(())
    }

    fn take(&mut self, scalar: Scalar<'a>) {
        let Scalar { text, style, span } = scalar;
        self.event(Event::Scalar(text, style, 0, None), span);
    }

    fn event(&mut self, event: Event<'a>, span: Span) {
        self.builder.event(event, span);
    }
}
