//! From an entry to its text.

use std::fs::File;
use std::io::{self, Read};
use std::sync::OnceLock;

use super::checks::{EMPTY_INPUT, FILE_TOO_LARGE, NOT_UTF8, SYMLINK_LOOP, UNREADABLE_FILE};
use super::{Entry, FileId, Origin, SourceFile, Span};
use crate::diagnostic::{Diagnostic, Place};

/// The largest file that is read; policy for a hundred thousand services is smaller.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// Reads one entry. What stands in the way goes to `out`, and the file is unreadable then.
#[must_use]
pub fn load(entry: Entry, id: FileId, out: &mut Vec<Diagnostic>) -> SourceFile {
    let Entry { shown, role, origin } = entry;
    let place = Place::File(id);
    let bytes = match origin {
        Origin::File(path) => File::open(path).and_then(read_file),
        Origin::Stdin => stdin(),
        Origin::Text(text) => Ok(text.into_bytes()),
        Origin::Unreadable(error) => Err(error),
        Origin::Loop => {
            out.push(symlink_loop(place));
            return SourceFile::unreadable(shown, role, String::new());
        }
        Origin::Empty => {
            out.push(empty_input(place));
            return SourceFile::unreadable(shown, role, String::new());
        }
    };
    match bytes {
        Ok(bytes) if bytes.len() as u64 > FILE_BYTES_MAX => out.push(too_large(place)),
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => return SourceFile::new(shown, role, text),
            Err(error) => {
                let (at, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
                out.push(not_utf8(id, at, bytes));
                return SourceFile::unreadable(shown, role, show(bytes, at));
            }
        },
        Err(error) => out.push(unreadable(place, &error)),
    }
    SourceFile::unreadable(shown, role, String::new())
}

/// A process can read its standard input once, and may have to compile it several times: in each environment, and after it was mended.
fn stdin() -> io::Result<Vec<u8>> {
    static READ: OnceLock<Result<Vec<u8>, (io::ErrorKind, String)>> = OnceLock::new();
    let read = READ
        .get_or_init(|| read(io::stdin(), 0).map_err(|error| (error.kind(), error.to_string())));
    read.clone().map_err(|(kind, reason)| io::Error::new(kind, reason))
}

fn read_file(file: File) -> io::Result<Vec<u8>> {
    let size = file.metadata()?.len().min(FILE_BYTES_MAX);
    // One more, so that the end is met without more room.
    read(file, usize::try_from(size).unwrap_or(0) + 1)
}

/// All that there is, up to one byte past the limit: even a device that never ends is refused in time. `size` is a guess.
fn read(source: impl Read, size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(size);
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text that is `valid` keeps its offsets; from the first byte that is not, only a little is shown.
fn show(bytes: &[u8], valid: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at > valid + 64);
    text.get(..end.unwrap_or(text.len())).unwrap_or_default().to_owned()
}

fn unreadable(place: Place, error: &io::Error) -> Diagnostic {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string().to_lowercase(),
    };
    Diagnostic::new(&UNREADABLE_FILE, place, format!("cannot be read: {reason}"))
        .consequence("what it says is missing from everything that is checked and compiled")
}

fn too_large(place: Place) -> Diagnostic {
    let limit = FILE_BYTES_MAX >> 20;
    Diagnostic::new(&FILE_TOO_LARGE, place, format!("is larger than {limit} MiB and was not read"))
        .consequence("what it says is missing from everything that is checked and compiled")
        .help("split it into several files")
}

fn not_utf8(file: FileId, at: usize, bytes: &[u8]) -> Diagnostic {
    let start = u32::try_from(at).unwrap_or(u32::MAX);
    let place = Place::text(file, Span::new(start, start.saturating_add(3)));
    let encoding = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16",
        _ => "it has bytes that are not UTF-8",
    };
    Diagnostic::new(&NOT_UTF8, place, format!("the file is not text in UTF-8: {encoding}"))
        .label("the first such byte")
        .consequence("nothing of the file is read")
        .help("save the file as UTF-8")
}

fn symlink_loop(place: Place) -> Diagnostic {
    let message = "is a symbolic link that leads back to itself or to a folder it lies in";
    Diagnostic::new(&SYMLINK_LOOP, place, message)
        .consequence("it is not followed; nothing is read twice, and nothing is missing")
        .help("remove the link")
}

fn empty_input(place: Place) -> Diagnostic {
    Diagnostic::new(&EMPTY_INPUT, place, "holds no `.yaml`, `.yml` or `.json` file")
        .consequence("nothing is checked or compiled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Role;

    fn loaded(bytes: &[u8]) -> (SourceFile, Vec<Diagnostic>) {
        let folder = crate::testing::Folder::new();
        folder.write("x.yaml", bytes);
        let origin = Origin::File(folder.path().join("x.yaml"));
        let entry = Entry { shown: "x.yaml".into(), role: Role::Policy, origin };
        let mut out = Vec::new();
        (load(entry, FileId(0), &mut out), out)
    }

    #[test]
    fn text_is_read_with_its_byte_order_mark_and_line_breaks() {
        let (file, out) = loaded(b"\xef\xbb\xbfa: 1\r\n");
        assert!(out.is_empty());
        assert_eq!(file.text(), "\u{feff}a: 1\r\n");
        assert_eq!(file.position(3).column, 1);
    }

    #[test]
    fn the_first_byte_that_is_not_utf8_is_shown() {
        let (file, out) = loaded(b"a: 1\nb: \xff\n");
        assert!(!file.is_readable());
        assert_eq!(out[0].place, Place::text(FileId(0), Span::new(8, 11)));
        assert_eq!(file.shown(Span::new(5, 11)), "b: \u{fffd}");
        // A character that stands for such bytes is text by itself.
        let (file, out) = loaded(format!("a: \u{fffd}\n{}b: ", "#\n".repeat(50)).as_bytes());
        assert!(file.is_readable() && out.is_empty());
        let text = format!("a: \u{fffd}\n{}b: ", "#\n".repeat(50));
        let (file, _) = loaded(&[text.as_bytes(), b"\xff\n"].concat());
        assert!(file.text().starts_with(&text));
    }
}
