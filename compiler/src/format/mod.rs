//! Brings a file of policy into one form: `mesh fmt`.
//!
//! ```text
//! text ─layout▶ Plan (what is done with each line) ─apply▶ ─order▶ text ─same▶ checked
//! ```
//! - Mappings are indented by two spaces; a list begins in the column of its key, as `kubectl` writes it. One space follows
//!   `:` and `-`. No line ends in spaces, the file ends in one line break, and no two blank lines follow each other.
//! - `apiVersion`, `kind` and `metadata` come first, where no anchor or comment speaks against it; the other keys stay in
//!   the order of their author, and so do documents.
//! - Quotes, brackets, comments, anchors and the texts of blocks stay as they are; lines are neither joined nor broken.
//! - What comes out says the same as what went in, with the same comments, or nothing comes out. Formatting it again
//!   changes nothing.

mod layout;
mod order;
mod plan;
mod same;

#[cfg(test)]
mod tests;

/// Why a text is left as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FormatError {
    #[error("it is not YAML")]
    Syntax,
    /// It uses a form of YAML that policy hardly has, such as `? key`.
    #[error("{0} is left as it is written")]
    Unusual(&'static str),
    /// A fault of the formatter's own, found in time.
    #[error("it would not say the same afterwards")]
    Changed,
}

/// The text in its form.
///
/// # Errors
/// When it is no YAML, or written in a way that is not touched.
pub fn format(text: &str) -> Result<String, FormatError> {
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    let unix = unix_breaks(body)?;
    let said = same::read(&unix).ok_or(FormatError::Syntax)?;
    let once = tidy(&unix)?;
    // What is put in order may be laid out otherwise.
    let after = if once == unix { once } else { tidy(&once)? };
    if same::read(&after) != Some(said) {
        return Err(FormatError::Changed);
    }
    let has_crlf = body.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r'));
    let after = if has_crlf { after.replace('\n', "\r\n") } else { after };
    Ok(format!("{mark}{after}"))
}

fn tidy(text: &str) -> Result<String, FormatError> {
    let laid_out = layout::plan(text)?.apply();
    let ordered = order::ordered(&laid_out)?;
    Ok(if ordered == laid_out { laid_out } else { layout::plan(&ordered)?.apply() })
}

/// All line breaks as `\n`.
fn unix_breaks(text: &str) -> Result<String, FormatError> {
    let unix = text.replace("\r\n", "\n");
    if unix.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}']) {
        return Err(FormatError::Unusual("a line break of another kind"));
    }
    Ok(unix)
}
