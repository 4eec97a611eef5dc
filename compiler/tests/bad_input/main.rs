//! Whatever becomes of a file, the compiler says something sensible of it: it does not panic, there is a snapshot exactly
//! where there is no error, and whatever it says has a place.
//!
//! The inputs are the repository under `policies/bookinfo` and the examples of all checks. They are cut off at every byte
//! and changed in a fixed set of ways. Nothing here is random, so that what fails once fails again.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod inputs;
mod mutation;
mod verdict;

use rayon::prelude::*;

use inputs::File;
use mutation::Mutation;
use verdict::{Folder, Verdict, compile};

/// Files up to this size are cut off at every byte, larger ones at every so many.
const SMALL: usize = 1500;
const STRIDE: usize = 11;

/// One folder a file, and one change after the other in it.
fn each(files: &[File], judge: impl Fn(&Folder, &File) + Sync) {
    files.par_iter().for_each(|file| judge(&Folder::new(), file));
}

#[test]
fn files_that_are_cut_off_are_judged() {
    each(&inputs::policies(), |folder, file| {
        let stride = if file.text.len() <= SMALL { 1 } else { STRIDE };
        for end in (0..file.text.len()).step_by(stride) {
            check_cut(folder, file, end);
        }
    });
}

#[test]
fn examples_that_are_cut_off_are_judged() {
    each(&inputs::examples(), |folder, file| {
        for end in (0..file.text.len()).step_by(5) {
            check_cut(folder, file, end);
        }
    });
}

fn check_cut(folder: &Folder, file: &File, end: usize) {
    let bytes = file.text.as_bytes().get(..end).unwrap_or_default();
    let verdict = compile(folder, file, bytes, &format!("cut off at {end}"));
    if mutation::is_open(bytes) {
        assert!(verdict.has_errors, "{} cut off at {end} is open and was compiled", file.name);
    }
}

#[test]
fn files_that_are_changed_are_judged() {
    let mut files = inputs::policies();
    files.extend(inputs::examples().into_iter().step_by(6));
    each(&files, |folder, file| {
        for mutation in Mutation::all(&file.text) {
            let changed = mutation.apply(&file.text);
            let verdict = compile(folder, file, &changed, &format!("{mutation:?}"));
            if mutation.is_fatal(&file.text) {
                assert!(verdict.has_errors, "{}: {mutation:?} was compiled", file.name);
            }
        }
    });
}

#[test]
fn the_form_of_a_file_does_not_matter() {
    let mut files = inputs::policies();
    files.extend(inputs::examples());
    each(&files, |folder, file| {
        let plain = compile(folder, file, file.text.as_bytes(), "as it is");
        let marked = compile(folder, file, format!("\u{feff}{}", file.text).as_bytes(), "BOM");
        assert_eq!(plain.said, marked.said, "{} with a byte order mark", file.name);
        assert_eq!(plain.snapshot, marked.snapshot, "{} with a byte order mark", file.name);
        let broken = compile(folder, file, file.text.replace('\n', "\r\n").as_bytes(), "CRLF");
        assert_eq!(plain.said, broken.said, "{} with CRLF", file.name);
        assert_eq!(plain.snapshot, broken.snapshot, "{} with CRLF", file.name);
    });
}

/// One file of the whole repository is changed: the others are still there to be referred to.
#[test]
fn a_repository_with_one_bad_file_is_judged() {
    let files = inputs::policies();
    let whole: Verdict = verdict::compile_all(&files, None);
    assert_eq!(whole.said, [""; 0]);
    assert!(whole.snapshot.is_some());
    (0..files.len()).into_par_iter().for_each(|index| {
        let Some(file) = files.get(index) else { return };
        for mutation in Mutation::all(&file.text).into_iter().step_by(9) {
            let changed = mutation.apply(&file.text);
            let verdict = verdict::compile_all(&files, Some((index, &changed)));
            if mutation.is_fatal(&file.text) {
                assert!(verdict.has_errors, "{}: {mutation:?} was compiled", file.name);
            }
        }
    });
}
