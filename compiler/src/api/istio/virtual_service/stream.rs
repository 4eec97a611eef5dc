//! Routes for what is not HTTP, or not to be read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Destination;

/// A route for TLS that is passed through.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsRoute {
    /// Any of them.
    #[serde(default)]
    pub r#match: Vec<TlsMatch>,
    #[serde(default)]
    pub route: Vec<RouteDestination>,
}

/// All of its parts must hold; a part that is absent does.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsMatch {
    /// Server names; `*.name` for all of a domain. Must lie within the resource's hosts.
    #[serde(default)]
    pub sni_hosts: Vec<String>,
    /// CIDR blocks of the address that the client was going to.
    #[serde(default)]
    pub destination_subnets: Vec<String>,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub source_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub gateways: Vec<String>,
    #[serde(default)]
    pub source_namespace: String,
}

/// A route for bytes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpRoute {
    /// Any of them; none matches every connection.
    #[serde(default)]
    pub r#match: Vec<L4Match>,
    #[serde(default)]
    pub route: Vec<RouteDestination>,
}

/// All of its parts must hold; a part that is absent does.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct L4Match {
    /// CIDR blocks of the address that the client was going to.
    #[serde(default)]
    pub destination_subnets: Vec<String>,
    #[serde(default)]
    pub port: u32,
    /// A CIDR block of the client's own address. Never implemented by anybody.
    #[serde(default)]
    pub source_subnet: String,
    #[serde(default)]
    pub source_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub gateways: Vec<String>,
    #[serde(default)]
    pub source_namespace: String,
}

/// A destination and its share of the connections.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteDestination {
    pub destination: Destination,
    #[serde(default)]
    pub weight: i32,
}
