//! Resources that a rule looks at one by one.
//!
//! Under `--watch` one of thousands is edited, and what the rule finds in the others is known: it is not looked for again,
//! unless anything else has changed that the rule looks at. So what a rule does with a resource must depend on nothing that it
//! did with another, and it is worth saying where it takes a while.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use crate::api::Resource;
use crate::api::istio::AuthorizationPolicy;
use crate::diagnostic::Diagnostic;
use crate::parse::DocumentId;
use crate::parts::{Changes, Part, Parts, note, reading, seen};
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;
use crate::resolve::route::VirtualService;

/// What a rule found when it went through resources.
pub(super) struct Walk {
    /// Which of the rule's walks it was.
    at: &'static Location<'static>,
    /// What was looked at besides the resources.
    of: Parts,
    found: HashMap<DocumentId, Vec<Diagnostic>>,
}

/// A rule at work, whose walks are kept.
struct Work {
    changes: Arc<Changes>,
    before: Vec<Walk>,
    done: Vec<Walk>,
}

thread_local! {
    static WORK: RefCell<Option<Work>> = const { RefCell::new(None) };
}

/// Lets a rule work after `changes`, where this is what it found `before`; what it has found now.
pub(super) fn keeping(changes: &Arc<Changes>, before: Vec<Walk>, rule: impl FnOnce()) -> Vec<Walk> {
    let work = Work { changes: Arc::clone(changes), before, done: Vec::new() };
    WORK.set(Some(work));
    rule();
    WORK.take().map(|work| work.done).unwrap_or_default()
}

/// Those with hosts, with what they delegate to.
#[track_caller]
pub(super) fn virtual_services<'m, 'a>(
    mesh: &'m Mesh<'a>,
    out: &mut Vec<Diagnostic>,
    look: impl Fn(&'m VirtualService<'a>, &mut Vec<Diagnostic>),
) {
    let (all, made_of) = mesh.virtual_services.apart();
    let whole = mesh.source.virtual_services.apart().1;
    let all = all.iter().map(|(_, it)| (of_itself(it), it));
    walk(all, (whole, made_of), out, look);
}

/// Those, and the ones without hosts that nobody delegates to.
#[track_caller]
pub(super) fn written_virtual_services<'m, 'a>(
    mesh: &'m Mesh<'a>,
    out: &mut Vec<Diagnostic>,
    look: impl Fn(&'m VirtualService<'a>, &mut Vec<Diagnostic>),
) {
    let (all, made_of) = mesh.virtual_services.apart();
    let whole = mesh.source.virtual_services.apart().1;
    let all = all.written().map(|it| (of_itself(it), it));
    walk(all, (whole, made_of), out, look);
}

/// One that has parts is what others say, and one without hosts is used or not as others say.
fn of_itself(it: &VirtualService<'_>) -> Option<DocumentId> {
    let is_alone = it.resource.spec.http.iter().all(|route| route.delegate.is_none());
    (is_alone && !it.hosts.is_empty()).then_some(it.resource.id)
}

#[track_caller]
pub(super) fn authorization_policies<'m, 'a>(
    mesh: &'m Mesh<'a>,
    out: &mut Vec<Diagnostic>,
    look: impl Fn(&'m Policy<'a, AuthorizationPolicy>, &mut Vec<Diagnostic>),
) {
    let (all, made_of) = mesh.policies.authorization_policies.apart();
    let whole = mesh.source.authorization_policies.apart().1;
    let all = all.iter().map(|it| (Some(it.resource.id), it));
    walk(all, (whole, made_of), out, look);
}

/// As they were written.
#[track_caller]
pub(super) fn resources<'m, T, const NUMBER: u32>(
    all: &'m Part<Vec<Resource<T>>, NUMBER>,
    out: &mut Vec<Diagnostic>,
    look: impl Fn(&'m Resource<T>, &mut Vec<Diagnostic>),
) {
    let (all, whole) = all.apart();
    walk(all.iter().map(|it| (Some(it.id), it)), (whole, whole), out, look);
}

/// Goes through resources of the part `whole`, which were made of it and others. With each stands what it was made of where
/// that is one resource of the part.
#[track_caller]
fn walk<T>(
    all: impl Iterator<Item = (Option<DocumentId>, T)>,
    (whole, made_of): (Parts, Parts),
    out: &mut Vec<Diagnostic>,
    look: impl Fn(T, &mut Vec<Diagnostic>),
) {
    let at = Location::caller();
    // What decides on the way here what is looked at counts, too.
    let so_far = seen() | made_of.without(whole);
    let kept = WORK.with_borrow_mut(|work| {
        let work = work.as_mut()?;
        let before = work.before.iter().position(|walk| walk.at == at);
        let before = before.map(|place| work.before.swap_remove(place));
        let before = before.filter(|walk| !walk.of.meet(work.changes.parts));
        Some((Arc::clone(&work.changes), before))
    });
    let Some((changes, before)) = kept else {
        note(made_of | whole);
        all.for_each(|(_, it)| look(it, out));
        return;
    };
    let (mut known, of) = match before {
        Some(walk) => (Some(walk.found), walk.of),
        None => (None, Parts::default()),
    };
    let mut found = HashMap::new();
    let ((), own) = reading(|| {
        for (id, it) in all {
            let from = out.len();
            match (&mut known, id) {
                (Some(known), Some(id)) if !changes.resources.contains(&id) => {
                    out.extend(known.remove(&id).into_iter().flatten());
                }
                _ => look(it, out),
            }
            let new = out.get(from..).unwrap_or_default();
            if let Some(id) = id.filter(|_| !new.is_empty()) {
                found.insert(id, new.to_vec());
            }
        }
    });
    let of = of | so_far | own;
    note(whole | of);
    WORK.with_borrow_mut(|work| {
        if let Some(work) = work {
            work.done.push(Walk { at, of, found });
        }
    });
}
