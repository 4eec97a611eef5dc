//! What a route does with a request, other than to forward it as it is.

use schemars::JsonSchema;
use serde::Deserialize;

/// Sends the client elsewhere.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRedirect {
    /// The whole path.
    #[serde(default)]
    pub uri: String,
    /// In place of the prefix that was matched.
    #[serde(default)]
    pub prefix_rewrite: String,
    #[serde(default)]
    pub authority: String,
    pub port: Option<u32>,
    /// The port that the scheme or the request has.
    pub derive_port: Option<RedirectPortSelection>,
    #[serde(default)]
    pub scheme: String,
    /// Zero: 301.
    #[serde(default)]
    pub redirect_code: u32,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RedirectPortSelection {
    /// 80 for `http`, 443 for `https`.
    #[default]
    FromProtocolDefault,
    FromRequestPort,
}

/// An answer of the proxy's own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectResponse {
    pub status: u32,
    pub body: Option<DirectResponseBody>,
}

/// One of the two.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectResponseBody {
    pub string: Option<String>,
    /// In base64.
    pub bytes: Option<String>,
}

/// Another `VirtualService`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delegate {
    #[serde(default)]
    pub name: String,
    /// Empty: that of the resource which delegates.
    #[serde(default)]
    pub namespace: String,
}

/// What is changed of a request.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRewrite {
    /// In place of the prefix that was matched, or of the whole path.
    #[serde(default)]
    pub uri: String,
    #[serde(default)]
    pub authority: String,
    pub uri_regex_rewrite: Option<RegexRewrite>,
}

/// Replaces what an expression matches.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegexRewrite {
    /// In RE2's language.
    #[serde(default)]
    pub r#match: String,
    /// With `\1` for groups.
    #[serde(default)]
    pub rewrite: String,
}
