//! The files and links of a commit, and where the links lead.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// By path: relative to the root, and without `..`.
pub(super) struct Tree(BTreeMap<PathBuf, Listed>);

/// A file or a link of a tree.
pub(super) struct Listed {
    object: String,
    link: Option<Link>,
}

/// A link of a tree.
enum Link {
    /// All on its way lies in the tree: the links that it passes, and in the end where it leads.
    Inside(Vec<PathBuf>),
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

    /// What lies in `paths`, and all that links lead to from there.
    pub(super) fn reached<'t>(&'t self, paths: &'t [PathBuf]) -> BTreeMap<&'t Path, &'t Listed> {
        let mut reached = BTreeMap::new();
        let mut wanted: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        while let Some(path) = wanted.pop() {
            for (path, file) in self.within(path) {
                if reached.insert(path, file).is_none()
                    && let Some(Link::Inside(way)) = &file.link
                {
                    wanted.extend(way.iter().map(PathBuf::as_path));
                }
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
    pub(super) fn write(&self, body: &[u8], path: &Path, folder: &Path) -> io::Result<()> {
        let place = folder.join(path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        match &self.link {
            None => fs::write(place, body),
            Some(Link::Outside) => std::os::unix::fs::symlink(OUTSIDE, place),
            Some(Link::Inside(_)) => {
                let target = String::from_utf8_lossy(body).into_owned();
                std::os::unix::fs::symlink(target, place)
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
        let mut way = Vec::new();
        let mut at = PathBuf::new();
        let mut rest: Vec<_> = path.components().rev().collect();
        while let Some(part) = rest.pop() {
            let is_inside = match part {
                Component::ParentDir => at.pop(),
                Component::Normal(name) => {
                    at.push(name);
                    true
                }
                Component::CurDir => true,
                Component::RootDir | Component::Prefix(_) => false,
            };
            if !is_inside || way.len() == LINKS_MAX {
                return Self::Outside;
            }
            if let Some(target) = links.get(&at) {
                way.push(at.clone());
                at.pop();
                rest.extend(target.components().rev());
            }
        }
        way.push(at);
        Self::Inside(way)
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
            Link::Inside(way) => Some(way.last().unwrap().to_str().unwrap().to_owned()),
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

    #[test]
    fn what_links_lead_to_is_reached() {
        let listed = [
            "120000 blob 1\ta/link",
            "100644 blob 2\ta/x",
            "120000 blob 3\tb/again",
            "100644 blob 4\tb/y",
            "100644 blob 5\tb.z",
            "100644 blob 6\tc/z",
            "120000 blob 7\tc/a",
        ];
        let tree = Tree::read(listed.join("\0").as_bytes(), |links| {
            assert_eq!(links, ["1", "3", "7"]);
            Ok::<_, ()>(vec![b"../b".to_vec(), b"../c/z".to_vec(), b"../a/link/y".to_vec()])
        });
        let tree = tree.unwrap();
        let reached = |path: &str| {
            let paths = [PathBuf::from(path)];
            let reached = tree.reached(&paths);
            reached.values().map(|file| file.object()).collect::<String>()
        };
        assert_eq!(reached("a"), "12346");
        assert_eq!(reached("b"), "346");
        assert_eq!(reached("c"), "13476");
        assert_eq!(reached("c/z"), "6");
        assert_eq!(reached("").len(), 7);
    }
}
