//! `mesh fmt`: brings the files of a policy into one form.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use clap::Args;
use mesh_compiler::diagnostic::{Diagnostic, Levels, finish};
use mesh_compiler::format::{FormatError, format};
use mesh_compiler::parse::{Parsed, origin};
use mesh_compiler::source::{FILE_BYTES_MAX, FileId, Input, Role, SourceFile, show};

use super::{Exit, note, revision};
use crate::findings::replace;
use crate::mend::{self, Patch};
use crate::render::Paths;
use crate::render::counts::counted;
use crate::render::plain::{plain, shown_path};
use crate::source::Source;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Files and directories; `-` is standard input, which goes to standard output. In a directory, files that hold
    /// resources are formatted, and `mesh.yaml`; a file that is named always is.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<String>,
    /// Name the files that are not in their form, and change nothing.
    #[arg(long)]
    check: bool,
    /// Print what would change, and change nothing.
    #[arg(long)]
    diff: bool,
}

impl Arguments {
    const fn changes_nothing(&self) -> bool {
        self.check || self.diff
    }
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    if let Some(past) = arguments.paths.iter().find(|path| Source::is_past(path)) {
        return Exit::Usage.because(&format_args!("{past}: what was there cannot be formatted"));
    }
    if arguments.paths.iter().any(|path| path == "-") {
        return match arguments.paths.as_slice() {
            [_] => standard_input(arguments),
            _ => Exit::Usage.because(&"`-` stands alone"),
        };
    }
    let inputs: Vec<_> = arguments.paths.iter().map(|path| Input::from(path.as_str())).collect();
    let mut found = Vec::new();
    let parsed = mesh_compiler::read(&inputs, &[], &mut found);
    let paths = revision::paths_of(&arguments.paths);
    let named = arguments.paths.iter().map(|path| show(Path::new(path))).collect();
    let mut run = Run { arguments, named, parsed: &parsed, paths, tally: Tally::default() };
    let is_unreadable = unreadable(&found, &parsed);
    for (id, file) in run.wanted() {
        if let Err(error) = run.file(id, file) {
            return Exit::Unreachable.because(&format_args!("{}: {error}", shown_path(file)));
        }
    }
    run.tally.tell(arguments);
    match (is_unreadable, run.tally.changed) {
        (true, _) => Exit::Input,
        (false, 1..) if arguments.changes_nothing() => Exit::Negative,
        (false, _) => Exit::Ok,
    }
}

fn standard_input(arguments: &Arguments) -> Exit {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    if let Err(error) = read {
        return Exit::Input.because(&error);
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Exit::Input.because(&"-: this is too large");
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Exit::Input.because(&"-: this is not text in UTF-8");
    };
    let after = match mend::why_untouched(&text) {
        Some(_) => text.clone(),
        None => match format(&text) {
            Ok(after) => after,
            Err(error @ FormatError::Syntax) => {
                return Exit::Input.because(&format_args!("-: {error}"));
            }
            Err(error) => {
                note(&format!("-: {error}"));
                text.clone()
            }
        },
    };
    if arguments.diff {
        let file = SourceFile::new("-", Role::Policy, text.clone());
        super::write(&mend::change("-", &file, &after).text);
    } else if !arguments.check {
        super::write(&after);
        return Exit::Ok;
    }
    if after == text { Exit::Ok } else { Exit::Negative }
}

/// Tells what cannot be read, and whether there is such.
fn unreadable(found: &[Diagnostic], parsed: &Parsed) -> bool {
    let findings = finish(found, parsed, &BTreeMap::new(), &Levels::new());
    let mut is_unreadable = false;
    for finding in findings.iter().filter(|finding| finding.is_unreadable()) {
        is_unreadable = true;
        let file = parsed.source(finding.primary.file);
        let place = finding.primary.span.map_or(String::new(), |span| {
            let start = file.position(span.start);
            format!(":{}:{}", start.line, start.column)
        });
        let (path, message) = (shown_path(file), plain(&finding.message));
        super::tell(&format_args!("error: {path}{place}: {message}"));
    }
    is_unreadable
}

#[derive(Debug, Default)]
struct Tally {
    changed: usize,
    same: usize,
    left: usize,
}

struct Run<'a> {
    arguments: &'a Arguments,
    /// The paths of the command line, as files are shown.
    named: BTreeSet<String>,
    parsed: &'a Parsed,
    paths: Paths,
    tally: Tally,
}

impl<'a> Run<'a> {
    /// Files that hold policy, or were named.
    fn wanted(&self) -> Vec<(FileId, &'a SourceFile)> {
        let holding: BTreeSet<_> = self.parsed.documents().map(|(_, it)| it.file).collect();
        let files = self.parsed.sources().iter().filter(|(_, file)| file.is_readable());
        files.filter(|(id, file)| holding.contains(id) || self.is_named(file)).collect()
    }

    /// Whether an argument is this file, and not a folder that it lies in.
    fn is_named(&self, file: &SourceFile) -> bool {
        self.named.contains(&file.path)
    }

    fn file(&mut self, id: FileId, file: &SourceFile) -> io::Result<()> {
        if let Some(why) = self.reason(id, file) {
            self.tally.left += 1;
            if self.is_named(file) {
                note(&format!("{}: not changed, since {why}", shown_path(file)));
            }
            return Ok(());
        }
        let after = match format(file.text()) {
            Ok(after) if after == file.text() => {
                self.tally.same += 1;
                return Ok(());
            }
            Ok(after) => after,
            // Why it is none has been told.
            Err(FormatError::Syntax) => return Ok(()),
            Err(error) => {
                self.tally.left += 1;
                note(&format!("{}: not changed: {error}", shown_path(file)));
                return Ok(());
            }
        };
        self.tally.changed += 1;
        if self.arguments.diff {
            let real = fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone().into());
            let path = self.paths.in_patch(&real.to_string_lossy());
            let Patch { text, notes } = mend::change(&path, file, &after);
            super::write(&text);
            for left in notes {
                note(&left);
            }
        } else if self.arguments.check {
            super::write(&format!("{}\n", shown_path(file)));
        } else {
            replace(Path::new(&file.path), after.as_bytes())?;
        }
        Ok(())
    }

    /// Why a file is left alone, if so.
    fn reason(&self, id: FileId, file: &SourceFile) -> Option<String> {
        let extension = Path::new(&file.path).extension();
        if extension.is_some_and(|it| it.eq_ignore_ascii_case("json")) {
            return Some("it is JSON".to_owned());
        }
        let is_as_read = fs::read(&file.path).is_ok_and(|it| it == file.text().as_bytes());
        if !is_as_read {
            return Some("it is no file, or has changed meanwhile".to_owned());
        }
        let own = self.parsed.documents_of(id);
        let rendered = own.iter().find_map(|it| origin(self.parsed, it));
        let rendered = rendered.map(|from| format!("it is rendered from {}", plain(&from)));
        rendered.or_else(|| mend::why_untouched(file.text()).map(str::to_owned))
    }
}

impl Tally {
    fn tell(&self, arguments: &Arguments) {
        let done = if arguments.changes_nothing() { "to be formatted" } else { "formatted" };
        let mut told = vec![format!("{} {done}", counted(self.changed, "file"))];
        if self.same > 0 {
            told.push(format!("{} in form already", self.same));
        }
        if self.left > 0 {
            told.push(format!("{} left alone", self.left));
        }
        note(&told.join(", "));
    }
}
