//! What is done with each line of a text.

/// By line, from 0. Breaks are `\n`.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    text: &'a str,
    /// Where each line begins; one more, at the end of the text.
    starts: Vec<usize>,
    lines: Vec<Line>,
    /// Bytes between two tokens, which become one space.
    gaps: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    pub indent: Indent,
    /// Spaces at its end belong to a text.
    pub keeps_end: bool,
    /// It belongs to a text even if nothing stands in it.
    pub keeps_blank: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Indent {
    /// Nobody has said: a comment, or a blank line.
    #[default]
    Free,
    /// Of the structure: a comment may stand as it does.
    To(usize),
    /// A further line of a text.
    Inside(usize),
    /// So many columns from where it is.
    By(isize),
}

impl<'a> Plan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        if starts.last() != Some(&text.len()) {
            starts.push(text.len());
        }
        let lines = vec![Line::default(); starts.len() - 1];
        Self { text, starts, lines, gaps: Vec::new() }
    }

    pub(super) fn line_of(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    pub(super) fn count(&self) -> usize {
        self.lines.len()
    }

    /// Without its break.
    pub(super) fn line(&self, line: usize) -> &'a str {
        let (start, end) = (self.start(line), self.start(line + 1));
        let whole = self.text.get(start..end).unwrap_or_default();
        whole.strip_suffix('\n').unwrap_or(whole)
    }

    pub(super) fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// How far its first character stands from the left.
    pub(super) fn indent(&self, line: usize) -> usize {
        let line = self.line(line);
        line.len() - line.trim_start_matches(' ').len()
    }

    pub(super) fn is_blank(&self, line: usize) -> bool {
        self.line(line).trim_matches([' ', '\t']).is_empty()
    }

    /// What stands before `at` in its line.
    pub(super) fn before(&self, at: usize) -> &'a str {
        self.text.get(self.start(self.line_of(at))..at).unwrap_or_default()
    }

    pub(super) fn set(&mut self, line: usize, indent: Indent) {
        if let Some(line) = self.lines.get_mut(line) {
            line.indent = indent;
        }
    }

    pub(super) fn keep(&mut self, line: usize, end: bool, blank: bool) {
        if let Some(line) = self.lines.get_mut(line) {
            line.keeps_end |= end;
            line.keeps_blank |= blank;
        }
    }

    pub(super) fn get(&self, line: usize) -> Line {
        self.lines.get(line).copied().unwrap_or_default()
    }

    /// The bytes from `start` to `end`, in one line, are one space.
    pub(super) fn gap(&mut self, start: usize, end: usize) {
        if self.text.get(start..end).is_some_and(|gap| gap != " " && !gap.is_empty()) {
            self.gaps.push((start, end));
        }
    }

    pub(super) fn apply(mut self) -> String {
        self.gaps.sort_unstable();
        self.place_comments();
        let mut out = String::with_capacity(self.text.len());
        let mut blanks = 0;
        for line in 0..self.count() {
            let plan = self.get(line);
            let text = self.written(line, plan);
            if text.is_empty() && !plan.keeps_blank {
                blanks += 1;
                continue;
            }
            if blanks > 0 && !out.is_empty() {
                out.push('\n');
            }
            blanks = 0;
            out.push_str(&text);
            out.push('\n');
        }
        if self.ends_inside() {
            out.pop();
        }
        out
    }

    /// Whether the last line is of a text to which a line break would add one.
    fn ends_inside(&self) -> bool {
        let last = self.get(self.count().saturating_sub(1));
        last.keeps_blank && !self.text.ends_with('\n')
    }

    /// A comment stands where the next line does that stood in its column, or the last one that did, or where the next does.
    fn place_comments(&mut self) {
        let mut next: Option<(usize, usize)> = None;
        let mut after = vec![None; self.count()];
        for line in (0..self.count()).rev() {
            if let Some(slot) = after.get_mut(line) {
                *slot = next;
            }
            next = self.placed(line).or(next);
        }
        let mut seen: Vec<(usize, usize)> = Vec::new();
        for line in 0..self.count() {
            if let Some(placed) = self.placed(line) {
                seen.retain(|(old, _)| *old < placed.0);
                seen.push(placed);
            } else if self.get(line).indent == Indent::Free && !self.is_blank(line) {
                let old = self.indent(line);
                let next = after.get(line).copied().flatten();
                let like = next.filter(|next| next.0 == old);
                let like = like.or_else(|| seen.iter().rfind(|seen| seen.0 == old).copied());
                let column = like.or(next).map_or(0, |(_, new)| new);
                self.set(line, Indent::To(column));
            }
        }
    }

    /// Where a line of structure stood, and where it will.
    fn placed(&self, line: usize) -> Option<(usize, usize)> {
        match self.get(line).indent {
            Indent::To(new) => Some((self.indent(line), new)),
            _ => None,
        }
    }

    /// The line as it will be, without its break.
    fn written(&self, line: usize, plan: Line) -> String {
        let old = self.indent(line);
        let column = match plan.indent {
            Indent::Free => old,
            Indent::To(column) | Indent::Inside(column) => column,
            Indent::By(columns) => old.saturating_add_signed(columns),
        };
        let (start, end) = (self.start(line), self.start(line) + self.line(line).len());
        let first = self.gaps.partition_point(|gap| gap.0 < start);
        let mut text = " ".repeat(column);
        let mut at = (start + old).min(end);
        for (from, to) in self.gaps.iter().skip(first).take_while(|gap| gap.0 < end) {
            text.push_str(self.text.get(at..*from).unwrap_or_default());
            text.push(' ');
            at = *to;
        }
        text.push_str(self.text.get(at..end).unwrap_or_default());
        let shown = text.trim_end_matches([' ', '\t']).len();
        if !plan.keeps_end || shown == 0 && !plan.keeps_blank {
            text.truncate(shown);
        }
        text
    }
}
