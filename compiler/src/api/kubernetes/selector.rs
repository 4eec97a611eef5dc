//! Kubernetes' label selectors.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// All of it must hold; an empty one selects everything.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelSelector {
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub match_expressions: Vec<Requirement>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requirement {
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    #[serde(default)]
    pub values: Vec<String>,
}

impl LabelSelector {
    /// Whether something with these labels is selected. Source: Kubernetes, "Labels and Selectors".
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| requirement.holds(labels))
    }
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let is_listed = value.is_some_and(|value| self.values.contains(value));
        match self.operator.as_str() {
            "In" => is_listed,
            "NotIn" => !is_listed,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_selects_by_equality_and_by_set() {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let with = |operator: &str, key: &str, values: &[&str]| LabelSelector {
            match_expressions: vec![Requirement {
                key: key.into(),
                operator: operator.into(),
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            }],
            ..LabelSelector::default()
        };
        assert!(LabelSelector::default().selects(&labels));
        assert!(
            LabelSelector { match_labels: labels.clone(), ..LabelSelector::default() }
                .selects(&labels)
        );
        assert!(with("In", "app", &["api", "web"]).selects(&labels));
        assert!(!with("NotIn", "app", &["web"]).selects(&labels));
        assert!(with("NotIn", "tier", &["web"]).selects(&labels));
        assert!(with("Exists", "app", &[]).selects(&labels));
        assert!(with("DoesNotExist", "tier", &[]).selects(&labels));
        assert!(!with("Equals", "app", &["web"]).selects(&labels));
    }
}
