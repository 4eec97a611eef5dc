//! `overruled-destination-rule`: what a `DestinationRule` says has no effect, since another one for the host has said it.
//!
//! Rules of one namespace, for one host and the same clients, count as one: of subsets with one name the first holds, and of
//! traffic policies the first as a whole. First is the oldest. Source: Istio, `mergeDestinationRule`.

use std::collections::BTreeSet;

use crate::api::Resource;
use crate::api::istio::DestinationRule;
use crate::check::overlap::why_first;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::destination_rule::Policy;
use crate::resolve::{Age, Mesh};

pub(super) static CHECK: Check = Check::lint(
    "overruled-destination-rule",
    Severity::Warning,
    include_str!("overruled_destination_rule.md"),
)
.alias(&["KIA0201"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // Rules for everybody are merged twice, for their own namespace and for the others.
    let mut said = BTreeSet::new();
    let unselected = mesh.destination_rules.iter().filter(|policy| policy.selector.is_none());
    let apart: BTreeSet<_> = unselected.flat_map(|policy| &policy.from).map(|it| it.id).collect();
    for policy in mesh.destination_rules.iter() {
        for (place, loser) in policy.from.iter().enumerate() {
            // A rule for all workloads that is a part of one for some workloads, and nothing besides. What it loses to that
            // one follows from it.
            let is_for_all = loser.spec.workload_selector.is_none();
            if policy.selector.is_some() && is_for_all && !apart.contains(&loser.id) {
                if said.insert((loser.id, loser.id, spec())) {
                    out.extend(folded(policy, loser));
                }
                continue;
            }
            for lost in lost(policy, place, loser) {
                let what = (loser.id, lost.winner.id, lost.at.clone());
                if said.insert(what) {
                    out.push(lost.say(policy, loser));
                }
            }
        }
    }
}

/// A part of a rule that has no effect.
struct Lost<'a> {
    winner: &'a Resource<DestinationRule>,
    what: String,
    at: FieldPath,
    /// The part of `winner` that holds instead.
    instead: FieldPath,
    effect: &'static str,
}

/// What the rule at `place` says otherwise than one before it.
fn lost<'a>(policy: &Policy<'a>, place: usize, loser: &Resource<DestinationRule>) -> Vec<Lost<'a>> {
    let mut all = Vec::new();
    let before = |first: usize| policy.from.get(first).copied().filter(|_| first < place);
    if let (Some((first, holds)), Some(own)) = (policy.traffic_policy, &loser.spec.traffic_policy)
        && let Some(winner) = before(first)
        && holds != own
    {
        let at = spec().field("trafficPolicy");
        let what = "a traffic policy".to_owned();
        let effect =
            "of two policies nothing is merged: what the first one does not say has its default";
        all.push(Lost { winner, what, at: at.clone(), instead: at, effect });
    }
    for (index, own) in loser.spec.subsets.iter().enumerate() {
        let Some((first, other, holds)) = policy.subset(&own.name) else { continue };
        if let Some(winner) = before(first)
            && holds != own
        {
            let at = |index: usize| spec().field("subsets").index(index).field("name");
            let what = format!("a subset `{}`", own.name);
            let effect = "the subset has the labels and the settings of the first one";
            all.push(Lost { winner, what, at: at(index), instead: at(other), effect });
        }
    }
    all
}

fn spec() -> FieldPath {
    FieldPath::default().field("spec")
}

impl Lost<'_> {
    fn say(self, policy: &Policy<'_>, loser: &Resource<DestinationRule>) -> Diagnostic {
        let reason = if self.winner.spec.workload_selector == loser.spec.workload_selector {
            why_first(&Age::of(self.winner), &Age::of(loser))
        } else {
            "a rule for some workloads comes first"
        };
        let message = format!("another rule has {} for `{}` already", self.what, policy.host);
        Diagnostic::new(&CHECK, Place::key(loser.id, self.at), message)
            .label("has no effect")
            .also(Place::key(self.winner.id, self.instead), format!("this holds: {reason}"))
            .consequence(self.effect)
            .help("put both into one DestinationRule")
    }
}

fn folded(policy: &Policy<'_>, rule: &Resource<DestinationRule>) -> Option<Diagnostic> {
    let narrow = policy.from.first()?;
    let message = format!(
        "the rule for `{}` is merged into one for some workloads, and holds for no others",
        policy.host
    );
    Some(
        Diagnostic::new(&CHECK, Place::resource(rule.id), message)
            .label("for all workloads, as it seems")
            .also(Place::key(narrow.id, spec().field("workloadSelector")), "for these alone")
            .consequence("other workloads of the namespace have no rule for the host")
            .help("remove `exportTo`: without it the rule stands by itself"),
    )
}
