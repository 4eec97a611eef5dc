//! What a text says, whatever its form.

use granit_parser::{Event, Parser, ScalarStyle, options};

use crate::parse::DEPTH_MAX;

/// What a text says: the order of keys says nothing.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Said {
    /// Whether it is plain, which decides between `1` and `"1"`; its tag; its anchor.
    Scalar(String, bool, Option<String>, usize),
    Alias(String),
    List(Vec<Self>, usize),
    Mapping(Vec<(Self, Self)>, usize),
}

/// The documents, and the comments in the order of the alphabet; of what is no YAML, nothing.
pub(super) fn read(text: &str) -> Option<(Vec<Said>, Vec<String>)> {
    let options = options! {
        emit_comments: true,
        emit_unresolved_aliases: true,
        max_buffered_comment_events: usize::MAX,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let (mut documents, mut comments) = (Vec::new(), Vec::new());
    let mut stack: Vec<(Vec<Said>, bool, usize)> = Vec::new();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, _) = event.ok()?;
        let said = match event {
            Event::Comment(said, _) => {
                comments.push(said.trim_end().to_owned());
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                stack.push((Vec::new(), true, anchor));
                continue;
            }
            Event::SequenceStart(_, anchor, _) => {
                stack.push((Vec::new(), false, anchor));
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => closed(stack.pop()?),
            Event::Scalar(text, style, anchor, tag) => Said::Scalar(
                text.into_owned(),
                style == ScalarStyle::Plain,
                tag.map(|tag| format!("{tag:?}")),
                anchor,
            ),
            Event::Alias(id) => Said::Alias(id.to_string()),
            Event::UnresolvedAlias(name) => Said::Alias(name.into_owned()),
            _ => continue,
        };
        match stack.last_mut() {
            Some((children, ..)) => children.push(said),
            None => documents.push(said),
        }
    }
    comments.sort();
    Some((documents, comments))
}

fn closed((children, is_mapping, anchor): (Vec<Said>, bool, usize)) -> Said {
    if !is_mapping {
        return Said::List(children, anchor);
    }
    let mut entries = Vec::with_capacity(children.len() / 2);
    let mut children = children.into_iter();
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        entries.push((key, value));
    }
    entries.sort();
    Said::Mapping(entries, anchor)
}
