//! For whom policies, Services and Gateways begin or cease to hold, in words.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::words::{EDITS_MAX, GROUPS_MAX, NAMESPACE, WORKLOAD, beginning, named};
use crate::difference::{Bond, Difference, Hold, Turn};
use crate::render::counts::counted;

/// What begins or ceases to hold for some workloads.
pub(super) struct Turned {
    /// `shop/frontpage-v1, shop/reviews-v1`.
    pub whom: String,
    /// `no longer under AuthorizationPolicy shop/api (DENY: nobody may call)`.
    pub holds: Vec<(Turn, String)>,
    /// How many more there are.
    pub left: usize,
}

/// `policies cease to hold for 1 workload, policies begin to hold for 2 workloads`: for how many what does, those included whose
/// policies are new or gone. A change of what holds for nobody says nothing.
pub(super) fn verdict(difference: &Difference) -> Option<String> {
    let of = [Bond::Policy, Bond::Service, Bond::Gateway]
        .into_iter()
        .flat_map(|bond| [Turn::Ceases, Turn::Begins].map(|turn| (bond, turn)));
    let said: Vec<_> = of
        .filter_map(|(bond, turn)| {
            let whom = concerned(difference, bond, turn);
            (!whom.is_empty())
                .then(|| sentence(&kinds(difference, bond, turn), (bond, turn), &whom))
        })
        .collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// A line for each group of workloads, and one for what is left. Those for which something ceases come first, then large ones.
pub(super) fn groups(difference: &Difference) -> Vec<Turned> {
    let mut groups: BTreeMap<Vec<&Hold>, BTreeSet<&str>> = BTreeMap::new();
    for held in &difference.held {
        let told: Vec<_> = held.holds.iter().filter(|it| is_told(it)).collect();
        if !told.is_empty() {
            let whom = held.workloads.iter().map(String::as_str);
            groups.entry(told).or_default().extend(whom);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(holds, whom)| (holds.first().map(|it| it.turn), Reverse(whom.len())));
    let rest: BTreeSet<_> = groups.iter().skip(GROUPS_MAX).flat_map(|(_, whom)| whom).collect();
    let mut said: Vec<_> =
        groups.iter().take(GROUPS_MAX).map(|(holds, whom)| turned(holds, whom)).collect();
    if !rest.is_empty() {
        let whom = format!("{}: others begin or cease to hold", named(rest.into_iter().copied()));
        said.push(Turned { whom, holds: Vec::new(), left: 0 });
    }
    said
}

/// Of a policy that is new or gone the resource itself is told, and whom it is for; of a Service it is not told who backs it.
/// What another one says in its place is as it was.
fn is_told(hold: &Hold) -> bool {
    !hold.is_replaced && (!hold.is_whole || hold.bond == Bond::Service)
}

fn turned(holds: &[&Hold], whom: &BTreeSet<&str>) -> Turned {
    let mut told: Vec<(Turn, String)> = Vec::new();
    let mut last = None;
    for hold in holds.iter().take(EDITS_MAX) {
        let verb = verb(hold);
        // Of what is alike but for its name the verb is said once.
        match told.last_mut().filter(|_| last == Some(verb)) {
            Some((_, said)) => *said = format!("{said}, {}", object(hold)),
            None => told.push((hold.turn, format!("{verb} {}", object(hold)))),
        }
        last = (hold.bond != Bond::Policy).then_some(verb);
    }
    let left = holds.len().saturating_sub(EDITS_MAX);
    Turned { whom: named(whom.iter().copied()), holds: told, left }
}

const fn verb(hold: &Hold) -> &'static str {
    match (hold.bond, hold.turn) {
        (Bond::Policy, Turn::Ceases) => "no longer under",
        (Bond::Policy, Turn::Begins) => "newly under",
        (Bond::Service, Turn::Ceases) => "no longer backs",
        (Bond::Service, Turn::Begins) => "newly backs",
        (Bond::Gateway, Turn::Ceases) => "no longer serves",
        (Bond::Gateway, Turn::Begins) => "newly serves",
    }
}

/// `PeerAuthentication shop/strict (STRICT)`.
fn object(hold: &Hold) -> String {
    match beginning(&hold.gist) {
        gist if gist.is_empty() => hold.resource.clone(),
        gist => format!("{} ({gist})", hold.resource),
    }
}

/// Those for whom something of this kind does.
fn concerned(difference: &Difference, bond: Bond, turn: Turn) -> BTreeSet<&str> {
    let is_meant = |hold: &Hold| hold.bond == bond && hold.turn == turn && !hold.is_replaced;
    let held = difference.held.iter().filter(|it| it.holds.iter().any(is_meant));
    held.flat_map(|it| &it.workloads).map(String::as_str).collect()
}

/// What is backed or served, as its authors have it: `a Service or ServiceEntry`.
fn kinds(difference: &Difference, bond: Bond, turn: Turn) -> String {
    let holds = difference.held.iter().flat_map(|it| &it.holds);
    let meant = holds.filter(|it| it.bond == bond && it.turn == turn && !it.is_replaced);
    let kinds: BTreeSet<_> = meant.map(Hold::kind).collect();
    let kinds: Vec<_> = kinds.into_iter().collect();
    format!("a {}", kinds.join(" or "))
}

fn sentence(kinds: &str, (bond, turn): (Bond, Turn), whom: &BTreeSet<&str>) -> String {
    let (all, s) = (count(whom), if whom.len() == 1 { "s" } else { "" });
    match (bond, turn) {
        (Bond::Policy, Turn::Ceases) => format!("policies cease to hold for {all}"),
        (Bond::Policy, Turn::Begins) => format!("policies begin to hold for {all}"),
        (Bond::Service, Turn::Ceases) => format!("{all} no longer back{s} {kinds}"),
        (Bond::Service, Turn::Begins) => format!("{all} newly back{s} {kinds}"),
        (Bond::Gateway, Turn::Ceases) => format!("{all} no longer serve{s} {kinds}"),
        (Bond::Gateway, Turn::Begins) => format!("{all} newly serve{s} {kinds}"),
    }
}

/// `2 workloads and 1 namespace`, of which no workload is known.
fn count(whom: &BTreeSet<&str>) -> String {
    let namespaces = whom.iter().filter(|it| it.ends_with("/*")).count();
    let workloads = whom.len() - namespaces;
    match (workloads, namespaces) {
        (_, 0) => counted(workloads, WORKLOAD),
        (0, _) => counted(namespaces, NAMESPACE),
        _ => format!("{} and {}", counted(workloads, WORKLOAD), counted(namespaces, NAMESPACE)),
    }
}
