//! From what a user named to the files to read.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Entry, Input, Origin, Role};

/// Everything that `inputs` and `context` lead to, in the order of the paths, each file once: what is context is no policy,
/// wherever it lies, and what is named as policy below what is context is.
#[must_use]
pub fn walk(inputs: &[Input], context: &[Input]) -> Vec<Entry> {
    let is_named = |real: &PathBuf| !context.iter().any(|it| real_path(it).as_ref() == Some(real));
    let policy = inputs.iter().filter_map(real_path).filter(is_named).collect();
    let mut walk = Walk { role: Role::Context, policy, ..Walk::default() };
    walk.all(context);
    walk.role = Role::Policy;
    walk.all(inputs);
    mark_project(&mut walk.entries, inputs.first());
    walk.entries.sort_by(|a, b| a.shown.cmp(&b.shown));
    walk.entries
}

/// "Too many levels of symbolic links"; `std` has no stable name for it.
const ELOOP: i32 = if cfg!(target_os = "macos") { 62 } else { 40 };

struct Walk {
    /// Of what is found from now on.
    role: Role,
    entries: Vec<Entry>,
    /// What is named as policy, and not as context, without links in its paths: a walk through context passes it by.
    policy: HashSet<PathBuf>,
    /// Files and directories that have been entered, without links in their paths.
    seen: HashSet<PathBuf>,
    /// Symbolic links that have been passed, and how they are shown.
    links: Vec<(PathBuf, String)>,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            role: Role::Policy,
            entries: Vec::new(),
            policy: HashSet::new(),
            seen: HashSet::new(),
            links: Vec::new(),
        }
    }
}

impl Walk {
    fn all(&mut self, inputs: &[Input]) {
        for input in inputs {
            match input {
                Input::Stdin => self.found("-".into(), Origin::Stdin),
                Input::Path(path) => self.named(path, show(path)),
                Input::Called { path, name } => self.named(path, show(name.as_ref())),
                Input::Text { name, text } => self.found(name.clone(), Origin::Text(text.clone())),
            }
        }
        // A directory reached by its own name is shown by it; so links wait until all names are known.
        while let Some((link, shown)) = self.links.pop() {
            self.link(&link, shown);
        }
    }

    fn found(&mut self, shown: String, origin: Origin) {
        self.entries.push(Entry { shown, role: self.role, origin });
    }

    /// A path that the user gave: a file is read whatever its name, and may be a pipe.
    fn named(&mut self, path: &Path, shown: String) {
        // A pipe (`/dev/fd/63`) has no real path.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(path) {
            Err(error) => self.found(shown, Origin::Unreadable(error)),
            Ok(meta) if meta.is_dir() => {
                if !self.directory(path, real, &shown) {
                    self.found(shown, Origin::Empty);
                }
            }
            Ok(_) => self.file(path.to_owned(), real, shown),
        }
    }

    fn file(&mut self, path: PathBuf, real: PathBuf, shown: String) {
        if !self.passes_by(&real) && self.seen.insert(real) {
            self.found(shown, Origin::File(path));
        }
    }

    fn passes_by(&self, real: &Path) -> bool {
        self.role == Role::Context && self.policy.contains(real)
    }

    /// Whether anything was met in it, be it now or before. `real` is `path` without links.
    fn directory(&mut self, path: &Path, real: PathBuf, shown: &str) -> bool {
        if self.passes_by(&real) || self.seen.contains(&real) {
            return true;
        }
        let children = match children(path) {
            Ok(children) => children,
            Err(error) => {
                self.found(shown.to_owned(), Origin::Unreadable(error));
                return true;
            }
        };
        let mut has_any = false;
        for (name, kind) in children {
            let (child, shown) = (path.join(&name), join(shown, &name));
            if kind.is_symlink() {
                // What it leads to is looked at later.
                has_any = true;
                self.links.push((child, shown));
            } else if kind.is_dir() {
                has_any |= self.directory(&child, real.join(&name), &shown);
            } else if is_read(&name) {
                has_any = true;
                if kind.is_file() {
                    self.file(child, real.join(&name), shown);
                } else {
                    self.found(shown, Origin::Unreadable(no_file()));
                }
            }
        }
        self.seen.insert(real);
        has_any
    }

    fn link(&mut self, link: &Path, shown: String) {
        let is_named = link.file_name().is_some_and(is_read);
        let target = fs::metadata(link).and_then(|meta| Ok((meta, fs::canonicalize(link)?)));
        match target {
            Ok((meta, real)) if meta.is_dir() => {
                let parent = link.parent().and_then(|parent| fs::canonicalize(parent).ok());
                if parent.is_some_and(|parent| parent.starts_with(&real)) {
                    self.found(shown, Origin::Loop);
                } else {
                    self.directory(link, real, &shown);
                }
            }
            Ok((meta, real)) if meta.is_file() && is_named => {
                self.file(link.to_owned(), real, shown);
            }
            Err(error) if error.raw_os_error() == Some(ELOOP) => self.found(shown, Origin::Loop),
            // A dangling link hides a file only where its name promises one. Through what is no folder it may lead to a folder, too.
            Err(error) if is_named || error.kind() == io::ErrorKind::NotADirectory => {
                self.found(shown, Origin::Unreadable(error));
            }
            Ok(_) if is_named => self.found(shown, Origin::Unreadable(no_file())),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Where an input lies, without links; of what lies nowhere, nothing.
fn real_path(input: &Input) -> Option<PathBuf> {
    match input {
        Input::Path(path) | Input::Called { path, .. } => fs::canonicalize(path).ok(),
        Input::Stdin | Input::Text { .. } => None,
    }
}

/// Of what somebody named a pipe or a device may be read; one that lies about would be waited for.
fn no_file() -> io::Error {
    io::Error::other("it is a pipe, a socket or a device")
}

/// The entries of a directory that are not hidden, by name.
fn children(path: &Path) -> io::Result<Vec<(std::ffi::OsString, fs::FileType)>> {
    let mut children = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_hidden(&name) {
            children.push((name, entry.file_type()?));
        }
    }
    children.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(children)
}

/// Whether a file or a directory of this name is passed by.
#[must_use]
pub fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The extensions of the files that are read of a directory, in whatever case.
pub const EXTENSIONS: &[&str] = &["yaml", "yml", "json"];

/// What else is read of a directory: Kustomize takes it without an extension, too.
pub const NAMES: &[&str] = &["Kustomization"];

/// Whether a file of this name is read of a directory.
#[must_use]
pub fn is_read(name: &OsStr) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str);
    NAMES.iter().any(|known| name == *known)
        || extension.is_some_and(|extension| {
            EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
        })
}

/// The project's configuration stands at the root of the first path, if that is a directory, or is in memory.
fn mark_project(entries: &mut [Entry], first: Option<&Input>) {
    let shown = match first {
        Some(Input::Text { .. }) => "mesh.yaml".to_owned(),
        Some(first) => match root(first) {
            Some(root) => join(&root, OsStr::new("mesh.yaml")),
            None => return,
        },
        None => return,
    };
    let is_project = |entry: &&mut Entry| entry.shown == shown && entry.role == Role::Policy;
    if let Some(entry) = entries.iter_mut().find(is_project) {
        entry.role = Role::Project;
    }
}

/// The folder that places are relative to, as files in it are shown; empty: none.
pub(crate) fn root_of(inputs: &[Input]) -> String {
    inputs.first().and_then(root).unwrap_or_default()
}

/// How an input is shown, if it is a directory.
fn root(input: &Input) -> Option<String> {
    match input {
        Input::Path(path) if path.is_dir() => Some(show(path)),
        Input::Called { path, name } if path.is_dir() => Some(show(name.as_ref())),
        _ => None,
    }
}

/// A file by its path within the repository `root`, as both are shown; as it is where it lies elsewhere.
pub(crate) fn relative<'p>(path: &'p str, root: &str) -> &'p str {
    let below = path.strip_prefix(root.trim_end_matches('/'));
    let inside = below
        .and_then(|rest| if root.ends_with(':') { Some(rest) } else { rest.strip_prefix('/') });
    inside.filter(|_| !root.is_empty()).unwrap_or(path)
}

/// What messages call a path that somebody named: `.` and `./` in front say nothing, so they are not shown.
#[must_use]
pub fn show(path: &Path) -> String {
    let shown = path.to_string_lossy().replace('\\', "/");
    let mut rest = shown.as_str();
    while let Some(shorter) = rest.strip_prefix("./") {
        rest = shorter.trim_start_matches('/');
    }
    let rest = if rest.len() > 1 { rest.trim_end_matches('/') } else { rest };
    if rest.is_empty() { ".".into() } else { rest.into() }
}

fn join(parent: &str, name: &OsStr) -> String {
    let name = name.to_string_lossy();
    match parent {
        "." => name.into_owned(),
        "/" => format!("/{name}"),
        parent if parent.ends_with(':') => format!("{parent}{name}"),
        parent => format!("{parent}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn shown(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.shown.rsplit('/').next().unwrap()).collect()
    }

    #[test]
    fn policy_files_are_found_in_order_and_hidden_ones_are_not() {
        let folder = Folder::new();
        for name in ["b/2.yml", "b/1.JSON", "a.yaml", ".git/x.yaml", "README.md", "mesh.yaml"] {
            folder.write(name, "");
        }
        let entries = walk(&[Input::Path(folder.path().into())], &[]);
        assert_eq!(shown(&entries), ["a.yaml", "1.JSON", "2.yml", "mesh.yaml"]);
        let project: Vec<_> = entries.iter().map(|entry| entry.role == Role::Project).collect();
        assert_eq!(project, [false, false, false, true]);
    }

    #[test]
    fn a_file_reached_twice_is_read_once_and_by_its_own_name() {
        let folder = Folder::new();
        folder.write("real/x.yaml", "");
        folder.link("a", "real");
        folder.link("b.yaml", "real/x.yaml");
        let inputs = [folder.path().into(), folder.path().join("real").join("x.yaml")];
        let entries = walk(&inputs.map(Input::Path), &[]);
        assert_eq!(entries.len(), 1);
        assert!(entries[0].shown.ends_with("real/x.yaml"));
    }

    #[test]
    fn a_link_is_read_by_its_own_name() {
        let folder = Folder::new();
        folder.write("base.txt", "");
        folder.link("over/Kustomization", "../base.txt");
        folder.link("over/notes", "../base.txt");
        let entries = walk(&[Input::Path(folder.path().into())], &[]);
        assert_eq!(shown(&entries), ["Kustomization"]);
    }

    #[test]
    fn what_is_context_is_no_policy() {
        let folder = Folder::new();
        folder.write("a.yaml", "");
        folder.write("cluster.yaml", "");
        let path = |name: &str| Input::Path(folder.path().join(name));
        let entries = walk(&[path("")], &[path("cluster.yaml")]);
        let roles: Vec<_> = entries.iter().map(|entry| entry.role).collect();
        assert_eq!(shown(&entries), ["a.yaml", "cluster.yaml"]);
        assert_eq!(roles, [Role::Policy, Role::Context]);
    }

    #[test]
    fn what_is_named_as_policy_within_context_is_policy() {
        let folder = Folder::new();
        folder.write("a/cluster.yaml", "");
        folder.write("a/sub/b.yaml", "");
        let path = |name: &str| Input::Path(folder.path().join(name));
        let roles = |inputs: &[&str], context: &str| {
            let inputs: Vec<_> = inputs.iter().map(|name| path(name)).collect();
            let entries = walk(&inputs, &[path(context)]);
            entries.iter().map(|entry| entry.role).collect::<Vec<_>>()
        };
        assert_eq!(roles(&["a/sub"], "a"), [Role::Context, Role::Policy]);
        assert_eq!(roles(&["a/sub/b.yaml"], "a"), [Role::Context, Role::Policy]);
        assert_eq!(roles(&["a"], "a"), [Role::Context, Role::Context]);
    }

    #[test]
    fn a_folder_is_empty_where_nothing_is_met_in_it() {
        let folder = Folder::new();
        folder.write("a/sub/b.yaml", "");
        folder.write("linked/README.md", "");
        folder.link("linked/sub", "../a/sub");
        folder.write("empty/README.md", "");
        let empty = |inputs: &[&str]| {
            let inputs: Vec<_> =
                inputs.iter().map(|name| Input::Path(folder.path().join(name))).collect();
            let entries = walk(&inputs, &[]);
            let empty = entries.iter().filter(|entry| matches!(entry.origin, Origin::Empty));
            empty
                .map(|entry| entry.shown.rsplit('/').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(empty(&["a", "a/sub"]), [""; 0]);
        assert_eq!(empty(&["a/sub", "a"]), [""; 0]);
        assert_eq!(empty(&["a", "a"]), [""; 0]);
        assert_eq!(empty(&["linked", "empty"]), ["empty"]);
        assert_eq!(empty(&["empty", "empty"]), ["empty"]);
    }

    #[test]
    fn links_that_lead_nowhere_or_back_are_named() {
        let folder = Folder::new();
        folder.write("x.yaml", "");
        folder.link("back", ".");
        folder.link("gone.yaml", "nothing");
        folder.link("self", "self");
        let entries = walk(&[Input::Path(folder.path().into())], &[]);
        assert_eq!(shown(&entries), ["back", "gone.yaml", "self", "x.yaml"]);
        assert!(matches!(entries[0].origin, Origin::Loop));
        assert!(matches!(entries[1].origin, Origin::Unreadable(_)));
        assert!(matches!(entries[2].origin, Origin::Loop));
    }

    #[test]
    fn files_in_memory_are_read_in_the_order_of_their_names() {
        let text = |name: &str| Input::Text { name: name.into(), text: "a: 1".into() };
        let entries = walk(&[text("z.yaml"), text("mesh.yaml"), text("shop/a.yaml")], &[]);
        assert_eq!(shown(&entries), ["mesh.yaml", "a.yaml", "z.yaml"]);
        assert!(entries[0].role == Role::Project && entries[1].role == Role::Policy);
    }

    #[test]
    fn what_is_called_otherwise_is_shown_so() {
        let folder = Folder::new();
        for name in ["shop/a.yaml", "mesh.yaml", "one.yaml"] {
            folder.write(name, "");
        }
        let called = |path: &str, name: &str| {
            let entries =
                walk(&[Input::Called { path: folder.path().join(path), name: name.into() }], &[]);
            let named = |entry: Entry| (entry.shown, entry.role == Role::Project);
            entries.into_iter().map(named).collect::<Vec<_>>()
        };
        let entry = |shown: &str, is_project| (shown.to_owned(), is_project);
        let all = [
            entry("main:mesh.yaml", true),
            entry("main:one.yaml", false),
            entry("main:shop/a.yaml", false),
        ];
        assert_eq!(called("", "main:"), all);
        assert_eq!(called("shop", "main:shop"), [entry("main:shop/a.yaml", false)]);
        assert_eq!(called("one.yaml", "main:one.yaml"), [entry("main:one.yaml", false)]);
    }

    #[test]
    fn paths_are_shown_as_they_were_given() {
        assert_eq!(show(Path::new("./")), ".");
        assert_eq!(show(Path::new("./a/b/")), "a/b");
        assert_eq!(show(Path::new("/")), "/");
        assert_eq!(join(".", OsStr::new("x")), "x");
    }
}
