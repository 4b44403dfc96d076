//! Wall-clock time as the wire carries it: nanoseconds since the Unix epoch.
//!
//! Invariant: a `Timestamp` is always nanoseconds, so seconds can never slip onto the wire (SUB-025, GET-020).
//! This module reads no clock; only the rim does, through [`Clock`].

use std::fmt;
use std::time::Duration;

/// Nanoseconds since 1970-01-01T00:00:00Z. Valid until the year 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The epoch itself, used where no time is known yet.
    pub const EPOCH: Self = Self(0);

    /// Wraps nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Time that passed since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This time moved forward; stops at the end of the representable range.
    pub fn plus(self, step: Duration) -> Self {
        let nanos = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// RFC 3339 in UTC with the fraction trimmed to what is needed, the form of YANG `date-and-time`
/// (`2026-03-01T10:00:00.0Z`, wire facts section 7).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text)).unwrap_or(Err(fmt::Error))
    }
}

impl Timestamp {
    /// Hands over the text that is displayed.
    pub fn with_text<T>(self, use_it: impl FnOnce(&str) -> T) -> Option<T> {
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        let length = self.print(&mut text)?;
        std::str::from_utf8(text.get(..length)?).ok().map(use_it)
    }

    /// Prints over the digits of a text that has its longest form, and says how much of it counts. Each event of a port
    /// brings such texts, so they are written without `core::fmt`.
    fn print(self, text: &mut [u8; 30]) -> Option<usize> {
        let (seconds, nanos) = (self.0.div_euclid(NANOS), self.0.rem_euclid(NANOS));
        let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let days = i32::try_from(days).ok()?.checked_add(time::OffsetDateTime::UNIX_EPOCH.to_julian_day())?;
        let (year, month, day) = time::Date::from_julian_day(days).ok()?.to_calendar_date();
        let numbers = [
            (0..4, i64::from(year)),
            (5..7, i64::from(u8::from(month))),
            (8..10, i64::from(day)),
            (11..13, second / 3600),
            (14..16, second / 60 % 60),
            (17..19, second % 60),
            (20..29, nanos),
        ];
        for (place, mut number) in numbers {
            for digit in text.get_mut(place)?.iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).ok()?;
                number /= 10;
            }
        }
        // One digit of the fraction stays in any case.
        let end = text.get(21..29)?.iter().rposition(|&digit| digit != b'0').map_or(21, |last| 22 + last);
        *text.get_mut(end)? = b'Z';
        Some(end + 1)
    }
}

/// Nanoseconds of a second.
const NANOS: i64 = 1_000_000_000;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The one source of wall-clock time, handed in from the composition root so that the layers below stay deterministic.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The clock of the operating system.
    System,
    /// Always the same time, for deterministic runs.
    Fixed(Timestamp),
}

impl Clock {
    /// The present time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Fixed(time) => *time,
            Self::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_date_and_time() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00.0Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.0Z"),
            (1_772_359_200_500_000_000, "2026-03-01T10:00:00.5Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_772_359_200_000_000_010, "2026-03-01T10:00:00.00000001Z"),
            (1_798_761_599_120_000_000, "2026-12-31T23:59:59.12Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(Timestamp::from_nanos(nanos).to_string(), text);
        }
    }
}
