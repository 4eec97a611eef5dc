//! `%START_TIME%`: moments, as text, in UTC.

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

/// A moment, taken apart.
struct Civil {
    since_1970: Duration,
    year: u64,
    month: u64,
    day: u64,
    /// Of the year, from 1.
    year_day: u64,
    /// From Sunday, 0.
    week_day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Appends `time` in a `strftime` format; empty: RFC 3339 with milliseconds. What is not known of `strftime` is written as it
/// stands. `%f` is a fraction of a second: `%3f` milliseconds, `%6f` microseconds, nine digits unless said otherwise.
/// Source: Envoy, `%START_TIME%`.
pub(super) fn write(time: SystemTime, format: &str, out: &mut String) {
    // A clock before 1970 is no clock.
    let civil = Civil::new(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    let format = if format.is_empty() { "%Y-%m-%dT%H:%M:%S.%3fZ" } else { format };
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        rest = civil.directive(after, out);
    }
    out.push_str(rest);
}

impl Civil {
    /// Source of the calendar: H. Hinnant, “chrono-compatible low-level date algorithms”, `civil_from_days`.
    fn new(since_1970: Duration) -> Self {
        let seconds = since_1970.as_secs();
        let (days, seconds) = (seconds / 86_400, seconds % 86_400);
        let shifted = days + 719_468; // days since 0000-03-01
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let march_day = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * march_day + 2) / 153;
        let day = march_day - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        // March begins on day 60, or on day 61 of a leap year; January and February come last in `march_day`.
        let year_day =
            if march_month < 10 { march_day + 60 + u64::from(is_leap) } else { march_day - 305 };
        Self {
            since_1970,
            year,
            month,
            day,
            year_day,
            week_day: (days + 4) % 7, // 1970 began on a Thursday
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
        }
    }

    /// Writes what `text`, which follows a percent sign, begins with. What remains.
    fn directive<'t>(&self, text: &'t str, out: &mut String) -> &'t str {
        let mut symbols = text.chars();
        let Some(symbol) = symbols.next() else {
            out.push('%');
            return text;
        };
        if let Some(digits) = symbol.to_digit(10).filter(|_| symbols.clone().next() == Some('f')) {
            symbols.next();
            self.fraction(digits, out);
        } else if symbol == 'f' {
            self.fraction(9, out);
        } else if self.write(symbol, out).is_err() {
            out.push('%');
            out.push(symbol);
        }
        symbols.as_str()
    }

    fn fraction(&self, digits: u32, out: &mut String) {
        let digits = digits.clamp(1, 9);
        let value = self.since_1970.subsec_nanos() / 10_u32.pow(9 - digits);
        let _ = write!(out, "{value:0width$}", width = digits as usize);
    }

    /// Fails for what is not known.
    fn write(&self, symbol: char, out: &mut String) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, .. } = self;
        let month_name = MONTHS.get((month - 1) as usize).copied().unwrap_or_default();
        let day_name = DAYS.get(self.week_day as usize).copied().unwrap_or_default();
        let short = |name: &'static str| name.get(..3).unwrap_or(name);
        let hour_of_12 = (hour + 11) % 12 + 1;
        match symbol {
            'Y' => write!(out, "{year}"),
            'y' => write!(out, "{:02}", year % 100),
            'm' => write!(out, "{month:02}"),
            'd' => write!(out, "{day:02}"),
            'e' => write!(out, "{day:2}"),
            'j' => write!(out, "{:03}", self.year_day),
            'H' => write!(out, "{hour:02}"),
            'I' => write!(out, "{hour_of_12:02}"),
            'p' => out.write_str(if *hour < 12 { "AM" } else { "PM" }),
            'M' => write!(out, "{minute:02}"),
            'S' => write!(out, "{second:02}"),
            's' => write!(out, "{}", self.since_1970.as_secs()),
            'F' => write!(out, "{year}-{month:02}-{day:02}"),
            'T' => write!(out, "{hour:02}:{minute:02}:{second:02}"),
            'R' => write!(out, "{hour:02}:{minute:02}"),
            'D' => write!(out, "{month:02}/{day:02}/{:02}", year % 100),
            'b' | 'h' => out.write_str(short(month_name)),
            'B' => out.write_str(month_name),
            'a' => out.write_str(short(day_name)),
            'A' => out.write_str(day_name),
            'u' => write!(out, "{}", (self.week_day + 6) % 7 + 1),
            'w' => write!(out, "{}", self.week_day),
            'z' => out.write_str("+0000"),
            'Z' => out.write_str("UTC"),
            'n' => out.write_str("\n"),
            't' => out.write_str("\t"),
            '%' => out.write_str("%"),
            _ => Err(fmt::Error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::write;

    fn written(seconds: u64, format: &str) -> String {
        let mut out = String::new();
        let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, 123_456_789);
        write(time, format, &mut out);
        out
    }

    #[test]
    fn the_default_is_rfc_3339_with_milliseconds() {
        assert_eq!(written(0, ""), "1970-01-01T00:00:00.123Z");
        assert_eq!(written(951_782_400, ""), "2000-02-29T00:00:00.123Z");
        assert_eq!(written(4_107_542_399, ""), "2100-02-28T23:59:59.123Z");
        assert_eq!(written(4_107_542_400, ""), "2100-03-01T00:00:00.123Z");
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = (1969, 12, 31);
        for day in 0..146_097 {
            let text = written(day * 86_400, "%Y %m %d %j");
            let parts: Vec<u64> = text.split(' ').map(|part| part.parse().unwrap()).collect();
            let now = (parts[0], parts[1], parts[2]);
            let follows = now == (before.0, before.1, before.2 + 1)
                || now == (before.0, before.1 + 1, 1) && before.2 >= 28
                || now == (before.0 + 1, 1, 1) && (before.1, before.2) == (12, 31);
            assert!(follows, "{before:?} {now:?}");
            assert!(parts[3] != 1 || (now.1, now.2) == (1, 1), "{text}");
            assert!((now.1, now.2) != (12, 31) || parts[3] >= 365, "{text}");
            before = now;
        }
    }

    #[test]
    fn formats_are_those_of_strftime() {
        let second = 1_700_000_000; // a Tuesday
        assert_eq!(written(second, "%F %T %z"), "2023-11-14 22:13:20 +0000");
        assert_eq!(written(second, "%a %A %b %e %I%p %j %u"), "Tue Tuesday Nov 14 10PM 318 2");
        assert_eq!(written(second, "%s.%6f %f %1f"), "1700000000.123456 123456789 1");
        assert_eq!(written(second, "100%% %Q %"), "100% %Q %");
    }
}
