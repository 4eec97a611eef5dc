//! Who may do what. Source: Istio `AuthorizationPolicy`, “Implicit enablement”; Envoy, `rbac`.
//!
//! The order is the security model: `CUSTOM`, then `DENY`, then `ALLOW`. What cannot be evaluated was refused when the
//! program was built, so nothing here can fail open.

use std::sync::Arc;

use mesh_snapshot::Key;
use mesh_snapshot::object::{Action, AuthorizationPolicy};

use super::rule::{Layer, Rule, item};
use super::test::Facts;
use super::verdict::{Ask, Decision, Verdict};
use crate::program::{BuildError, Fault, Ledger};
use crate::trace::{Step, Trace};

/// The policies that select a workload, for one layer.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    layer: Layer,
    custom: Vec<(Box<str>, Rule)>,
    enforced: Rules,
    dry_run: Rules,
    audit: Vec<Rule>,
}

/// Rules in the order of their IDs, as Envoy keeps them: of several that match, the first is told.
#[derive(Clone, Debug, Default)]
struct Rules {
    deny: Vec<Rule>,
    /// `None`: there is no `ALLOW` policy. One without rules is one nonetheless, and denies everything.
    allow: Option<Vec<Rule>>,
}

impl Authorization {
    pub(super) fn new(layer: Layer) -> Self {
        let (enforced, dry_run) = (Rules::default(), Rules::default());
        Self { layer, custom: Vec::new(), enforced, dry_run, audit: Vec::new() }
    }

    pub(super) fn push(
        &mut self,
        policy: &AuthorizationPolicy,
        key: &Arc<Key>,
        ledger: &Ledger,
    ) -> Result<(), BuildError> {
        let mut rules = Vec::new();
        for (index, rule) in policy.rules.iter().enumerate() {
            let compiled = Rule::compile(policy, index, rule, key, self.layer, ledger);
            rules.extend(compiled.map_err(|fault| BuildError::at(key, &item(index), fault))?);
        }
        let judged = if policy.dry_run { &mut self.dry_run } else { &mut self.enforced };
        match &policy.action {
            Action::Deny => judged.deny.extend(rules),
            Action::Allow => judged.allow.get_or_insert_default().extend(rules),
            Action::Audit | Action::Custom { .. } if policy.dry_run => {
                return Err(BuildError::at(key, "", Fault::DryRun));
            }
            Action::Audit => self.audit.extend(rules),
            Action::Custom { provider } => {
                let provider = provider.as_str();
                self.custom.extend(rules.into_iter().map(|rule| (provider.into(), rule)));
            }
        }
        Ok(())
    }

    /// To be called when all is there.
    pub(super) fn seal(&mut self) {
        let by_id = |rules: &mut Vec<Rule>| rules.sort_by(|left, right| left.id().cmp(right.id()));
        for rules in [&mut self.enforced, &mut self.dry_run] {
            by_id(&mut rules.deny);
            rules.allow.iter_mut().for_each(by_id);
        }
        by_id(&mut self.audit);
        self.custom.sort_by(|(_, left), (_, right)| left.id().cmp(right.id()));
    }

    pub(super) fn decide<'p, T: Trace>(&'p self, facts: &Facts<'_>, trace: &mut T) -> Verdict<'p> {
        let asked = self.custom.iter().find(|(_, rule)| matches(rule, facts, trace));
        let ask = asked.map(|(provider, rule)| Ask { provider, rule });
        let decision = match ask {
            Some(ask) if self.has_several_providers() => Decision::Denied(Some(ask.rule)),
            _ => self.enforced.decide(facts, trace),
        };
        Verdict {
            decision,
            ask,
            audit: first(&self.audit, facts, trace),
            dry_run: self.dry_run.exist().then(|| self.dry_run.decide(facts, trace)),
        }
    }

    /// Istio denies what matches a `CUSTOM` policy where two of a workload name different authorizers.
    fn has_several_providers(&self) -> bool {
        self.custom.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one != other))
    }
}

impl Rules {
    fn exist(&self) -> bool {
        !self.deny.is_empty() || self.allow.is_some()
    }

    fn decide<'p, T: Trace>(&'p self, facts: &Facts<'_>, trace: &mut T) -> Decision<'p> {
        if let Some(rule) = first(&self.deny, facts, trace) {
            return Decision::Denied(Some(rule));
        }
        let Some(allow) = &self.allow else { return Decision::Allowed(None) };
        match first(allow, facts, trace) {
            Some(rule) => Decision::Allowed(Some(rule)),
            None => Decision::Denied(None),
        }
    }
}

fn first<'p, T: Trace>(rules: &'p [Rule], facts: &Facts<'_>, trace: &mut T) -> Option<&'p Rule> {
    rules.iter().find(|rule| matches(rule, facts, trace))
}

fn matches<T: Trace>(rule: &Rule, facts: &Facts<'_>, trace: &mut T) -> bool {
    let miss = rule.miss(facts);
    if T::LISTENS {
        trace.step(Step::Rule { rule, miss });
    }
    miss.is_none()
}
