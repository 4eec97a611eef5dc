//! What the compiler makes of a folder, and what must hold of that always.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use mesh_compiler::diagnostic::{Class, Severity, Site};
use mesh_compiler::source::Input;
use mesh_compiler::{Compilation, Options};

use crate::inputs::File;

/// A folder of its own, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("mesh-bad-input-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) struct Verdict {
    pub(crate) has_errors: bool,
    /// A line a finding, without places.
    pub(crate) said: Vec<String>,
    /// Its digest.
    pub(crate) snapshot: Option<String>,
}

/// Compiles a folder in which `file` stands alone, with these bytes.
pub(crate) fn compile(folder: &Folder, file: &File, bytes: &[u8], what: &str) -> Verdict {
    folder.write(&file.name, bytes);
    judge(&folder.0, &format!("{}, {what}", file.name))
}

/// Compiles all files, one of them with other bytes.
pub(crate) fn compile_all(files: &[File], changed: Option<(usize, &[u8])>) -> Verdict {
    let folder = Folder::new();
    for (index, file) in files.iter().enumerate() {
        let other = changed.filter(|(of, _)| *of == index).map(|(_, bytes)| bytes);
        folder.write(&file.name, other.unwrap_or(file.text.as_bytes()));
    }
    let name = changed.and_then(|(index, _)| files.get(index)).map_or("all", |file| &file.name);
    judge(&folder.0, name)
}

fn judge(folder: &Path, what: &str) -> Verdict {
    let inputs = [Input::Path(folder.into())];
    let compile = || mesh_compiler::compile(&inputs, &Options::default());
    let Ok(compiled) = catch_unwind(AssertUnwindSafe(compile)) else {
        panic!("the compiler panicked: {what}");
    };
    check(&compiled, what);
    let line =
        |it: &mesh_compiler::diagnostic::Finding| format!("{}: {}", it.check.name, it.message);
    Verdict {
        has_errors: compiled.has_errors(),
        said: compiled.findings.iter().map(line).collect(),
        snapshot: compiled.bundle.map(|bundle| bundle.snapshot.digest().to_string()),
    }
}

/// There is a snapshot or an error, and everything that is said has a place.
fn check(compiled: &Compilation, what: &str) {
    assert!(compiled.fault.is_none(), "{what}: {:?}", compiled.fault);
    assert_eq!(compiled.bundle.is_none(), compiled.has_errors(), "{what}: {:?}", compiled.findings);
    for finding in &compiled.findings {
        let has_place = finding.primary.span.is_some() || finding.check.class == Class::Input;
        assert!(finding.severity < Severity::Error || has_place, "{what}: {finding:?}");
        assert!(!finding.message.is_empty(), "{what}: {finding:?}");
        for site in std::iter::once(&finding.primary).chain(&finding.others) {
            check_site(compiled, site, what);
        }
        for edit in finding.fixes.iter().flat_map(|fix| &fix.edits) {
            let text = compiled.parsed.source(edit.file).text();
            assert!(text.get(edit.span.range()).is_some(), "{what}: {edit:?}");
        }
    }
}

fn check_site(compiled: &Compilation, site: &Site, what: &str) {
    let text = compiled.parsed.source(site.file).text();
    let Some(span) = site.span else { return };
    assert!(text.get(span.range()).is_some(), "{what}: {site:?} is outside of the text");
}
