//! What a terminal may show of texts that somebody else chose.

use std::borrow::Cow;

use mesh_compiler::source::{SourceFile, is_deceptive};

/// Text of an author's file may hold what a terminal would act on.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_deceptive) {
        return Cow::Borrowed(text);
    }
    text.chars()
        .map(|character| if is_deceptive(character) { '\u{fffd}' } else { character })
        .collect()
}

/// The name of a file, which whoever made it chose, as a terminal may show it.
pub(crate) fn shown_path(file: &SourceFile) -> Cow<'_, str> {
    plain(&file.path)
}
