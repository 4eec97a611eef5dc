//! From a text's tokens to where its lines begin.

use granit_parser::{Options, ScalarStyle, Scanner, StrInput, TokenType, options};

use super::FormatError;
use super::plan::{Indent, Plan};
use crate::parse::DEPTH_MAX;

/// How far what belongs to a key or an item stands from it.
const STEP: usize = 2;

/// What to do with each line of `text`, whose line breaks are `\n`.
pub(super) fn plan(text: &str) -> Result<Plan<'_>, FormatError> {
    let mut layout = Layout { text, tokens: tokens(text)?, at: 0, depth: 0, plan: Plan::new(text) };
    layout.stream()?;
    Ok(layout.plan)
}

/// A token, and the bytes that it stands in.
pub(super) type Piece<'a> = (TokenType<'a>, std::ops::Range<usize>);

/// All but comments.
pub(super) fn tokens(text: &str) -> Result<Vec<Piece<'_>>, FormatError> {
    let options: Options = options! { emit_comments: false };
    let mut pieces = Vec::new();
    for token in Scanner::with_options(StrInput::new(text), options) {
        let (span, kind) = token.map_err(|_| FormatError::Syntax)?.into_parts();
        pieces.push((kind, span.byte_range().ok_or(FormatError::Syntax)?));
    }
    Ok(pieces)
}

struct Layout<'a> {
    text: &'a str,
    tokens: Vec<Piece<'a>>,
    at: usize,
    depth: usize,
    plan: Plan<'a>,
}

/// Where a node may stand.
#[derive(Clone, Copy)]
struct Room {
    /// Of a mapping in it.
    mapping: usize,
    /// Of a list in it.
    list: usize,
    /// Of what belongs to the node and stands in lines of its own.
    inner: usize,
    /// Behind the `:` or `-` before it.
    after: usize,
    /// It is the value of a key.
    is_value: bool,
}

impl<'a> Layout<'a> {
    fn peek(&self) -> Option<&Piece<'a>> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Piece<'a>> {
        let piece = self.tokens.get(self.at).cloned();
        self.at += 1;
        piece
    }

    fn stream(&mut self) -> Result<(), FormatError> {
        while let Some((kind, bytes)) = self.peek().cloned() {
            match kind {
                TokenType::StreamStart | TokenType::StreamEnd => self.at += 1,
                TokenType::DocumentStart | TokenType::DocumentEnd => {
                    self.plan.set(self.plan.line_of(bytes.start), Indent::To(0));
                    self.at += 1;
                }
                TokenType::VersionDirective(..)
                | TokenType::TagDirective(..)
                | TokenType::ReservedDirective(..) => {
                    return Err(FormatError::Unusual("a file with a `%` directive"));
                }
                _ => {
                    let before = self.at;
                    let after = self.plan.start(self.plan.line_of(bytes.start));
                    let room = Room { mapping: 0, list: 0, inner: 0, after, is_value: false };
                    self.node(room, true)?;
                    if self.at == before {
                        return Err(FormatError::Syntax);
                    }
                }
            }
        }
        Ok(())
    }

    /// A node, if one is there.
    fn node(&mut self, room: Room, is_root: bool) -> Result<(), FormatError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX * 2 {
            return Err(FormatError::Unusual("a text that is so deep"));
        }
        let mut room = room;
        while let Some((TokenType::Anchor(_), bytes)) = self.peek().cloned() {
            self.begin(&bytes, room, is_root);
            room.after = bytes.end;
            self.at += 1;
        }
        let Some((kind, bytes)) = self.peek().cloned() else { return Ok(()) };
        match kind {
            TokenType::BlockMappingStart => {
                self.at += 1;
                self.begin(&bytes, Room { inner: room.mapping, ..room }, is_root);
                self.mapping(room.mapping)?;
            }
            TokenType::BlockSequenceStart => {
                self.at += 1;
                self.begin(&bytes, Room { inner: room.list, ..room }, is_root);
                self.list(room.list)?;
                self.expect(|kind| *kind == TokenType::BlockEnd)?;
            }
            // Behind a `-` it is the next item, and this one is empty.
            TokenType::BlockEntry if room.is_value => self.list(room.list)?,
            TokenType::FlowSequenceStart | TokenType::FlowMappingStart => {
                self.begin(&bytes, room, is_root);
                self.flow(bytes.start)?;
            }
            TokenType::Scalar(ScalarStyle::Literal | ScalarStyle::Folded, value) => {
                self.at += 1;
                self.block(&value, room, is_root)?;
            }
            TokenType::Tag(..) => return Err(FormatError::Unusual("a text with a tag")),
            TokenType::Scalar(..) if is_root => {
                return Err(FormatError::Unusual("a document that is one text"));
            }
            TokenType::Scalar(..) => {
                self.at += 1;
                self.begin(&bytes, room, is_root);
                self.text(&bytes, room);
            }
            TokenType::Alias(_) => {
                self.at += 1;
                self.begin(&bytes, room, is_root);
            }
            _ => {}
        }
        self.depth -= 1;
        Ok(())
    }

    /// A token stands first in its line, or one space behind what is before it.
    fn begin(&mut self, bytes: &std::ops::Range<usize>, room: Room, is_root: bool) {
        let line = self.plan.line_of(bytes.start);
        if self.plan.before(bytes.start).trim_matches(' ').is_empty() {
            self.plan.set(line, Indent::To(room.inner));
        } else if self.plan.line_of(room.after) == line && !is_root {
            self.plan.gap(room.after, bytes.start);
        }
    }

    fn expect(&mut self, is: impl Fn(&TokenType<'a>) -> bool) -> Result<Piece<'a>, FormatError> {
        self.next().filter(|(kind, _)| is(kind)).ok_or(FormatError::Syntax)
    }

    fn mapping(&mut self, column: usize) -> Result<(), FormatError> {
        loop {
            let (kind, key) = self.next().ok_or(FormatError::Syntax)?;
            match kind {
                TokenType::BlockEnd => return Ok(()),
                TokenType::Key => self.key(&key, column)?,
                _ => return Err(FormatError::Unusual("a mapping with a value and no key")),
            }
            let (_, colon) = self.expect(|kind| *kind == TokenType::Value)?;
            let inner = column + STEP;
            let room = Room {
                mapping: inner,
                list: column,
                inner,
                after: colon.start + 1,
                is_value: true,
            };
            self.node(room, false)?;
        }
    }

    /// A key of one line, in the first place of its line, or behind the `-` that it is in.
    fn key(&mut self, key: &std::ops::Range<usize>, column: usize) -> Result<(), FormatError> {
        let before = self.plan.before(key.start);
        if !before.bytes().all(|byte| matches!(byte, b' ' | b'-')) {
            return Err(FormatError::Unusual("a key that follows something in its line"));
        }
        if self.text.get(key.start..).is_some_and(|text| text.starts_with(['?', '&', '!'])) {
            return Err(FormatError::Unusual("a key with a mark before it"));
        }
        if before.trim_matches(' ').is_empty() {
            self.plan.set(self.plan.line_of(key.start), Indent::To(column));
        }
        let is_simple =
            |kind: &TokenType<'_>| matches!(kind, TokenType::Scalar(..) | TokenType::Alias(_));
        let name = self.next().filter(|(kind, _)| is_simple(kind));
        let (_, name) = name.ok_or(FormatError::Unusual("a key that is no text"))?;
        if self.text.get(name).is_none_or(|name| name.contains('\n')) {
            return Err(FormatError::Unusual("a key of several lines"));
        }
        Ok(())
    }

    fn list(&mut self, column: usize) -> Result<(), FormatError> {
        while let Some((TokenType::BlockEntry, entry)) = self.peek().cloned() {
            let dash = self.dash(&entry).ok_or(FormatError::Unusual("a list of this kind"))?;
            self.at += 1;
            if self.plan.before(dash).trim_matches(' ').is_empty() {
                self.plan.set(self.plan.line_of(dash), Indent::To(column));
            }
            let inner = column + STEP;
            let room =
                Room { mapping: inner, list: inner, inner, after: dash + 1, is_value: false };
            self.node(room, false)?;
        }
        Ok(())
    }

    /// Where the `-` of the next token stands. The token itself begins behind what follows the `-` in its line.
    fn dash(&self, entry: &std::ops::Range<usize>) -> Option<usize> {
        let line = self.plan.start(self.plan.line_of(entry.start));
        let before = self.at.checked_sub(1).and_then(|before| self.tokens.get(before));
        let before = before.map_or(0, |(_, bytes)| bytes.end).min(entry.start);
        let from = before.max(line);
        let rest = self.text.get(from..)?;
        let dash = from + rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let is_plain = !self.plan.before(dash).contains('\t');
        (is_plain && self.text.get(dash..)?.starts_with('-')).then_some(dash)
    }

    /// Brackets of several lines move as one.
    fn flow(&mut self, start: usize) -> Result<(), FormatError> {
        let mut open = 0usize;
        let mut end = start;
        while let Some((kind, bytes)) = self.next() {
            match kind {
                TokenType::FlowSequenceStart | TokenType::FlowMappingStart => open += 1,
                TokenType::FlowSequenceEnd | TokenType::FlowMappingEnd => open -= 1,
                TokenType::StreamEnd => return Err(FormatError::Syntax),
                _ => {}
            }
            end = bytes.end;
            let lines = (self.plan.line_of(bytes.start), self.plan.line_of(bytes.end));
            for line in lines.0..lines.1 {
                self.plan.keep(line, true, true);
            }
            if open == 0 {
                break;
            }
        }
        let (first, last) = (self.plan.line_of(start), self.plan.line_of(end));
        let by = match self.plan.get(first).indent {
            Indent::To(column) | Indent::Inside(column) => {
                signed(column) - signed(self.plan.indent(first))
            }
            Indent::By(columns) => columns,
            Indent::Free => 0,
        };
        for line in first + 1..=last {
            self.plan.set(line, Indent::By(by));
        }
        Ok(())
    }

    /// Further lines of a text: what stands before them is none of it.
    fn text(&mut self, bytes: &std::ops::Range<usize>, room: Room) {
        let (first, last) = (self.plan.line_of(bytes.start), self.plan.line_of(bytes.end));
        for line in first..last {
            self.plan.keep(line, true, self.plan.is_blank(line));
            if !self.plan.is_blank(line + 1) {
                self.plan.set(line + 1, Indent::Inside(room.inner.max(1)));
            }
        }
    }

    /// `|` and `>`: the lines move as one, so that those that stand out still do.
    fn block(&mut self, value: &str, room: Room, is_root: bool) -> Result<(), FormatError> {
        let header_line = self.plan.line_of(room.after);
        let rest = self.text.get(room.after..).and_then(|rest| rest.lines().next());
        let rest = rest.unwrap_or_default();
        let header = rest.trim_start_matches([' ', '\t']);
        if is_root || !header.starts_with(['|', '>']) {
            return Err(FormatError::Unusual("a block of text that begins a line"));
        }
        let marks = header.split([' ', '\t', '#']).next().unwrap_or_default();
        if marks.contains(|it: char| it.is_ascii_digit()) {
            return Err(FormatError::Unusual("a block of text that says its indentation"));
        }
        // That line decides where the block stands, and shows nothing of it.
        let is_blank = |line: &str| line.trim_matches([' ', '\t']).is_empty();
        if value.lines().find(|line| !line.is_empty()).is_some_and(is_blank) {
            return Err(FormatError::Unusual("a block of text that begins with a tab"));
        }
        self.plan.gap(room.after, room.after + rest.len() - header.len());
        let lines = header_line + 1..self.block_end(header_line + 1, value);
        let old = lines.clone().find(|line| !self.plan.is_blank(*line));
        let has_text = !value.trim_matches('\n').is_empty();
        if has_text != old.is_some() || marks.contains('+') && !has_text {
            return Err(FormatError::Unusual("a block of blanks"));
        }
        // Spaces alone are no text.
        let old = old.map_or(usize::MAX, |line| self.plan.indent(line));
        // Blank lines at the end count where the header says so, and spaces that stand out.
        let is_short = |line: usize| self.plan.is_blank(line) && self.plan.line(line).len() <= old;
        let counts = |line: &usize| marks.contains('+') || !is_short(*line);
        let Some(last) = lines.clone().rev().find(counts) else { return Ok(()) };
        if (lines.start..=last).any(|line| is_short(line) && self.plan.line(line).contains('\t')) {
            return Err(FormatError::Unusual("a block of text with a tab before it"));
        }
        let by = signed(room.inner) - signed(old);
        for line in lines.start..=last {
            let is_short = self.plan.is_blank(line) && self.plan.line(line).len() <= old;
            self.plan.keep(line, !is_short, true);
            self.plan.set(line, if is_short { Indent::Inside(0) } else { Indent::By(by) });
        }
        Ok(())
    }

    /// Behind the last line of a block that begins at `first`. A line that stands less far out than the first is none of it;
    /// where its text is empty, blank lines alone are.
    fn block_end(&self, first: usize, value: &str) -> usize {
        let lines = || first..self.plan.count();
        let has_text = !value.trim_matches('\n').is_empty();
        let begin = lines().find(|line| !self.plan.is_blank(*line)).filter(|_| has_text);
        let indent = begin.map_or(usize::MAX, |line| self.plan.indent(line));
        let is_inside =
            |line: &usize| self.plan.is_blank(*line) || self.plan.indent(*line) >= indent;
        lines().find(|line| !is_inside(line)).unwrap_or(self.plan.count())
    }
}

fn signed(column: usize) -> isize {
    isize::try_from(column).unwrap_or(isize::MAX)
}
