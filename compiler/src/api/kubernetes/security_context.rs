//! As whom containers run.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::scalar::Opaque;

/// Of a pod as a whole.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodSecurityContext {
    pub run_as_user: Option<i64>,
    #[serde(default)]
    pub run_as_group: Opaque,
    #[serde(default)]
    pub run_as_non_root: Opaque,
    #[serde(default)]
    pub supplemental_groups: Opaque,
    #[serde(default)]
    pub supplemental_groups_policy: Opaque,
    #[serde(default)]
    pub fs_group: Opaque,
    #[serde(default)]
    pub fs_group_change_policy: Opaque,
    #[serde(default)]
    pub sysctls: Opaque,
    #[serde(default)]
    pub se_linux_options: Opaque,
    #[serde(default)]
    pub se_linux_change_policy: Opaque,
    #[serde(default)]
    pub windows_options: Opaque,
    #[serde(default)]
    pub seccomp_profile: Opaque,
    #[serde(default)]
    pub app_armor_profile: Opaque,
}

/// Of one container.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerSecurityContext {
    /// Absent: as the pod has it, or the image.
    pub run_as_user: Option<i64>,
    #[serde(default)]
    pub run_as_group: Opaque,
    #[serde(default)]
    pub run_as_non_root: Opaque,
    #[serde(default)]
    pub capabilities: Opaque,
    #[serde(default)]
    pub privileged: Opaque,
    #[serde(default)]
    pub allow_privilege_escalation: Opaque,
    #[serde(default)]
    pub read_only_root_filesystem: Opaque,
    #[serde(default)]
    pub proc_mount: Opaque,
    #[serde(default)]
    pub se_linux_options: Opaque,
    #[serde(default)]
    pub windows_options: Opaque,
    #[serde(default)]
    pub seccomp_profile: Opaque,
    #[serde(default)]
    pub app_armor_profile: Opaque,
}
