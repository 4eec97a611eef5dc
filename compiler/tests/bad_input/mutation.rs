//! What may happen to a file.

/// How deep is too deep.
const DEPTH: usize = 2000;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Mutation {
    /// A bit of a byte is turned.
    Flip {
        at: usize,
        bit: u8,
    },
    DeleteLine(usize),
    DuplicateLine(usize),
    /// The values of two lines change places.
    SwapScalars(usize, usize),
    /// A tab stands where a line was indented.
    Tab(usize),
    /// A value becomes lists in lists.
    Nest(usize),
    /// A byte that is none of UTF-8.
    NotUtf8(usize),
    /// A NUL.
    Nul(usize),
    /// An alias for which there is no anchor.
    Alias(usize),
}

impl Mutation {
    /// Some of each, spread over the text.
    pub(crate) fn all(text: &str) -> Vec<Self> {
        let lines = text.lines().count();
        let mut all = Vec::new();
        for (turn, at) in (0..text.len()).step_by(13).enumerate() {
            all.push(Self::Flip { at, bit: u8::try_from(turn % 8).unwrap() });
        }
        for line in 0..lines {
            all.extend([Self::DeleteLine(line), Self::DuplicateLine(line), Self::Tab(line)]);
            all.push(Self::SwapScalars(line, (line * 7 + 3) % lines));
        }
        for line in (0..lines).step_by(5) {
            all.extend([Self::Nest(line), Self::Alias(line)]);
        }
        for at in (0..text.len()).step_by(97) {
            all.extend([Self::NotUtf8(at), Self::Nul(at)]);
        }
        all
    }

    pub(crate) fn apply(self, text: &str) -> Vec<u8> {
        let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
        match self {
            Self::Flip { at, bit } => {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                return bytes;
            }
            Self::NotUtf8(at) | Self::Nul(at) => {
                let mut bytes = text.as_bytes().to_vec();
                bytes.insert(at, if matches!(self, Self::Nul(_)) { 0 } else { 0xff });
                return bytes;
            }
            Self::DeleteLine(line) => drop(lines.remove(line)),
            Self::DuplicateLine(line) => lines.insert(line, lines[line].clone()),
            Self::SwapScalars(a, b) => {
                let (first, second) = (lines[a].clone(), lines[b].clone());
                if let (Some((_, x)), Some((_, y))) =
                    (first.split_once(": "), second.split_once(": "))
                {
                    lines[a] = first.replacen(x, y, 1);
                    lines[b] = second.replacen(y, x, 1);
                }
            }
            Self::Tab(line) => {
                let rest = lines[line].trim_start_matches(' ').to_owned();
                lines[line] = format!("\t{rest}");
            }
            Self::Nest(line) => {
                lines[line] = value(&lines[line], &("[".repeat(DEPTH) + &"]".repeat(DEPTH)));
            }
            Self::Alias(line) => lines[line] = value(&lines[line], "*nobody"),
        }
        lines.concat().into_bytes()
    }

    /// Whether no file that was so changed may be compiled.
    pub(crate) fn is_fatal(self, text: &str) -> bool {
        let is_entry = |line: usize| {
            let line = text.lines().nth(line).unwrap_or_default();
            let is_word =
                |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric());
            let is_plain =
                |value: &str| !value.is_empty() && !value.contains(['#', '|', '>', '{', '[', '"']);
            let entry = line.trim_start().split_once(": ");
            // Within a text of several lines, as a key of a token is, nothing is an entry.
            !text.contains(": |")
                && entry.is_some_and(|(key, value)| is_word(key) && is_plain(value))
        };
        match self {
            Self::NotUtf8(_) => true,
            Self::DuplicateLine(line) | Self::Nest(line) | Self::Alias(line) => is_entry(line),
            _ => false,
        }
    }
}

/// The line with another value, if it has one.
fn value(line: &str, new: &str) -> String {
    match line.split_once(": ") {
        Some((key, _)) => format!("{key}: {new}\n"),
        None => line.to_owned(),
    }
}

/// Whether a bracket or a quote is open at the end; of a text with blocks, in which they mean nothing, and of
/// a template, which is left out as a whole, it is not known.
pub(crate) fn is_open(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return true };
    let means_nothing = [": |", ": >", "---", "{{"];
    if means_nothing.iter().any(|it| text.contains(it)) {
        return false;
    }
    let mut depth = 0;
    for line in text.lines() {
        let mut quote = None;
        let mut before = ' ';
        for character in line.chars() {
            match (quote, character) {
                (Some(open), _) => quote = Some(open).filter(|open| *open != character),
                (None, '#') if before == ' ' => break,
                (None, '"' | '\'') if matches!(before, ' ' | '[' | '{' | ',') => {
                    quote = Some(character);
                }
                (None, '[' | '{') if depth > 0 || matches!(before, ' ') => depth += 1,
                (None, ']' | '}') if depth > 0 => depth -= 1,
                _ => {}
            }
            before = character;
        }
    }
    depth > 0
}
