//! A day.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A day of the Gregorian calendar, in UTC.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Date {
    year: u16,
    /// From 1.
    month: u8,
    /// From 1.
    day: u8,
}

/// Text that is no day.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a day like 2027-01-31: `{0}`")]
pub struct NotADate(String);

impl Date {
    /// The day at this time since 1970, leap seconds not counted.
    #[must_use]
    pub fn at(since_1970: Duration) -> Self {
        let mut rest = since_1970.as_secs() / 86_400;
        let mut year = 1970;
        while rest >= days_of_year(year) {
            rest -= days_of_year(year);
            year += 1;
        }
        let mut month = 1;
        while rest >= u64::from(days_of(year, month)) {
            rest -= u64::from(days_of(year, month));
            month += 1;
        }
        Self { year, month, day: u8::try_from(rest + 1).unwrap_or(u8::MAX) }
    }
}

fn days_of_year(year: u16) -> u64 {
    (1..=12).map(|month| u64::from(days_of(year, month))).sum()
}

const fn days_of(year: u16, month: u8) -> u8 {
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// RFC 3339's `full-date`, from 1970 on.
impl FromStr for Date {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let read = || {
            let mut parts = text.split('-');
            let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
            let has_width = year.len() == 4 && month.len() == 2 && day.len() == 2;
            let is_digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
            if !has_width || !is_digits || parts.next().is_some() {
                return None;
            }
            let (year, month, day) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
            let is_day = year >= 1970 && (1..=12).contains(&month);
            (is_day && (1..=days_of(year, month)).contains(&day)).then_some(Self {
                year,
                month,
                day,
            })
        };
        read().ok_or_else(|| NotADate(text.to_owned()))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::Date;
    use std::time::Duration;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (1_735_689_600, "2025-01-01"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(Date::at(Duration::from_secs(seconds)).to_string(), day);
            assert_eq!(day.parse::<Date>().unwrap(), Date::at(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "2027-02-29",
            "2027-13-01",
            "2027-1-1",
            "27-01-01",
            "2027-01-01-",
            "soon",
            "",
            "2027-00-10",
            "+027-01-01",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
