//! `unserved-reference-grant`: a `ReferenceGrant` is for a kind that there is not.
//!
//! Said where it is plain which kind is meant: grants are for volumes and for other programs' routes, too. Sources: Gateway API,
//! `ReferenceGrant`: group and kind are compared as written; Istio, `ReferenceGrantsCollection`.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use super::missing_reference_grant;
use crate::api::gateway_api::ReferenceGrant;
use crate::api::{Resource, nearest};
use crate::check::reference_kind::{GATEWAY_API, GroupKind};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "unserved-reference-grant",
    Severity::Warning,
    include_str!("unserved_reference_grant.md"),
);

/// What refers to other namespaces.
const FROM: &[GroupKind<'static>] = &[
    (GATEWAY_API, "Gateway"),
    (GATEWAY_API, "ListenerSet"),
    (GATEWAY_API, "HTTPRoute"),
    (GATEWAY_API, "GRPCRoute"),
    (GATEWAY_API, "TLSRoute"),
    (GATEWAY_API, "TCPRoute"),
    (GATEWAY_API, "UDPRoute"),
];

/// What it refers to.
const TO: &[GroupKind<'static>] = &[("", "Service"), ("", "Secret"), ("", "ConfigMap")];

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // Whoever is kept out by a grant is told of it there.
    let blamed = LazyCell::new(|| {
        let mut missing = Vec::new();
        missing_reference_grant::run(mesh, &mut missing);
        let labels = missing.iter().flat_map(|it| &it.others);
        labels.filter_map(|it| it.place.document()).collect::<BTreeSet<_>>()
    });
    for grant in &mesh.source.reference_grants {
        let mut entries = Entry::all(grant).filter_map(|it| Some((it.slip()?, it)));
        let Some((slip, first)) = entries.next() else { continue };
        if blamed.contains(&grant.id) {
            continue;
        }
        let more = entries.map(|(slip, it)| slip.place(grant.id, &it));
        out.push(slip.report(grant.id, &first).and_here(more));
    }
}

/// One of those that a grant lets in, or one of what it opens.
struct Entry<'g> {
    list: &'static str,
    index: usize,
    written: GroupKind<'g>,
    served: &'static [GroupKind<'static>],
}

impl<'g> Entry<'g> {
    fn all(grant: &'g Resource<ReferenceGrant>) -> impl Iterator<Item = Self> {
        let from = (0..grant.spec.from.len()).filter_map(|index| Self::from(grant, index));
        let to = (0..grant.spec.to.len()).filter_map(|index| Self::to(grant, index));
        from.chain(to)
    }

    fn from(grant: &'g Resource<ReferenceGrant>, index: usize) -> Option<Self> {
        let it = grant.spec.from.get(index)?;
        Some(Self { list: "from", index, written: (&it.group, &it.kind), served: FROM })
    }

    fn to(grant: &'g Resource<ReferenceGrant>, index: usize) -> Option<Self> {
        let it = grant.spec.to.get(index)?;
        Some(Self { list: "to", index, written: (&it.group, &it.kind), served: TO })
    }

    fn is_for(&self, kind: &str) -> bool {
        let meant = self.slip().map_or(self.written, |slip| slip.meant);
        self.served.contains(&meant) && meant.1 == kind
    }

    /// Of a group that nobody here knows it may be for anything.
    fn slip(&self) -> Option<Slip> {
        let (group, kind) = self.written;
        let is_known = matches!(group, "" | "core" | "v1")
            || group.ends_with(".k8s.io")
            || group.ends_with("istio.io");
        if !is_known || self.served.contains(&self.written) {
            return None;
        }
        let alike = self.served.iter().find(|(_, it)| it.eq_ignore_ascii_case(kind)).copied();
        let near = || {
            let own = self.served.iter().filter(|(of, _)| *of == group);
            let near = nearest(kind, own.clone().map(|(_, kind)| *kind))?;
            own.copied().find(|(_, kind)| *kind == near)
        };
        alike.or_else(near).map(|meant| Slip { meant })
    }

    fn path(&self) -> FieldPath {
        FieldPath::default().field("spec").field(self.list).index(self.index)
    }

    /// `` a `Service` of the group `core` ``
    fn words(&self) -> String {
        match self.written {
            ("", kind) => format!("a `{kind}` of the core group"),
            (group, kind) => format!("a `{kind}` of the group `{group}`"),
        }
    }
}

/// A kind that is none, and which is meant.
struct Slip {
    meant: GroupKind<'static>,
}

impl Slip {
    fn has_kind(&self, entry: &Entry<'_>) -> bool {
        entry.written.1 == self.meant.1
    }

    fn place(&self, grant: DocumentId, entry: &Entry<'_>) -> Place {
        let field = if self.has_kind(entry) { "group" } else { "kind" };
        Place::value(grant, entry.path().field(field))
    }

    fn report(&self, grant: DocumentId, entry: &Entry<'_>) -> Diagnostic {
        let (group, kind) = self.meant;
        let (words, place) = (entry.words(), self.place(grant, entry));
        let message = match entry.list {
            "from" => format!("nothing that is to be let in is {words}"),
            _ => format!("nothing that is to be opened is {words}"),
        };
        let found = Diagnostic::new(&CHECK, place, message);
        let found = if self.has_kind(entry) {
            found.label("its group is another")
        } else {
            found.meant(Some(kind), "")
        };
        let found = found.consequence("the grant lets nobody in by this");
        if entry.written.0 == group {
            return found;
        }
        found.help(format!("write `group: \"{group}\"` beside `kind: {kind}`"))
    }
}

/// A reference that nothing allows.
pub(super) struct Wanted<'r> {
    pub(super) from_kind: &'r str,
    pub(super) from: &'r str,
    pub(super) to_kind: &'r str,
    pub(super) to: &'r str,
}

/// The grant that plainly was to allow it, and why it does not.
pub(super) fn nearly(mesh: &Mesh<'_>, wanted: &Wanted<'_>) -> Option<(Place, String)> {
    let mut grants = mesh.grants.between(wanted.from, wanted.to).iter();
    grants.find_map(|grant| {
        let from = grant.spec.from.iter().enumerate().filter(|(_, it)| it.namespace == wanted.from);
        let from = from.filter_map(|(index, _)| Entry::from(grant, index));
        let from = best(from.filter(|it| it.is_for(wanted.from_kind)))?;
        let to = (0..grant.spec.to.len()).filter_map(|index| Entry::to(grant, index));
        let to = best(to.filter(|it| it.is_for(wanted.to_kind)))?;
        let why = |entry: &Entry<'_>, does: &str| {
            let slip = entry.slip()?;
            Some((slip.place(grant.id, entry), format!("this {does} {}", entry.words())))
        };
        why(&from, "lets in").or_else(|| why(&to, "opens")).or_else(|| {
            let name = grant.spec.to.get(to.index)?.name.as_deref()?;
            let place = Place::value(grant.id, to.path().field("name"));
            Some((place, format!("this opens `{name}` alone")))
        })
    })
}

/// The one that is written as it should be, if any is.
fn best<'g>(entries: impl Iterator<Item = Entry<'g>>) -> Option<Entry<'g>> {
    entries.min_by_key(|it| it.slip().is_some())
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    fn grant(from: &str, to: &str) -> String {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {{name: g, namespace: web}}\nspec: {{from: [{{{from}, namespace: shop}}], to: [{{{to}}}]}}\n---\n"
        )
    }

    fn told(text: &str) -> Vec<(&'static str, String)> {
        let folder = Folder::new();
        folder.write("a.yaml", text);
        let found =
            findings(folder.path()).into_iter().filter(|it| it.check.name.ends_with("grant"));
        found
            .map(|it| (it.check.name, it.others.first().map_or(it.message, |it| it.text.clone())))
            .collect()
    }

    const ROUTES: &str = "group: gateway.networking.k8s.io, kind: HTTPRoute";
    const SERVICES: &str = "group: '', kind: Service";

    #[test]
    fn a_kind_is_compared_as_written() {
        for (from, to, found) in [
            (ROUTES, SERVICES, None),
            ("group: gateway.networking.k8s.io, kind: UDPRoute", SERVICES, None),
            (
                "group: gateway.networking.k8s.io, kind: HttpRoute",
                SERVICES,
                Some(
                    "nothing that is to be let in is a `HttpRoute` of the group `gateway.networking.k8s.io`",
                ),
            ),
            (
                "group: networking.istio.io, kind: Gateway",
                "group: '', kind: Secret",
                Some(
                    "nothing that is to be let in is a `Gateway` of the group `networking.istio.io`",
                ),
            ),
            (
                ROUTES,
                "group: core, kind: service",
                Some("nothing that is to be opened is a `service` of the group `core`"),
            ),
            (
                ROUTES,
                "group: '', kind: Services",
                Some("nothing that is to be opened is a `Services` of the core group"),
            ),
            // Of volumes, and of other programs.
            (
                "group: '', kind: PersistentVolumeClaim",
                "group: snapshot.storage.k8s.io, kind: VolumeSnapshot",
                None,
            ),
            (ROUTES, "group: serving.knative.dev, kind: Service", None),
            (ROUTES, "group: inference.networking.k8s.io, kind: InferencePool", None),
            (ROUTES, "group: multicluster.x-k8s.io, kind: ServiceImport", None),
        ] {
            let found = found.map(|it| ("unserved-reference-grant", it.to_owned()));
            let found: Vec<_> = found.into_iter().collect();
            assert_eq!(told(&grant(from, to)), found, "{from} {to}");
        }
    }

    #[test]
    fn who_was_to_be_let_in_is_told_of_the_grant() {
        const REST: &str = "apiVersion: v1
kind: Service
metadata: {name: web, namespace: web}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: web, namespace: web, port: 80}]}]}
";
        for (from, to, why) in [
            (
                "group: '', kind: HTTPRoute",
                SERVICES,
                "this lets in a `HTTPRoute` of the core group",
            ),
            (ROUTES, "group: core, kind: Service", "this opens a `Service` of the group `core`"),
            (ROUTES, "group: '', kind: Service, name: wep", "this opens `wep` alone"),
            // It is for something else.
            (ROUTES, "group: '', kind: Secret", "what the route leads to"),
        ] {
            let text = format!("{}{REST}", grant(from, to));
            assert_eq!(told(&text), [("missing-reference-grant", why.to_owned())], "{from} {to}");
        }
        assert_eq!(told(&format!("{}{REST}", grant(ROUTES, SERVICES))), []);
    }
}
