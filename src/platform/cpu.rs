//! Processor use over windows of time, from samples of the times since boot. Pure.
//!
//! Invariant: a window never holds more than [`SAMPLES_MAX`] samples, whatever the sampling interval; the time it covers
//! is then right to one part in that many.

use std::collections::VecDeque;
use std::time::Duration;

use super::reading::{CpuSample, CpuTimes};
use crate::time::Timestamp;

/// Samples kept for one window.
const SAMPLES_MAX: u32 = 60;

/// Processor use over one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CpuUse {
    /// Processor time there was, over all processors.
    pub(crate) total: Duration,
    /// Of it, doing nothing.
    pub(crate) idle: Duration,
    /// Of it, doing something.
    pub(crate) busy: Duration,
    /// Time the busiest processor did something.
    pub(crate) busiest: Duration,
    /// Time of one processor.
    pub(crate) core: Duration,
}

/// How one processor, or all, spent the time between two samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CpuShares {
    /// Number of the processor; none for all.
    pub(crate) core: Option<usize>,
    /// What was spent on what.
    pub(crate) times: CpuTimes,
}

/// Samples of the last so many seconds.
#[derive(Debug)]
pub(crate) struct Window {
    period: Duration,
    samples: VecDeque<(Timestamp, CpuSample)>,
}

impl Window {
    /// An empty window of a length.
    pub(crate) fn new(period: Duration) -> Self {
        Self { period, samples: VecDeque::new() }
    }

    /// Takes a sample in and gives the use over the window, once there are two samples.
    pub(crate) fn take(&mut self, now: Timestamp, sample: &CpuSample) -> Option<CpuUse> {
        while self.samples.get(1).is_some_and(|(time, _)| now.since(*time) >= self.period) {
            self.samples.pop_front();
        }
        let used = self.samples.front().and_then(|(_, first)| cpu_use(first, sample));
        let step = self.period / SAMPLES_MAX;
        if self.samples.back().is_none_or(|(time, _)| now.since(*time) >= step) {
            self.samples.push_back((now, sample.clone()));
        }
        used
    }
}

fn cpu_use(from: &CpuSample, to: &CpuSample) -> Option<CpuUse> {
    let total = spent(&from.total, &to.total);
    let all = sum(&total);
    if all.is_zero() {
        return None;
    }
    let idle = total.idle + total.wait;
    let cores = from.cores.iter().zip(&to.cores).map(|(from, to)| spent(from, to));
    let busy_of = |times: &CpuTimes| sum(times).saturating_sub(times.idle + times.wait);
    let busiest = cores.map(|times| (busy_of(&times), sum(&times))).max_by_key(|(busy, _)| *busy);
    let (busiest, core) = busiest.unwrap_or_default();
    Some(CpuUse { total: all, idle, busy: all.saturating_sub(idle), busiest, core })
}

/// How all processors and each one spent the time between two samples. Processors that came or went are left out.
pub(crate) fn shares(from: &CpuSample, to: &CpuSample) -> Vec<CpuShares> {
    let cores = from.cores.iter().zip(&to.cores).enumerate();
    std::iter::once((None, &from.total, &to.total))
        .chain(cores.map(|(core, (from, to))| (Some(core), from, to)))
        .map(|(core, from, to)| CpuShares { core, times: spent(from, to) })
        .filter(|shares| !sum(&shares.times).is_zero())
        .collect()
}

/// Part of a whole in hundredths of a percent.
pub(crate) fn hundredths(part: Duration, whole: Duration) -> Option<i64> {
    let parts = part.as_nanos().checked_mul(10_000)?.checked_div(whole.as_nanos())?;
    i64::try_from(parts.min(10_000)).ok()
}

/// Sum of all times.
pub(crate) fn sum(times: &CpuTimes) -> Duration {
    let CpuTimes { user, nice, system, idle, wait, hardware_interrupt, software_interrupt, steal } = *times;
    user + nice + system + idle + wait + hardware_interrupt + software_interrupt + steal
}

fn spent(from: &CpuTimes, to: &CpuTimes) -> CpuTimes {
    // The kernel lets idle times run backwards a little at times; that counts as none.
    let part = |time: fn(&CpuTimes) -> Duration| time(to).saturating_sub(time(from));
    CpuTimes {
        user: part(|times| times.user),
        nice: part(|times| times.nice),
        system: part(|times| times.system),
        idle: part(|times| times.idle),
        wait: part(|times| times.wait),
        hardware_interrupt: part(|times| times.hardware_interrupt),
        software_interrupt: part(|times| times.software_interrupt),
        steal: part(|times| times.steal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(user: u64, idle: u64) -> CpuSample {
        let times = |user, idle| CpuTimes {
            user: Duration::from_secs(user),
            idle: Duration::from_secs(idle),
            ..CpuTimes::default()
        };
        CpuSample { total: times(user, idle + 100), cores: vec![times(0, 100), times(user, idle)] }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn use_is_of_the_window() {
        let mut window = Window::new(Duration::from_secs(60));
        assert_eq!(window.take(at(0), &sample(0, 0)), None);
        let used = window.take(at(30), &sample(15, 15)).unwrap_or_default();
        assert_eq!(hundredths(used.busiest, used.core), Some(5_000));
        assert_eq!(hundredths(used.total, used.total), Some(10_000));
        // After two minutes only the last one counts.
        window.take(at(60), &sample(15, 45));
        window.take(at(90), &sample(15, 75));
        let used = window.take(at(120), &sample(45, 75)).unwrap_or_default();
        assert_eq!((used.busy, used.idle), (Duration::from_secs(30), Duration::from_secs(30)));
        // The same sample again covers the window still; no time at all gives no use.
        assert_eq!(cpu_use(&sample(1, 1), &sample(1, 1)), None);
    }

    #[test]
    fn samples_stay_few() {
        let mut window = Window::new(Duration::from_secs(300));
        for second in 0..2_000 {
            window.take(at(second), &sample(0, second.unsigned_abs()));
        }
        assert!(window.samples.len() <= SAMPLES_MAX as usize + 2, "{}", window.samples.len());
    }
}
