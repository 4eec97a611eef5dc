//! Edits of headers, one after the other.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use mesh_snapshot::object::HeaderEdit;

use crate::format::Format;
use crate::program::Fault;
use crate::route::Value;

#[derive(Clone, Debug)]
pub struct Edit {
    pub name: HeaderName,
    pub change: Change,
}

#[derive(Clone, Debug)]
pub enum Change {
    /// One more value, whatever is there.
    Add(Value),
    /// This value and no other.
    Set(Value),
    Remove,
}

impl Edit {
    /// Whether its value depends on the request.
    #[must_use]
    pub fn is_computed(&self) -> bool {
        matches!(self.change, Change::Add(Value::Computed(_)) | Change::Set(Value::Computed(_)))
    }
}

/// Edits `headers`, one edit after the other. `compute` has what is written where a value depends on more than was known
/// beforehand; without it that edit is not made.
pub fn edit(
    headers: &mut HeaderMap,
    edits: &[Edit],
    compute: impl Fn(&Format, &HeaderMap) -> Option<HeaderValue>,
) {
    let made = |value: &Value, headers: &HeaderMap| match value {
        Value::Fixed(value) => Some(value.clone()),
        Value::Computed(format) => compute(format, headers),
    };
    for Edit { name, change } in edits {
        match change {
            Change::Remove => _ = headers.remove(name),
            Change::Set(value) => {
                if let Some(value) = made(value, headers) {
                    headers.insert(name, value);
                }
            }
            Change::Add(value) => {
                if let Some(value) = made(value, headers) {
                    headers.append(name, value);
                }
            }
        }
    }
}

pub(super) fn compile(edits: &[HeaderEdit]) -> Result<Box<[Edit]>, Fault> {
    edits.iter().map(compiled).collect()
}

fn compiled(edit: &HeaderEdit) -> Result<Edit, Fault> {
    let (name, change) = match edit {
        HeaderEdit::Add { name, value } => (name, Change::Add(Value::compile(value)?)),
        HeaderEdit::Set { name, value } => (name, Change::Set(Value::compile(value)?)),
        HeaderEdit::Remove { name } => (name, Change::Remove),
    };
    let name = name.parse().map_err(|_| Fault::HeaderName(name.clone()))?;
    Ok(Edit { name, change })
}
