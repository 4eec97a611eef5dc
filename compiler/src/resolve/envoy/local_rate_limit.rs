//! Buckets of tokens: so many requests in a time, each proxy for itself.
//!
//! Source: Envoy, `envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`: without a bucket nothing is limited, and
//! without `filter_enabled` and `filter_enforced` no request is, either.

use super::Loss;
use super::message::Message;

/// What a filter, or a route of it, limits. Absent: nothing, in Envoy neither.
pub(super) fn loss(config: Message<'_>) -> Option<Loss> {
    let bucket = config.message("token_bucket");
    let what = if bucket.is_empty() {
        let mut descriptors = config.messages("descriptors");
        let own = descriptors.find(|it| !it.message("token_bucket").is_empty())?;
        format!("of {}, for requests of one kind,", rate(own.message("token_bucket")))
    } else {
        format!("of {}", rate(bucket))
    };
    let idle =
        ["filter_enabled", "filter_enforced"].into_iter().find(|name| is_never(config, name));
    Some(match idle {
        None => Loss::new(
            format!("the local rate limit {what} is not applied"),
            "requests beyond it are served",
        ),
        Some(name) => Loss::new(
            format!(
                "the local rate limit {what} is not applied, and Envoy would not apply it either"
            ),
            format!(
                "`{name}` is for 0 % of the requests where it says nothing else, so none is limited"
            ),
        ),
    })
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

fn is_never(config: Message<'_>, name: &str) -> bool {
    let share = config.message(name).message("default_value");
    share.number("numerator").unwrap_or(0) == 0
}
