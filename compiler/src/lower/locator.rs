//! Where the items of objects are written.

use std::sync::{Arc, OnceLock};

use mesh_snapshot::Location;

use crate::diagnostic::Place;
use crate::parse::Parsed;
use crate::source::relative;

/// Tells where places are. Each file and each resource is named once, however many items stand in it.
pub(crate) struct Locator<'m> {
    parsed: &'m Parsed,
    root: &'m str,
    files: Vec<OnceLock<Arc<str>>>,
    resources: Vec<OnceLock<Arc<str>>>,
}

impl<'m> Locator<'m> {
    /// `root` is the folder that places are relative to; empty: none.
    pub(crate) fn new(parsed: &'m Parsed, root: &'m str) -> Self {
        let unnamed = |count| std::iter::repeat_with(OnceLock::new).take(count).collect();
        let files = unnamed(parsed.sources().iter().count());
        Self { parsed, root, files, resources: unnamed(parsed.documents().len()) }
    }

    pub(crate) fn location(&self, place: &Place) -> Location {
        let (file, span) = place.locate(self.parsed);
        let source = self.parsed.source(file);
        let position = source.position(span.start);
        Location {
            file: name(&self.files, file.0, || relative(&source.path, self.root).into()),
            line: position.line,
            column: position.column,
            resource: place.document().map_or_else(Arc::default, |id| {
                name(&self.resources, id.0, || self.parsed.document(id).to_string().into())
            }),
        }
    }
}

fn name(known: &[OnceLock<Arc<str>>], at: u32, make: impl FnOnce() -> Arc<str>) -> Arc<str> {
    match known.get(at as usize) {
        Some(name) => Arc::clone(name.get_or_init(make)),
        None => make(),
    }
}
