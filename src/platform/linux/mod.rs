//! The Linux box this daemon runs on, read into the tree.
//!
//! ```text
//!   links     rtnetlink events, one list per tick  ----> /state/port, /state/router/interface, /interfaces
//!   slow      ethtool, neighbours, routes, IPv6 --------> the same, by way of the task above
//!   quick     /proc: time, cpu, memory, load -----------> /state/system, /system, /components
//!   machine   disks, processes, sensors, identity -----> the same
//! ```
//!
//! Invariant: a collector that fails says so once, is retried, and takes nothing else down. No shell is run. Nothing on
//! the box is changed but by [`apply`], which is off unless the operator asks for it.

pub mod apply;
mod kernel;
mod machine;
mod message;
mod netlink;
mod proc;
mod slow;
mod sysfs;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch as latest};
use tokio_util::sync::CancellationToken;

use self::kernel::Kernel;
use self::machine::Collector;
use self::slow::SlowLinks;
use self::watch::{Slow, Watch};
use super::Handle;
use super::map::Gaps;
use super::system::System;
use crate::schema::{NodeId, Schema};
use crate::store::StateWriter;
use crate::time::Clock;

/// Settings of the Linux platform, `[platform.linux]`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Interface name by port-id. Links that are not named become ports 1/1/N.
    pub ports: BTreeMap<String, String>,
    /// Time between two readings of counters, processors and memory; at least [`INTERVAL_MIN`].
    pub interval: Duration,
    /// Release of the software shown as `version-number`; absent when none.
    pub version: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ports: BTreeMap::new(), interval: Duration::from_secs(1), version: None }
    }
}

/// Shortest interval: below it a reading would begin before the one before has ended on a box with many links.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Time between two readings of what is costly to read: disks, processes, sensors, ethtool.
const SLOW_INTERVAL: Duration = Duration::from_secs(5);

/// Why the platform does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The kernel does not tell about links.
    #[error("cannot read the links of this machine: {reason}")]
    Links {
        /// What the kernel said.
        reason: String,
    },
}

/// The Linux platform.
#[derive(Debug)]
pub struct Linux;

impl Linux {
    /// The leaves that it writes, as far as the loaded models have them.
    pub fn leaves(schema: &Arc<Schema>) -> BTreeSet<NodeId> {
        let mut gaps = Gaps::default();
        Kernel::new(schema.clone(), &BTreeMap::new(), &mut gaps);
        System::new(schema.clone(), &mut gaps);
        apply::look_up(schema, &mut gaps);
        gaps.fed()
    }

    /// Reads the links once and starts the collectors: when this returns, the tree holds the links with their counters.
    /// The collectors stop when the token is cancelled or the handle is dropped.
    pub async fn start(
        settings: Settings,
        writer: StateWriter,
        clock: Clock,
        token: CancellationToken,
    ) -> Result<Handle, StartError> {
        let mut gaps = Gaps::default();
        let schema = writer.schema().clone();
        let kernel = Kernel::new(schema.clone(), &settings.ports, &mut gaps);
        let system = System::new(schema, &mut gaps);
        gaps.report("linux");

        let interval = settings.interval.max(INTERVAL_MIN);
        let changed = Arc::new(Notify::new());
        let (found, slow) = latest::channel(Slow::default());
        let (routes, known_routes) = latest::channel(None);
        let watch = Watch {
            kernel,
            configured: writer.watch_configuration(),
            writer: writer.clone(),
            clock: clock.clone(),
            interval,
            changed: changed.clone(),
            slow,
        };
        let quick = Collector { system: Arc::new(Mutex::new(system)), writer, clock, interval };
        let costly = Collector { interval: SLOW_INTERVAL, ..quick.clone() };

        let links = watch.start().await.map_err(|error| StartError::Links { reason: error.to_string() })?;
        let mut handle = Handle::new();
        handle.run(&token, links);
        handle.run(&token, SlowLinks { interval: SLOW_INTERVAL, changed, found, routes }.run());
        handle.run(&token, quick.run_quick(known_routes));
        handle.run(&token, costly.run_slow(settings.version.map(Into::into)));
        Ok(handle)
    }
}
