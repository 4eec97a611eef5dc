//! Path templates of authorization policies.
//!
//! `{*}` is one segment that is not empty, `{**}` any run of characters, slashes and none at all included; each fills
//! a segment of the template. Neither stands for what a path must escape. Source: Istio `AuthorizationPolicy`,
//! Envoy `uri_template_lib`; which characters pass was asked of Envoy 1.40.

use super::PatternError;

/// A segment's characters: RFC 3986's `pchar`, with the `%` of an escape as a character of its own.
const SEGMENT: &str = r"[A-Za-z0-9\-._~%!$&'()*+,;:@=]+";
const ANY: &str = r"[A-Za-z0-9\-._~%!$&'()*+,;:@=/]*";

/// Why a text is no path template.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateError {
    #[error("a path template begins with a slash")]
    NotAbsolute,
    #[error("`{{*}}` and `{{**}}` must each fill a segment: `{segment}` is none")]
    PartOfSegment { segment: String },
    #[error("`{{**}}` can only stand once, and no `{{*}}` after it")]
    AfterRun,
    #[error(transparent)]
    Pattern(PatternError),
}

/// The expression, in the words of `regex-syntax`, for a template.
pub(super) fn expression(template: &str) -> Result<String, TemplateError> {
    let segments = template.strip_prefix('/').ok_or(TemplateError::NotAbsolute)?;
    let mut expression = String::new();
    let mut run = false;
    for segment in segments.split('/') {
        expression.push('/');
        if run && matches!(segment, "{*}" | "{**}") {
            return Err(TemplateError::AfterRun);
        }
        match segment {
            "{*}" => expression.push_str(SEGMENT),
            "{**}" => {
                run = true;
                expression.push_str(ANY);
            }
            _ if segment.contains(['{', '}']) => {
                return Err(TemplateError::PartOfSegment { segment: segment.to_owned() });
            }
            _ => expression.push_str(&regex_syntax::escape(segment)),
        }
    }
    Ok(expression)
}

#[cfg(test)]
mod tests {
    use super::TemplateError;
    use crate::pattern::Pattern;

    fn matches(template: &str, path: &str) -> bool {
        Pattern::template(template).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn one_segment_is_not_empty() {
        assert!(matches("/one/{*}", "/one/a"));
        assert!(matches("/one/{*}", "/one/%2F"));
        assert!(matches("/one/{*}/x", "/one/*/x"));
        assert!(!matches("/one/{*}", "/one/"));
        assert!(!matches("/one/{*}", "/one"));
        assert!(!matches("/one/{*}", "/one/a/"));
        assert!(!matches("/one/{*}", "/one/a/b"));
        assert!(!matches("/one/{*}", "/one/["));
    }

    #[test]
    fn a_run_may_be_empty_but_not_its_slash() {
        assert!(matches("/t/{**}", "/t/"));
        assert!(matches("/t/{**}", "/t/a//b"));
        assert!(matches("/{**}/t", "/a/b/t"));
        assert!(matches("/a.b/{*}/{**}", "/a.b/c/"));
        assert!(!matches("/t/{**}", "/t"));
        assert!(!matches("/a.b/{**}", "/aXb/"));
    }

    #[test]
    fn an_operator_fills_a_segment() {
        assert_eq!(Pattern::template("{*}").unwrap_err(), TemplateError::NotAbsolute);
        for template in ["/a{*}", "/{*}b", "/{x}", "/{**", "/{***}"] {
            let error = Pattern::template(template).unwrap_err();
            assert!(matches!(error, TemplateError::PartOfSegment { .. }), "{template}");
        }
        for template in ["/{**}/{*}", "/{**}/a/{**}"] {
            assert_eq!(Pattern::template(template).unwrap_err(), TemplateError::AfterRun);
        }
    }
}
