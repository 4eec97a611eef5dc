//! What of a difference is dangerous, and for whom: what was refused is let in, whom an `ALLOW` list let in, or everybody, is refused, or a
//! gateway serves no longer what it served, or to clients of whom it asks less.
//!
//! What counts is what all policies of a workload do together ([`Guard`]), and all that a gateway serves ([`Served`]): a policy that
//! goes, is named otherwise or is divided into two is no danger where others do the same. Who is refused since a workload begins to ask
//! more (`PERMISSIVE` to `STRICT`, a first `ALLOW`, a `DENY` of what no list let in) is not told: it is what such a policy is for. Of what has no such
//! sense, as a `Sidecar`, what ceases to hold says it ([`super::Hold::is_grave`]).

mod accepted;
mod covers;
mod guard;
mod left_behind;
mod requests;
mod served;
mod unknown;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{Labels, Role, Workload};
use mesh_snapshot::slice::Slice;
use mesh_snapshot::{Kind, Reference, Snapshot};

use self::guard::Guard;
use self::served::Served;
use self::unknown::Unknown;
use super::clients::Client;
use super::held::{Sides, have_proxies};

/// Workloads for which the same is dangerous.
#[derive(Debug)]
pub(crate) struct Endangered {
    /// `shop/reviews-v1`; `gateways with istio: ingress` stands for those of which none is known.
    pub workloads: BTreeSet<String>,
    pub danger: Danger,
}

/// What may happen that could not before.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Danger {
    /// Less is asked of connections; of all ports, where none is named.
    MutualTls { port: Option<u16>, before: &'static str, after: &'static str },
    /// Requests that policies refused.
    LetsIn,
    /// Requests that a list of what is allowed let in are refused: by such a list, or by what is denied.
    Refuses,
    /// Every request is refused, which was not so.
    Closed,
    /// Less is asked of the tokens of an issuer.
    Tokens { issuer: String },
    /// Tokens of another issuer let in callers who had none that counted.
    TrustsIssuer { issuer: String },
    /// Tokens of an issuer are verified by other keys.
    TrustsKeys { issuer: String },
    /// A gateway's server asks less TLS of clients than before, at this host and port.
    ServerTls { of: String, before: &'static str, after: &'static str },
    /// A gateway has no route any more for this: `shop.example.com:443, path /cart*`.
    Unserved { what: String },
    /// The workload is not under the policy that it was under when it was called otherwise, nor is anybody.
    LeftBehind { policy: String, was: String },
}

/// By what it is.
pub(super) fn all(clients: &[Client], sides: &Sides<'_>) -> Vec<Endangered> {
    let mut found: BTreeMap<Danger, BTreeSet<String>> = BTreeMap::new();
    // Most workloads of a namespace are under the same.
    let mut known: BTreeMap<[Asked<'_>; 2], BTreeSet<Danger>> = BTreeMap::new();
    let of_clients = clients.iter().filter_map(|it| {
        let have_proxies = have_proxies(&it.name, sides.before.0, sides.after.0);
        let (was, is) = it.slices()?;
        let slices = [Cow::Borrowed(was), Cow::Borrowed(is)];
        Some((&it.name, [&it.before, &it.after], slices, have_proxies))
    });
    let unknown = unknown::all(clients, sides);
    let of_unknown = unknown.iter().filter_map(|(name, Unknown { workload, is_guarded })| {
        let slices = slices(workload, sides)?.map(Cow::Owned);
        Some((name, [workload, workload], slices, [*is_guarded; 2]))
    });
    for (name, [before, after], [was, is], [guarded_before, guarded_after]) in
        of_clients.chain(of_unknown)
    {
        let asked =
            [(acting(&was), who(before), guarded_before), (acting(&is), who(after), guarded_after)];
        if asked[0] == asked[1] {
            continue;
        }
        let dangers = known.entry(asked).or_insert_with(|| {
            let [old, new] = [sides.before, sides.after].map(|(_, it)| &it.bundle.snapshot);
            between((&was, before, old, guarded_before), (&is, after, new, guarded_after))
        });
        for danger in dangers.iter() {
            found.entry(danger.clone()).or_default().insert(name.clone());
        }
    }
    for (name, dangers) in left_behind::all(sides) {
        for danger in dangers {
            found.entry(danger).or_default().insert(name.clone());
        }
    }
    found.into_iter().map(|(danger, workloads)| Endangered { workloads, danger }).collect()
}

/// What a slice begins with, whose it is, and whether a proxy acts on its policies.
type Asked<'w> = (Vec<Reference>, Who<'w>, bool);

/// A role; of a gateway the labels and the namespace too, which matches of its routes may ask for.
type Who<'w> = (Role, Option<(&'w Labels, &'w str)>);

fn who(it: &Workload) -> Who<'_> {
    (it.role, (it.role == Role::Gateway).then_some((&it.labels, it.namespace.as_str())))
}

/// A workload as a side has it.
type Of<'s> = (&'s Slice, &'s Workload, &'s Snapshot, bool);

fn between(before: Of<'_>, after: Of<'_>) -> BTreeSet<Danger> {
    let [was, is] = [before, after].map(|(slice, workload, snapshot, is_guarded)| {
        if is_guarded { Guard::of(slice, workload.role, snapshot) } else { Guard::none() }
    });
    let mut dangers = is.dangers(&was);
    let [was, is] =
        [before, after].map(|(slice, workload, snapshot, _)| Served::of(slice, workload, snapshot));
    let weaker = is.weaker(&was).into_iter();
    dangers.extend(weaker.map(|(of, before, after)| Danger::ServerTls { of, before, after }));
    dangers.extend(is.lost(&was).into_iter().map(|what| Danger::Unserved { what }));
    dangers
}

fn slices(workload: &Workload, sides: &Sides<'_>) -> Option<[Slice; 2]> {
    let old = sides.before.1.bundle.snapshot.slice_of(workload).ok()?;
    let new = sides.after.1.bundle.snapshot.slice_of(workload).ok()?;
    Some([old, new])
}

/// What a slice begins with that asks something of callers, or serves them.
fn acting(slice: &Slice) -> Vec<Reference> {
    let is_meant = |root: &&Reference| {
        matches!(
            root.key.kind,
            Kind::PeerAuthentication
                | Kind::RequestAuthentication
                | Kind::AuthorizationPolicy
                | Kind::Gateway
        )
    };
    slice.roots().filter(is_meant).cloned().collect()
}
