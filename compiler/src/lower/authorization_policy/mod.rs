//! `AuthorizationPolicy`: who may do what. Source: Istio, `pilot/pkg/security/authz/model`.

mod condition;
mod operation;
mod pattern;
mod source;

use mesh_snapshot::object::{Action, AuthorizationPolicy, Object, Rule, Test};
use mesh_snapshot::{Key, Kind};
use rayon::prelude::*;

use super::{Lowering, Written};
use crate::api::{Resource, istio};
use crate::diagnostic::{At, Place};

impl Lowering<'_, '_> {
    pub(super) fn authorization_policies(&self) {
        self.mesh.policies.authorization_policies.par_iter().for_each(|policy| {
            let resource = policy.resource;
            let root = resource.at();
            let spec = root.field("spec");
            let list = spec.field("rules");
            let rules = resource.spec.rules.iter().flatten().enumerate();
            let rules: Vec<_> = rules
                .map(|(index, rule)| self.rule_of(rule, &resource.namespace, &list.index(index)))
                .collect();
            let count = rules.len();
            let object = AuthorizationPolicy {
                namespace: resource.namespace.clone(),
                name: resource.name().to_owned(),
                action: action(&resource.spec),
                dry_run: self.is_dry_run(resource),
                rules,
            };
            let object = Object::AuthorizationPolicy(object);
            let mut written = Written::at(object, blamed(resource));
            for index in 0..count {
                written.places.push((format!("rules[{index}]"), list.index(index).value()));
            }
            let key = Key::new(Kind::AuthorizationPolicy, &*resource.namespace, resource.name());
            self.policy(key, policy, &written, 0);
        });
    }

    /// `AUDIT` changes nothing, tried or not; one that asks somebody else cannot be tried, which a rule refuses.
    fn is_dry_run(&self, resource: &Resource<istio::AuthorizationPolicy>) -> bool {
        let is_tried = resource.is_tried();
        let is_judged = matches!(resource.spec.action, istio::Action::Allow | istio::Action::Deny);
        if is_tried && !is_judged {
            let root = resource.at();
            let metadata = root.field("metadata");
            let annotations = metadata.field("annotations");
            let place = annotations.field(istio::DRY_RUN).value();
            let message = "only `ALLOW` and `DENY` policies can be tried in a dry run".to_owned();
            self.unserved(place, message, "the policy is in force");
        }
        is_tried && is_judged
    }

    fn rule_of(&self, rule: &istio::Rule, namespace: &str, at: &At<'_>) -> Rule {
        let domains = self.mesh.settings.trust_domains();
        let froms = rule.from.iter().flatten().filter_map(|from| from.source.as_ref());
        let tos = rule.to.iter().flatten().filter_map(|to| to.operation.as_ref());
        let list = at.field("when");
        let mut when = Vec::new();
        for (index, condition) in rule.when.iter().enumerate() {
            match condition::lower(condition, namespace, domains) {
                Some(tests) => when.extend(tests),
                None => self.never(condition, &list.index(index), &mut when),
            }
        }
        Rule {
            from: froms.map(|source| source::lower(source, namespace, domains)).collect(),
            to: tos.map(operation::lower).collect(),
            when,
        }
    }

    /// An attribute that no proxy has: it is absent, as one that is there nowhere.
    fn never(&self, condition: &istio::Condition, at: &At<'_>, when: &mut Vec<Test>) {
        let message = format!("no proxy has the attribute `{}`", condition.key);
        self.unserved(at.field("key").value(), message, "it is judged as one that is absent");
        when.extend(condition::absent(condition));
    }
}

/// What is to blame for the policy as a whole: where it asks somebody else, that.
fn blamed(resource: &Resource<istio::AuthorizationPolicy>) -> Place {
    if resource.spec.action != istio::Action::Custom {
        return Place::resource(resource.id);
    }
    let root = resource.at();
    root.field("spec").field("action").value()
}

fn action(spec: &istio::AuthorizationPolicy) -> Action {
    match spec.action {
        istio::Action::Allow => Action::Allow,
        istio::Action::Deny => Action::Deny,
        istio::Action::Audit => Action::Audit,
        istio::Action::Custom => Action::Custom {
            provider: spec.provider.as_ref().map(|it| it.name.clone()).unwrap_or_default(),
        },
    }
}
