//! When a route is taken: one `HTTPMatchRequest`, compiled for one workload and one port.
//!
//! Source: Istio, `pilot/pkg/networking/core/route`; Envoy, `HeaderUtility::matchHeaders`.

use mesh_snapshot::object::{ClaimMatch, HeaderMatch, HttpMatch, QueryMatch, ValueMatch};

use super::text::Text;
use crate::policy::Claims;
use crate::program::{Fault, Ledger, Site};
use crate::request::{Field, Request};
use crate::trace::Part;

/// All of it must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) path: Option<PathTest>,
    fields: Box<[FieldTest]>,
    query: Box<[(Box<str>, Option<Text>)]>,
    claims: Box<[ClaimTest]>,
}

#[derive(Clone, Debug)]
pub(super) struct PathTest {
    pub(super) text: Text,
    pub(super) ignore_case: bool,
}

#[derive(Clone, Debug)]
struct FieldTest {
    field: Field,
    /// `None`: it is there, whatever its value.
    value: Option<Text>,
    inverted: bool,
}

#[derive(Clone, Debug)]
struct ClaimTest {
    path: Vec<String>,
    /// `None`: it is there, whatever its text.
    value: Option<Text>,
    inverted: bool,
}

impl Condition {
    /// What of `matching` is left to ask of a request, or the part for which no request of `site` can have it.
    pub(super) fn compile(
        matching: &HttpMatch,
        site: &Site<'_>,
        ledger: &Ledger,
    ) -> Result<Result<Self, Part<'static>>, Fault> {
        if let Some(part) = excluded(matching, site) {
            return Ok(Err(part));
        }
        let path = matching.path.as_ref().map(|text| Text::compile(text, ledger)).transpose()?;
        let path = path.map(|text| PathTest { text, ignore_case: matching.ignore_path_case });
        let singles = [
            (Field::Method, &matching.method),
            (Field::Scheme, &matching.scheme),
            (Field::Authority, &matching.authority),
        ];
        let mut fields = Vec::new();
        for (field, text) in singles {
            if let Some(text) = text {
                let value = Some(Text::compile(text, ledger)?);
                fields.push(FieldTest { field, value, inverted: false });
            }
        }
        for header in &matching.headers {
            fields.push(header_test(header, ledger)?);
        }
        let query = matching.query.iter().map(|query| query_test(query, ledger));
        let query = query.collect::<Result<_, _>>()?;
        let claims = matching.claims.iter().map(|claim| claim_test(claim, ledger));
        let claims = claims.collect::<Result<_, _>>()?;
        Ok(Ok(Self { path, fields: fields.into(), query, claims }))
    }

    /// How many bytes of the path the match covers (none where it has no say about the path), or the first part
    /// that does not hold.
    pub(super) fn check<'a>(
        &'a self,
        request: &Request<'_>,
        claims: &Claims,
    ) -> Result<usize, Part<'a>> {
        let covered = match &self.path {
            None => 0,
            Some(PathTest { text, ignore_case }) => {
                text.covered(request.path.as_bytes(), *ignore_case).ok_or(Part::Path)?
            }
        };
        if let Some(test) = self.fields.iter().find(|test| !test.holds(request)) {
            return Err(test.part());
        }
        let fails = |(name, value): &&(Box<str>, Option<Text>)| match request.parameter(name) {
            None => true,
            Some(found) => value.as_ref().is_some_and(|text| !text.matches(found.as_bytes())),
        };
        if let Some((name, _)) = self.query.iter().find(fails) {
            return Err(Part::Query(name));
        }
        match self.claims.iter().find(|test| !test.holds(claims)) {
            Some(test) => Err(Part::Claim(&test.path)),
            None => Ok(covered),
        }
    }

    /// Whether every path will do, and nothing else is asked. Source: Istio, `isCatchAllRoute`.
    pub(super) fn is_catch_all(&self) -> bool {
        let any_path = match &self.path {
            None => true,
            Some(PathTest { text: Text::Prefix(text), .. }) => &**text == "/",
            Some(PathTest { text: Text::PathPrefix(text), .. }) => text.is_empty(),
            Some(PathTest { text: Text::Regex(pattern), .. }) => pattern.source() == ".*",
            Some(PathTest { text: Text::Exact(_), .. }) => false,
        };
        any_path && self.is_path_only()
    }

    /// Whether nothing but the path is asked about.
    pub(super) fn is_path_only(&self) -> bool {
        self.fields.is_empty() && self.query.is_empty() && self.claims.is_empty()
    }
}

/// What is known before there is a request.
fn excluded(matching: &HttpMatch, site: &Site<'_>) -> Option<Part<'static>> {
    if matching.port.is_some_and(|port| port != site.port) {
        return Some(Part::Port);
    }
    if !site.workload.has(&matching.source_labels) {
        return Some(Part::SourceLabels);
    }
    let namespace = &matching.source_namespace;
    (!namespace.is_empty() && *namespace != site.workload.namespace)
        .then_some(Part::SourceNamespace)
}

fn header_test(header: &HeaderMatch, ledger: &Ledger) -> Result<FieldTest, Fault> {
    let field = Field::parse(&header.name).ok_or_else(|| Fault::HeaderName(header.name.clone()))?;
    let value = match &header.value {
        ValueMatch::Present => None,
        ValueMatch::Is(text) => Some(Text::compile(text, ledger)?),
    };
    Ok(FieldTest { field, value, inverted: header.inverted })
}

fn query_test(query: &QueryMatch, ledger: &Ledger) -> Result<(Box<str>, Option<Text>), Fault> {
    let value = match &query.value {
        ValueMatch::Present => None,
        ValueMatch::Is(text) => Some(Text::compile(text, ledger)?),
    };
    Ok((query.name.as_str().into(), value))
}

fn claim_test(claim: &ClaimMatch, ledger: &Ledger) -> Result<ClaimTest, Fault> {
    let value = match &claim.value {
        ValueMatch::Present => None,
        ValueMatch::Is(text) => Some(Text::compile(text, ledger)?),
    };
    Ok(ClaimTest { path: claim.path.clone(), value, inverted: claim.inverted })
}

impl ClaimTest {
    /// A list holds when any of its texts does; a claim that is absent holds nothing.
    fn holds(&self, claims: &Claims) -> bool {
        let accepts =
            |text: &str| self.value.as_ref().is_none_or(|value| value.matches(text.as_bytes()));
        claims.texts(&self.path).any(accepts) != self.inverted
    }
}

impl FieldTest {
    fn holds(&self, request: &Request<'_>) -> bool {
        let mut values = self.field.values(request).peekable();
        let held = match &self.value {
            None => values.peek().is_some(),
            // Istio has Envoy take an absent header for an empty one where the match is inverted.
            Some(text) if self.inverted && values.peek().is_none() => text.matches(b""),
            Some(text) => values.any(|value| text.matches(value)),
        };
        held != self.inverted
    }

    fn part(&self) -> Part<'_> {
        match &self.field {
            Field::Method => Part::Method,
            Field::Scheme => Part::Scheme,
            Field::Authority => Part::Authority,
            Field::Header(name) => Part::Header(name.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::{
        ClaimMatch, HeaderMatch, HttpMatch, Labels, QueryMatch, StringMatch, ValueMatch, Workload,
    };

    use super::Condition;
    use crate::policy::Claims;
    use crate::program::{Fault, Ledger, Site};
    use crate::request::Request;
    use crate::request::tests::{get, headers};
    use crate::trace::Part;

    fn compile(matching: &HttpMatch) -> Result<Condition, Part<'static>> {
        let labels = Labels::from([("app".to_owned(), "web".to_owned())]);
        let workload = Workload { namespace: "shop".to_owned(), labels, ..Workload::default() };
        let site = Site { workload: &workload, port: 80 };
        Condition::compile(matching, &site, &Ledger::unlimited()).unwrap()
    }

    fn check(matching: &HttpMatch, request: &Request<'_>) -> Result<usize, String> {
        let condition = compile(matching).unwrap();
        condition.check(request, &Claims::default()).map_err(|part| format!("{part:?}"))
    }

    fn exact(text: &str) -> StringMatch {
        StringMatch::Exact(text.to_owned())
    }

    fn header(name: &str, value: ValueMatch, inverted: bool) -> HttpMatch {
        let header = HeaderMatch { name: name.to_owned(), value, inverted };
        HttpMatch { headers: vec![header], ..HttpMatch::default() }
    }

    #[test]
    fn every_part_must_hold_and_the_first_that_does_not_is_named() {
        let matching = HttpMatch {
            path: Some(StringMatch::Prefix("/a".to_owned())),
            method: Some(exact("GET")),
            authority: Some(exact("shop.test")),
            query: vec![QueryMatch { name: "k".to_owned(), value: ValueMatch::Is(exact("v")) }],
            ..header("x-user", ValueMatch::Is(exact("jo")), false)
        };
        let jo = headers(&[("x-user", "jo")]);
        let none = headers(&[]);
        assert_eq!(check(&matching, &get("/ab?k=v", &jo)), Ok(2));
        assert_eq!(check(&matching, &get("/b?k=v", &jo)), Err("Path".to_owned()));
        assert_eq!(check(&matching, &get("/a?k=w", &jo)), Err("Query(\"k\")".to_owned()));
        assert_eq!(check(&matching, &get("/a", &jo)), Err("Query(\"k\")".to_owned()));
        assert_eq!(check(&matching, &get("/a?k=v", &none)), Err("Header(\"x-user\")".to_owned()));
        let put = Request { method: "get", ..get("/a?k=v", &jo) };
        assert_eq!(check(&matching, &put), Err("Method".to_owned()));
        let other = Request { authority: "shop.test:80", ..get("/a?k=v", &jo) };
        assert_eq!(check(&matching, &other), Err("Authority".to_owned()));
    }

    #[test]
    fn a_repeated_header_matches_by_any_of_its_values() {
        let mut repeated = headers(&[("x-user", "a")]);
        repeated.append("x-user", "b".parse().unwrap());
        let request = get("/", &repeated);
        for (value, expected) in [("a", true), ("b", true), ("a,b", false)] {
            let is = ValueMatch::Is(exact(value));
            assert_eq!(check(&header("x-user", is.clone(), false), &request).is_ok(), expected);
            assert_eq!(check(&header("x-user", is, true), &request).is_ok(), !expected);
        }
    }

    #[test]
    fn an_absent_header_is_an_empty_one_only_to_an_inverted_match() {
        let none = headers(&[]);
        let request = get("/", &none);
        let is = |text: &str| ValueMatch::Is(exact(text));
        assert!(check(&header("x", ValueMatch::Present, true), &request).is_ok());
        assert!(check(&header("x", ValueMatch::Present, false), &request).is_err());
        assert!(check(&header("x", is("a"), true), &request).is_ok());
        assert!(check(&header("x", is(""), true), &request).is_err());
        assert!(check(&header("x", is(""), false), &request).is_err());
        let empty = headers(&[("x", "")]);
        assert!(check(&header("x", is(""), false), &get("/", &empty)).is_ok());
        assert!(check(&header("x", ValueMatch::Present, false), &get("/", &empty)).is_ok());
    }

    #[test]
    fn an_empty_parameter_is_there() {
        let query = |value| HttpMatch {
            query: vec![QueryMatch { name: "k".to_owned(), value }],
            ..HttpMatch::default()
        };
        let none = headers(&[]);
        for target in ["/?k", "/?k="] {
            assert!(check(&query(ValueMatch::Is(exact(""))), &get(target, &none)).is_ok());
            assert!(check(&query(ValueMatch::Present), &get(target, &none)).is_ok());
        }
        assert!(check(&query(ValueMatch::Present), &get("/?j", &none)).is_err());
    }

    #[test]
    fn a_claim_is_of_the_token() {
        let with = |value, inverted| {
            let claim = ClaimMatch { path: vec!["role".to_owned()], value, inverted };
            compile(&HttpMatch { claims: vec![claim], ..HttpMatch::default() }).unwrap()
        };
        let admin = || ValueMatch::Is(exact("admin"));
        let none = headers(&[]);
        let request = get("/", &none);
        let token = Claims::of(&[("role", &["user", "admin"])]);
        assert!(with(admin(), false).check(&request, &token).is_ok());
        assert!(with(admin(), true).check(&request, &token).is_err());
        assert!(with(ValueMatch::Present, false).check(&request, &token).is_ok());
        let nobody = Claims::default();
        assert!(matches!(with(admin(), false).check(&request, &nobody), Err(Part::Claim(_))));
        assert!(with(admin(), true).check(&request, &nobody).is_ok());
        assert!(with(ValueMatch::Present, false).check(&request, &nobody).is_err());
    }

    #[test]
    fn port_and_source_are_decided_beforehand() {
        let labels = |value: &str| Labels::from([("app".to_owned(), value.to_owned())]);
        for (matching, part) in [
            (HttpMatch { port: Some(81), ..HttpMatch::default() }, Part::Port),
            (HttpMatch { source_labels: labels("x"), ..HttpMatch::default() }, Part::SourceLabels),
            (
                HttpMatch { source_namespace: "x".to_owned(), ..HttpMatch::default() },
                Part::SourceNamespace,
            ),
        ] {
            assert_eq!(compile(&matching).unwrap_err(), part);
        }
        let mine = HttpMatch {
            port: Some(80),
            source_labels: labels("web"),
            source_namespace: "shop".to_owned(),
            ..HttpMatch::default()
        };
        assert!(compile(&mine).unwrap().is_path_only());
    }

    #[test]
    fn pseudo_headers_are_parts_of_the_request() {
        let none = headers(&[]);
        let host = header("host", ValueMatch::Is(exact("shop.test")), false);
        assert!(check(&host, &get("/", &none)).is_ok());
        let workload = Workload::default();
        let site = Site { workload: &workload, port: 80 };
        let path = header(":path", ValueMatch::Present, false);
        let fault = Condition::compile(&path, &site, &Ledger::unlimited()).unwrap_err();
        assert_eq!(fault, Fault::HeaderName(":path".to_owned()));
    }
}
