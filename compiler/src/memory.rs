//! What is kept of files from one compilation of a repository to the next, for whoever compiles it again and again.
//!
//! What a file says by itself is read, parsed, decoded and checked by itself once, and again when the file changes. What
//! several say together is looked at again by those rules that look at anything which has changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mesh_stamp::Stamp;
use rayon::prelude::*;

use crate::api::{KeptResources, Mesh};
use crate::check;
use crate::diagnostic::Diagnostic;
use crate::parse::{self, Parsed, ParsedFile};
use crate::parts::Parts;
use crate::resolve::{self, Before};
use crate::source::{self, Entry, FileId, Input, Origin, SourceFile};

/// The files that were read last. What has not changed is not parsed again.
#[derive(Default)]
pub struct Memory<'g> {
    files: HashMap<String, Known>,
    resources: KeptResources,
    found: check::Kept,
    ground: Option<Ground<'g>>,
    /// Since 1970, when this round began.
    now: Option<Duration>,
    is_news: bool,
}

/// A repository as it once was, resolved, and what has changed in it since.
pub(crate) struct Ground<'g> {
    mesh: resolve::Mesh<'g>,
    changed: Parts,
    /// Something is resolved in each round though that round changes nothing of it.
    is_worn: bool,
}

/// A file, and what was understood of it.
#[derive(Clone)]
struct Known {
    /// Whatever was found names it.
    id: FileId,
    file: Arc<SourceFile>,
    parsed: Arc<ParsedFile>,
    found: Arc<[Diagnostic]>,
    /// What tells without reading it that it is still the same; absent where nothing does.
    stamp: Option<Stamp>,
}

impl<'g> Memory<'g> {
    /// Lets rounds stand on a repository as the last one left it ([`crate::Compilation::mesh`]): what is resolved of it now is
    /// not resolved again in a round that does not change it, for as long as it [`Memory::stands`].
    ///
    /// Of several environments that are compiled in turns none stands on another, so nothing is resolved for them.
    #[must_use]
    pub fn on(self, mesh: Option<&Mesh>) -> Memory<'_> {
        let Self { files, resources, found, ground: _, now, is_news } = self;
        let resolved = mesh.filter(|_| !resources.are_of_several()).map(resolve::resolve);
        let ground =
            resolved.map(|mesh| Ground { mesh, changed: Parts::default(), is_worn: false });
        Memory { files, resources, found, ground, now, is_news }
    }

    /// Whether what it stands on is as it was, but for what the last round changed. Where a resource comes or goes, nothing is.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.ground.as_ref().is_some_and(|it| !it.is_worn && it.changed != Parts::ALL)
    }

    /// Says what time it is, since 1970, before each round. Who does not, has every file read each time: that it looks as it did does not tell that it
    /// is the same, unless it had been left alone for a while when it was read.
    pub fn at(&mut self, now: Duration) {
        self.now = Some(now);
    }

    /// Whether any file was another one than the time before, since this was asked last.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.is_news)
    }

    /// Whether anything is new that nobody has asked for yet.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.is_news
    }

    /// What is known of resources, what rules have found in them, and what they stand on.
    pub(crate) fn of_resources(
        &mut self,
    ) -> (&mut KeptResources, &mut check::Kept, Option<&mut Ground<'g>>) {
        (&mut self.resources, &mut self.found, self.ground.as_mut())
    }

    /// Reads everything that `inputs` lead to, as [`crate::read`] does.
    pub(crate) fn read(
        &mut self,
        inputs: &[Input],
        context: &[Input],
        out: &mut Vec<Diagnostic>,
    ) -> Parsed {
        let entries: Vec<_> = source::walk(inputs, context).into_par_iter().enumerate().collect();
        let all: Vec<(Known, bool)> = entries
            .into_par_iter()
            .map(|(index, entry)| {
                let id = FileId(u32::try_from(index).unwrap_or(u32::MAX));
                self.look(id, entry)
            })
            .collect();
        self.is_news |= all.len() != self.files.len() || all.iter().any(|(_, is_new)| *is_new);
        let changed = all.iter().filter(|(_, is_new)| *is_new).filter_map(|(now, _)| {
            let before = self.files.get(&now.file.path)?;
            (before.file.role == now.file.role).then_some((before, now))
        });
        self.resources.set_alike(changed.flat_map(|(before, now)| {
            parse::alike((&before.parsed, before.file.text()), (&now.parsed, now.file.text()))
        }));
        self.files = all.iter().map(|(it, _)| (it.file.path.clone(), it.clone())).collect();
        for (known, _) in &all {
            out.extend(known.found.iter().cloned());
        }
        let files = all.into_iter().map(|(known, _)| (known.file, known.parsed));
        let mut parsed = Parsed::of(files);
        parse::read_charts(&mut parsed, out);
        parse::read_kustomizations(&mut parsed, &source::root_of(inputs), out);
        parsed
    }

    /// A file, and whether it is another one than it was.
    fn look(&self, id: FileId, entry: Entry) -> (Known, bool) {
        let known = self.files.get(&entry.shown);
        // Before it is read: what is written meanwhile changes it.
        let stamp = self.now.and_then(|now| match &entry.origin {
            Origin::File(path) => Stamp::of(path, now).ok().flatten(),
            _ => None,
        });
        if let Some(known) = known
            && known.stamp.is_some()
            && known.stamp == stamp
            && known.file.role == entry.role
        {
            return (known.called(id), false);
        }
        let mut found = Vec::new();
        let file = source::load(entry, id, &mut found);
        match known {
            Some(known) if known.holds(&file) => (Known { stamp, ..known.called(id) }, false),
            _ => (Known::parse(id, file, found, stamp), true),
        }
    }
}

impl<'g> Ground<'g> {
    /// What of it holds after these changes, which come after all that it has heard of.
    pub(crate) fn after(&mut self, changed: Parts) -> Option<Before<'_, 'g>> {
        self.changed = self.changed | changed;
        self.is_worn = self.changed.without(changed) != Parts::default();
        (self.changed != Parts::ALL).then_some(Before { mesh: &self.mesh, changed: self.changed })
    }
}

impl Known {
    fn parse(
        id: FileId,
        mut file: SourceFile,
        mut found: Vec<Diagnostic>,
        stamp: Option<Stamp>,
    ) -> Self {
        let parsed = parse::parse(&file, id, &mut found);
        file.hide(parsed.hidden.iter().copied());
        // Why a file could not be read may change without a trace.
        let stamp = stamp.filter(|_| file.is_readable());
        Self { id, file: Arc::new(file), parsed: Arc::new(parsed), found: found.into(), stamp }
    }

    /// The same under the number that the file has now: others came or went before it.
    fn called(&self, id: FileId) -> Self {
        if self.id == id {
            return self.clone();
        }
        let mut found = self.found.to_vec();
        for found in &mut found {
            found.each_place(|place| place.rename_file(self.id, id));
        }
        let parsed = Arc::new(self.parsed.of_file(id));
        Self { id, parsed, found: found.into(), ..self.clone() }
    }

    /// Why a file could not be read may change without its text.
    fn holds(&self, file: &SourceFile) -> bool {
        self.file.role == file.role
            && self.file.is_readable()
            && file.is_readable()
            && self.file.text() == file.text()
    }
}

#[cfg(test)]
mod tests;
