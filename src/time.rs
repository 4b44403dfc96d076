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
        let time = time::OffsetDateTime::from_unix_timestamp_nanos(self.0.into()).map_err(|_| fmt::Error)?;
        let fraction = format!("{:09}", time.nanosecond());
        let fraction = fraction.trim_end_matches('0');
        write!(
            f,
            "{}T{:02}:{:02}:{:02}.{}Z",
            time.date(),
            time.hour(),
            time.minute(),
            time.second(),
            if fraction.is_empty() { "0" } else { fraction },
        )
    }
}

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
        ] {
            assert_eq!(Timestamp::from_nanos(nanos).to_string(), text);
        }
    }
}
