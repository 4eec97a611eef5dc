//! The files and links of a commit, and where the links lead.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use mesh_compiler::source::{FILE_BYTES_MAX, is_hidden, is_read};

/// By path: relative to the root, and without `..`.
pub(super) struct Tree(BTreeMap<PathBuf, Listed>);

/// What of a tree is read.
#[derive(Default)]
pub(super) struct Reached<'t> {
    pub(super) files: BTreeMap<&'t Path, &'t Listed>,
    /// That are there although nothing in them may be read: a link may pass them, and one without files is spoken of.
    pub(super) folders: BTreeSet<&'t Path>,
}

/// Whether a walk from a folder comes by what lies there.
fn is_met(below: &Path) -> bool {
    !below.iter().any(is_hidden)
}

/// A file or a link of a tree.
pub(super) struct Listed {
    object: String,
    link: Option<Link>,
}

/// A link of a tree.
enum Link {
    /// All on its way lies in the tree.
    Inside {
        /// Those that it passes.
        links: Vec<PathBuf>,
        /// The folders that it enters and leaves again.
        left: Vec<PathBuf>,
        /// Where it leads.
        end: PathBuf,
    },
    Outside,
}

impl Tree {
    /// From what `git ls-tree -z` lists; `bodies` tells what objects hold.
    pub(super) fn read<E>(
        listed: &[u8],
        bodies: impl FnOnce(&[&str]) -> Result<Vec<Vec<u8>>, E>,
    ) -> Result<Self, E> {
        let files: Vec<_> = listed.split(|byte| *byte == 0).filter_map(Line::read).collect();
        let links: Vec<_> = files.iter().filter(|file| file.is_link).collect();
        let objects: Vec<_> = links.iter().map(|link| link.object.as_str()).collect();
        let targets = bodies(&objects)?;
        let target = |body: Vec<u8>| PathBuf::from(String::from_utf8_lossy(&body).into_owned());
        let targets = targets.into_iter().map(target);
        let links: BTreeMap<_, _> =
            links.into_iter().map(|link| link.path.clone()).zip(targets).collect();
        let listed = files.into_iter().map(|Line { object, path, .. }| {
            let link = links.contains_key(&path).then(|| Link::read(&path, &links));
            (path, Listed { object, link })
        });
        Ok(Self(listed.collect()))
    }

    /// What a compilation reads of `paths`, and of all that links lead to from there: of a folder what `mesh_compiler::source`
    /// reads of one.
    pub(super) fn reached<'t>(&'t self, paths: &'t [PathBuf]) -> Reached<'t> {
        let mut reached = Reached::default();
        let mut wanted: Vec<_> = paths.iter().map(|path| (path.as_path(), true)).collect();
        let mut known = HashSet::new();
        // Whether somebody names it, or a link that is read: then it is read whatever it is called.
        while let Some((path, is_named)) = wanted.pop() {
            if !known.insert((path, is_named)) {
                continue;
            }
            for (at, file) in self.within(path) {
                let is_named = is_named && at == path;
                if at != path {
                    reached.folders.insert(path);
                    if !is_met(at.strip_prefix(path).unwrap_or(at)) {
                        continue;
                    }
                }
                let is_named = is_named || (at != path && at.file_name().is_some_and(is_read));
                let Some(link) = &file.link else {
                    if is_named {
                        reached.files.insert(at, file);
                    }
                    continue;
                };
                reached.files.insert(at, file);
                let Link::Inside { links, left, end } = link else { continue };
                for passed in links {
                    reached.files.extend(self.0.get(passed).map(|link| (passed.as_path(), link)));
                }
                wanted.push((end, is_named));
                let is_there =
                    |folder: &&PathBuf| self.within(folder).any(|(at, _)| at != folder.as_path());
                reached.folders.extend(left.iter().filter(is_there).map(PathBuf::as_path));
            }
        }
        reached
    }

    /// The file at `path`, or those below it: they lie side by side.
    fn within(&self, path: &Path) -> impl Iterator<Item = (&Path, &Listed)> {
        let listed = self.0.range(path.to_owned()..).map(|(at, file)| (at.as_path(), file));
        listed.take_while(move |(at, _)| at.starts_with(path))
    }
}

impl Listed {
    pub(super) fn object(&self) -> &str {
        &self.object
    }

    /// Writes it to `path` below `folder`.
    ///
    /// A link that may leave the folder would show the present. One that leads nowhere is made in its place, so that it is said
    /// that it cannot be read, as a file or as a folder.
    pub(super) fn write(&self, body: &mut dyn Read, path: &Path, folder: &Path) -> io::Result<()> {
        let place = folder.join(path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        match &self.link {
            // A file that is too long is told of by its length, and read no further.
            None => {
                io::copy(&mut body.take(FILE_BYTES_MAX + 1), &mut File::create(place)?).map(drop)
            }
            Some(Link::Outside) => std::os::unix::fs::symlink(OUTSIDE, place),
            Some(Link::Inside { .. }) => {
                let mut target = Vec::new();
                body.read_to_end(&mut target)?;
                std::os::unix::fs::symlink(&*String::from_utf8_lossy(&target), place)
            }
        }
    }
}

/// Where a link leads that may leave the folder: nothing is ever below what is no folder.
const OUTSIDE: &str = "/dev/null/outside";

/// A line of `git ls-tree`.
struct Line {
    is_link: bool,
    object: String,
    path: PathBuf,
}

impl Line {
    /// `mode type object<TAB>path`. Submodules hold no files of this repository.
    fn read(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let (head, path) = line.split_once('\t')?;
        let mut words = head.split(' ');
        let (mode, kind, object) = (words.next()?, words.next()?, words.next()?);
        let path = PathBuf::from(path);
        let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        let is_link = mode == "120000";
        (kind == "blob" && is_inside).then(|| Self { is_link, object: object.to_owned(), path })
    }
}

impl Link {
    /// The one at `path`, followed as a kernel does: behind a link, `..` is the parent of wherever that leads.
    fn read(path: &Path, links: &BTreeMap<PathBuf, PathBuf>) -> Self {
        let (mut passed, mut left) = (Vec::new(), Vec::new());
        let mut at = PathBuf::new();
        let mut rest: Vec<_> = path.components().rev().collect();
        while let Some(part) = rest.pop() {
            let is_inside = match part {
                Component::ParentDir => {
                    left.push(at.clone());
                    at.pop()
                }
                Component::Normal(name) => {
                    at.push(name);
                    true
                }
                Component::CurDir => true,
                Component::RootDir | Component::Prefix(_) => false,
            };
            if !is_inside || passed.len() == LINKS_MAX {
                return Self::Outside;
            }
            if let Some(target) = links.get(&at) {
                passed.push(at.clone());
                at.pop();
                rest.extend(target.components().rev());
            }
        }
        Self::Inside { links: passed, left, end: at }
    }
}

/// How many links a path may pass, as in Linux.
const LINKS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the link at `path` leads beside links that lead as it is told here.
    fn leads(path: &str, target: &str) -> Option<String> {
        let links = [("d", "."), ("b/here", "../c/e"), ("out", "/tmp"), ("loop", "loop")];
        let mut links: BTreeMap<_, _> = links.map(|(a, b)| (a.into(), b.into())).into();
        links.insert(path.into(), target.into());
        match Link::read(Path::new(path), &links) {
            Link::Inside { end, .. } => Some(end.to_str().unwrap().to_owned()),
            Link::Outside => None,
        }
    }

    #[test]
    fn links_that_leave_are_seen() {
        for (path, target, inside) in [
            ("x", "a", Some("a")),
            ("c/x", "../a", Some("a")),
            ("c/x", "../../a", None),
            ("c/d/e/x", "/etc", None),
            ("x", "b/../../a", None),
            ("x", "d", Some("")),
            ("x", "d/a", Some("a")),
            ("x.yaml", "d/d/d/../../tmp", None),
            ("b/x", "here/../a", Some("c/a")),
            ("b/x", "here/../../../a", None),
            ("x", "out", None),
            ("x", "loop", None),
        ] {
            assert_eq!(leads(path, target).as_deref(), inside, "{path} -> {target}");
        }
    }

    /// The objects of what is reached from `path`: links lead where `targets` say.
    fn reached(listed: &[&str], targets: &[&str], path: &str) -> (String, Vec<String>) {
        let tree = Tree::read(listed.join("\0").as_bytes(), |links| {
            assert_eq!(links.len(), targets.len());
            Ok::<_, ()>(targets.iter().map(|target| target.as_bytes().to_vec()).collect())
        });
        let (tree, paths) = (tree.unwrap(), [PathBuf::from(path)]);
        let reached = tree.reached(&paths);
        let folders = reached.folders.iter().map(|it| it.display().to_string());
        (reached.files.values().map(|file| file.object()).collect(), folders.collect())
    }

    #[test]
    fn what_links_lead_to_is_reached() {
        let listed = [
            "120000 blob 1\ta/link",
            "100644 blob 2\ta/x.yaml",
            "120000 blob 3\tb/again",
            "100644 blob 4\tb/y.yml",
            "100644 blob 5\tb.z.yaml",
            "100644 blob 6\tc/z.json",
            "120000 blob 7\tc/a",
        ];
        let targets = ["../b", "../c/z.json", "../a/link/y.yml"];
        let reached = |path| reached(&listed, &targets, path).0;
        assert_eq!(reached("a"), "1234");
        assert_eq!(reached("b"), "34");
        assert_eq!(reached("c"), "176");
        assert_eq!(reached("c/z.json"), "6");
        assert_eq!(reached("").len(), 7);
    }

    #[test]
    fn of_a_folder_no_more_is_reached_than_a_compilation_reads() {
        let listed = [
            "100644 blob 1\ta/x.YAML",
            "100644 blob 2\ta/video.bin",
            "100644 blob 3\ta/.hidden.yaml",
            "100644 blob 4\ta/.github/y.yaml",
            "100644 blob 5\ta/Kustomization",
            "120000 blob 6\ta/named.yaml",
            "120000 blob 7\ta/notes",
            "100644 blob 8\tb/text",
            "100644 blob 9\tb/other",
        ];
        let targets = ["notes", "../b/text"];
        let reached = |path| reached(&listed, &targets, path);
        // What a link with such a name leads to is read, through whatever other links.
        assert_eq!(reached("a"), ("56718".into(), vec!["a".into()]));
        assert_eq!(reached("a/notes").0, "78");
        assert_eq!(reached("a/video.bin").0, "2");
        assert_eq!(reached("a/.github"), ("4".into(), vec!["a/.github".into()]));
        assert_eq!(reached("b"), (String::new(), vec!["b".into()]));
        assert_eq!(reached("none"), (String::new(), Vec::new()));
    }

    #[test]
    fn a_folder_that_a_link_passes_is_there() {
        let listed = ["120000 blob 1\ta.yaml", "100644 blob 2\tempty/text", "100644 blob 3\tx.txt"];
        let (objects, folders) = reached(&listed, &["empty/../nobody/../x.txt"], "a.yaml");
        assert_eq!((objects.as_str(), folders), ("13", vec!["empty".to_owned()]));
    }
}
