//! Annotations: of Istio's own kinds, and of Kubernetes' kinds, where they set up the proxies of pods.

mod kubernetes;
mod own;

mod known;
mod state;
mod value;

pub(in crate::api) use known::is_read;
pub(in crate::api) use kubernetes::{check_pod_template, check_resource};
pub(in crate::api) use own::{check, is_tried};
pub(super) use own::{dry_run, is_bool, is_true, report_dry_run, report_unrecorded_dry_run};
#[cfg(test)]
pub(in crate::api) use state::{ANNOTATIONS, LABELS, Line};
