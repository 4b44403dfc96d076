//! Medians, percentiles and spread. Nothing is averaged and no outlier is dropped.

use std::fmt;
use std::time::Duration;

/// Measurements of one thing, in ascending order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Sorts what was measured.
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        Self(values)
    }

    /// Durations in microseconds.
    pub(crate) fn micros(durations: impl IntoIterator<Item = Duration>) -> Self {
        Self::new(durations.into_iter().map(micros).collect())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest value that at least `share` (0 to 1) of all are not above; NaN when nothing was measured.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    }

    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The 99th percentile.
    pub(crate) fn p99(&self) -> f64 {
        self.quantile(0.99)
    }

    /// The largest.
    pub(crate) fn max(&self) -> f64 {
        self.quantile(1.0)
    }

    /// The smallest.
    pub(crate) fn min(&self) -> f64 {
        self.quantile(0.0)
    }
}

/// `median (lowest-highest)`, the form of a figure that was measured a few times.
impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let median = Figure(self.median());
        if self.len() < 2 {
            return median.fmt(f);
        }
        f.pad(&format!("{median} ({}-{})", Figure(self.min()), Figure(self.max())))
    }
}

/// A number with three significant digits, or all of its integer digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure(pub(crate) f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_finite() {
            return f.pad("-");
        }
        if self.0 == 0.0 {
            return f.pad("0");
        }
        let digits = 2 - self.0.abs().max(0.001).log10().floor() as i32;
        let decimals = usize::try_from(digits.max(0)).unwrap_or(0);
        f.pad(&format!("{:.decimals$}", self.0))
    }
}

/// A duration as microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
