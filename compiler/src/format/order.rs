//! The order of a resource's first keys.

use granit_parser::TokenType;

use super::FormatError;
use super::layout::{Piece, tokens};

/// What comes first, in this order; all else follows as it was written.
const FIRST: &[&str] = &["apiVersion", "kind", "metadata"];

/// The text with the keys of its resources in order. Where an anchor might come behind its alias, or a comment speaks of
/// what is below it, they stay.
pub(super) fn ordered(text: &str) -> Result<String, FormatError> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for document in documents(text, &tokens(text)?) {
        let Some(sections) = document.sections(text) else { continue };
        let (start, end) = (document.start(), document.end);
        out.push_str(text.get(at..start).unwrap_or_default());
        out.extend(sections);
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Ok(out)
}

/// A YAML document that is a mapping.
#[derive(Debug, Default)]
struct Document {
    /// Its keys, and where each begins.
    keys: Vec<(String, usize)>,
    end: usize,
    /// It has anchors, aliases or tags.
    is_linked: bool,
}

impl Document {
    fn start(&self) -> usize {
        self.keys.first().map_or(self.end, |(_, start)| *start)
    }

    /// The text of each key with its value, in order, if they may be moved and are not in order yet.
    fn sections<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let rank =
            |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
        let ranks: Vec<_> = self.keys.iter().map(|(name, _)| rank(name)).collect();
        let is_resource = ranks.contains(&0) && ranks.contains(&1);
        let body = text.get(self.start()..self.end)?;
        let is_loose = !self.is_linked
            && body.ends_with('\n')
            && !body.lines().any(|line| line.starts_with('#'))
            && !body.contains("|+")
            && !body.contains(">+");
        if !is_resource || !is_loose || ranks.is_sorted() {
            return None;
        }
        let ends = self.keys.iter().skip(1).map(|(_, start)| *start).chain([self.end]);
        let starts = self.keys.iter().map(|(_, start)| *start);
        let sections = starts.zip(ends).map(|(start, end)| text.get(start..end));
        let mut sections: Vec<_> =
            ranks.into_iter().zip(sections.collect::<Option<Vec<_>>>()?).collect();
        sections.sort_by_key(|(rank, _)| *rank);
        Some(sections.into_iter().map(|(_, section)| section).collect())
    }
}

fn documents(text: &str, tokens: &[Piece<'_>]) -> Vec<Document> {
    let mut found = Vec::new();
    let mut document = Document::default();
    let mut depth = 0usize;
    for (index, (kind, bytes)) in tokens.iter().enumerate() {
        match kind {
            TokenType::DocumentStart | TokenType::DocumentEnd | TokenType::StreamEnd => {
                document.end = bytes.start.min(text.len());
                found.push(std::mem::take(&mut document));
                depth = 0;
            }
            TokenType::BlockMappingStart
            | TokenType::BlockSequenceStart
            | TokenType::FlowMappingStart
            | TokenType::FlowSequenceStart => depth += 1,
            TokenType::BlockEnd | TokenType::FlowMappingEnd | TokenType::FlowSequenceEnd => {
                depth = depth.saturating_sub(1);
            }
            TokenType::Anchor(_) | TokenType::Alias(_) | TokenType::Tag(..) => {
                document.is_linked = true;
            }
            TokenType::Key if depth == 1 => {
                let name = match tokens.get(index + 1) {
                    Some((TokenType::Scalar(_, name), _)) => name.to_string(),
                    _ => String::new(),
                };
                let is_first =
                    text.get(..bytes.start).is_some_and(|it| it.is_empty() || it.ends_with('\n'));
                // Brackets, or something before the key.
                document.is_linked |= !is_first;
                document.keys.push((name, bytes.start));
            }
            _ => {}
        }
    }
    found
}
