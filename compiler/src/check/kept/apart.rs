//! Resources that a rule looks at one by one.
//!
//! Under `--watch` one of thousands is edited, and what the rule finds in the others is known: it is not looked for again,
//! unless anything else has changed that the rule looks at. So what a rule does with a resource must depend on nothing that it
//! did with another, and what a walk finds must not decide what the rule does then. Whatever is kept between resources must be
//! made of the mesh alone. Such walks are for rules that take a while.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::panic::Location;
use std::sync::Arc;

use crate::api::Resource;
use crate::api::istio::AuthorizationPolicy;
use crate::diagnostic::Diagnostic;
use crate::parse::DocumentId;
use crate::parts::{Changes, Part, Parts, note, reading_apart, seen};
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;
use crate::resolve::route::VirtualService;

/// What a rule found when it went through resources.
pub(in crate::check) struct Walk {
    /// Which of the rule's walks it was.
    at: &'static Location<'static>,
    /// What was looked at besides the resources.
    of: Parts,
    found: HashMap<DocumentId, Vec<Diagnostic>>,
}

/// A rule whose walks are kept.
struct Keeper {
    changes: Arc<Changes>,
    /// Those of the time before that have not come yet, in their order.
    before: VecDeque<Walk>,
    done: Vec<Walk>,
    /// What the walks looked at. It decides nothing on the way from one to the next.
    seen: Parts,
}

thread_local! {
    static KEEPER: RefCell<Option<Keeper>> = const { RefCell::new(None) };
}

/// Lets a rule look after `changes`, where these are its walks `before`; its walks now.
pub(in crate::check) fn keeping(
    changes: &Arc<Changes>,
    before: Vec<Walk>,
    rule: impl FnOnce(),
) -> Vec<Walk> {
    let changes = Arc::clone(changes);
    let keeper =
        Keeper { changes, before: before.into(), done: Vec::new(), seen: Parts::default() };
    KEEPER.set(Some(keeper));
    rule();
    let Some(keeper) = KEEPER.take() else { return Vec::new() };
    note(keeper.seen);
    keeper.done
}

/// Those with hosts, with what they delegate to.
#[track_caller]
pub(in crate::check) fn virtual_services<'m, 'a>(
    mesh: &'m Mesh<'a>,
    out: &mut Vec<Diagnostic>,
    look: impl Fn(&'m VirtualService<'a>, &mut Vec<Diagnostic>),
) {
    let (all, made_of) = mesh.virtual_services.unnoted();
    let whole = mesh.source.virtual_services.unnoted().1;
    let all = all.iter().map(|(_, it)| (of_itself(it), it));
    walk(all, (whole, made_of), out, look);
}

/// Those, and the ones without hosts that nobody delegates to.
#[track_caller]
pub(in crate::check) fn written_virtual_services<'m, 'a>(
    mesh: &'m Mesh<'a>,
    out: &mut Vec<Diagnostic>,
    look: impl Fn(&'m VirtualService<'a>, &mut Vec<Diagnostic>),
) {
    let (all, made_of) = mesh.virtual_services.unnoted();
    let whole = mesh.source.virtual_services.unnoted().1;
    let all = all.written().map(|it| (of_itself(it), it));
    walk(all, (whole, made_of), out, look);
}

/// One that has parts is what others say, and one without hosts is used or not as others say.
fn of_itself<'m>(it: &'m VirtualService<'_>) -> Option<Origin<'m>> {
    let is_alone = it.resource.spec.http.iter().all(|route| route.delegate.is_none());
    (is_alone && !it.hosts.is_empty()).then(|| Origin::of(&it.resource.id))
}

#[track_caller]
pub(in crate::check) fn authorization_policies<'m, 'a>(
    mesh: &'m Mesh<'a>,
    out: &mut Vec<Diagnostic>,
    look: impl Fn(&'m Policy<'a, AuthorizationPolicy>, &mut Vec<Diagnostic>),
) {
    let (all, made_of) = mesh.policies.authorization_policies.unnoted();
    let whole = mesh.source.authorization_policies.unnoted().1;
    let all = all.iter().map(|it| (Some(Origin::of(&it.resource.id)), it));
    walk(all, (whole, made_of), out, look);
}

/// The policies of one namespace, and those of the root namespace, which are for its workloads, too.
pub(in crate::check) struct InNamespace<'w, 'm, 'a> {
    pub(in crate::check) own: &'w [&'m Policy<'a, AuthorizationPolicy>],
    /// None of the root namespace itself, whose own they are.
    pub(in crate::check) of_root: &'w [&'m Policy<'a, AuthorizationPolicy>],
}

/// Those of each namespace together, for what one says of another. All looks have the same ones of the root namespace, but for its
/// own, which comes last.
#[track_caller]
pub(in crate::check) fn authorization_policies_by_namespace<'m, 'a>(
    mesh: &'m Mesh<'a>,
    out: &mut Vec<Diagnostic>,
    look: impl Fn(InNamespace<'_, 'm, 'a>, &mut Vec<Diagnostic>),
) {
    let (all, made_of) = mesh.policies.authorization_policies.unnoted();
    let whole = mesh.source.authorization_policies.unnoted().1;
    let mut by_namespace: BTreeMap<&str, (Vec<_>, Vec<_>)> = BTreeMap::new();
    for policy in all {
        let (ids, own) = by_namespace.entry(&policy.resource.namespace).or_default();
        ids.push(policy.resource.id);
        own.push(policy);
    }
    let (root_ids, root) = by_namespace.remove(mesh.settings.root_namespace).unwrap_or_default();
    let others = by_namespace.values().filter_map(|(ids, own)| {
        let origin = Origin { id: *ids.first()?, all: [ids, &root_ids] };
        Some((Some(origin), InNamespace { own, of_root: &root }))
    });
    let of_root = root_ids.first().map(|id| {
        let origin = Origin { id: *id, all: [&root_ids, &[]] };
        (Some(origin), InNamespace { own: &root, of_root: &[] })
    });
    walk(others.chain(of_root), (whole, made_of), out, look);
}

/// As they were written.
#[track_caller]
pub(in crate::check) fn resources<'m, T, const NUMBER: u32>(
    all: &'m Part<Vec<Resource<T>>, NUMBER>,
    out: &mut Vec<Diagnostic>,
    look: impl Fn(&'m Resource<T>, &mut Vec<Diagnostic>),
) {
    let (all, whole) = all.unnoted();
    walk(all.iter().map(|it| (Some(Origin::of(&it.id)), it)), (whole, whole), out, look);
}

/// The resources of a part that something is made of, by one of which it is known.
struct Origin<'w> {
    id: DocumentId,
    all: [&'w [DocumentId]; 2],
}

impl<'w> Origin<'w> {
    fn of(id: &'w DocumentId) -> Self {
        Self { id: *id, all: [std::slice::from_ref(id), &[]] }
    }

    fn is_among(&self, changed: &HashSet<DocumentId>) -> bool {
        self.all.into_iter().flatten().any(|it| changed.contains(it))
    }
}

/// Goes through what was made of the part `whole` and of others. With each stands of which resources of the part, where no other
/// counts.
#[track_caller]
fn walk<'w, T>(
    all: impl Iterator<Item = (Option<Origin<'w>>, T)>,
    (whole, made_of): (Parts, Parts),
    out: &mut Vec<Diagnostic>,
    look: impl Fn(T, &mut Vec<Diagnostic>),
) {
    let at = Location::caller();
    // What decides on the way here what is looked at counts, too.
    let so_far = seen() | made_of.without(whole);
    let kept = KEEPER.with_borrow_mut(|keeper| {
        let keeper = keeper.as_mut()?;
        let mut before = keeper.before.pop_front();
        if before.as_ref().is_some_and(|walk| walk.at != at) {
            // It took another way then.
            keeper.before.clear();
            before = None;
        }
        let changed = keeper.changes.parts;
        let before = before.filter(|walk| changed != Parts::ALL && !walk.of.meet(changed));
        Some((Arc::clone(&keeper.changes), before))
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
    let mut found: HashMap<DocumentId, Vec<Diagnostic>> = HashMap::new();
    let (own, own_parts) = reading_apart(|| {
        let mut all_found = Vec::new();
        for (origin, it) in all {
            let new = match (&mut known, &origin) {
                (Some(known), Some(origin)) if !origin.is_among(&changes.resources) => {
                    known.remove(&origin.id).unwrap_or_default()
                }
                _ => {
                    let mut new = Vec::new();
                    look(it, &mut new);
                    new
                }
            };
            if let Some(origin) = origin.filter(|_| !new.is_empty()) {
                found.entry(origin.id).or_default().extend(new.iter().cloned());
            }
            all_found.extend(new);
        }
        all_found
    });
    out.extend(own);
    let of = of | so_far | own_parts;
    KEEPER.with_borrow_mut(|keeper| {
        if let Some(keeper) = keeper {
            keeper.seen = keeper.seen | whole | of;
            keeper.done.push(Walk { at, of, found });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Compiled;
    use std::cell::Cell;

    const ROUTES: &str = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: shop}
spec: {hosts: [a], http: [{delegate: {name: part}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: b, namespace: shop}
spec: {hosts: [b], http: [{route: [{destination: {host: b}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: c, namespace: shop}
spec: {hosts: [c], http: [{route: [{destination: {host: c}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: part, namespace: shop}
spec: {http: [{route: [{destination: {host: b}}]}]}
";

    #[test]
    fn what_has_not_changed_is_not_looked_at_again() {
        let compiled = Compiled::text(ROUTES);
        let mesh = crate::resolve::resolve(&compiled.mesh);
        let routes = mesh.source.virtual_services.unnoted().1;
        let services = mesh.source.services.unnoted().1;
        let first = mesh.virtual_services.unnoted().0.iter().next().unwrap().1.resource.id;
        let second = mesh.virtual_services.unnoted().0.iter().nth(1).unwrap().1.resource.id;
        let mut walks = Vec::new();
        // How many the two walks look at after a change, and what the rule depends on.
        let mut looks = |parts: Parts, resources: &[DocumentId]| {
            let counts = [Cell::new(0), Cell::new(0)];
            let resources: HashSet<_> = resources.iter().copied().collect();
            let changes = Arc::new(Changes { parts, resources });
            let ((), of) = crate::parts::reading(|| {
                walks = keeping(&changes, std::mem::take(&mut walks), || {
                    let mut out = Vec::new();
                    virtual_services(&mesh, &mut out, |_, _| counts[0].set(counts[0].get() + 1));
                    virtual_services(&mesh, &mut out, |_, _| {
                        assert_eq!(mesh.services.iter().count(), 0);
                        counts[1].set(counts[1].get() + 1);
                    });
                });
            });
            assert!(of.meet(routes) && of.meet(services));
            counts.map(Cell::into_inner)
        };
        assert_eq!(looks(Parts::ALL, &[]), [3, 3]);
        // One that has parts is looked at each time.
        assert_eq!(looks(routes, &[second]), [2, 2]);
        assert_eq!(looks(routes, &[first]), [1, 1]);
        assert_eq!(looks(services, &[]), [1, 3]);
        assert_eq!(looks(routes | services, &[second]), [2, 3]);
        assert_eq!(looks(Parts::ALL, &[]), [3, 3]);
    }

    #[test]
    fn what_is_said_of_a_namespace_hangs_on_it_and_on_the_root_namespace() {
        let policy = |namespace: &str, name: &str| {
            format!(
                "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{}}\n---\n"
            )
        };
        let all = [("a", "a"), ("a", "b"), ("b", "a"), ("istio-system", "a")];
        let compiled = Compiled::text(&all.map(|(of, name)| policy(of, name)).concat());
        let mesh = crate::resolve::resolve(&compiled.mesh);
        let part = mesh.source.authorization_policies.unnoted().1;
        let (policies, _) = mesh.policies.authorization_policies.unnoted();
        let id = |namespace: &str, name: &str| {
            let is_meant = |it: &&Policy<'_, AuthorizationPolicy>| {
                (it.resource.namespace.as_str(), it.resource.name()) == (namespace, name)
            };
            policies.iter().find(is_meant).unwrap().resource.id
        };
        let mut walks = Vec::new();
        let mut looks = |parts: Parts, resources: &[DocumentId]| {
            let seen = RefCell::new(Vec::new());
            let changes =
                Arc::new(Changes { parts, resources: resources.iter().copied().collect() });
            let ((), of) = crate::parts::reading(|| {
                walks = keeping(&changes, std::mem::take(&mut walks), || {
                    authorization_policies_by_namespace(&mesh, &mut Vec::new(), |it, _| {
                        seen.borrow_mut().push((it.own.len(), it.of_root.len()));
                    });
                });
            });
            assert!(of.meet(part));
            seen.into_inner()
        };
        assert_eq!(looks(Parts::ALL, &[]), [(2, 1), (1, 1), (1, 0)]);
        assert_eq!(looks(part, &[id("a", "b")]), [(2, 1)]);
        assert_eq!(looks(part, &[id("b", "a")]), [(1, 1)]);
        assert_eq!(looks(part, &[id("istio-system", "a")]), [(2, 1), (1, 1), (1, 0)]);
    }
}
