//! Matches that ask nothing of who sends a request, nor of how it came to the gateway.

use crate::api::istio::HttpMatch;

/// Whether a match takes requests of any client at a gateway, whatever their headers and the scheme they are said to have.
pub(in crate::check) fn is_of_any_client(test: &HttpMatch) -> bool {
    test.scheme.is_none()
        && test.headers.is_empty()
        && test.without_headers.is_empty()
        // No client of a gateway has any.
        && test.source_labels.is_empty()
        && test.source_namespace.is_empty()
}
