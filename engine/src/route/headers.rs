//! What a route does to headers.

use http::header::{HeaderName, HeaderValue};
use mesh_snapshot::object::HeaderOperations;

use crate::format::Format;
use crate::program::Fault;

/// For requests and responses. Where a route and one of its backends both have some, the backend's are done first,
/// as in Envoy, where the narrower comes first.
#[derive(Clone, Debug, Default)]
pub struct HeaderPlan {
    pub request: Edits,
    pub response: Edits,
    /// The authority that the upstream sees, as it is written: what `host` or `:authority` was set to, or else was to be
    /// added. Source: Istio takes these names out of `headers.request` and makes a rewrite of the host of them, which
    /// knows no operators.
    pub authority: Option<HeaderValue>,
}

/// Done in this order: remove, set, add. A header both removed and set ends up set.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    pub remove: Box<[HeaderName]>,
    /// In place of any values that are there.
    pub set: Box<[(HeaderName, Value)]>,
    /// Beside any values that are there.
    pub add: Box<[(HeaderName, Value)]>,
}

/// What a header is given.
#[derive(Clone, Debug)]
pub enum Value {
    /// Known beforehand: cloning it copies nothing.
    Fixed(HeaderValue),
    /// Written anew for each request.
    Computed(Format),
}

impl HeaderPlan {
    pub(crate) fn compile(operations: &HeaderOperations) -> Result<Self, Fault> {
        let of_authority = |(name, _): &&(String, String)| is_authority(name);
        let (added, add): (Vec<_>, Vec<_>) = operations.request_add.iter().partition(of_authority);
        let (authority, set): (Vec<_>, Vec<_>) =
            operations.request_set.iter().partition(of_authority);
        let request = Edits {
            remove: names(&operations.request_remove)?,
            set: pairs(set)?,
            add: pairs(add)?,
        };
        let response = Edits {
            remove: names(&operations.response_remove)?,
            set: pairs(&operations.response_set)?,
            add: pairs(&operations.response_add)?,
        };
        let authority = authority.last().or(added.last()).filter(|(_, text)| !text.is_empty());
        let authority = authority.map(|(_, text)| literal(text, text)).transpose()?;
        Ok(Self { request, response, authority })
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty() && self.authority.is_none()
    }
}

impl Value {
    /// From Envoy's format language.
    pub(crate) fn compile(text: &str) -> Result<Self, Fault> {
        let format =
            Format::parse(text).map_err(|error| Fault::Format { text: text.to_owned(), error })?;
        match format.as_text() {
            None => Ok(Self::Computed(format)),
            Some(fixed) => literal(fixed, text).map(Self::Fixed),
        }
    }
}

impl Edits {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}

fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case(":authority")
}

fn name(name: &str) -> Result<HeaderName, Fault> {
    name.parse().map_err(|_| Fault::HeaderName(name.to_owned()))
}

fn names(all: &[String]) -> Result<Box<[HeaderName]>, Fault> {
    all.iter().map(|text| name(text)).collect()
}

fn pairs<'a>(
    all: impl IntoIterator<Item = &'a (String, String)>,
) -> Result<Box<[(HeaderName, Value)]>, Fault> {
    // A header that would be empty is not written, as with those that are computed (Envoy, `keep_empty_value`).
    let filled = all.into_iter().filter(|(_, text)| !text.is_empty());
    filled.map(|(header, text)| Ok((name(header)?, Value::compile(text)?))).collect()
}

fn literal(value: &str, written: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Fault::HeaderValue(written.to_owned()))
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::HeaderOperations;

    use super::{HeaderPlan, Value};
    use crate::program::Fault;

    fn set(name: &str, value: &str) -> HeaderOperations {
        let request_set = vec![(name.to_owned(), value.to_owned())];
        HeaderOperations { request_set, ..HeaderOperations::default() }
    }

    #[test]
    fn fixed_values_are_made_beforehand() {
        let plan = HeaderPlan::compile(&set("X-A", "100%%")).unwrap();
        let [(name, Value::Fixed(value))] = &*plan.request.set else { panic!("{plan:?}") };
        assert_eq!((name.as_str(), value.as_bytes()), ("x-a", &b"100%"[..]));
        let plan = HeaderPlan::compile(&set("x-a", "%PROTOCOL%")).unwrap();
        assert!(matches!(&*plan.request.set, [(_, Value::Computed(_))]));
        assert!(!plan.is_empty());
        assert!(HeaderPlan::compile(&HeaderOperations::default()).unwrap().is_empty());
    }

    #[test]
    fn setting_the_host_rewrites_the_authority() {
        for name in ["Host", ":authority"] {
            let plan = HeaderPlan::compile(&set(name, "other.test")).unwrap();
            assert!(plan.request.is_empty());
            assert_eq!(plan.authority.unwrap(), "other.test");
            let added = vec![(name.to_owned(), "added.test".to_owned())];
            let both = HeaderOperations { request_add: added.clone(), ..set(name, "other.test") };
            let plan = HeaderPlan::compile(&both).unwrap();
            assert_eq!(plan.authority.unwrap(), "other.test");
            let add = HeaderOperations { request_add: added, ..HeaderOperations::default() };
            let plan = HeaderPlan::compile(&add).unwrap();
            assert!(plan.request.is_empty());
            assert_eq!(plan.authority.unwrap(), "added.test");
        }
    }

    #[test]
    fn an_authority_is_taken_as_it_is_written() {
        for text in ["100%%", "%PROTOCOL%"] {
            assert_eq!(HeaderPlan::compile(&set("host", text)).unwrap().authority.unwrap(), text);
        }
    }

    #[test]
    fn nothing_is_written_of_an_empty_value() {
        assert!(HeaderPlan::compile(&set("x-a", "")).unwrap().is_empty());
        assert!(HeaderPlan::compile(&set("host", "")).unwrap().is_empty());
    }

    #[test]
    fn what_no_header_can_hold_is_refused() {
        let fault = |operations| HeaderPlan::compile(&operations).unwrap_err();
        assert_eq!(fault(set("a b", "x")), Fault::HeaderName("a b".to_owned()));
        assert_eq!(fault(set(":path", "x")), Fault::HeaderName(":path".to_owned()));
        assert_eq!(fault(set("x", "a\nb")), Fault::HeaderValue("a\nb".to_owned()));
        assert!(matches!(fault(set("x", "%NOPE%")), Fault::Format { .. }));
    }
}
