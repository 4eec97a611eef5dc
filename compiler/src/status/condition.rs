//! Conditions: one statement each, with a reason for programs and a message for people. Source: Kubernetes,
//! `metav1.Condition`; Istio, `SetListenerConditions`.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about: `Accepted`.
    pub r#type: String,
    pub status: Truth,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub message: String,
    /// Of the resource that it tells of; absent where nobody counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// RFC 3339. Absent: it holds as of now, and whoever writes it down knows when that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Truth {
    True,
    False,
    Unknown,
}

/// Why something is not as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// Both: the first gives the reason.
    pub(super) fn and(self, other: &Self) -> Self {
        Self { message: format!("{}; {}", self.message, other.message), ..self }
    }
}

impl Condition {
    pub(super) fn new(
        r#type: &str,
        status: Truth,
        reason: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            r#type: r#type.to_owned(),
            status,
            reason: reason.to_owned(),
            message: message.into(),
            observed_generation: None,
            last_transition_time: None,
        }
    }

    /// It holds for `reason`, unless there is a fault.
    pub(super) fn unless(
        fault: Option<Fault>,
        r#type: &str,
        reason: &str,
        message: impl Into<String>,
    ) -> Self {
        match fault {
            None => Self::new(r#type, Truth::True, reason, message),
            Some(fault) => Self::new(r#type, Truth::False, fault.reason, fault.message),
        }
    }
}

/// What is there, with what is new: in the place of what is of its type, else at the end, by type. What has not changed
/// keeps its time.
pub(super) fn update(
    mut existing: Vec<Condition>,
    mut new: Vec<Condition>,
    generation: Option<i64>,
) -> Vec<Condition> {
    new.sort_by(|a, b| a.r#type.cmp(&b.r#type));
    for mut condition in new {
        condition.observed_generation = generation;
        match existing.iter_mut().find(|it| it.r#type == condition.r#type) {
            Some(before) => {
                if before.status == condition.status {
                    condition.last_transition_time = before.last_transition_time.take();
                }
                *before = condition;
            }
            None => existing.push(condition),
        }
    }
    existing
}
