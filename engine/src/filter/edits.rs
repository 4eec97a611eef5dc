//! Edits of headers, one after the other.

use http::header::HeaderName;
use mesh_snapshot::object::HeaderEdit;

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

pub(super) fn compile(edits: &[HeaderEdit]) -> Result<Box<[Edit]>, Fault> {
    edits.iter().map(edit).collect()
}

fn edit(edit: &HeaderEdit) -> Result<Edit, Fault> {
    let (name, change) = match edit {
        HeaderEdit::Add { name, value } => (name, Change::Add(Value::compile(value)?)),
        HeaderEdit::Set { name, value } => (name, Change::Set(Value::compile(value)?)),
        HeaderEdit::Remove { name } => (name, Change::Remove),
    };
    let name = name.parse().map_err(|_| Fault::HeaderName(name.clone()))?;
    Ok(Edit { name, change })
}
