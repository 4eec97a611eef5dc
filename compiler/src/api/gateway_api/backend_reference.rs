//! What a route leads to. Source: Gateway API, `BackendObjectReference`.

use schemars::JsonSchema;
use serde::Deserialize;

/// A backend as any route names it: what is absent is what it stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BackendObjectReference<'a> {
    /// Empty: Kubernetes' core group.
    pub group: &'a str,
    pub kind: &'a str,
    pub name: &'a str,
    /// `None`: the route's.
    pub namespace: Option<&'a str>,
    pub port: Option<i32>,
}

impl BackendObjectReference<'_> {
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.group.is_empty() && self.kind == "Service"
    }
}

/// A struct that begins with the fields of a reference to a backend, and reads as one.
///
/// `#[serde(flatten)]` would not do: what it reads it copies, without the place that a fault in it is told at, and it goes
/// without the names of fields that an unknown one may be meant for.
macro_rules! backend_reference {
    (
        $(#[$about:meta])*
        pub struct $name:ident { $($(#[$of_field:meta])* pub $field:ident: $type:ty,)* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            /// Absent: Kubernetes' core group.
            pub group: Option<String>,
            /// Absent: `Service`.
            pub kind: Option<String>,
            pub name: String,
            /// Absent: the route's.
            pub namespace: Option<String>,
            /// Must be there for a Service.
            pub port: Option<i32>,
            $($(#[$of_field])* pub $field: $type,)*
        }

        impl $name {
            #[must_use]
            pub fn object(&self) -> $crate::api::gateway_api::BackendObjectReference<'_> {
                $crate::api::gateway_api::BackendObjectReference {
                    group: self.group.as_deref().unwrap_or_default(),
                    kind: self.kind.as_deref().unwrap_or("Service"),
                    name: &self.name,
                    namespace: self.namespace.as_deref(),
                    port: self.port,
                }
            }
        }
    };
}

pub(super) use backend_reference;

backend_reference! {
    /// Where requests go. Another namespace must allow it with a `ReferenceGrant`.
    pub struct BackendReference {}
}
