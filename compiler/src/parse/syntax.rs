//! Syntax errors in words.

use granit_parser::{ErrorKind, ScanError};

use super::checks::{TOO_DEEP, YAML_SYNTAX};
use super::stream::DEPTH_MAX;
use crate::diagnostic::{Diagnostic, Place};
use crate::source::{FileId, Span};

/// Says what is wrong, and where.
pub(super) fn diagnose(error: &ScanError, text: &str, file: FileId) -> Diagnostic {
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let at = if is_tab(error.kind()) { tab(text, at) } else { at };
    let place = Place::text(file, token(text, at));
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        let message = format!("lists and mappings lie in each other more than {DEPTH_MAX} deep");
        return Diagnostic::new(&TOO_DEEP, place, message)
            .consequence("nothing of this document is read");
    }
    if is_misplaced_key(error.kind())
        && let Some(found) = misplaced_key(text, at, &place)
    {
        return found;
    }
    let Words { message, label, help } = words(error.kind());
    let found = Diagnostic::new(&YAML_SYNTAX, place, format!("this is not YAML: {message}"))
        .label(label)
        .consequence("nothing of this document is read; the others of the file are");
    if help.is_empty() { found } else { found.help(help) }
}

fn is_tab(kind: &ErrorKind) -> bool {
    use ErrorKind as E;
    matches!(
        kind,
        E::TabNotAllowed
            | E::TabInBlockIndentation
            | E::TabInIndentation
            | E::TabAtBlockScalarStart
            | E::TabInPlainScalar
    )
}

/// The tab itself: the parser tells of the word before it, or of the one behind it.
fn tab(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let before = bytes.get(..at).unwrap_or_default();
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
    let blanks = before.get(start..).unwrap_or_default();
    if let Some(found) = blanks.iter().position(|byte| *byte == b'\t')
        && blanks.iter().all(|byte| matches!(byte, b' ' | b'\t'))
    {
        return start + found;
    }
    // On its line any will do; on those below, one that stands before all else.
    let rest = text.get(at..).unwrap_or_default();
    let mut offset = at;
    for (number, line) in rest.split_inclusive('\n').enumerate() {
        let found = line
            .find('\t')
            .filter(|_| number == 0 || line.trim_start_matches(' ').starts_with('\t'));
        if let Some(found) = found {
            return offset + found;
        }
        offset += line.len();
    }
    at
}

const fn is_misplaced_key(kind: &ErrorKind) -> bool {
    use ErrorKind as E;
    matches!(
        kind,
        E::SimpleKeyExpected
            | E::InvalidSimpleKey
            | E::ExpectedBlockMappingKey
            | E::InvalidIndentation
            | E::ExpectedBlockSequenceEntry
    )
}

/// Of a `key:` that begins its line in a column in which no mapping is open: the columns of those that are.
fn misplaced_key(text: &str, at: usize, place: &Place) -> Option<Diagnostic> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |found| found + 1);
    let blanks = text.get(start..at)?;
    let line = text.get(at..)?.lines().next()?;
    let (key, rest) = line.split_once(':')?;
    let is_key = !key.is_empty() && !key.contains([' ', '"', '\'', '{', '[', '-', '#']);
    if !is_key
        || !blanks.bytes().all(|byte| byte == b' ')
        || !(rest.is_empty() || rest.starts_with(' '))
    {
        return None;
    }
    let columns = open_columns(text.get(..start)?);
    let own = blanks.len();
    if columns.contains(&own) {
        return None;
    }
    let (outer, inner) = (
        columns.iter().filter(|it| **it < own).max(),
        columns.iter().filter(|it| **it > own).min(),
    );
    let spaces = [outer, inner].into_iter().flatten().map(ToString::to_string);
    let spaces: Vec<_> = spaces.collect();
    if spaces.is_empty() {
        return None;
    }
    let message =
        format!("this is not YAML: `{key}` is indented by {own}, and no mapping that is open is");
    Some(
        Diagnostic::new(&YAML_SYNTAX, place.clone(), message)
            .label("begins where no other key does")
            .consequence("nothing of this document is read; the others of the file are")
            .help(format!("indent it by {} spaces, as a key above it is", spaces.join(" or "))),
    )
}

/// By how much the keys are indented beside which a line that follows `before` could stand.
fn open_columns(before: &str) -> Vec<usize> {
    let mut columns = Vec::new();
    let mut outermost = usize::MAX;
    for line in before.lines().rev().take_while(|line| !line.starts_with("---")) {
        let rest = line.trim_start_matches(' ');
        let indent = line.len() - rest.len();
        if rest.is_empty() || rest.starts_with('#') || indent >= outermost {
            continue;
        }
        // `- - key:` opens a list in a list, and then a mapping.
        let dashes = rest.len() - rest.trim_start_matches("- ").len();
        columns.push(indent + dashes);
        // The dashes of a list may stand where its key does.
        outermost = indent + usize::from(dashes > 0);
        if outermost == 0 {
            break;
        }
    }
    columns
}

/// The word that begins at `at`, or the one character there.
fn token(text: &str, at: usize) -> Span {
    let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let rest = text.get(at..).unwrap_or_default();
    let word =
        rest.find(|c: char| !(c.is_alphanumeric() || "_-./".contains(c))).unwrap_or(rest.len());
    let length = match rest.chars().next() {
        None | Some('\n' | '\r') => 0,
        Some(first) => word.max(first.len_utf8()),
    };
    Span::of(at..at + length)
}

struct Words {
    message: &'static str,
    label: &'static str,
    help: &'static str,
}

const INDENT: &str = "indent with spaces; entries of one mapping begin in the same column";
const QUOTE: &str = "put the text in quotes";

/// The parser knows some ninety faults; to an author they are these.
#[expect(clippy::too_many_lines, reason = "a table")]
fn words(kind: &ErrorKind) -> Words {
    use ErrorKind as E;
    let (message, label, help) = match kind {
        kind if is_tab(kind) => {
            ("a line is indented with a tab", "this is a tab", "indent with spaces")
        }
        E::MappingValueNotAllowed | E::InvalidColonPlacement | E::MappingKeyNotAllowed => (
            "a `key: value` stands where none can",
            "not here",
            "if the colon belongs to a text, put the text in quotes; if not, look at the indentation",
        ),
        E::SimpleKeyExpected | E::InvalidSimpleKey | E::ExpectedBlockMappingKey => {
            ("a mapping has a line that is no `key: value`", "no `key:` here", INDENT)
        }
        E::InvalidMappingValueWhitespace | E::FlowMappingValueAdjacentCollection => {
            ("a `:` has no space after it", "here", "write `key: value`")
        }
        E::ExpectedBlockSequenceEntry
        | E::BlockSequenceEntryNotAllowed
        | E::BlockEntryInFlowCollection => {
            ("a `-` stands where no list can, or is missing where one goes on", "here", INDENT)
        }
        E::InvalidBlockEntryWhitespace => ("a `-` has no space after it", "here", "write `- item`"),
        E::InvalidIndentation | E::InvalidFlowScalarIndent | E::InvalidBlockScalarIndent => {
            ("the indentation fits nothing around it", "this line", INDENT)
        }
        // Other readers take it.
        E::InvalidQuotedScalarIndent => (
            "a text in quotes goes on in the column of its key, or before it",
            "this line",
            "indent it by one space more than the key, or write the text as a block, after `|`",
        ),
        E::UnclosedFlowCollection { .. }
        | E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping
        | E::ExpectedFlowMappingSeparator
        | E::ExpectedFlowSequenceSeparator => (
            "a `[` or `{` is not closed, or its items are not separated",
            "here",
            "close the bracket, and put commas between items",
        ),
        E::MisplacedFlowCollectionEnd | E::MismatchedFlowCollectionEnd { .. } => {
            ("a bracket closes nothing that is open", "this bracket", "")
        }
        E::UnclosedQuotedScalar | E::DocumentIndicatorInQuotedScalar => {
            ("a quote is not closed", "here", "close the quote")
        }
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => (
            "something follows a closing quote",
            "this",
            "put all of the text into one pair of quotes",
        ),
        E::UnknownQuotedScalarEscape
        | E::InvalidQuotedScalarHexEscape
        | E::InvalidUnicodeEscape => (
            "there is no such escape in double quotes",
            "here",
            "write `\\\\` for a backslash, or use single quotes, which have no escapes",
        ),
        E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate => ("half of a surrogate pair stands alone", "here", ""),
        E::UnexpectedCharacter { character: '@' | '`' | '%' }
        | E::PlainScalarStartsWithDashFlowIndicator => {
            ("a text begins with a character that YAML keeps for itself", "this character", QUOTE)
        }
        E::UnexpectedCharacter { .. } => {
            ("there is a character that no YAML may hold", "this character", "")
        }
        E::BomInsideDocument => (
            "there is a byte order mark in the middle of the file",
            "here",
            "remove it; files put one after the other often leave one",
        ),
        E::CommentNotSeparated | E::CommentInterceptedScalar => (
            "a comment stands too close to a text, or in the middle of one",
            "here",
            "put a space before `#`, and quotes around a text of several lines",
        ),
        E::InvalidBlockScalarHeader | E::ZeroBlockScalarIndent => (
            "something follows the `|` or `>` of a block",
            "here",
            "begin the text on the next line",
        ),
        E::InvalidDocumentEnd | E::ExpectedDocumentStart | E::MissingDocumentEndBeforeDirective => {
            (
                "something stands between two documents",
                "here",
                "begin a document with `---` on a line of its own",
            )
        }
        E::MissingAnchorOrAliasName => ("an `&` or `*` has no name after it", "here", QUOTE),
        E::UndeclaredTagHandle
        | E::InvalidTagTerminator
        | E::MissingTagUri
        | E::ExpectedTagBang => ("a text begins with `!`, which makes it a tag", "here", QUOTE),
        E::UnexpectedEof
        | E::UnexpectedEofBlockMapping
        | E::UnexpectedEofBlockSequence
        | E::UnexpectedEndOfPlainScalar => ("the text ends in the middle", "here", ""),
        _ => ("the parser cannot read on", "here", ""),
    };
    Words { message, label, help }
}
