//! Buckets of tokens: so many requests in a time, each proxy for itself.
//!
//! Source: Envoy, `envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`: without a bucket nothing is limited, and
//! without `filter_enabled` and `filter_enforced` no request is, either.

use mesh_snapshot::object::{Microseconds, PartsPerMillion, RateLimit, TokenBucket};
use serde_json::Value;

use super::message::Message;
use super::{Loss, header_mutation};

/// What a filter, or a route of it, asks for.
pub(super) struct Asked {
    /// Absent: it has no bucket.
    pub(super) limit: Option<RateLimit>,
    /// What is to be told of it, although it is served.
    pub(super) told: Option<Loss>,
}

/// The limit, as far as it is one that can be served whole.
pub(super) fn asked(config: Message<'_>) -> Result<Asked, Loss> {
    let lost = |reason: &str| unmade(config).because(reason);
    if let Some(field) = unknown(config) {
        return Err(lost(&format!("`{field}` asks for more than can be served")));
    }
    if config.text("stat_prefix").is_none() {
        return Err(lost("Envoy refuses a limit without `stat_prefix`"));
    }
    let bucket = config.message("token_bucket");
    if bucket.is_empty() {
        return Ok(Asked { limit: None, told: None });
    }
    let bucket = tokens(bucket).map_err(|reason| lost(&reason))?;
    let shares = ["filter_enabled", "filter_enforced"].map(|name| share(config, name));
    let [Ok(enabled), Ok(enforced)] = shares else {
        return Err(lost("the share of requests that it is for is none that Envoy takes"));
    };
    let status = status(config.message("status").get("code"));
    let status = status.ok_or_else(|| lost("the status is not known"))?;
    let edits = |name| {
        let reason = format!("`{name}` holds what can be no header here");
        header_mutation::options(config, name).ok_or_else(|| lost(&reason))
    };
    let limit = RateLimit {
        bucket,
        enabled,
        enforced,
        status,
        response: edits("response_headers_to_add")?,
        request: edits("request_headers_to_add_when_not_enforced")?,
        resource_exhausted: config.flag("rate_limited_as_resource_exhausted").unwrap_or(false),
    };
    Ok(Asked { told: idle(config, &limit), limit: Some(limit) })
}

/// The first field that means what is not served. What orders descriptors means nothing where there are none.
fn unknown(config: Message<'_>) -> Option<String> {
    const KNOWN: &[&str] = &[
        "@type",
        "stat_prefix",
        "status",
        "token_bucket",
        "filter_enabled",
        "filter_enforced",
        "response_headers_to_add",
        "request_headers_to_add_when_not_enforced",
        "rate_limited_as_resource_exhausted",
        "stage",
        "vh_rate_limits",
        "max_dynamic_descriptors",
        "always_consume_default_token_bucket",
    ];
    config.field_names().find(|name| {
        let says_nothing = match config.get(name) {
            None | Some(Value::Bool(false)) => true,
            Some(Value::Array(list)) => list.is_empty(),
            Some(value) => name == "enable_x_ratelimit_headers" && value == "OFF",
        };
        !KNOWN.contains(&&**name) && !says_nothing
    })
}

fn tokens(bucket: Message<'_>) -> Result<TokenBucket, String> {
    let number = |name: &str| {
        let found = bucket.get(name).map(|_| bucket.number(name));
        found
            .map(|number| number.and_then(|number| u32::try_from(number).ok()).filter(|it| *it > 0))
    };
    let wrong = |name: &str| format!("`{name}` of its bucket is none that Envoy takes");
    let tokens_max = number("max_tokens").flatten().ok_or_else(|| wrong("max_tokens"))?;
    let tokens_per_fill = number("tokens_per_fill").unwrap_or(Some(1));
    let tokens_per_fill = tokens_per_fill.ok_or_else(|| wrong("tokens_per_fill"))?;
    let fill_interval = bucket.text("fill_interval").and_then(millis);
    let fill_interval = fill_interval.filter(|millis| *millis >= FILL_MILLIS_MIN);
    let fill_interval = fill_interval.ok_or_else(|| wrong("fill_interval"))?;
    Ok(TokenBucket {
        tokens_max,
        tokens_per_fill,
        fill_interval: Microseconds::from_millis(fill_interval),
    })
}

/// Source: Envoy, `LocalRateLimiterImpl`.
const FILL_MILLIS_MIN: u64 = 50;

/// `1.5s`, in whole milliseconds, as Envoy counts. Source: Protocol Buffers, JSON form of `Duration`.
fn millis(text: &str) -> Option<u64> {
    let number = text.strip_suffix('s')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(part) || part.len() > 9 {
        return None;
    }
    let part: u64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    // What is longer overflows in Envoy.
    let whole: u64 = whole.parse().ok().filter(|seconds| *seconds <= 315_576_000)?;
    Some(whole * 1000 + part)
}

/// Absent: of none. A `runtime_key` is one that nobody sets. Source: Envoy, `envoy.type.v3.FractionalPercent`.
fn share(config: Message<'_>, name: &str) -> Result<PartsPerMillion, ()> {
    let share = config.message(name).message("default_value");
    let numerator = match share.get("numerator") {
        None => 0,
        Some(_) => share.number("numerator").ok_or(())?,
    };
    let parts = match share.get("denominator") {
        None => 10_000,
        Some(Value::String(name)) if name == "HUNDRED" => 10_000,
        Some(Value::String(name)) if name == "TEN_THOUSAND" => 100,
        Some(Value::String(name)) if name == "MILLION" => 1,
        Some(_) => return Err(()),
    };
    let all = u64::from(PartsPerMillion::ALL.0);
    let share = numerator.saturating_mul(parts).min(all);
    u32::try_from(share).map(PartsPerMillion).map_err(|_| ())
}

/// What is less than 400 is 429, as is nothing. Source: Envoy, `FilterConfig::toErrorCode`.
fn status(code: Option<&Value>) -> Option<u16> {
    let code = match code {
        None => return Some(TOO_MANY_REQUESTS),
        Some(Value::String(name)) => STATUSES.iter().find(|(known, _)| known == name)?.1,
        Some(value) => value.as_u64()?.try_into().ok()?,
    };
    match code {
        0..400 => Some(TOO_MANY_REQUESTS),
        400..600 => Some(code),
        _ => None,
    }
}

const TOO_MANY_REQUESTS: u16 = 429;

/// Those with which somebody refuses. Source: Envoy, `envoy.type.v3.StatusCode`.
const STATUSES: &[(&str, u16)] = &[
    ("OK", 200),
    ("BadRequest", 400),
    ("Unauthorized", 401),
    ("PaymentRequired", 402),
    ("Forbidden", 403),
    ("NotFound", 404),
    ("TooManyRequests", TOO_MANY_REQUESTS),
    ("InternalServerError", 500),
    ("ServiceUnavailable", 503),
];

/// Of a limit that is set and limits nothing.
fn idle(config: Message<'_>, limit: &RateLimit) -> Option<Loss> {
    let none = PartsPerMillion(0);
    let name = match limit {
        limit if limit.enabled == none => "filter_enabled",
        limit if limit.enforced == none && limit.request.is_empty() => "filter_enforced",
        _ => return None,
    };
    let what = format!("the local rate limit {}limits nothing, in Envoy neither", told(config));
    let consequence = format!(
        "`{name}` is for 0 % of the requests where it says nothing else, so every request is served"
    );
    let help = format!("set `{name}.default_value.numerator` to 100");
    Some(Loss::new(what, consequence).help(help))
}

/// Of a limit that is not served.
pub(super) fn unmade(config: Message<'_>) -> Loss {
    Loss::new(
        format!("the local rate limit {}is not applied", told(config)),
        "requests beyond it are served",
    )
}

fn told(config: Message<'_>) -> String {
    let bucket = config.message("token_bucket");
    if !bucket.is_empty() {
        return format!("of {} ", rate(bucket));
    }
    let mut descriptors = config.messages("descriptors").map(|it| it.message("token_bucket"));
    let own = descriptors.find(|bucket| !bucket.is_empty());
    own.map_or_else(String::new, |own| format!("of {}, for requests of one kind, ", rate(own)))
}

/// `100 requests per 60s`
fn rate(bucket: Message<'_>) -> String {
    let fill = bucket.number("tokens_per_fill").unwrap_or(1);
    let most = bucket.number("max_tokens").unwrap_or(0);
    let every = bucket.text("fill_interval").unwrap_or("?");
    let requests = if fill == 1 { "request" } else { "requests" };
    let burst = if most == fill { String::new() } else { format!(", at most {most} at once") };
    format!("{fill} {requests} per {every}{burst}")
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::{HeaderEdit, Microseconds, PartsPerMillion};
    use serde_json::{Value, json};

    use super::super::message::Message;
    use super::{asked, millis, status};

    /// A limit that is one, with these fields of its own.
    fn config(own: Value) -> Value {
        let all = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
        let mut config = json!({
            "stat_prefix": "limit",
            "token_bucket": { "max_tokens": 10, "tokens_per_fill": 5, "fill_interval": "60s" },
            "filter_enabled": all,
            "filter_enforced": all,
        });
        let Value::Object(own) = own else { panic!() };
        config.as_object_mut().unwrap().extend(own);
        config
    }

    fn reason(own: Value) -> String {
        let config = config(own);
        asked(Message::of(&config)).err().unwrap().what
    }

    #[test]
    fn a_limit_is_read_whole() {
        let config = config(json!({
            "status": { "code": "ServiceUnavailable" },
            "filter_enabled": { "runtime_key": "x", "default_value": { "numerator": "25" } },
            "response_headers_to_add": [
                { "append": false, "header": { "key": "X-Limited", "value": "%PROTOCOL%" } },
            ],
        }));
        let limit = asked(Message::of(&config)).ok().unwrap().limit.unwrap();
        assert_eq!((limit.bucket.tokens_max, limit.bucket.tokens_per_fill), (10, 5));
        assert_eq!(limit.bucket.fill_interval, Microseconds::from_secs(60));
        assert_eq!(
            (limit.enabled, limit.enforced),
            (PartsPerMillion(250_000), PartsPerMillion::ALL)
        );
        assert_eq!(limit.status, 503);
        let header = HeaderEdit::Set { name: "x-limited".into(), value: "%PROTOCOL%".into() };
        assert_eq!(limit.response, [header]);
    }

    #[test]
    fn what_is_not_served_whole_is_not_served() {
        for (own, said) in [
            (
                json!({ "enable_x_ratelimit_headers": "DRAFT_VERSION_03" }),
                "enable_x_ratelimit_headers",
            ),
            (json!({ "descriptors": [{}] }), "descriptors"),
            (json!({ "localRateLimitPerDownstreamConnection": true }), "per_downstream_connection"),
            (json!({ "filter_enabled": { "default_value": { "denominator": "TEN" } } }), "share"),
            (json!({ "token_bucket": { "max_tokens": 0, "fill_interval": "1s" } }), "max_tokens"),
            (
                json!({ "token_bucket": { "max_tokens": 1, "fill_interval": "0.049s" } }),
                "fill_interval",
            ),
            (
                json!({ "token_bucket": { "max_tokens": 1, "fill_interval": "1m" } }),
                "fill_interval",
            ),
            (json!({ "status": { "code": 700 } }), "status"),
            (
                json!({ "response_headers_to_add": [{ "header": { "key": ":path", "value": "/" } }] }),
                "no header",
            ),
            (json!({ "stat_prefix": "" }), "stat_prefix"),
        ] {
            let told = reason(own);
            assert!(told.contains(said), "{told}");
        }
        let silent = json!({ "enable_x_ratelimit_headers": "OFF", "descriptors": [], "stage": 1 });
        assert!(asked(Message::of(&config(silent))).is_ok());
    }

    #[test]
    fn a_limit_without_a_share_limits_nothing() {
        for (field, none) in [("filter_enabled", json!(null)), ("filter_enforced", json!({}))] {
            let config = config(json!({ field: none }));
            let asked = asked(Message::of(&config)).ok().unwrap();
            assert!(asked.limit.is_some());
            let told = asked.told.unwrap();
            assert_eq!(
                told.what,
                "the local rate limit of 5 requests per 60s, at most 10 at once limits nothing, in Envoy neither"
            );
            assert!(told.consequence.contains(field));
        }
    }

    #[test]
    fn values_are_read_as_envoy_does() {
        assert_eq!(millis("1.0509s"), Some(1050));
        for text in ["1", "1ms", "-1s", "s", ".5s", "1.0123456789s", "999999999999s"] {
            assert_eq!(millis(text), None, "{text}");
        }
        assert_eq!(status(Some(&json!(200))), Some(429));
        assert_eq!(status(Some(&json!(503))), Some(503));
        assert_eq!(status(Some(&json!("Teapot"))), None);
    }
}
