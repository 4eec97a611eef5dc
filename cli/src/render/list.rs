//! A list in JSON that is never in memory as a whole.

use serde::{Serialize, Serializer};

/// Elements that are made one by one, as they are written: all at once they take ten times what they take as text.
pub(super) struct List<F>(pub F);

impl<F, I> Serialize for List<F>
where
    F: Fn() -> I,
    I: Iterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
