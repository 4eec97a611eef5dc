//! Endpoints that are near come first. A locality is `region/zone/subzone`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// One of `distribute`, `failover` and `failover_priority`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocalityLbSetting {
    #[serde(default)]
    pub distribute: Vec<Distribute>,
    #[serde(default)]
    pub failover: Vec<Failover>,
    /// Labels, the weightiest first: endpoints that share more of them with the client come first.
    #[serde(default)]
    pub failover_priority: Vec<String>,
    /// Absent: as the mesh says.
    pub enabled: Option<bool>,
}

/// From one locality, which share goes where.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Distribute {
    #[serde(default)]
    pub from: String,
    /// Locality → percent; they sum to 100.
    #[serde(default)]
    pub to: BTreeMap<String, u32>,
}

/// Where requests of a region go when its endpoints fail.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failover {
    #[serde(default)]
    pub from: String,
    #[serde(default)]
    pub to: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZoneAwareLbSetting {
    pub enabled: Option<bool>,
    #[serde(default)]
    pub failover: Vec<Failover>,
    #[serde(default)]
    pub failover_priority: Vec<String>,
    /// Below so many endpoints zones are disregarded.
    pub min_cluster_size: Option<u64>,
}
