//! Who came first. Where resources contend, Istio prefers the older.

use crate::api::{Metadata, Resource};

/// Ordered from the oldest to the youngest: by time of creation in whole seconds, then name, then namespace. A repository
/// seldom tells the time; a resource without one counts as older than any that has one, as it does in Istio.
/// Source: Istio, `sortConfigByCreationTime`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Age<'a> {
    /// Since 1970.
    seconds: i64,
    name: &'a str,
    namespace: &'a str,
}

impl<'a> Age<'a> {
    #[must_use]
    pub fn of<T>(resource: &'a Resource<T>) -> Self {
        Self::new(&resource.metadata, resource.name(), &resource.namespace)
    }

    /// Of something that goes by another name than its resource.
    #[must_use]
    pub fn new(metadata: &Metadata, name: &'a str, namespace: &'a str) -> Self {
        let created = metadata.creation_timestamp.as_deref().and_then(seconds);
        Self { seconds: created.unwrap_or(i64::MIN), name, namespace }
    }

    /// As the Gateway API orders routes: by time, then namespace, then name. Source: Gateway API, `HTTPRouteRule.matches`.
    #[must_use]
    pub fn in_gateway_api(&self) -> impl Ord + use<'a> {
        (self.seconds, self.namespace, self.name)
    }

    /// Whether names decided, since both are of the same second or nobody knows.
    #[must_use]
    pub fn is_tied_with(&self, other: &Self) -> bool {
        self.seconds == other.seconds
    }
}

/// An instant of RFC 3339, `2024-01-06T00:00:00Z`, in seconds since 1970. `None` where it is none.
fn seconds(text: &str) -> Option<i64> {
    let (date, time) = text.split_at_checked(10)?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let time = time.strip_prefix(['T', 't', ' '])?;
    let (clock, zone) = time.split_at_checked(8)?;
    let mut clock = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let zone = zone.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign @ ("+" | "-"), zone) => {
            let (hours, minutes) = zone.split_once(':')?;
            let offset = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if sign == "+" { offset } else { -offset }
        }
        _ => return None,
    };
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

/// Days since 1970-01-01 in the Gregorian calendar, counted from a March so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn instants_are_read() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2024-02-29T12:30:01.5Z"), Some(1_709_209_801));
        assert_eq!(seconds("2024-02-29T13:30:01+01:00"), Some(1_709_209_801));
        assert_eq!(seconds("1999-12-31T23:59:59Z"), Some(946_684_799));
        for text in ["", "2024", "2024-02-29", "2024-02-29T12:30:01", "2024-xx-29T12:30:01Z"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
