//! Which endpoint gets a request.

use mesh_engine::byte::is_parameter;

use super::super::checks::{CONFLICTING_ACTIONS, DEPRECATED_FIELD, INVALID_LOAD_BALANCER};
use super::super::{duration, header};
use super::locality;
use crate::api::istio::{ConsistentHash, HttpCookie, LoadBalancerSettings};
use crate::api::rules::DEPRECATED;
use crate::diagnostic::{Applicability, At, Diagnostic, Fix};

/// Envoy's largest table. Source: Envoy, `MaglevLbConfig`.
const TABLE_MAX: u64 = 5_000_011;

pub(super) fn check(
    settings: Option<&LoadBalancerSettings>,
    has_outlier_detection: bool,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(settings) = settings else { return };
    one_of(
        &[
            ("simple", settings.simple.is_some()),
            ("consistentHash", settings.consistent_hash.is_some()),
            ("backendUtilization", settings.backend_utilization.is_some()),
        ],
        at,
        out,
    );
    if let Some(hash) = &settings.consistent_hash {
        check_hash(hash, &at.field("consistentHash"), out);
    }
    one_of(
        &[
            ("localityLbSetting", settings.locality_lb_setting.is_some()),
            ("zoneAwareLbSetting", settings.zone_aware_lb_setting.is_some()),
        ],
        at,
        out,
    );
    locality::check(
        settings.locality_lb_setting.as_ref(),
        has_outlier_detection,
        &at.field("localityLbSetting"),
        out,
    );
    locality::check_zone_aware(
        settings.zone_aware_lb_setting.as_ref(),
        has_outlier_detection,
        &at.field("zoneAwareLbSetting"),
        out,
    );
    duration::check(settings.warmup_duration_secs, &at.field("warmupDurationSecs"), out);
    let Some(warmup) = &settings.warmup else { return };
    let at = at.field("warmup");
    duration::check(Some(warmup.duration), &at.field("duration"), out);
    if warmup.minimum_percent.is_some_and(|percent| percent > 100.0) {
        let found = Diagnostic::new(
            &INVALID_LOAD_BALANCER,
            at.field("minimumPercent").value(),
            "a share above 100 percent",
        );
        out.push(found.label("0 to 100"));
    }
    if warmup.aggression.is_some_and(|aggression| aggression <= 0.0) {
        let found = Diagnostic::new(
            &INVALID_LOAD_BALANCER,
            at.field("aggression").value(),
            "the aggression is not above zero",
        );
        out.push(found.label("more than 0"));
    }
}

/// Says so if more than one of some fields is set.
fn one_of(fields: &[(&str, bool)], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let set: Vec<_> = fields.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
    if let [first, second, ..] = set.as_slice() {
        let message = format!("`{first}` and `{second}` are both set");
        let found = Diagnostic::new(&CONFLICTING_ACTIONS, at.field(second).key(), message)
            .label("one of them");
        out.push(found.also(at.field(first).key(), "or this"));
    }
}

fn check_hash(hash: &ConsistentHash, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    one_of(
        &[
            ("httpHeaderName", hash.http_header_name.is_some()),
            ("httpCookie", hash.http_cookie.is_some()),
            ("useSourceIp", hash.use_source_ip.is_some()),
            ("httpQueryParameterName", hash.http_query_parameter_name.is_some()),
        ],
        at,
        out,
    );
    one_of(
        &[
            ("ringHash", hash.ring_hash.is_some()),
            ("maglev", hash.maglev.is_some()),
            ("minimumRingSize", hash.minimum_ring_size != 0),
        ],
        at,
        out,
    );
    if hash.minimum_ring_size != 0 {
        let message = "`minimumRingSize` is an old way to say `ringHash.minimumRingSize`";
        let found = Diagnostic::new(&DEPRECATED_FIELD, at.field("minimumRingSize").key(), message);
        let at = at.field("minimumRingSize");
        let fix = Fix::new(Applicability::Safe, "write `ringHash: {minimumRingSize: …}`")
            .put(at.key(), "ringHash")
            .nest(at.value(), "minimumRingSize", hash.minimum_ring_size.to_string());
        let found = found.label("deprecated").consequence(DEPRECATED);
        // Of several that exclude each other nobody knows which is meant.
        out.push(match (&hash.ring_hash, &hash.maglev) {
            (None, None) => found.fix(fix),
            _ => found.help("write `ringHash: {minimumRingSize: …}`"),
        });
    }
    if let Some(name) = &hash.http_header_name {
        header::check_hashed(name, at.field("httpHeaderName").value(), out);
    }
    if let Some(name) = &hash.http_query_parameter_name
        && (name.is_empty() || !name.bytes().all(|it| is_parameter(it) && it != b'='))
    {
        let message = format!("no parameter of a query is called `{name}`");
        let place = at.field("httpQueryParameterName").value();
        out.push(Diagnostic::new(&INVALID_LOAD_BALANCER, place, message).label("as it is sent"));
    }
    if let Some(cookie) = &hash.http_cookie {
        check_cookie(cookie, &at.field("httpCookie"), out);
    }
    let Some(maglev) = &hash.maglev else { return };
    let at = at.field("maglev");
    let at = at.field("tableSize");
    if maglev.table_size >= TABLE_MAX || !is_prime(maglev.table_size) {
        let message = format!("a Maglev table cannot have {} entries", maglev.table_size);
        out.push(
            Diagnostic::new(&INVALID_LOAD_BALANCER, at.value(), message)
                .label("a prime below 5000011, such as 65537"),
        );
    }
}

fn check_cookie(cookie: &HttpCookie, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if cookie.name.is_empty() {
        out.push(
            Diagnostic::new(
                &INVALID_LOAD_BALANCER,
                at.field("name").value(),
                "the cookie has no name",
            )
            .label("needs a name"),
        );
    } else if !header::is_cookie_name(&cookie.name) {
        let message = format!("`{}` is no name of a cookie", cookie.name);
        let found = Diagnostic::new(&INVALID_LOAD_BALANCER, at.field("name").value(), message);
        out.push(found.label(header::NO_COOKIE_NAME));
    }
    if cookie.path.bytes().any(|byte| byte == b';' || byte.is_ascii_control()) {
        let message = format!("`{}` is no path of a cookie", cookie.path);
        let found = Diagnostic::new(&INVALID_LOAD_BALANCER, at.field("path").value(), message);
        out.push(found.label("a path ends at `;`"));
    }
    let at = at.field("attributes");
    for (index, attribute) in cookie.attributes.iter().enumerate() {
        let place = |index: usize| at.index(index).field("name").value();
        if attribute.name.is_empty() {
            out.push(Diagnostic::new(
                &INVALID_LOAD_BALANCER,
                place(index),
                "an attribute of the cookie has no name",
            ));
        } else if let Some(first) =
            cookie.attributes.iter().take(index).position(|first| first.name == attribute.name)
        {
            let message = format!("the cookie has the attribute `{}` twice", attribute.name);
            let found =
                Diagnostic::new(&INVALID_LOAD_BALANCER, place(index), message).label("again");
            out.push(found.also(place(first), "first here"));
        }
    }
}

/// By division: the largest number that is asked for has a root of 2,236.
fn is_prime(number: u64) -> bool {
    number > 1 && (2..=number.isqrt()).all(|factor| !number.is_multiple_of(factor))
}

#[cfg(test)]
mod tests {
    use super::is_prime;

    #[test]
    fn primes_are_known() {
        assert!([2, 3, 5, 65537, 4_999_999].into_iter().all(is_prime));
        assert!([0, 1, 4, 9, 65536, 65535].into_iter().all(|number| !is_prime(number)));
    }
}
