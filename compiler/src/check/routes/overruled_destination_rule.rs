//! `overruled-destination-rule`: what a `DestinationRule` says has no effect, since another one for the host has said it.
//!
//! Rules of one namespace, for one host and the same clients, count as one: of subsets with one name the first holds, and of
//! traffic policies the first as a whole. First is the oldest. One that is exported to the namespaces of an earlier one and others
//! is merged into that, and stands nowhere by itself. Source: Istio, `mergeDestinationRule`.

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
    for (rule, policies) in mesh.destination_rules.exported() {
        if rule.spec.workload_selector.is_none() {
            out.extend(lost_for_some(rule, &policies));
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

/// A rule that is exported to somebody for whom none of the policies is that it is a part of.
fn lost_for_some(rule: &Resource<DestinationRule>, policies: &[&Policy<'_>]) -> Option<Diagnostic> {
    let is_lost = |name: &String| {
        // Clients of its own namespace go by what is there.
        let is_own = matches!(name.as_str(), "." | "~") || *name == rule.namespace;
        let client = Some(name.as_str()).filter(|it| *it != "*");
        !is_own && !policies.iter().any(|it| it.is_for_others(client))
    };
    let mut lost = rule.spec.export_to.iter().enumerate().filter(|(_, name)| is_lost(name));
    let (index, name) = lost.next()?;
    let place = |index| Place::value(rule.id, spec().field("exportTo").index(index));
    let policy = policies.first()?;
    let narrow = policy.from.first().filter(|it| it.id != rule.id)?;
    let others = if name == "*" { "everybody else".to_owned() } else { format!("`{name}`") };
    let message = format!(
        "the rule for `{}` is merged into one that is exported to fewer, and does not hold for {others}",
        policy.host
    );
    Some(
        Diagnostic::new(&CHECK, place(index), message)
            .label("nothing of it holds there")
            .also(Place::key(narrow.id, spec().field("exportTo")), "it is a part of this one")
            .consequence(format!("requests from {others} are sent as if the rule were not there"))
            .help(
                "export both to the same namespaces, or let this one leave out those of the other",
            )
            .and_here(lost.map(|(index, _)| place(index))),
    )
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

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// How often it is told of rules of one namespace for one host with these exports.
    fn count(export_to: &[&str]) -> usize {
        let folder = Folder::new();
        let rules = export_to.iter().enumerate().map(|(number, names)| {
            format!("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: r{number}, namespace: shop}}\nspec: {{host: web.example, {names}subsets: [{{name: v{number}}}]}}\n---\n")
        });
        folder.write("a.yaml", rules.collect::<String>());
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn one_that_is_exported_to_more_is_a_part_of_the_one_before_it() {
        let [few, more] = ["exportTo: [a], ", "exportTo: [a, b], "];
        assert_eq!(count(&[few, more]), 1);
        assert_eq!(count(&[few, "exportTo: ['.', a, b], "]), 1);
        assert_eq!(count(&[few, "exportTo: ['*', a], "]), 1);
        for all in [
            &[more, few][..],
            &[more, more],
            &[few, "exportTo: [b], "],
            &[few, "exportTo: [b, c], "],
            &[few, ""],
            &["", more],
            &["exportTo: ['.'], ", "exportTo: ['.', a], "],
        ] {
            assert_eq!(count(all), 0, "{all:?}");
        }
        // A later one stands by itself.
        assert_eq!(count(&["exportTo: [b], ", more, "exportTo: [a], "]), 1);
    }
}
