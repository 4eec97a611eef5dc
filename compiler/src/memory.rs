//! What is kept of files from one compilation of a repository to the next, for whoever compiles it again and again.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::diagnostic::Diagnostic;
use crate::parse::{self, Parsed, ParsedFile};
use crate::source::{self, FileId, Input, SourceFile};

/// The files that were read last. What has not changed is not parsed again.
#[derive(Debug, Default)]
pub struct Memory {
    files: HashMap<String, Known>,
    is_news: bool,
}

/// A file, and what was understood of it.
#[derive(Clone, Debug)]
struct Known {
    /// Whatever was found names it.
    id: FileId,
    file: SourceFile,
    parsed: ParsedFile,
    found: Vec<Diagnostic>,
}

impl Memory {
    /// Whether any file was another one than the time before, since this was asked last.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.is_news)
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
                let mut found = Vec::new();
                let file = source::load(entry, id, &mut found);
                match self.files.get(&file.path) {
                    Some(known) if known.holds(id, &file) => (known.clone(), false),
                    _ => (Known::parse(id, file, found), true),
                }
            })
            .collect();
        self.is_news |= all.len() != self.files.len() || all.iter().any(|(_, is_new)| *is_new);
        self.files = all.iter().map(|(it, _)| (it.file.path.clone(), it.clone())).collect();
        let files = all.into_iter().map(|(known, _)| {
            out.extend(known.found);
            (known.file, known.parsed)
        });
        let mut parsed = Parsed::new(files.collect());
        parse::read_kustomizations(&mut parsed, out);
        parsed
    }
}

impl Known {
    fn parse(id: FileId, file: SourceFile, mut found: Vec<Diagnostic>) -> Self {
        let parsed = parse::parse(&file, id, &mut found);
        Self { id, file, parsed, found }
    }

    /// Why a file could not be read may change without its text.
    fn holds(&self, id: FileId, file: &SourceFile) -> bool {
        self.id == id
            && self.file.role == file.role
            && self.file.is_readable()
            && file.is_readable()
            && self.file.text() == file.text()
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use crate::source::Input;
    use crate::testing::Folder;
    use crate::{Compilation, Options, compile, compile_again};

    const SERVICE: &str =
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n";
    const BROKEN: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: [\n";

    fn shown(compiled: &Compilation) -> String {
        let digest = compiled.bundle.as_ref().map(|bundle| bundle.snapshot.digest());
        format!("{digest:?} {:?}", compiled.findings)
    }

    #[test]
    fn what_is_compiled_again_is_what_is_compiled_afresh() {
        let folder = Folder::new();
        let inputs = [Input::Path(folder.path().into())];
        let options = Options::default();
        let mut memory = Memory::default();
        let mut again = || {
            let compiled = compile_again(&inputs, &options, &mut memory);
            assert_eq!(shown(&compiled), shown(&compile(&inputs, &options)));
            memory.take_news()
        };
        folder.write("b.yaml", SERVICE);
        assert!(again());
        assert!(!again());
        // Every file behind it gets another number.
        folder.write("a.yaml", BROKEN);
        assert!(again());
        assert!(!again());
        folder.write("a.yaml", "");
        assert!(again());
        std::fs::remove_file(folder.path().join("b.yaml")).unwrap();
        assert!(again());
        assert!(!again());
    }
}
