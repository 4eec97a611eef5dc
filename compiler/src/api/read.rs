//! One resource: decoded, and checked as far as that needs no other.

use std::sync::{Arc, LazyLock};

use serde::de::DeserializeOwned;

use crate::diagnostic::{At, Diagnostic};
use crate::parse::{DocumentId, Faults, Parsed};

use super::checks::{INVALID_NAME, MISSING_FIELD};
use super::decode::{Decoded, decode};
use super::field::{self, FieldTable};
use super::metadata::{Envelope, Metadata};
use super::{Mesh, Resource, bound, resource, rules, unfilled};

/// A kind that is compiled: how its resources are read.
///
/// To add one: a type with its table beside it, this trait, a field of [`Mesh`], and a line of `KINDS`.
pub(crate) trait Read: Sized + Send + Sync + 'static {
    /// The resource as a whole, as it stands in a file.
    type Document: DeserializeOwned;

    /// The states of its fields.
    fn fields() -> &'static FieldTable;

    /// Takes a document apart. `None` where it has nothing that can be read.
    fn open(document: Self::Document) -> (Metadata, Option<Self>);

    /// Where the mesh keeps resources of this kind.
    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>>;

    /// Whether its name is the author's choice.
    fn has_metadata() -> bool {
        true
    }

    /// Whether it may be without a name: a tool reads it, and no cluster keeps it.
    fn may_be_unnamed() -> bool {
        false
    }

    /// Rules that one resource breaks by itself; `at` is its root.
    fn validate(_resource: &Resource<Self>, _at: &At<'_>, _out: &mut Vec<Diagnostic>) {}
}

/// What all resources are read with.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// Of resources that name none.
    pub default_namespace: String,
}

/// Puts a resource where it belongs, under the id that it has there.
pub(crate) type Insert = Box<dyn Fn(&mut Mesh, DocumentId) + Send + Sync>;

/// What came of one document.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Absent where there is nothing to compile.
    pub insert: Option<Insert>,
    pub faults: Faults,
    pub diagnostics: Vec<Diagnostic>,
    /// What will not happen, of a kind on which nothing acts.
    pub unenforced: Option<&'static str>,
}

/// Reads a document as a `T`.
pub(crate) fn read<T: Read>(parsed: &Parsed, id: DocumentId, scope: &Scope) -> Outcome {
    let Decoded { value, faults, has_placeholder, has_more_faults, mut diagnostics } =
        decode::<T::Document>(parsed, id);
    let document = parsed.document(id);
    let source = parsed.source(document.file).text();
    let tree = parsed.tree(document.tree);
    let unenforced = T::fields().consequence_of_all();
    if unenforced.is_none() {
        diagnostics.extend(field::check(T::fields(), tree, source, id, document));
    }
    bound::check(tree, source, id, document, &mut diagnostics);
    rules::status::check(tree, source, id, document, &mut diagnostics);
    let Some((mut metadata, spec)) = value.map(T::open) else {
        return Outcome { insert: None, faults, diagnostics, unenforced };
    };
    let at = At::root(id);
    if T::has_metadata() {
        if !(T::may_be_unnamed() && metadata.name.is_empty()) {
            check_name(&metadata, &at, &mut diagnostics);
        }
    } else {
        document.identity.name.as_deref().unwrap_or_default().clone_into(&mut metadata.name);
    }
    let Some(spec) = spec else {
        diagnostics.push(Diagnostic::new(
            &MISSING_FIELD,
            at.field("spec").value(),
            "`spec` is missing",
        ));
        return Outcome { insert: None, faults, diagnostics, unenforced };
    };
    let namespace = metadata.namespace.clone().unwrap_or_else(|| scope.default_namespace.clone());
    let (metadata, spec) = (Arc::new(metadata), Arc::new(spec));
    let resource = Resource { id, namespace, metadata, spec };
    // What a rule misses may stand in a field that is misspelt, and of which nothing was noted.
    if !has_more_faults {
        T::validate(&resource, &at, &mut diagnostics);
    }
    let is_unfilled = parsed.kustomizations().change(document.file)
        && unfilled::take(&document.identity.kind, &mut diagnostics);
    let insert: Insert = Box::new(move |mesh, id| {
        T::collection(mesh).push(Resource { id, ..resource.clone() });
    });
    let is_whole = !has_placeholder && !is_unfilled;
    Outcome { insert: is_whole.then_some(insert), faults, diagnostics, unenforced }
}

/// Puts the resources of a kind in order.
pub(crate) fn sort<T: Read>(mesh: &mut Mesh) {
    resource::sort(T::collection(mesh));
}

/// A name is a DNS subdomain: at most 253 characters in labels of lower-case letters, digits and `-`, each of
/// which may, other than in DNS, be longer than 63.
/// Source: Kubernetes, "Object Names and IDs"; RFC 1123.
fn check_name(metadata: &Metadata, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let at = at.field("metadata");
    let name = metadata.name.as_str();
    if name.is_empty() {
        if metadata.generate_name.is_none() {
            let found = Diagnostic::new(
                &MISSING_FIELD,
                at.field("name").value(),
                "`metadata.name` is missing",
            );
            out.push(found.label("needs `name`"));
        }
    } else if !is_dns_subdomain(name) {
        let message = format!("`{name}` cannot be the name of a resource");
        let found = Diagnostic::new(&INVALID_NAME, at.field("name").value(), message);
        let label = if rules::host::is_unfilled(name) {
            rules::host::UNFILLED
        } else {
            "lower-case letters, digits, `-` and `.`"
        };
        out.push(found.label(label));
    }
    if let Some(namespace) = &metadata.namespace
        && !is_dns_label(namespace)
    {
        let message = format!("`{namespace}` cannot be the name of a namespace");
        let found = Diagnostic::new(&INVALID_NAME, at.field("namespace").value(), message);
        out.push(found.label("lower-case letters, digits and `-`"));
    }
}

fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// RFC 1123: a label of at most 63 characters.
fn is_dns_label(label: &str) -> bool {
    label.len() <= 63 && is_label(label)
}

/// Lower-case letters, digits and `-`, which neither begins nor ends it.
fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !label.is_empty()
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// For kinds with a `spec` that must be there.
pub(crate) fn open_spec<S>(document: Envelope<S>) -> (Metadata, Option<S>) {
    (document.metadata, document.spec)
}

/// For kinds whose `spec` may be left out, which then is an empty one.
pub(crate) fn open_optional<S: Default>(document: Envelope<S>) -> (Metadata, Option<S>) {
    (document.metadata, Some(document.spec.unwrap_or_default()))
}

/// The table of a kind, read when it is first asked for.
pub(crate) type Fields = LazyLock<FieldTable>;

/// The table of a kind with a `spec`.
pub(crate) fn fields(text: &'static str) -> FieldTable {
    bare_fields(&[field::METADATA, "status  elsewhere\n", text])
}

/// A table in several texts, all of them part of the program. A test reads every table.
pub(crate) fn bare_fields(texts: &[&'static str]) -> FieldTable {
    #[expect(clippy::expect_used, reason = "the tables are part of the program, and tested")]
    FieldTable::parse(texts, field::SHARED).expect("a table of ours is well-formed")
}
