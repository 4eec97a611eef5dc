//! The `date` of responses that have none (RFC 9110 §6.6.1), made once a second and thread.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, header};

/// Adds the time where no server has said it.
pub(super) fn add(headers: &mut HeaderMap) {
    if !headers.contains_key(header::DATE) {
        headers.insert(header::DATE, now());
    }
}

fn now() -> HeaderValue {
    thread_local! {
        static MADE: RefCell<(u64, HeaderValue)> =
            const { RefCell::new((0, HeaderValue::from_static(""))) };
    }
    #[expect(clippy::disallowed_methods, reason = "the codec is where a response meets the clock")]
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    MADE.with_borrow_mut(|(made, value)| {
        if *made != seconds {
            *made = seconds;
            *value = text(seconds);
        }
        value.clone()
    })
}

fn text(seconds: u64) -> HeaderValue {
    let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{add, text};

    #[test]
    fn a_server_s_own_date_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, HeaderValue::from_static("yesterday"));
        add(&mut headers);
        assert_eq!(headers[header::DATE], "yesterday");
        headers.clear();
        add(&mut headers);
        assert!(headers[header::DATE].to_str().unwrap().ends_with(" GMT"));
        assert_eq!(text(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
